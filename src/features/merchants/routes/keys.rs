//! Keys of a merchant's systems.

use std::time::Duration;

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

use super::{caller::CallerOf, examples, fault};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        Services,
        merchants::{
            Keys,
            caller::Actor,
            key::{ApiKey, Mode},
            keys::{KeyError, NewKey},
            scope::Scope,
        },
        orders::text::Text,
    },
    platform::http::{
        Kind, Problem, ValidJson, answer,
        extract::{Whole, path_id},
    },
};

const TAG: &str = "Merchants";
/// How long the old key goes on counting after a rotation, unless the request says otherwise.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(add_key, list_keys))
        .routes(routes!(remove_key))
        .routes(routes!(rotate_key))
}

/// A key as it is asked for.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "name": "the shop's server", "scopes": ["orders:read", "orders:write"] }))]
pub(super) struct NewApiKey {
    /// What people call it.
    #[validate(nested)]
    #[schema(inline)]
    name: Text<1, 100>,
    /// What it may do. None that you have not yourself.
    #[validate(length(min = 1, max = 10))]
    #[schema(min_items = 1, max_items = 10)]
    scopes: Vec<Scope>,
    /// From then on it counts no more: a time to come. Absent: it counts until it is removed.
    #[schema(inline, value_type = Option<Timestamp>)]
    expires_at: Option<Timestamp>,
}

/// How a key is rotated.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RotateApiKey {
    /// For how many seconds the old key goes on counting: a day when absent, a week at most.
    #[validate(nested)]
    #[schema(inline)]
    overlap_seconds: Option<Whole<0, 604_800>>,
}

/// A key, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiKeyView {
    /// `key_…`; it opens nothing.
    id: String,
    name: String,
    mode: Mode,
    /// The last characters of the key, by which you know it again.
    ending: String,
    scopes: Vec<Scope>,
    created_at: Timestamp,
    created_by: String,
    expires_at: Option<Timestamp>,
    removed_at: Option<Timestamp>,
    /// The key that came in its place.
    replaced_by: Option<String>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    /// Whether it counts now.
    active: bool,
}

impl ApiKeyView {
    fn of(key: ApiKey, now: Timestamp) -> Self {
        Self {
            active: key.counts(now),
            id: key.id,
            name: key.name,
            mode: key.mode,
            ending: key.ending,
            scopes: key.scopes,
            created_at: key.created_at,
            created_by: key.created_by,
            expires_at: key.expires_at,
            removed_at: key.removed_at,
            replaced_by: key.replaced_by,
            last_used_at: key.last_used_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyList {
    success: bool,
    data: Vec<ApiKeyView>,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeApiKey {
    success: bool,
    /// The key itself: shown now, and never again.
    key: String,
    data: ApiKeyView,
    /// After a rotation: the old key, and until when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<ApiKeyView>,
}

/// Make a key
///
/// Its text is in this answer alone. It is sent as `Authorization: Bearer wbk_…`.
#[utoipa::path(post, path = "/v1/api-keys", tag = TAG, operation_id = "createApiKey",
    request_body = NewApiKey,
    responses(
        (status = 201, description = "Made", body = MadeApiKey, example = json!(examples::made_key())),
        (status = 409, description = "There are too many keys"),
    ))]
async fn add_key(
    State(keys): State<Keys>,
    State(clock): State<Clock>,
    caller: CallerOf,
    ValidJson(body): ValidJson<NewApiKey>,
) -> Result<Response, Problem> {
    let now = clock.now();
    if body.expires_at.is_some_and(|at| at <= now) {
        return Err(fault("/expiresAt", "invalid", "must be in the future"));
    }
    let mut scopes = body.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    let is_key = matches!(caller.caller.actor, Actor::Key { .. });
    for scope in &scopes {
        // People are managed by people: a key that may would be worth more than the person who made it.
        if *scope == Scope::Members {
            return Err(fault("/scopes", "invalid", "must not have members: a key manages no people"));
        }
        if !caller.caller.may(*scope) || (is_key && *scope == Scope::Keys) {
            return Err(problem(KeyError::Scope(*scope)));
        }
    }
    let new = NewKey { name: body.name.into_inner(), scopes, expires_at: body.expires_at };
    let (key, text) = keys.add(new, &caller.by("a key was asked for")?).await.map_err(problem)?;
    Ok(made(key, &text, None, now))
}

fn made(key: ApiKey, text: &SecretString, replaced: Option<ApiKey>, now: Timestamp) -> Response {
    let made = MadeApiKey {
        success: true,
        key: text.expose_secret().to_owned(),
        data: ApiKeyView::of(key, now),
        replaced: replaced.map(|key| ApiKeyView::of(key, now)),
    };
    answer::json(StatusCode::CREATED, &made)
}

/// List your keys
///
/// The newest first; also those that count no more.
#[utoipa::path(get, path = "/v1/api-keys", tag = TAG, operation_id = "listApiKeys",
    responses((status = 200, description = "All of them", body = ApiKeyList,
        example = json!(examples::keys()))))]
async fn list_keys(
    State(keys): State<Keys>,
    State(clock): State<Clock>,
    caller: CallerOf,
) -> Result<Response, Problem> {
    let all = keys.list(&caller.caller.merchant_id).await?;
    let data = all.into_iter().map(|key| ApiKeyView::of(key, clock.now())).collect();
    Ok(answer::ok(&ApiKeyList { success: true, data }))
}

/// Remove a key
///
/// It stops to count at once, on every machine within a second. Repeating the call is no error.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", tag = TAG, operation_id = "removeApiKey",
    params(("id" = String, Path, description = "The key's id, `key_…`")),
    responses(
        (status = 204, description = "It counts no more"),
        (status = 404, description = "No key of yours has this id"),
    ))]
async fn remove_key(
    State(keys): State<Keys>,
    caller: CallerOf,
    KeyId(id): KeyId,
) -> Result<Response, Problem> {
    keys.remove(&id, &caller.by("removed by the merchant")?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Rotate a key
///
/// Makes a new key with the same name and scopes. The old one goes on counting for a while, so that nothing
/// fails until your systems have the new one.
#[utoipa::path(post, path = "/v1/api-keys/{id}/rotate", tag = TAG, operation_id = "rotateApiKey",
    params(("id" = String, Path, description = "The key's id, `key_…`")),
    request_body = Option<RotateApiKey>,
    responses(
        (status = 201, description = "The new key", body = MadeApiKey,
            example = json!(examples::rotated_key())),
        (status = 404, description = "No key of yours has this id"),
        (status = 409, description = "It was removed, rotated, or has expired; or there are too many keys"),
    ))]
async fn rotate_key(
    State(keys): State<Keys>,
    State(clock): State<Clock>,
    caller: CallerOf,
    KeyId(id): KeyId,
    body: Option<ValidJson<RotateApiKey>>,
) -> Result<Response, Problem> {
    let seconds = body.and_then(|ValidJson(body)| body.overlap_seconds);
    let overlap = seconds.map_or(OVERLAP, |seconds| Duration::from_secs(seconds.get().into()));
    let old = keys.get(&caller.caller.merchant_id, &id).await.map_err(problem)?;
    if let Some(scope) = old.scopes.iter().find(|scope| !caller.caller.may(**scope)) {
        return Err(problem(KeyError::Scope(*scope)));
    }
    let (new, old, text) = keys.rotate(&id, overlap, &caller.by("rotated")?).await.map_err(problem)?;
    Ok(made(new, &text, Some(old), clock.now()))
}

fn problem(error: KeyError) -> Problem {
    match error {
        KeyError::Unknown => Problem::new(Kind::NotFound, error.to_string()),
        KeyError::Over | KeyError::TooMany => Problem::new(Kind::ConflictState, error.to_string()),
        KeyError::Scope(scope) => Problem::new(Kind::Forbidden, error.to_string())
            .named("insufficient-scope")
            .member("scope", scope.as_str()),
        KeyError::Store(error) => error.into(),
    }
}

path_id!(
    /// The `{id}` of a path.
    KeyId,
    problem(KeyError::Unknown)
);
