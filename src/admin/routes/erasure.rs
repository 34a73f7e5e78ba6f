//! Erasing what tells who merchants and their people are, on their request.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{Data, data, merchants::MerchantId};
use crate::{
    admin::{
        session::{Admin, Reason},
        state::AdminState,
    },
    features::{
        kyc,
        merchants::{
            Erasure,
            erasure::{EraseError, Extent},
        },
    },
    platform::http::{Kind, Problem, ValidJson},
};

const TAG: &str = "Merchants";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(erase_merchant))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EraseMerchant {
    /// Kept in the audit log, as it is: name nobody.
    #[validate(nested)]
    reason: Reason,
    /// Who asks to be forgotten; all of the merchant when absent.
    person_id: Option<String>,
}

/// What there was, and is erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Erased {
    /// Names, addresses, phone numbers, passwords.
    people: u64,
    /// One-time codes and invitations.
    codes: u64,
    /// Mails and texts on their way.
    mails: u64,
    keys: u64,
    /// Addresses of webhooks, with their secrets.
    endpoints: u64,
    /// Whether there was a KYC.
    kyc: bool,
    /// Its files, which were looked for afterwards.
    documents: u64,
    /// Whether the shop had a name.
    name: bool,
}

impl From<Extent> for Erased {
    fn from(extent: Extent) -> Self {
        let Extent { people, codes, mails, keys, endpoints, kyc, documents, names } = extent;
        Self { people, codes, mails, keys, endpoints, kyc: kyc > 0, documents, name: names > 0 }
    }
}

/// Erase a merchant's personal data
///
/// For good: of one person, also of the only owner, or of all of a suspended merchant, with its keys,
/// webhooks, KYC and name. Orders stay, and what was written about them. The same request again goes on with
/// what was cut off.
#[utoipa::path(post, path = "/merchants/{merchantId}/erase", tag = TAG, operation_id = "eraseMerchant",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = EraseMerchant,
    responses((status = 200, description = "Erased", body = Data<Erased>),
        (status = 404, description = "There is no such merchant, or nobody of it has this id"),
        (status = 409, description = "`merchant-active`: suspend it first"),
        (status = 503, description = "Some may be there still: send the same request again")))]
async fn erase_merchant(
    State(erasure): State<Erasure>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<EraseMerchant>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let erased = erasure.erase(&id, body.person_id.as_deref(), &by).await.map_err(problem)?;
    Ok(data(Erased::from(erased)))
}

fn problem(error: EraseError) -> Problem {
    match error {
        EraseError::NoMerchant(_) => {
            Problem::new(Kind::NotFound, "No such merchant has signed up, was added or was suspended.")
        }
        EraseError::NoPerson(_) => Problem::new(Kind::NotFound, "Nobody of this merchant has this id."),
        EraseError::Active(_) => {
            Problem::new(Kind::ConflictState, "The merchant is active: suspend it first.")
                .named("merchant-active")
        }
        EraseError::Kyc(error) => kyc::problem(error),
        EraseError::Store(error) => error.into(),
    }
}
