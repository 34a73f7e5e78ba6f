//! The HTTP edge of deliveries: the log of an address.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{Id, TAG};
use crate::{
    base::timestamp::Timestamp,
    features::webhooks::{
        Webhooks, examples,
        model::Delivery,
        request::{DEFAULT_LIMIT, DeliveriesQuery},
        views::{DeliveryList, DeliveryResponse},
    },
    platform::{
        auth::Merchant,
        http::{
            Problem, ValidQuery, answer,
            cursor::{Cursors, bad_cursor},
        },
        store::{Cursor, Key},
    },
};

/// 202 with the delivery that will be sent.
pub(super) fn accepted(delivery: Delivery) -> Response {
    let location = HeaderValue::try_from(format!("/v1/webhook-deliveries/{}", delivery.id)).ok();
    let body = DeliveryResponse { success: true, data: delivery.into() };
    let mut accepted = answer::json(StatusCode::ACCEPTED, &body);
    if let Some(location) = location {
        accepted.headers_mut().insert(header::LOCATION, location);
    }
    accepted
}

/// List the deliveries to an endpoint
///
/// Newest first, for 30 days: the status of each try, how long it took, and the first bytes of the answer.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}/deliveries", tag = TAG,
    operation_id = "listWebhookDeliveries",
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`"), DeliveriesQuery),
    responses(
        (status = 200, description = "One page", body = DeliveryList,
            example = json!(examples::deliveries())),
        (status = 400, description = "An unknown or bad parameter, or a foreign cursor"),
        (status = 404, description = "No endpoint of yours has this id"),
    ))]
pub(super) async fn list_deliveries(
    State(webhooks): State<Webhooks>,
    State(cursors): State<Cursors>,
    merchant: Merchant,
    Id(id): Id,
    ValidQuery(query): ValidQuery<DeliveriesQuery>,
) -> Result<Response, Problem> {
    let bound = ("webhook-deliveries", &merchant.user_id, &id, query.state);
    let after = query.cursor.as_deref().map(|text| place(&cursors.read(&bound, text)?)).transpose()?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let page = webhooks.deliveries(&merchant.user_id, &id, query.state, after, limit).await?;
    let next_cursor = page.next.as_ref().and_then(|next| match next.key {
        Key::Time(at) => Some(cursors.write(&bound, &format!("{} {}", at.as_millis(), next.id))),
        _ => None,
    });
    let data = page.docs.into_iter().map(Into::into).collect();
    Ok(answer::ok(&DeliveryList { success: true, data, has_more: next_cursor.is_some(), next_cursor }))
}

fn place(text: &str) -> Result<Cursor, Problem> {
    let (ms, id) = text.split_once(' ').ok_or_else(bad_cursor)?;
    let ms = ms.parse().map_err(|_| bad_cursor())?;
    Ok(Cursor { key: Key::Time(Timestamp::from_millis(ms)), id: id.to_owned() })
}

/// Get a delivery
#[utoipa::path(get, path = "/v1/webhook-deliveries/{id}", tag = TAG, operation_id = "getWebhookDelivery",
    params(("id" = String, Path, description = "The delivery's id, `whd_…`")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryResponse,
            example = json!(examples::delivered())),
        (status = 404, description = "No delivery of yours has this id"),
    ))]
pub(super) async fn get_delivery(
    State(webhooks): State<Webhooks>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    let data = webhooks.delivery(&merchant.user_id, &id).await?.into();
    Ok(answer::ok(&DeliveryResponse { success: true, data }))
}

/// Send a delivery again
///
/// Whatever became of it, at once, under the same `webhook-id`; if it fails it is tried again like a new one.
#[utoipa::path(post, path = "/v1/webhook-deliveries/{id}/resend", tag = TAG,
    operation_id = "resendWebhookDelivery",
    params(("id" = String, Path, description = "The delivery's id, `whd_…`")),
    responses(
        (status = 202, description = "To be sent", body = DeliveryResponse, headers(
            ("Location" = String, description = "The delivery")), example = json!(examples::resent())),
        (status = 404, description = "No delivery of yours has this id"),
        (status = 409, description = "The endpoint is paused or disabled"),
    ))]
pub(super) async fn resend_delivery(
    State(webhooks): State<Webhooks>,
    merchant: Merchant,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(accepted(webhooks.resend(&merchant.user_id, &id).await?))
}
