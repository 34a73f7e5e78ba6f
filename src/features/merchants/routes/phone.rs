//! The phone number of whoever calls.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{
    auth::{Asked, asked, confirmed},
    caller::PersonOf,
    examples, fault,
    me::{WithCode, gone},
};
use crate::{
    features::{
        Services,
        merchants::{
            People,
            people::{From, PhoneError},
            phone,
        },
    },
    platform::http::{Kind, Peer, Problem, ValidJson, limits::RegisterCounted},
};

const TAG: &str = "Merchants";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(set_phone, forget_phone)).routes(routes!(confirm_phone))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPhone {
    /// With its country, and without spaces.
    #[schema(pattern = r"^\+[1-9][0-9]{7,14}$", example = "+919812345678")]
    phone: String,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

fn problem(error: PhoneError) -> Problem {
    match error {
        PhoneError::NoTexts => {
            Problem::new(Kind::ConflictState, "No texts can be sent from this service: it has no gateway.")
        }
        PhoneError::Country => fault("/phone", "country", error.to_string()),
        PhoneError::TooMany(wait) => {
            Problem::new(Kind::TooManyRequests, error.to_string()).retry_after(wait.0)
        }
        PhoneError::Gone => gone(),
        PhoneError::Store(error) => error.into(),
    }
}

/// Set your phone number
///
/// Sends a code of six digits to it, which counts for ten minutes. Until it is confirmed you have no number.
/// Three codes are sent in an hour, and six in a day; one number gets six of them, whoever asks, and then one
/// every four hours.
#[utoipa::path(put, path = "/v1/me/phone", tag = TAG, operation_id = "setMyPhone", request_body = SetPhone,
    responses(
        (status = 202, description = "A text is on its way", body = Asked,
            example = json!(examples::phone_set())),
        (status = 409, description = "This service sends no texts"),
        (status = 429, description = "`too-many-logins`, too many codes to you or to this number, or too \
            many from this address"),
    ))]
async fn set_phone(
    _: RegisterCounted,
    State(people): State<People>,
    peer: Peer,
    person: PersonOf,
    ValidJson(body): ValidJson<SetPhone>,
) -> Result<Response, Problem> {
    if !phone::is_number(&body.phone) {
        return Err(fault("/phone", "phone", "must be + and 8 to 15 digits, which begin with the country's"));
    }
    confirmed(&people, &person, &body.password, "/password", From { address: peer.address }).await?;
    people.set_phone(&person.id, &body.phone).await.map_err(problem)?;
    Ok(asked("A code is on its way to this number."))
}

/// Confirm your phone number
///
/// With the code that was sent to it; after five wrong ones another code is needed.
#[utoipa::path(post, path = "/v1/me/phone/confirm", tag = TAG, operation_id = "confirmMyPhone",
    request_body = WithCode,
    responses((status = 204, description = "Texts may be sent to it now")))]
async fn confirm_phone(
    State(people): State<People>,
    person: PersonOf,
    ValidJson(body): ValidJson<WithCode>,
) -> Result<Response, Problem> {
    if people.confirm_phone(&person.id, body.code()).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(fault("/code", "wrong", "is wrong, or counts no more"))
    }
}

/// Remove your phone number
#[utoipa::path(delete, path = "/v1/me/phone", tag = TAG, operation_id = "removeMyPhone",
    responses((status = 204, description = "It is gone, or there was none")))]
async fn forget_phone(State(people): State<People>, person: PersonOf) -> Result<Response, Problem> {
    people.forget_phone(&person.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
