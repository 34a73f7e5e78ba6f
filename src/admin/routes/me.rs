//! The caller: who it is, what it may do, and what it changes of itself.

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

use super::{Data, data, login, users};
use crate::{
    admin::{
        login::Logins,
        people::PeopleError,
        rights::{Right, Role},
        session::Admin,
        sessions::Sessions,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::{
        audit::{AuditedAction, Outcome},
        events::Events,
    },
    platform::{
        auth::Totp,
        http::{FieldError, Kind, Problem, ValidJson},
    },
    provider::carrier::ProviderEnv,
};

const TAG: &str = "People";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(get_me))
        .routes(routes!(change_password))
        .routes(routes!(begin_totp, remove_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub username: String,
    pub role: Role,
    pub rights: Vec<Right>,
    /// Whether a login also needs a code.
    pub totp: bool,
    /// `simulator` or `live`.
    pub provider_env: &'static str,
    pub version: &'static str,
    /// The newest event: a stream that is opened behind it misses nothing that happens from here on.
    pub last_event: i64,
    /// Null when a proxy has signed the user in.
    #[schema(value_type = Option<String>)]
    pub session_expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub idle_expires_at: Option<Timestamp>,
}

impl Me {
    pub(super) fn of(admin: &Admin, env: ProviderEnv, last_event: i64) -> Self {
        Self {
            username: admin.name().to_owned(),
            role: admin.role(),
            rights: Right::ALL.into_iter().filter(|right| admin.can(*right)).collect(),
            totp: admin.user.wants_code(),
            provider_env: env.as_str(),
            version: env!("CARGO_PKG_VERSION"),
            last_event,
            session_expires_at: admin.session.as_ref().map(|s| s.expires_at),
            idle_expires_at: admin.idle_expires_at,
        }
    }
}

/// The caller
#[utoipa::path(get, path = "/me", tag = TAG, operation_id = "getMe",
    responses((status = 200, description = "The caller", body = Data<Me>)))]
async fn get_me(
    State(env): State<ProviderEnv>,
    State(events): State<Events>,
    admin: Admin,
) -> Result<Response, Problem> {
    Ok(data(Me::of(&admin, env, events.last().await?)))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPassword {
    #[schema(value_type = String)]
    pub current: SecretString,
    /// 12 to 256 characters.
    #[schema(value_type = String)]
    pub new: SecretString,
}

/// Change the caller's password
///
/// The caller's other sessions end.
#[utoipa::path(post, path = "/me/password", tag = TAG, operation_id = "changeMyPassword",
    request_body = NewPassword,
    responses(
        (status = 204, description = "Changed"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn change_password(
    State(state): State<AdminState>,
    State(logins): State<Logins>,
    admin: Admin,
    ValidJson(body): ValidJson<NewPassword>,
) -> Result<Response, Problem> {
    logins.confirm(&admin, &body.current).await.map_err(|e| at(e, "/current"))?;
    let hashed = logins.passwords.hash(admin.name(), &body.new).await;
    let hashed = hashed.map_err(|error| users::refused("/new", PeopleError::Password(error)))?;
    let noted = note(&state, &admin, "user.passwd", "changed by the user").await?;
    let user = state.users.update(admin.name(), |user| {
        user.password = hashed.clone();
        user.begin_era();
        true
    });
    let user = user.await.map_err(|error| users::refused("", error.into()))?;
    if let Some(session) = &admin.session {
        state.sessions.keep(&session.id, user.era).await?;
    }
    state.audit.end(&noted, Outcome::Done, None, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WithPassword {
    /// The caller's own.
    #[schema(value_type = String)]
    pub password: SecretString,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct NewTotp {
    /// In base 32 and blocks of four, to be typed into an app.
    pub secret: String,
    /// The same, as an app reads it from a picture.
    pub uri: String,
}

/// Set up an authenticator app
///
/// Gives a new secret, which counts once a code of it was confirmed.
#[utoipa::path(post, path = "/me/totp", tag = TAG, operation_id = "beginMyTotp", request_body = WithPassword,
    responses(
        (status = 200, description = "A new secret", body = Data<NewTotp>),
        (status = 409, description = "There is an app already"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn begin_totp(
    State(state): State<AdminState>,
    State(logins): State<Logins>,
    admin: Admin,
    ValidJson(body): ValidJson<WithPassword>,
) -> Result<Response, Problem> {
    logins.confirm(&admin, &body.password).await.map_err(|e| at(e, "/password"))?;
    let new = Totp::default();
    let saved = state.users.update(admin.name(), |user| {
        let free = !user.wants_code();
        if free {
            user.totp = Some(new.clone());
        }
        free
    });
    let user = saved.await.map_err(|error| users::refused("", error.into()))?;
    if user.wants_code() {
        return Err(Problem::new(Kind::ConflictState, "There is an app already: remove it first."));
    }
    Ok(data(NewTotp { secret: new.shown(), uri: new.uri(admin.name()) }))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Code {
    /// Six digits.
    pub code: String,
}

/// Confirm the app by one of its codes
#[utoipa::path(post, path = "/me/totp/confirm", tag = TAG, operation_id = "confirmMyTotp",
    request_body = Code,
    responses(
        (status = 204, description = "From now on a login needs a code"),
        (status = 409, description = "Nothing is to be confirmed"),
        (status = 422, description = "The code is wrong"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn confirm_totp(
    State(state): State<AdminState>,
    State(logins): State<Logins>,
    admin: Admin,
    ValidJson(body): ValidJson<Code>,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    if admin.user.totp.as_ref().is_none_or(|totp| totp.confirmed) {
        return Err(Problem::new(Kind::ConflictState, "There is no app that waits to be confirmed."));
    }
    logins
        .throttle
        .begin(admin.name(), admin.from.address)
        .map_err(|wait| login::problem(crate::admin::login::LoginError::TooMany(wait)))?;
    let line = note(&state, &admin, "user.set-totp", "set up by the user").await?;
    let confirmed = state.users.update(admin.name(), |user| {
        let taken = user.totp.as_mut().is_some_and(|t| !t.confirmed && t.takes(&body.code, now));
        if let Some(totp) = user.totp.as_mut().filter(|_| taken) {
            totp.confirmed = true;
        }
        taken
    });
    let user = confirmed.await.map_err(|error| users::refused("", error.into()))?;
    if !user.wants_code() {
        state.audit.end(&line, Outcome::Refused, None, Some("the code was wrong")).await?;
        return Err(fault("/code", "wrong", "is not the code that the app shows now"));
    }
    logins.throttle.succeeded(admin.name(), admin.from.address);
    state.audit.end(&line, Outcome::Done, None, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Remove the app
#[utoipa::path(delete, path = "/me/totp", tag = TAG, operation_id = "removeMyTotp",
    request_body = WithPassword,
    responses(
        (status = 204, description = "A login needs no code any more"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn remove_totp(
    State(state): State<AdminState>,
    State(logins): State<Logins>,
    admin: Admin,
    ValidJson(body): ValidJson<WithPassword>,
) -> Result<Response, Problem> {
    logins.confirm(&admin, &body.password).await.map_err(|e| at(e, "/password"))?;
    let line = note(&state, &admin, "user.reset-totp", "removed by the user").await?;
    let removed = state.users.update(admin.name(), |user| user.totp.take().is_some());
    removed.await.map_err(|error| users::refused("", error.into()))?;
    state.audit.end(&line, Outcome::Done, None, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    pub id: String,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[schema(value_type = String)]
    pub seen_at: Timestamp,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// The one that asks.
    pub current: bool,
}

/// The caller's sessions
#[utoipa::path(get, path = "/sessions", tag = TAG, operation_id = "listMySessions",
    responses((status = 200, description = "Newest first", body = Data<Vec<SessionView>>)))]
async fn list_sessions(State(sessions): State<Sessions>, admin: Admin) -> Result<Response, Problem> {
    let current = admin.session.as_ref().map(|s| s.id.clone());
    let all = sessions.list(&admin.user).await?.into_iter().map(|s| SessionView {
        current: Some(&s.id) == current.as_ref(),
        id: s.name,
        created_at: s.created_at,
        seen_at: s.seen_at,
        address: s.address,
        user_agent: s.user_agent,
    });
    Ok(data(all.collect::<Vec<_>>()))
}

/// End one of the caller's sessions
#[utoipa::path(delete, path = "/sessions/{id}", tag = TAG, operation_id = "endMySession",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "It is over"),
        (status = 404, description = "The caller has no such session"),
    ))]
async fn end_session(
    State(sessions): State<Sessions>,
    admin: Admin,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let all = sessions.list(&admin.user).await?;
    let one = all.iter().find(|session| session.name == id);
    let one = one.ok_or_else(|| Problem::new(Kind::NotFound, "You have no such session."))?;
    sessions.end(&one.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn note(state: &AdminState, admin: &Admin, action: &str, why: &str) -> Result<String, Problem> {
    let by = admin.by(why)?;
    let act =
        AuditedAction { action, collection: "admin_users", id: admin.name(), user_id: None, before: None };
    Ok(state.audit.begin(&by, &act).await?)
}

/// A password that a caller who is signed in must repeat is a field, not a login.
fn at(error: crate::admin::login::LoginError, pointer: &str) -> Problem {
    match error {
        crate::admin::login::LoginError::Failed => fault(pointer, "wrong", "is not your password"),
        other => login::problem(other),
    }
}

fn fault(pointer: &str, code: &'static str, detail: &str) -> Problem {
    Problem::new(Kind::ValidationFailed, format!("{pointer} {detail}."))
        .errors(vec![FieldError::pointer(pointer, code, detail)])
}
