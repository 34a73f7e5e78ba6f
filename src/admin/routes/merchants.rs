//! The shops whose orders are taken: who they are, taking one on, and stopping one.

use axum::{
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{
    Data, data,
    order_actions::Reasoned,
    orders::{read_place, write_place},
    queries::MerchantsQuery,
};
use crate::{
    admin::{
        paging::{Cursors, DEFAULT_LIMIT, ListQuery, Page},
        session::{Admin, Reason},
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::{
        audit::AuditContext,
        merchants::{
            Keys, Merchants, People,
            keys::By,
            model::{MerchantDocument, State as Standing},
            people::MemberError,
            scope::Role,
            service::MerchantError,
            user::address,
        },
    },
    platform::http::{FieldError, Kind, Problem, ValidJson, answer},
};

const TAG: &str = "Merchants";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_merchants, add_merchant))
        .routes(routes!(get_merchant))
        .routes(routes!(suspend_merchant))
        .routes(routes!(resume_merchant))
        .routes(routes!(invite_owner))
}

/// One line of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MerchantBrief {
    /// The `userId` of its orders.
    id: String,
    name: String,
    #[schema(value_type = String, example = "active")]
    state: Standing,
    /// Since when it is what it is.
    #[schema(value_type = String)]
    changed_at: Timestamp,
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// Since when its KYC is approved.
    #[schema(value_type = Option<String>)]
    kyc_approved_at: Option<Timestamp>,
}

impl From<MerchantDocument> for MerchantBrief {
    fn from(merchant: MerchantDocument) -> Self {
        let MerchantDocument { id, name, state, changed_at, created_at, kyc_approved_at, .. } = merchant;
        Self { id, name, state, changed_at, created_at, kyc_approved_at }
    }
}

/// A merchant, and who acts for it. Names and addresses of people are theirs, and are not shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MerchantDetail {
    #[serde(flatten)]
    brief: MerchantBrief,
    members: Vec<MerchantMember>,
    /// Invitations that wait for an answer.
    invitations: Vec<MerchantInvitation>,
    /// But for those that were removed.
    keys: Vec<MerchantKey>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MerchantMember {
    id: String,
    /// `owner`, `staff` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    #[schema(value_type = String)]
    created_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MerchantInvitation {
    id: String,
    /// `owner`, `staff` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    #[schema(value_type = String)]
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MerchantKey {
    id: String,
    name: String,
    #[schema(value_type = String)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddMerchant {
    /// What people call the shop: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The id of the old system; a new one when absent.
    #[schema(min_length = 1, max_length = 128)]
    id: Option<String>,
    /// Who gets an invitation as its first owner.
    owner_email: Option<String>,
    #[validate(nested)]
    reason: Reason,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteOwner {
    email: String,
    #[validate(nested)]
    reason: Reason,
}

/// Merchants, the oldest first
///
/// Those that have signed up, were added, or were suspended. One of the old system that was never named here
/// is in no list, and is active.
#[utoipa::path(get, path = "/merchants", tag = TAG, operation_id = "listMerchants", params(MerchantsQuery),
    responses(
        (status = 200, description = "A page", body = Page<MerchantBrief>),
        (status = 400, description = "An unknown parameter, or a cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_merchants(
    State(merchants): State<Merchants>,
    State(cursors): State<Cursors>,
    ListQuery(query): ListQuery<MerchantsQuery>,
) -> Result<Response, Problem> {
    let bound = ("merchants", query.state.map(Standing::as_str));
    let after = query.cursor.as_deref().map(|text| read_place(&cursors, &bound, text)).transpose()?;
    let page = merchants.list(query.state, after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&cursors, &bound, next));
    let data = page.docs.into_iter().map(MerchantBrief::from).collect::<Vec<_>>();
    Ok(answer::ok(&Page { data, next_cursor }))
}

/// A merchant, and who acts for it
#[utoipa::path(get, path = "/merchants/{merchantId}", tag = TAG, operation_id = "getMerchant",
    params(("merchantId" = String, Path, description = "The merchant's id")),
    responses((status = 200, description = "As it stands", body = Data<MerchantDetail>),
        (status = 404, description = "None that has signed up, was added or was suspended")))]
async fn get_merchant(
    State(merchants): State<Merchants>,
    State(people): State<People>,
    State(keys): State<Keys>,
    MerchantId(id): MerchantId,
) -> Result<Response, Problem> {
    let merchant = merchants.get(&id).await?.ok_or_else(absent)?;
    let (members, invitations, keys) =
        tokio::try_join!(people.members(&id), people.invitations(&id), keys.list(&id))?;
    let members = members.into_iter().map(|user| MerchantMember {
        id: user.id,
        role: user.role,
        created_at: user.created_at,
    });
    let invitations = invitations.into_iter().map(|one| MerchantInvitation {
        id: one.id,
        role: one.role,
        expires_at: one.expires_at,
    });
    let keys = keys.into_iter().filter(|key| key.removed_at.is_none()).map(|key| MerchantKey {
        id: key.id,
        name: key.name,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        expires_at: key.expires_at,
    });
    Ok(data(MerchantDetail {
        brief: merchant.into(),
        members: members.collect(),
        invitations: invitations.collect(),
        keys: keys.collect(),
    }))
}

/// Take a merchant on
///
/// With an address, its first owner is invited by mail, and makes the account.
#[utoipa::path(post, path = "/merchants", tag = TAG, operation_id = "addMerchant", request_body = AddMerchant,
    responses((status = 201, description = "Taken on", body = Data<MerchantBrief>),
        (status = 409, description = "`merchant-exists`")))]
async fn add_merchant(
    State(merchants): State<Merchants>,
    State(people): State<People>,
    admin: Admin,
    ValidJson(body): ValidJson<AddMerchant>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    // Before anything is done: a merchant without the owner that it was to have is half of what was asked.
    let owner = body.owner_email.as_deref().map(|text| mailed("/ownerEmail", text)).transpose()?;
    let added = merchants.add(&body.name, body.id.as_deref(), &by).await.map_err(problem)?;
    if let Some(owner) = owner {
        invite(&people, &added.id, owner, by).await?;
    }
    Ok(answer::json(StatusCode::CREATED, &Data { data: MerchantBrief::from(added) }))
}

/// Suspend a merchant
///
/// Its tokens, keys and sessions are refused by every process within a second. Orders that were taken go on.
#[utoipa::path(post, path = "/merchants/{merchantId}/suspend", tag = TAG, operation_id = "suspendMerchant",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = Reasoned,
    responses((status = 200, description = "Suspended", body = Data<MerchantBrief>),
        (status = 409, description = "It is suspended already")))]
async fn suspend_merchant(
    State(merchants): State<Merchants>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    change(&merchants, &admin, &id, Standing::Suspended, &body).await
}

/// Accept requests of a suspended merchant again
#[utoipa::path(post, path = "/merchants/{merchantId}/resume", tag = TAG, operation_id = "resumeMerchant",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = Reasoned,
    responses((status = 200, description = "Active", body = Data<MerchantBrief>),
        (status = 409, description = "It is active already")))]
async fn resume_merchant(
    State(merchants): State<Merchants>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    change(&merchants, &admin, &id, Standing::Active, &body).await
}

async fn change(
    merchants: &Merchants,
    admin: &Admin,
    id: &str,
    state: Standing,
    body: &Reasoned,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let changed = merchants.set_state(id, state, &by).await.map_err(problem)?;
    Ok(data(MerchantBrief::from(changed)))
}

/// Invite an owner by mail
///
/// For a merchant without anybody who can sign in, or whose last owner has lost the mailbox.
#[utoipa::path(post, path = "/merchants/{merchantId}/owners", tag = TAG, operation_id = "inviteOwner",
    params(("merchantId" = String, Path, description = "The merchant's id")), request_body = InviteOwner,
    responses((status = 202, description = "The mail is on its way"),
        (status = 404, description = "None that has signed up, was added or was suspended"),
        (status = 409, description = "`too-many-members`")))]
async fn invite_owner(
    State(merchants): State<Merchants>,
    State(people): State<People>,
    admin: Admin,
    MerchantId(id): MerchantId,
    ValidJson(body): ValidJson<InviteOwner>,
) -> Result<Response, Problem> {
    let (by, email) = (admin.because(&body.reason)?, mailed("/email", &body.email)?);
    let merchant = merchants.get(&id).await?.ok_or_else(absent)?;
    invite(&people, &merchant.id, email, by).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &Data { data: MerchantBrief::from(merchant) }))
}

async fn invite(people: &People, merchant: &str, email: String, audit: AuditContext) -> Result<(), Problem> {
    let by = By { merchant_id: merchant.to_owned(), name: "the desk".to_owned(), audit };
    people.invite(email, Role::Owner, &by).await.map(drop).map_err(|error| match error {
        MemberError::Store(error) => error.into(),
        error => Problem::new(Kind::ConflictState, error.to_string()).named("too-many-members"),
    })
}

fn mailed(pointer: &str, text: &str) -> Result<String, Problem> {
    address(text).ok_or_else(|| unfit(pointer, "is not an e-mail address"))
}

fn absent() -> Problem {
    Problem::new(Kind::NotFound, "No such merchant has signed up, was added or was suspended.")
}

fn unfit(pointer: &str, message: &str) -> Problem {
    let fault = FieldError::pointer(pointer, "invalid", message.to_owned());
    Problem::new(Kind::ValidationFailed, format!("{pointer} {message}.")).errors(vec![fault])
}

fn problem(error: MerchantError) -> Problem {
    let detail = error.to_string();
    match error {
        MerchantError::Taken(_) => Problem::new(Kind::ConflictState, detail).named("merchant-exists"),
        MerchantError::Already { .. } | MerchantError::Erased(_) => Problem::new(Kind::ConflictState, detail),
        MerchantError::Id => unfit("/id", &detail),
        MerchantError::Name => unfit("/name", &detail),
        MerchantError::Store(error) => error.into(),
    }
}

/// The `{merchantId}` of a path. What cannot be one is the id of no merchant.
pub(super) struct MerchantId(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for MerchantId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(mut parts)| parts.remove("merchantId"));
        id.map(Self).ok_or_else(absent)
    }
}
