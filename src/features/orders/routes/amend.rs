//! The HTTP edge of correcting an order that was refused.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{ANEW, OrderId, TAG, examples, no_such_order};
use crate::{
    features::orders::{
        model::{Amend, Order},
        payload::NewOrder,
        request::CreateOrder,
        service::OrderService,
        status::{OrderStatus, SyncStatus},
        views::{OrderResponse, OrderView},
    },
    platform::{
        auth::Merchant,
        http::{FieldError, Kind, Problem, ValidJson, answer},
    },
};

/// Amend a failed order
///
/// Gives an order that `ParcelX` refused (`providerSyncStatus: failed`) a new payload and sends it again,
/// under its own id, number and `clientOrderId`. The body is that of a create, whole; `clientOrderId` may be
/// left out, and is the order's own otherwise. From then on the same create answers with this order, and the
/// first payload answers 422. The same request again, once the order is under way, answers 200 with the order
/// as it stands.
#[utoipa::path(post, path = "/v1/orders/{id}/amend", tag = TAG, operation_id = "amendOrder",
    request_body = CreateOrder,
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    responses(
        (status = 202, description = "Accepted: it will be sent again", body = OrderResponse,
            example = json!(examples::amended())),
        (status = 200, description = "A repeat: the order has this payload already", body = OrderResponse,
            example = json!(examples::amended_already())),
        (status = 404, description = "No order of yours has this id"),
        (status = 409, description = "The order is not `failed`"),
        (status = 422, description = "Invalid fields, or the `clientOrderId` of another order"),
    ))]
pub(super) async fn amend_order(
    State(orders): State<OrderService>,
    merchant: Merchant,
    OrderId(id): OrderId,
    ValidJson(body): ValidJson<CreateOrder>,
) -> Result<Response, Problem> {
    let (order, came_to) =
        orders.amend(&merchant.user_id, &id, &NewOrder::from(body)).await?.ok_or_else(no_such_order)?;
    tracing::Span::current().record("order.id", order.id());
    let status = match came_to {
        Amend::Accepted => StatusCode::ACCEPTED,
        Amend::Repeated => StatusCode::OK,
        Amend::NotFailed => return Err(Problem::new(Kind::ConflictState, not_failed(&order))),
        Amend::ShipmentLive => return Err(Problem::new(Kind::ConflictState, SHIPMENT_LIVE)),
        Amend::OtherClientOrderId => return Err(other_client_order_id()),
    };
    Ok(answer::json(status, &OrderResponse { success: true, data: OrderView::from(order) }))
}

const SHIPMENT_LIVE: &str = "ParcelX booked this order after it had refused it, and that shipment is not \
                             cancelled yet. Ask again later.";

/// Where it stands, and what to do instead.
fn not_failed(order: &Order) -> String {
    if order.status() == OrderStatus::Cancelled {
        return format!("Only a failed order can be amended, and that order is cancelled. {ANEW}");
    }
    let what = match order.provider_sync_status() {
        SyncStatus::Success => "it is booked. Cancel it and create a new order",
        SyncStatus::Cancelled => "it was cancelled. Create a new order",
        SyncStatus::NeedsReview => "a person is looking into it. Wait for their decision",
        SyncStatus::Queued
        | SyncStatus::Processing
        | SyncStatus::Retrying
        | SyncStatus::Reconciling
        | SyncStatus::Failed => "it is on its way. Wait until it is booked or failed, or cancel it",
    };
    format!(
        "Only a failed order can be amended. This one has another payload and is {}: {what}.",
        order.provider_sync_status().as_str()
    )
}

fn other_client_order_id() -> Problem {
    let detail = "must be left out, or be the order's own";
    let error = FieldError::pointer("/clientOrderId", "mismatch", detail);
    Problem::new(Kind::ValidationFailed, format!("/clientOrderId {detail}.")).errors(vec![error])
}
