//! The HTTP edge of addresses and deliveries.

mod deliveries;
mod sources;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    WebhookError, Webhooks, examples,
    model::EndpointState,
    replay::ReplayOf,
    request::{ChangeEndpoint, CreateEndpoint, ReplayEvents},
    service::MOST_ENDPOINTS,
    views::{DeliveryResponse, EndpointList, EndpointResponse, EndpointView},
};
use crate::{
    base::clock::Clock,
    features::Services,
    platform::{
        auth::Merchant,
        http::{FieldError, Kind, Problem, ValidJson, answer, extract::path_id},
    },
};

const TAG: &str = "Webhooks";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(create_endpoint, list_endpoints))
        .routes(routes!(get_endpoint, change_endpoint, delete_endpoint))
        .routes(routes!(rotate_secret))
        .routes(routes!(test_endpoint))
        .routes(routes!(pause_endpoint))
        .routes(routes!(resume_endpoint))
        .routes(routes!(replay_events))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::get_delivery))
        .routes(routes!(deliveries::resend_delivery))
        .routes(routes!(sources::list_source_addresses))
}

path_id!(
    /// The `{id}` of a path.
    Id,
    nothing()
);

/// The same for another merchant's and for none at all.
fn nothing() -> Problem {
    Problem::new(Kind::NotFound, "Nothing of yours has this id.")
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let url = |code, words: String| {
            let fault = FieldError::pointer("/url", code, words.clone());
            Self::new(Kind::ValidationFailed, format!("The URL {words}.")).errors(vec![fault])
        };
        match error {
            WebhookError::NotFound => nothing(),
            WebhookError::Url(why) => url(why.code(), why.to_string()),
            WebhookError::Taken => {
                Self::new(Kind::ConflictState, "Another endpoint of yours has this URL: change that one.")
                    .named("url-taken")
            }
            WebhookError::TooMany => {
                let detail = format!("You have {MOST_ENDPOINTS} endpoints, which is the most. Delete one.");
                Self::new(Kind::ConflictState, detail).named("too-many-endpoints")
            }
            WebhookError::NotEnabled(EndpointState::Deleted) => nothing(),
            WebhookError::NotEnabled(state) => {
                let detail = format!("This endpoint is {}. Resume it first.", state.as_str());
                Self::new(Kind::ConflictState, detail).named("endpoint-not-enabled")
            }
            WebhookError::Store(error) => error.into(),
        }
    }
}

fn shown(data: EndpointView) -> Response {
    answer::ok(&EndpointResponse { success: true, data })
}

/// Create a webhook endpoint
///
/// What happens is posted to its URL from now on, signed after
/// [Standard Webhooks](https://www.standardwebhooks.com). The `secret` to verify with is shown only in this
/// response. A URL can be named once.
#[utoipa::path(post, path = "/v1/webhook-endpoints", tag = TAG, operation_id = "createWebhookEndpoint",
    request_body = CreateEndpoint,
    responses(
        (status = 201, description = "Created, with its secret", body = EndpointResponse, headers(
            ("Location" = String, description = "The endpoint")), example = json!(examples::created())),
        (status = 409, description = "The URL is taken, or there are as many endpoints as there may be"),
        (status = 422, description = "Invalid fields, or a URL that may not be called"),
    ))]
async fn create_endpoint(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    ValidJson(body): ValidJson<CreateEndpoint>,
) -> Result<Response, Problem> {
    let endpoint = webhooks.create(&merchant.user_id, body.into()).await?;
    let location = HeaderValue::try_from(format!("/v1/webhook-endpoints/{}", endpoint.id)).ok();
    let data = EndpointView::revealed(endpoint, clock.now());
    let mut created = answer::json(StatusCode::CREATED, &EndpointResponse { success: true, data });
    if let Some(location) = location {
        created.headers_mut().insert(header::LOCATION, location);
    }
    Ok(created)
}

/// List your webhook endpoints
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = TAG, operation_id = "listWebhookEndpoints",
    responses((status = 200, description = "All of them, without their secrets", body = EndpointList,
        example = json!(examples::list()))))]
async fn list_endpoints(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
) -> Result<Response, Problem> {
    let all = webhooks.list(&merchant.user_id).await?.into_iter();
    let data = all.map(|endpoint| EndpointView::of(endpoint, clock.now())).collect();
    Ok(answer::ok(&EndpointList { success: true, data }))
}

/// Get a webhook endpoint
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}", tag = TAG, operation_id = "getWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")),
    responses(
        (status = 200, description = "The endpoint, without its secret", body = EndpointResponse,
            example = json!(examples::shown())),
        (status = 404, description = "No endpoint of yours has this id"),
    ))]
async fn get_endpoint(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(shown(EndpointView::of(webhooks.get(&merchant.user_id, &id).await?, clock.now())))
}

/// Change a webhook endpoint
///
/// What is absent stays as it is. What waits to be sent goes to the new URL.
#[utoipa::path(patch, path = "/v1/webhook-endpoints/{id}", tag = TAG, operation_id = "changeWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")), request_body = ChangeEndpoint,
    responses(
        (status = 200, description = "The endpoint as it now is", body = EndpointResponse,
            example = json!(examples::changed())),
        (status = 404, description = "No endpoint of yours has this id"),
        (status = 409, description = "Another endpoint of yours has the URL"),
        (status = 422, description = "Invalid fields, or a URL that may not be called"),
    ))]
async fn change_endpoint(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    Id(id): Id,
    ValidJson(body): ValidJson<ChangeEndpoint>,
) -> Result<Response, Problem> {
    let changed = webhooks.change(&merchant.user_id, &id, body.into()).await?;
    Ok(shown(EndpointView::of(changed, clock.now())))
}

/// Delete a webhook endpoint
///
/// Nothing more is sent to it, and its deliveries are shown no more. Its URL can be named again.
#[utoipa::path(delete, path = "/v1/webhook-endpoints/{id}", tag = TAG,
    operation_id = "deleteWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No endpoint of yours has this id"),
    ))]
async fn delete_endpoint(
    State(webhooks): State<Webhooks>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    webhooks.delete(&merchant.user_id, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Rotate the secret of a webhook endpoint
///
/// The new secret is shown only in this response. For a day what is sent is signed with the old one, too, so
/// that you can put the new one in place without losing anything. If the answer is lost, rotate again: each
/// old one signs until its own day is over, the last five of them at most.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/rotate-secret", tag = TAG,
    operation_id = "rotateWebhookSecret",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")),
    responses(
        (status = 200, description = "The endpoint with its new secret", body = EndpointResponse,
            example = json!(examples::rotated())),
        (status = 404, description = "No endpoint of yours has this id"),
    ))]
async fn rotate_secret(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    let rotated = webhooks.rotate(&merchant.user_id, &id).await?;
    Ok(shown(EndpointView::revealed(rotated, clock.now())))
}

/// Send a test event
///
/// An event of the type `webhook_endpoint.test` is sent within a second, also while others wait because the
/// endpoint fails. Its delivery shows what came of it.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/test", tag = TAG,
    operation_id = "testWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")),
    responses(
        (status = 202, description = "To be sent", body = DeliveryResponse, headers(
            ("Location" = String, description = "The delivery")), example = json!(examples::tested())),
        (status = 404, description = "No endpoint of yours has this id"),
        (status = 409, description = "The endpoint is paused or disabled"),
    ))]
async fn test_endpoint(
    State(webhooks): State<Webhooks>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(deliveries::accepted(webhooks.test(&merchant.user_id, &id).await?))
}

/// Pause a webhook endpoint
///
/// What happens is kept and waits until you resume it.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/pause", tag = TAG,
    operation_id = "pauseWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")),
    responses(
        (status = 200, description = "Paused; also if it was before", body = EndpointResponse,
            example = json!(examples::paused())),
        (status = 404, description = "No endpoint of yours has this id"),
        (status = 409, description = "The endpoint is disabled"),
    ))]
async fn pause_endpoint(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(shown(EndpointView::of(webhooks.pause(&merchant.user_id, &id).await?, clock.now())))
}

/// Resume a webhook endpoint
///
/// Enables one that is paused or disabled, and sends what waits; one that fails and is tried rarely is tried
/// at once. What did not arrive before it was disabled, and what happened since, is not sent by itself:
/// `replay` since the `replaySince` of this answer sends it.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/resume", tag = TAG,
    operation_id = "resumeWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")),
    responses(
        (status = 200, description = "Enabled; also if it was before", body = EndpointResponse,
            example = json!(examples::resumed())),
        (status = 404, description = "No endpoint of yours has this id"),
    ))]
async fn resume_endpoint(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(shown(EndpointView::of(webhooks.resume(&merchant.user_id, &id).await?, clock.now())))
}

/// Send earlier events again
///
/// Those since a time that did not arrive (`missing`), or `all`: at most 50 a second, beside what is new,
/// each under its own `webhook-id`. What has failed and waits for its next try is sent now; what was not
/// tried yet is sent once. The endpoint shows how far it is. A second call takes the place of the first.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/replay", tag = TAG,
    operation_id = "replayWebhookEvents",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`")), request_body = ReplayEvents,
    responses(
        (status = 202, description = "Begun", body = EndpointResponse,
            example = json!(examples::replayed())),
        (status = 404, description = "No endpoint of yours has this id"),
        (status = 409, description = "The endpoint is paused or disabled"),
        (status = 422, description = "Invalid fields"),
    ))]
async fn replay_events(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
    merchant: Merchant,
    Id(id): Id,
    ValidJson(body): ValidJson<ReplayEvents>,
) -> Result<Response, Problem> {
    let of = body.events.unwrap_or(ReplayOf::Missing);
    let endpoint = webhooks.replay(&merchant.user_id, &id, of, body.since).await?;
    let data = EndpointView::of(endpoint, clock.now());
    Ok(answer::json(StatusCode::ACCEPTED, &EndpointResponse { success: true, data }))
}
