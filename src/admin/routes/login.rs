//! Signing in and out.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{Data, data, me::Me};
use crate::{
    admin::{
        login::{LoginError, Logins},
        session::{Admin, Caller},
        sessions::Sessions,
        state::AdminState,
    },
    platform::http::{Kind, Problem, ValidJson},
};

const TAG: &str = "People";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    pub username: String,
    #[schema(value_type = String)]
    pub password: SecretString,
    /// Six digits of the user's authenticator app, if there is one.
    #[schema(value_type = Option<String>)]
    pub totp: Option<SecretString>,
}

#[derive(Debug, serde::Serialize, ToSchema)]
pub struct SignedIn {
    pub user: Me,
}

/// Sign in
///
/// Sets the session's cookie. A wrong name, password or code is refused in the same words (`login-failed`);
/// `totp-required` comes after a right password alone. After a few failures an account, or an address, must
/// wait (`too-many-logins`, `Retry-After`).
#[utoipa::path(post, path = "/login", tag = TAG, operation_id = "login", security(()), request_body = Login,
    responses(
        (status = 200, description = "Signed in", body = Data<SignedIn>),
        (status = 401, description = "`login-failed`, or `totp-required`"),
        (status = 403, description = "`cross-site`"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn login(
    State(logins): State<Logins>,
    State(state): State<AdminState>,
    caller: Caller,
    ValidJson(body): ValidJson<Login>,
) -> Result<Response, Problem> {
    use secrecy::ExposeSecret;
    let code = body.totp.as_ref().map(|code| code.expose_secret());
    let signed_in = logins.login(&body.username, &body.password, code, &caller).await;
    let (token, session, user) = signed_in.map_err(problem)?;
    let idle_expires_at = Some(state.sessions.idle_expires_at(&session));
    let life = session.expires_at.since(session.created_at);
    let admin = Admin { user, session: Some(session), idle_expires_at, from: caller };
    let last_event = state.events.last().await?;
    let mut answer = data(SignedIn { user: Me::of(&admin, state.env, last_event) });
    answer.headers_mut().insert(header::SET_COOKIE, admin.from.cookie(&token, life));
    Ok(answer)
}

pub(super) fn problem(error: LoginError) -> Problem {
    match error {
        LoginError::Failed => Problem::new(Kind::Unauthenticated, error.to_string()).named("login-failed"),
        LoginError::CodeWanted => {
            Problem::new(Kind::Unauthenticated, error.to_string()).named("totp-required")
        }
        LoginError::TooMany(wait) => Problem::new(Kind::TooManyRequests, "Too many logins: try again later.")
            .named("too-many-logins")
            .retry_after(wait),
        LoginError::Fault => Problem::internal(&error),
        LoginError::Store(error) => error.into(),
    }
}

/// Sign out
///
/// Ends the session, in every process at once.
#[utoipa::path(post, path = "/logout", tag = TAG, operation_id = "logout",
    responses((status = 204, description = "Signed out")))]
async fn logout(State(sessions): State<Sessions>, admin: Admin) -> Result<Response, Problem> {
    if let Some(session) = &admin.session {
        sessions.end(&session.id).await?;
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    answer.headers_mut().insert(header::SET_COOKIE, admin.from.cookie("", Duration::ZERO));
    Ok(answer)
}
