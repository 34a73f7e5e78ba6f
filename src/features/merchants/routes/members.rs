//! Who works for a merchant.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{auth::address, caller::CallerOf, examples, me::Me, me::MeResponse};
use crate::{
    base::timestamp::Timestamp,
    features::{
        Services,
        merchants::{
            People,
            people::{Invitation, MemberError},
            scope::Role,
            user::EmailAddress,
        },
    },
    platform::http::{Kind, Problem, ValidJson, answer, extract::path_id},
};

const TAG: &str = "Merchants";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(list_members))
        .routes(routes!(change_member, remove_member))
        .routes(routes!(list_invitations, invite))
        .routes(routes!(withdraw_invitation))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ravi@example.com", "role": "staff" }))]
pub(super) struct Invite {
    #[schema(inline, value_type = EmailAddress)]
    email: String,
    role: Role,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeMember {
    role: Role,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberList {
    success: bool,
    data: Vec<Me>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitationView {
    /// `inv_…`; it opens nothing.
    id: String,
    email: String,
    role: Role,
    expires_at: Timestamp,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        let Invitation { id, email, role, expires_at } = invitation;
        Self { id, email, role, expires_at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitationResponse {
    success: bool,
    data: InvitationView,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitationList {
    success: bool,
    data: Vec<InvitationView>,
}

/// List the people of your shop
#[utoipa::path(get, path = "/v1/members", tag = TAG, operation_id = "listMembers",
    responses((status = 200, description = "All of them", body = MemberList,
        example = json!(examples::members()))))]
async fn list_members(State(people): State<People>, caller: CallerOf) -> Result<Response, Problem> {
    let all = people.members(&caller.caller.merchant_id).await?;
    Ok(answer::ok(&MemberList { success: true, data: all.into_iter().map(Me::from).collect() }))
}

/// Change a member's role
///
/// The member's sessions end.
#[utoipa::path(patch, path = "/v1/members/{id}", tag = TAG, operation_id = "changeMember",
    params(("id" = String, Path, description = "The member's id, `usr_…`")),
    request_body = ChangeMember,
    responses(
        (status = 200, description = "Changed", body = MeResponse,
            example = json!(examples::role_changed())),
        (status = 404, description = "Nobody of yours has this id"),
        (status = 409, description = "It is the last owner"),
    ))]
async fn change_member(
    State(people): State<People>,
    caller: CallerOf,
    Id(id): Id,
    ValidJson(body): ValidJson<ChangeMember>,
) -> Result<Response, Problem> {
    let user = people.set_role(&id, body.role, &caller.by("a new role")?).await.map_err(problem)?;
    Ok(answer::ok(&MeResponse { success: true, data: Me::from(user) }))
}

/// Remove a member
///
/// The member's sessions end, and the address is free again.
#[utoipa::path(delete, path = "/v1/members/{id}", tag = TAG, operation_id = "removeMember",
    params(("id" = String, Path, description = "The member's id, `usr_…`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "Nobody of yours has this id"),
        (status = 409, description = "It is the last owner"),
    ))]
async fn remove_member(
    State(people): State<People>,
    caller: CallerOf,
    Id(id): Id,
) -> Result<Response, Problem> {
    people.remove(&id, &caller.by("removed by the merchant")?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// List invitations that were not accepted yet
#[utoipa::path(get, path = "/v1/members/invitations", tag = TAG, operation_id = "listInvitations",
    responses((status = 200, description = "All that count", body = InvitationList,
        example = json!(examples::invitations()))))]
async fn list_invitations(State(people): State<People>, caller: CallerOf) -> Result<Response, Problem> {
    let all = people.invitations(&caller.caller.merchant_id).await?;
    let data = all.into_iter().map(InvitationView::from).collect();
    Ok(answer::ok(&InvitationList { success: true, data }))
}

/// Invite a person
///
/// Mails a code, which counts for seven days.
#[utoipa::path(post, path = "/v1/members/invitations", tag = TAG, operation_id = "invite",
    request_body = Invite,
    responses(
        (status = 201, description = "A mail is on its way", body = InvitationResponse,
            example = json!(examples::invited())),
        (status = 409, description = "There are too many members and invitations"),
    ))]
async fn invite(
    State(people): State<People>,
    caller: CallerOf,
    ValidJson(body): ValidJson<Invite>,
) -> Result<Response, Problem> {
    let by = caller.by("invited")?;
    let invitation = people.invite(address(&body.email)?, body.role, &by).await.map_err(problem)?;
    let made = InvitationResponse { success: true, data: InvitationView::from(invitation) };
    Ok(answer::json(StatusCode::CREATED, &made))
}

/// Take an invitation back
#[utoipa::path(delete, path = "/v1/members/invitations/{id}", tag = TAG, operation_id = "withdrawInvitation",
    params(("id" = String, Path, description = "The invitation's id, `inv_…`")),
    responses(
        (status = 204, description = "Its code counts no more"),
        (status = 404, description = "No invitation of yours that counts has this id"),
    ))]
async fn withdraw_invitation(
    State(people): State<People>,
    caller: CallerOf,
    Id(id): Id,
) -> Result<Response, Problem> {
    people.withdraw(&id, &caller.by("withdrawn")?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn problem(error: MemberError) -> Problem {
    match error {
        MemberError::Unknown => Problem::new(Kind::NotFound, error.to_string()),
        MemberError::LastOwner | MemberError::TooMany => Problem::new(Kind::ConflictState, error.to_string()),
        MemberError::Store(error) => error.into(),
    }
}

path_id!(
    /// The `{id}` of a path.
    Id,
    problem(MemberError::Unknown)
);
