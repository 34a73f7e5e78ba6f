//! Users, for those who manage them.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{Data, data};
use crate::{
    admin::{
        people::{Changes, NewUser, People, PeopleError},
        rights::Role,
        session::{Admin, Reason},
        state::AdminState,
        users::{AdminUser, UserError, Users},
    },
    base::timestamp::Timestamp,
    platform::{
        auth::PasswordError,
        http::{FieldError, Kind, Problem, ValidJson, answer},
    },
};

const TAG: &str = "People";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_users, add_user))
        .routes(routes!(change_user))
        .routes(routes!(reset_totp))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    pub username: String,
    pub role: Role,
    pub reveal: bool,
    pub disabled: bool,
    /// Whether a login needs a code.
    pub totp: bool,
    #[schema(value_type = Option<String>)]
    pub last_login_at: Option<Timestamp>,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

impl From<AdminUser> for UserView {
    fn from(user: AdminUser) -> Self {
        Self {
            totp: user.wants_code(),
            username: user.id,
            role: user.role,
            reveal: user.reveal,
            disabled: user.disabled,
            last_login_at: user.last_login_at,
            created_at: user.created_at,
        }
    }
}

/// All users
#[utoipa::path(get, path = "/users", tag = TAG, operation_id = "listUsers",
    responses((status = 200, description = "By name", body = Data<Vec<UserView>>)))]
async fn list_users(State(users): State<Users>) -> Result<Response, Problem> {
    Ok(data(users.list().await?.into_iter().map(UserView::from).collect::<Vec<_>>()))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddUser {
    /// 2 to 64 lower-case letters, digits and `. _ - @`, beginning with a letter.
    pub username: String,
    /// 12 to 256 characters.
    #[schema(value_type = String)]
    pub password: SecretString,
    pub role: Role,
    #[serde(default)]
    pub reveal: bool,
    #[validate(nested)]
    pub reason: Reason,
}

/// Add a user
#[utoipa::path(post, path = "/users", tag = TAG, operation_id = "addUser", request_body = AddUser,
    responses(
        (status = 201, description = "Added", body = Data<UserView>),
        (status = 409, description = "`user-exists`"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn add_user(
    State(people): State<People>,
    admin: Admin,
    ValidJson(body): ValidJson<AddUser>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let AddUser { username: name, password, role, reveal, .. } = body;
    let added = people.add(NewUser { name, role, reveal, password }, &by).await;
    let added = added.map_err(|error| refused("/password", error))?;
    Ok(answer::json(StatusCode::CREATED, &Data { data: UserView::from(added) }))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeUser {
    pub role: Option<Role>,
    pub reveal: Option<bool>,
    pub disabled: Option<bool>,
    /// 12 to 256 characters.
    #[schema(value_type = Option<String>)]
    pub password: Option<SecretString>,
    #[validate(nested)]
    pub reason: Reason,
}

/// Change a user
///
/// Whatever is changed, the user's sessions end at once. The last `super_admin` who may sign in stays one.
#[utoipa::path(patch, path = "/users/{username}", tag = TAG, operation_id = "changeUser",
    request_body = ChangeUser, params(("username" = String, Path, description = "The user's name")),
    responses(
        (status = 200, description = "As the user stands now", body = Data<UserView>),
        (status = 404, description = "There is no such user"),
        (status = 409, description = "`last-super-admin`"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn change_user(
    State(people): State<People>,
    admin: Admin,
    Path(name): Path<String>,
    ValidJson(body): ValidJson<ChangeUser>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let ChangeUser { role, reveal, disabled, password, .. } = body;
    let changes = Changes { role, reveal, disabled, password, without_totp: false };
    let changed = people.change(&name, changes, &by).await.map_err(|error| refused("/password", error))?;
    Ok(data(UserView::from(changed)))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Because {
    /// Kept in the audit log.
    #[validate(nested)]
    pub reason: Reason,
}

/// Remove a user's authenticator app
///
/// For one who has lost it. The user's sessions end at once.
#[utoipa::path(delete, path = "/users/{username}/totp", tag = TAG, operation_id = "resetUserTotp",
    request_body = Because, params(("username" = String, Path, description = "The user's name")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "There is no such user"),
    ))]
async fn reset_totp(
    State(people): State<People>,
    admin: Admin,
    Path(name): Path<String>,
    ValidJson(body): ValidJson<Because>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let changes = Changes { without_totp: true, ..Changes::default() };
    people.change(&name, changes, &by).await.map_err(|error| refused("", error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `at`: where the body has the password.
pub(super) fn refused(at: &str, error: PeopleError) -> Problem {
    let fault =
        |pointer: &str, code, error: &dyn std::fmt::Display| {
            Problem::new(Kind::ValidationFailed, format!("{pointer} {error}."))
                .errors(vec![FieldError::pointer(pointer, code, error.to_string())])
        };
    match error {
        PeopleError::User(error @ UserError::Unknown(_)) => Problem::new(Kind::NotFound, sentence(&error)),
        PeopleError::User(error @ UserError::Taken(_)) => {
            Problem::new(Kind::ConflictState, sentence(&error)).named("user-exists")
        }
        PeopleError::User(error @ UserError::LastSuperAdmin(_)) => {
            Problem::new(Kind::ConflictState, sentence(&error)).named("last-super-admin")
        }
        PeopleError::User(UserError::Name) => fault(
            "/username",
            "invalid",
            &"must be 2 to 64 lower-case letters, digits and . _ - @, beginning with a letter",
        ),
        PeopleError::User(UserError::Store(error)) => error.into(),
        PeopleError::Password(
            error @ (PasswordError::Length | PasswordError::Guessable | PasswordError::Common),
        ) => fault(at, "weak", &error),
        PeopleError::Password(PasswordError::Busy) => {
            Problem::new(Kind::TooManyRequests, "Too many passwords are being checked: try again.")
                .named("too-many-logins")
                .retry_after(std::time::Duration::from_secs(1))
        }
        PeopleError::Password(error @ PasswordError::Fault) => Problem::internal(&error),
    }
}

fn sentence(error: &UserError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or(text)
}
