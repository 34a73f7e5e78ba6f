//! Webhooks that could not be delivered, of all merchants: what nobody will send again by itself.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data, data,
    order_actions::Reasoned,
    orders::{read_place, write_place},
    queries::DeadQuery,
};
use crate::{
    admin::{
        paging::{DEFAULT_LIMIT, ListQuery, Page},
        session::Admin,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::webhooks::{Delivery, DeliveryState, WebhookError},
    platform::http::{Kind, Problem, ValidJson, answer},
};

const TAG: &str = "Webhooks";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list_dead_deliveries)).routes(routes!(resend_delivery))
}

/// One event that did not arrive. Neither its address nor its body is shown: both are the merchant's.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadDelivery {
    pub id: String,
    pub endpoint_id: String,
    pub user_id: String,
    pub event_id: String,
    pub event_type: String,
    /// What the event is about: an order's id.
    pub subject: String,
    pub state: DeliveryState,
    #[schema(value_type = Option<String>)]
    pub failed_at: Option<Timestamp>,
    /// Of the last try: the status of the answer, or why there was none.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub tries: usize,
}

impl From<Delivery> for DeadDelivery {
    fn from(delivery: Delivery) -> Self {
        let last = delivery.tries.last();
        Self {
            status: last.and_then(|last| last.status),
            error: last.and_then(|last| last.error.clone()),
            tries: delivery.tries.len(),
            id: delivery.id,
            endpoint_id: delivery.endpoint,
            user_id: delivery.merchant,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            subject: delivery.subject,
            state: delivery.state,
            failed_at: delivery.failed_at,
        }
    }
}

/// Webhooks that were not delivered
///
/// Of all merchants, the last ones first.
#[utoipa::path(get, path = "/webhook-deliveries", tag = TAG, operation_id = "listDeadDeliveries",
    params(DeadQuery),
    responses(
        (status = 200, description = "One page", body = Page<DeadDelivery>),
        (status = 400, description = "A cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_dead_deliveries(
    State(state): State<AdminState>,
    ListQuery(query): ListQuery<DeadQuery>,
) -> Result<Response, Problem> {
    let bound = "dead-deliveries";
    let after = query.cursor.as_deref().map(|text| read_place(&state.cursors, &bound, text)).transpose()?;
    let page = state.webhooks.dead(after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&state.cursors, &bound, next));
    let data = page.docs.into_iter().map(DeadDelivery::from).collect::<Vec<_>>();
    Ok(answer::ok(&Page { data, next_cursor }))
}

/// Send a webhook again
///
/// From its first try on, under the same id.
#[utoipa::path(post, path = "/webhook-deliveries/{id}/resend", tag = TAG, operation_id = "resendDelivery",
    params(("id" = String, Path, description = "The delivery's id")), request_body = Reasoned,
    responses((status = 200, description = "To be sent", body = Data<DeadDelivery>),
        (status = 404, description = "There is no such delivery"),
        (status = 409, description = "`endpoint-not-enabled`: its merchant has paused or removed it")))]
async fn resend_delivery(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let sent = state.webhooks.drive_again(&id, &by).await.map_err(|error| match error {
        WebhookError::NotFound => Problem::new(Kind::NotFound, "There is no such delivery."),
        error @ WebhookError::NotEnabled(_) => {
            let detail = format!("The address of this delivery cannot be used: {error}.");
            Problem::new(Kind::ConflictState, detail).named("endpoint-not-enabled")
        }
        error => error.into(),
    })?;
    Ok(data(DeadDelivery::from(sent)))
}
