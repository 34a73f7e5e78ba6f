//! Who merchants are: what waits for the desk, what was told and uploaded, and what is decided.
//!
//! Guards against personal data on a screen that nobody asked for: numbers are masked and addresses left out,
//! until somebody with the right says why they are needed.

mod views;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use self::views::{DossierBrief, DossierDetail, DossierRevealed};
use super::{
    Data, data,
    merchants::MerchantId,
    order_actions::Reasoned,
    orders::{read_place, write_place},
    queries::KycQuery,
};
use crate::{
    admin::{
        paging::{Cursors, DEFAULT_LIMIT, ListQuery, Page},
        session::{Admin, Reason},
        state::AdminState,
    },
    features::kyc::{
        Kinded, Kyc, download,
        model::{DocumentKind, KycState, Verdict},
        problem,
    },
    platform::http::{Problem, ValidJson, answer},
};

const TAG: &str = "KYC";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_kyc))
        .routes(routes!(get_kyc))
        .routes(routes!(approve_kyc))
        .routes(routes!(reject_kyc))
        .routes(routes!(reveal_kyc))
        .routes(routes!(reveal_document))
}

/// A decision on what was seen.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionBody {
    /// Of the KYC that you have looked at.
    #[validate(range(min = 1))]
    #[schema(minimum = 1)]
    pub version: i64,
    /// Kept in the audit log. The merchant reads why it was rejected.
    #[validate(nested)]
    pub reason: Reason,
}

/// Merchants' KYC by state
///
/// Those that are in it longest come first: what was handed in first is looked at first.
#[utoipa::path(get, path = "/kyc", tag = TAG, operation_id = "listKyc", params(KycQuery),
    responses(
        (status = 200, description = "A page", body = Page<DossierBrief>),
        (status = 400, description = "An unknown parameter, or a cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_kyc(
    State(kyc): State<Kyc>,
    State(cursors): State<Cursors>,
    ListQuery(query): ListQuery<KycQuery>,
) -> Result<Response, Problem> {
    let state = query.state.unwrap_or(KycState::Submitted);
    let bound = ("kyc", state.as_str());
    let after = query.cursor.as_deref().map(|text| read_place(&cursors, &bound, text)).transpose()?;
    let page = kyc.list(state, after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&cursors, &bound, next));
    let data = page.docs.iter().map(DossierBrief::from).collect::<Vec<_>>();
    Ok(answer::ok(&Page { data, next_cursor }))
}

/// A merchant's KYC
///
/// Numbers are masked, the address is left out.
#[utoipa::path(get, path = "/kyc/{merchantId}", tag = TAG, operation_id = "getMerchantKyc",
    params(("merchantId" = String, Path, description = "The merchant's id")),
    responses((status = 200, description = "As it stands", body = Data<DossierDetail>),
        (status = 404, description = "No such merchant has told anything")))]
async fn get_kyc(State(kyc): State<Kyc>, MerchantId(id): MerchantId) -> Result<Response, Problem> {
    Ok(data(DossierDetail::from(kyc.existing(&id).await.map_err(problem)?)))
}

/// Approve a merchant's KYC
///
/// Its live orders are taken from then on. Its owners get a mail.
#[utoipa::path(post, path = "/kyc/{merchantId}/approve", tag = TAG, operation_id = "approveKyc",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = DecisionBody,
    responses((status = 200, description = "Approved", body = Data<DossierDetail>),
        (status = 404, description = "No such merchant has told anything"),
        (status = 409, description = "It is not handed in; `version-conflict`: it was changed since")))]
async fn approve_kyc(
    State(kyc): State<Kyc>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<DecisionBody>,
) -> Result<Response, Problem> {
    decide(&kyc, &admin, &id, Verdict::Approved, &body).await
}

/// Reject a merchant's KYC
///
/// With a reason, which the merchant reads. Also of one that was approved: then its live orders are refused
/// again. Its owners get a mail.
#[utoipa::path(post, path = "/kyc/{merchantId}/reject", tag = TAG, operation_id = "rejectKyc",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = DecisionBody,
    responses((status = 200, description = "Rejected", body = Data<DossierDetail>),
        (status = 404, description = "No such merchant has told anything"),
        (status = 409, description = "It is not handed in; `version-conflict`: it was changed since")))]
async fn reject_kyc(
    State(kyc): State<Kyc>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<DecisionBody>,
) -> Result<Response, Problem> {
    decide(&kyc, &admin, &id, Verdict::Rejected, &body).await
}

async fn decide(
    kyc: &Kyc,
    admin: &Admin,
    id: &str,
    verdict: Verdict,
    body: &DecisionBody,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let decided = kyc.decide(id, verdict, body.version, &by).await.map_err(problem)?;
    Ok(data(DossierDetail::from(decided)))
}

/// See a merchant's numbers and address
///
/// The audit log keeps who saw them and why.
#[utoipa::path(post, path = "/kyc/{merchantId}/reveal", tag = TAG, operation_id = "revealKyc",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = Reasoned,
    responses((status = 200, description = "In full", body = Data<DossierRevealed>),
        (status = 404, description = "No such merchant has told anything")))]
async fn reveal_kyc(
    State(kyc): State<Kyc>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    Ok(data(DossierRevealed::from(kyc.reveal(&id, &by).await.map_err(problem)?)))
}

/// See a merchant's document
///
/// As a file to be kept. The audit log keeps who saw it and why.
#[utoipa::path(post, path = "/kyc/{merchantId}/documents/{kind}/reveal", tag = TAG,
    operation_id = "revealKycDocument",
    params(("merchantId" = String, Path, description = "The merchant's id"),
        ("kind" = DocumentKind, Path, description = "What it proves")), request_body = Reasoned,
    responses(
        (status = 200, description = "The file, by what is in it", content(
            (String = "application/pdf"), (String = "image/jpeg"), (String = "image/png"))),
        (status = 404, description = "There is no such document")))]
async fn reveal_document(
    State(kyc): State<Kyc>,
    admin: Admin,
    MerchantId(id): MerchantId,
    Kinded(kind): Kinded,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    let (by, slot) = (admin.because(&body.reason)?, kyc.slot().map_err(problem)?);
    let (file, bytes) = kyc.view(&id, kind, &by).await.map_err(problem)?;
    Ok(download(&file, bytes, slot))
}
