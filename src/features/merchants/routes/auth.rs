//! Signing up, in and out.

mod bodies;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use self::bodies::Asked;
use self::bodies::{
    Accept, ChangePassword, Forgot, RefreshTokens, Register, Reset, SignIn, Tokens, TokensResponse, Verify,
};
use super::{
    caller::PersonOf,
    examples, fault,
    me::{Me, MeResponse},
};
use crate::{
    features::{
        Services,
        merchants::{
            People,
            people::{
                ACCESS, From, LinkError, LoginError, NewPasswordError, RefreshError, Registration, SignedInAs,
            },
            user,
        },
    },
    platform::{
        auth::PasswordError,
        http::{
            Kind, Peer, Problem, ValidJson, answer,
            limits::{RegisterCounted, SignInCounted},
        },
    },
};

const TAG: &str = "Merchants";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(verify))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(logout_all))
        .routes(routes!(forgot))
        .routes(routes!(reset))
        .routes(routes!(accept))
        .routes(routes!(change_password))
}

/// Sign up a shop
///
/// Mails a code to the address. The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/auth/register", tag = TAG, operation_id = "register", security(()),
    request_body = Register,
    responses(
        (status = 202, description = "A mail is on its way", body = Asked,
            example = json!(examples::registered())),
        (status = 429, description = "Too many from this address"),
    ))]
async fn register(
    _: RegisterCounted,
    State(people): State<People>,
    ValidJson(body): ValidJson<Register>,
) -> Result<Response, Problem> {
    let Register { email, password, name, shop } = body;
    let (name, shop) = (name.into_inner(), shop.into_inner());
    let new = Registration { email: address(&email)?, name, shop, password };
    people.register(new).await.map_err(|error| new_password("/password", error))?;
    Ok(asked("A mail with a code is on its way to this address."))
}

/// Confirm an address
///
/// Makes the shop and its owner, who may sign in then.
#[utoipa::path(post, path = "/auth/verify", tag = TAG, operation_id = "verify", security(()),
    request_body = Verify,
    responses(
        (status = 201, description = "The account is made", body = MeResponse,
            example = json!(examples::verified())),
        (status = 429, description = "Too many from this address"),
    ))]
async fn verify(
    _: SignInCounted,
    State(people): State<People>,
    ValidJson(body): ValidJson<Verify>,
) -> Result<Response, Problem> {
    let user = people.verify(body.token.expose_secret()).await.map_err(link)?;
    Ok(answer::json(StatusCode::CREATED, &MeResponse { success: true, data: Me::from(user) }))
}

/// Sign in
///
/// A wrong address, password or code is refused in the same words (`login-failed`); `totp-required` comes
/// after a right password alone. After a few failures an account, or an address, must wait
/// (`too-many-logins`, `Retry-After`).
#[utoipa::path(post, path = "/auth/login", tag = TAG, operation_id = "signIn", security(()),
    request_body = SignIn,
    responses(
        (status = 200, description = "Signed in", body = TokensResponse,
            example = json!(examples::signed_in())),
        (status = 401, description = "`login-failed`, or `totp-required`"),
        (status = 429, description = "`too-many-logins`, or too many from this address"),
    ))]
async fn login(
    _: SignInCounted,
    State(people): State<People>,
    peer: Peer,
    ValidJson(body): ValidJson<SignIn>,
) -> Result<Response, Problem> {
    // What cannot be an address is nobody's, and is compared all the same.
    let email = user::address(&body.email).unwrap_or_default();
    let code = body.code.as_ref().map(|code| code.expose_secret());
    let from = From { address: peer.address };
    let signed_in = people.login(&email, &body.password, code, from).await;
    Ok(tokens(signed_in.map_err(login_problem)?))
}

/// Go on with a session
///
/// Gives new tokens. A refresh token counts once: when it comes again later, the session ends, because
/// somebody else may have it. Within ten seconds it gives the same new tokens, so that two tabs at once do
/// not end a session.
#[utoipa::path(post, path = "/auth/refresh", tag = TAG, operation_id = "refresh", security(()),
    request_body = RefreshTokens,
    responses(
        (status = 200, description = "New tokens", body = TokensResponse,
            example = json!(examples::refreshed())),
        (status = 401, description = "`session-over`, or `refresh-reused`"),
        (status = 429, description = "Too many from this address"),
    ))]
async fn refresh(
    _: SignInCounted,
    State(people): State<People>,
    ValidJson(body): ValidJson<RefreshTokens>,
) -> Result<Response, Problem> {
    let refreshed = people.refresh(body.refresh_token.expose_secret()).await;
    refreshed.map(tokens).map_err(|error| match error {
        RefreshError::Over => Problem::new(Kind::Unauthenticated, error.to_string()).named("session-over"),
        RefreshError::Reused => {
            Problem::new(Kind::Unauthenticated, error.to_string()).named("refresh-reused")
        }
        RefreshError::Store(error) => error.into(),
    })
}

/// Sign out
///
/// Ends the session: its access token stops to count at once, on every machine within a second.
#[utoipa::path(post, path = "/auth/logout", tag = TAG, operation_id = "signOut",
    responses((status = 204, description = "Signed out")))]
async fn logout(State(people): State<People>, person: PersonOf) -> Result<Response, Problem> {
    people.logout(&person.session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sign out everywhere
///
/// Ends all sessions of the caller.
#[utoipa::path(post, path = "/auth/logout-all", tag = TAG, operation_id = "signOutEverywhere",
    responses((status = 204, description = "Signed out everywhere")))]
async fn logout_all(State(people): State<People>, person: PersonOf) -> Result<Response, Problem> {
    people.logout_all(&person.id, &person.session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ask for a new password
///
/// Mails a code to the address, if it has an account. The answer is the same if it has none.
#[utoipa::path(post, path = "/auth/forgot", tag = TAG, operation_id = "forgotPassword", security(()),
    request_body = Forgot,
    responses(
        (status = 202, description = "A mail is on its way, if there is an account", body = Asked,
            example = json!(examples::forgotten())),
        (status = 429, description = "Too many from this address"),
    ))]
async fn forgot(
    _: RegisterCounted,
    State(people): State<People>,
    ValidJson(body): ValidJson<Forgot>,
) -> Result<Response, Problem> {
    people.forgot(&address(&body.email)?).await?;
    Ok(asked("If there is an account with this address, a mail with a code is on its way to it."))
}

/// Set a new password
///
/// With the code that was mailed. All sessions of the account end.
#[utoipa::path(post, path = "/auth/reset", tag = TAG, operation_id = "resetPassword", security(()),
    request_body = Reset,
    responses(
        (status = 204, description = "The password is set"),
        (status = 429, description = "Too many from this address"),
    ))]
async fn reset(
    _: SignInCounted,
    State(people): State<People>,
    ValidJson(body): ValidJson<Reset>,
) -> Result<Response, Problem> {
    people.reset(body.token.expose_secret(), &body.password).await.map_err(link)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Accept an invitation
///
/// With the code that was mailed. An address that has an account already gets no second one.
#[utoipa::path(post, path = "/auth/accept", tag = TAG, operation_id = "acceptInvitation", security(()),
    request_body = Accept,
    responses(
        (status = 201, description = "The account is made", body = MeResponse,
            example = json!(examples::accepted())),
        (status = 429, description = "Too many from this address"),
    ))]
async fn accept(
    _: SignInCounted,
    State(people): State<People>,
    ValidJson(body): ValidJson<Accept>,
) -> Result<Response, Problem> {
    let user = people.accept(body.token.expose_secret(), body.name.into_inner(), &body.password).await;
    let user = user.map_err(link)?;
    Ok(answer::json(StatusCode::CREATED, &MeResponse { success: true, data: Me::from(user) }))
}

/// Change your password
///
/// All other sessions of the account end.
#[utoipa::path(post, path = "/auth/change-password", tag = TAG, operation_id = "changePassword",
    request_body = ChangePassword,
    responses(
        (status = 204, description = "The password is changed"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn change_password(
    State(people): State<People>,
    peer: Peer,
    person: PersonOf,
    ValidJson(body): ValidJson<ChangePassword>,
) -> Result<Response, Problem> {
    let from = From { address: peer.address };
    let user = confirmed(&people, &person, &body.current_password, "/currentPassword", from).await?;
    let changed = people.set_password(&user, &person.session, &body.new_password).await;
    changed.map_err(|error| new_password("/newPassword", error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The caller, who has shown to know the password: no 401, which would look like the end of the session.
pub(super) async fn confirmed(
    people: &People,
    person: &PersonOf,
    password: &SecretString,
    pointer: &'static str,
    from: From,
) -> Result<user::User, Problem> {
    people.confirm(&person.id, password, from).await.map_err(|error| match error {
        LoginError::Failed => fault(pointer, "wrong", "is wrong"),
        other => login_problem(other),
    })
}

pub(super) fn asked(message: &'static str) -> Response {
    answer::json(StatusCode::ACCEPTED, &Asked { success: true, message })
}

fn tokens(signed_in: SignedInAs) -> Response {
    let data = Tokens {
        access_token: signed_in.access_token.expose_secret().to_owned(),
        expires_in: ACCESS.as_secs(),
        refresh_token: signed_in.refresh_token.expose_secret().to_owned(),
        user: Me::from(signed_in.user),
    };
    answer::ok(&TokensResponse { success: true, data })
}

pub(super) fn address(text: &str) -> Result<String, Problem> {
    user::address(text).ok_or_else(|| fault("/email", "email", "must be an e-mail address"))
}

fn link(error: LinkError) -> Problem {
    match error {
        LinkError::Invalid => fault("/token", "invalid", "is wrong, was used, or is too old"),
        LinkError::Password(error) => password("/password", error),
        LinkError::Store(error) => error.into(),
    }
}

fn new_password(pointer: &'static str, error: NewPasswordError) -> Problem {
    match error {
        NewPasswordError::Password(error) => password(pointer, error),
        NewPasswordError::Store(error) => error.into(),
    }
}

fn password(pointer: &'static str, error: PasswordError) -> Problem {
    match error {
        PasswordError::Length | PasswordError::Guessable | PasswordError::Common => {
            fault(pointer, "password", error.to_string())
        }
        PasswordError::Busy => login_problem(LoginError::TooMany(std::time::Duration::from_secs(1))),
        PasswordError::Fault => Problem::internal(&error),
    }
}

fn login_problem(error: LoginError) -> Problem {
    match error {
        LoginError::Failed => Problem::new(Kind::Unauthenticated, error.to_string()).named("login-failed"),
        LoginError::CodeWanted => {
            Problem::new(Kind::Unauthenticated, error.to_string()).named("totp-required")
        }
        LoginError::TooMany(wait) => {
            Problem::new(Kind::TooManyRequests, error.to_string()).named("too-many-logins").retry_after(wait)
        }
        LoginError::Fault => Problem::internal(&error),
        LoginError::Store(error) => error.into(),
    }
}
