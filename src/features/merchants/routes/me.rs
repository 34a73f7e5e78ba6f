//! The caller: who it is, and what it changes of itself.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{auth::confirmed, caller::PersonOf, examples, fault};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        Services,
        merchants::{People, people::From, scope::Role, user::User},
        orders::text::Text,
    },
    platform::{
        auth::Totp,
        http::{Kind, Peer, Problem, ValidJson, answer},
    },
};

const TAG: &str = "Merchants";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(get_me, change_me))
        .routes(routes!(begin_totp, remove_totp))
        .routes(routes!(confirm_totp))
}

/// A person of a merchant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    /// `usr_…`
    id: String,
    merchant_id: String,
    email: String,
    name: String,
    role: Role,
    /// Whether a login must also tell a code of an app.
    totp: bool,
    /// With its country, once it was set; texts go to it once it was confirmed.
    phone: Option<String>,
    phone_confirmed: bool,
    created_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

impl std::convert::From<User> for Me {
    fn from(user: User) -> Self {
        Self {
            totp: user.wants_code(),
            phone: user.phone.number().map(str::to_owned),
            phone_confirmed: user.phone.confirmed().is_some(),
            id: user.id,
            merchant_id: user.merchant_id,
            email: user.email.unwrap_or_default(),
            name: user.name,
            role: user.role,
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeResponse {
    pub(super) success: bool,
    pub(super) data: Me,
}

/// What people change of themselves. Role and merchant are not among it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeMe {
    #[validate(nested)]
    #[schema(inline)]
    name: Text<1, 100>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithPassword {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithCode {
    /// Six digits.
    #[schema(value_type = String, pattern = "^[0-9]{6}$")]
    code: SecretString,
}

impl WithCode {
    pub(super) fn code(&self) -> &str {
        self.code.expose_secret()
    }
}

/// A new secret for an authenticator app: shown now, and never again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotpSecret {
    /// In base 32 and blocks of four, to be typed into an app.
    secret: String,
    /// What an app reads from a picture.
    uri: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotpResponse {
    success: bool,
    data: TotpSecret,
}

/// Who you are
#[utoipa::path(get, path = "/v1/me", tag = TAG, operation_id = "getMe",
    responses((status = 200, description = "The person who has signed in", body = MeResponse,
        example = json!(examples::me()))))]
async fn get_me(State(people): State<People>, person: PersonOf) -> Result<Response, Problem> {
    let user = people.user(&person.id).await?.ok_or_else(gone)?;
    Ok(answer::ok(&MeResponse { success: true, data: Me::from(user) }))
}

/// Change your name
#[utoipa::path(patch, path = "/v1/me", tag = TAG, operation_id = "changeMe", request_body = ChangeMe,
    responses((status = 200, description = "Changed", body = MeResponse,
        example = json!(examples::renamed()))))]
async fn change_me(
    State(people): State<People>,
    person: PersonOf,
    ValidJson(body): ValidJson<ChangeMe>,
) -> Result<Response, Problem> {
    let name = body.name.into_inner();
    let changed = people.update(&person.id, |user| {
        user.name.clone_from(&name);
        true
    });
    let user = changed.await?.ok_or_else(gone)?;
    Ok(answer::ok(&MeResponse { success: true, data: Me::from(user) }))
}

/// Set up an authenticator app
///
/// Gives a secret for the app. It counts once a code of it was confirmed.
#[utoipa::path(post, path = "/v1/me/totp", tag = TAG, operation_id = "beginMyTotp",
    request_body = WithPassword,
    responses(
        (status = 201, description = "The secret", body = TotpResponse,
            example = json!(examples::authenticator())),
        (status = 409, description = "There is an app already"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn begin_totp(
    State(people): State<People>,
    peer: Peer,
    person: PersonOf,
    ValidJson(body): ValidJson<WithPassword>,
) -> Result<Response, Problem> {
    let from = From { address: peer.address };
    let user = confirmed(&people, &person, &body.password, "/password", from).await?;
    let (totp, mut begun) = (Totp::default(), false);
    people
        .update(&person.id, |user| {
            begun = !user.wants_code();
            if begun {
                user.totp = Some(totp.clone());
            }
            begun
        })
        .await?;
    if !begun {
        return Err(Problem::new(Kind::ConflictState, "There is an authenticator app: remove it first."));
    }
    let uri = totp.uri(&user.email.unwrap_or_default());
    let data = TotpSecret { secret: totp.shown(), uri };
    Ok(answer::json(StatusCode::CREATED, &TotpResponse { success: true, data }))
}

/// Confirm the app
///
/// With a code of it. From then on a login must tell one.
#[utoipa::path(post, path = "/v1/me/totp/confirm", tag = TAG, operation_id = "confirmMyTotp",
    request_body = WithCode,
    responses((status = 204, description = "Logins need a code now")))]
async fn confirm_totp(
    State(people): State<People>,
    State(clock): State<Clock>,
    person: PersonOf,
    ValidJson(body): ValidJson<WithCode>,
) -> Result<Response, Problem> {
    let (now, mut right) = (clock.now(), false);
    let changed = people.update(&person.id, |user| {
        let Some(totp) = user.totp.as_mut() else { return false };
        right = totp.takes(body.code(), now);
        totp.confirmed |= right;
        right
    });
    changed.await?;
    if right {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(fault("/code", "wrong", "is wrong, or no app was set up"))
    }
}

/// Remove the app
///
/// A login needs no code any more.
#[utoipa::path(delete, path = "/v1/me/totp", tag = TAG, operation_id = "removeMyTotp",
    request_body = WithPassword,
    responses(
        (status = 204, description = "Logins need no code"),
        (status = 429, description = "`too-many-logins`"),
    ))]
async fn remove_totp(
    State(people): State<People>,
    peer: Peer,
    person: PersonOf,
    ValidJson(body): ValidJson<WithPassword>,
) -> Result<Response, Problem> {
    let from = From { address: peer.address };
    confirmed(&people, &person, &body.password, "/password", from).await?;
    people.update(&person.id, |user| user.totp.take().is_some()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removed between the look at the session and this.
pub(super) fn gone() -> Problem {
    Problem::new(Kind::Unauthenticated, "The account was removed.").named("session-over")
}
