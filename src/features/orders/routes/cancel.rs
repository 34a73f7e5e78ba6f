//! The routes that cancel orders: request bodies, responses, handlers.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{OrderId, TAG, examples, no_such_order};
use crate::{
    features::orders::{
        model::{CancelDecision, CancelRequest, CancellationState, Order},
        service::OrderService,
        status::{OrderStatus, SyncStatus},
        text::{Code, Lines},
        views::{OrderResponse, OrderView},
    },
    platform::{
        auth::Merchant,
        http::{Kind, Problem, ValidJson, answer},
    },
};

/// Which order to call off, and why.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "orderId": "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d",
    "reason": "The customer changed their mind" }))]
pub(super) struct CancelOrder {
    /// The order's id, `ord_…`.
    #[validate(nested)]
    #[schema(inline)]
    pub(super) order_id: Code<1, 100>,
    /// Kept with the order; not sent to the provider.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Lines<0, 500>>)]
    pub(super) reason: Option<Lines<0, 500>>,
}

/// Why an order is cancelled.
#[derive(Debug, Clone, Default, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "reason": "The customer changed their mind" }))]
pub(super) struct CancelReason {
    /// Kept with the order; not sent to the provider.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Lines<0, 500>>)]
    pub(super) reason: Option<Lines<0, 500>>,
}

/// Answer to `POST /orders/cancel`, in the form existing clients know, with the order's state beside it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CancelOrderResponse {
    #[schema(value_type = String, example = "Order cancellation request has been queued for processing")]
    pub(super) message: &'static str,
    pub(super) success: bool,
    pub(super) data: CancelledOrder,
}

/// Where the order stands now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelledOrder {
    pub(super) order_id: String,
    pub(super) reason: Option<String>,
    pub(super) client_order_id: Option<String>,
    pub(super) status: OrderStatus,
    pub(super) provider_sync_status: SyncStatus,
    pub(super) cancellation: CancelRequest,
}

impl From<Order> for CancelOrderResponse {
    fn from(order: Order) -> Self {
        let message = match order.cancellation().state() {
            _ if is_off(&order) => "Order is cancelled",
            CancellationState::Review => "Order cancellation needs a person's decision",
            _ => "Order cancellation request has been queued for processing",
        };
        let data = CancelledOrder {
            order_id: order.id().to_owned(),
            reason: order.cancellation().request().reason.clone(),
            client_order_id: order.client_order_id().map(str::to_owned),
            status: order.status(),
            provider_sync_status: order.provider_sync_status(),
            cancellation: order.cancellation().request().clone(),
        };
        Self { message, success: true, data }
    }
}

/// Cancel an order
///
/// An order that was not sent to `ParcelX` yet is cancelled at once. One that is booked, or may be, is
/// cancelled there in the background: ask `GET /v1/orders/{id}` until `cancellation.state` is `done` or
/// `refused`; `review` waits for a person. A repeat answers with the state as it is; after `refused` it tries
/// again.
#[utoipa::path(post, path = "/orders/cancel", tag = TAG, operation_id = "cancelOrder",
    request_body = CancelOrder,
    responses(
        (status = 200, description = "Cancelled, or under way", body = CancelOrderResponse,
            example = json!(examples::order_cancelled())),
        (status = 404, description = "No order of yours has this id"),
        (status = 409, description = "`ParcelX` refused the order: there is nothing to cancel"),
    ))]
pub(super) async fn cancel_order(
    State(orders): State<OrderService>,
    merchant: Merchant,
    ValidJson(body): ValidJson<CancelOrder>,
) -> Result<Response, Problem> {
    let order = request_cancel(&orders, &merchant, &body.order_id, body.reason).await?;
    Ok(answer::ok(&CancelOrderResponse::from(order)))
}

/// Cancel an order
///
/// As `POST /orders/cancel`. Answers 200 when the order is cancelled, 202 while that is under way. The body
/// may be left out, or be `null`.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", tag = TAG, operation_id = "cancelOrderV1",
    request_body = Option<CancelReason>,
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    responses(
        (status = 200, description = "Cancelled", body = OrderResponse,
            example = json!(examples::cancelled())),
        (status = 202, description = "Under way", body = OrderResponse,
            example = json!(examples::cancelling())),
        (status = 404, description = "No order of yours has this id"),
        (status = 409, description = "`ParcelX` refused the order: there is nothing to cancel"),
    ))]
pub(super) async fn cancel_order_v1(
    State(orders): State<OrderService>,
    merchant: Merchant,
    OrderId(id): OrderId,
    body: Option<ValidJson<CancelReason>>,
) -> Result<Response, Problem> {
    let reason = body.and_then(|ValidJson(body)| body.reason);
    let order = request_cancel(&orders, &merchant, &id, reason).await?;
    let status = if is_off(&order) { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(answer::json(status, &OrderResponse { success: true, data: OrderView::from(order) }))
}

/// Whether the request is carried out: also by a refusal, of an order that is then shown as failed.
fn is_off(order: &Order) -> bool {
    order.status() == OrderStatus::Cancelled || order.cancellation().state() == CancellationState::Done
}

async fn request_cancel(
    orders: &OrderService,
    merchant: &Merchant,
    id: &str,
    reason: Option<Lines<0, 500>>,
) -> Result<Order, Problem> {
    let reason = reason.map(Lines::into_inner).filter(|reason| !reason.is_empty());
    match orders.cancel(&merchant.user_id, id, reason.as_deref()).await? {
        None => Err(no_such_order()),
        Some((_, CancelDecision::NeverBooked)) => {
            Err(Problem::new(Kind::ConflictState, "This order failed, so there is nothing to cancel."))
        }
        Some((order, _)) => {
            tracing::Span::current().record("order.id", order.id());
            Ok(order)
        }
    }
}
