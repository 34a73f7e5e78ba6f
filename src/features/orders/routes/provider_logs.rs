//! The calls that were made for an order.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{OrderId, examples, no_such_order};
use crate::{
    features::orders::service::OrderService,
    platform::{
        auth::Merchant,
        http::{Problem, answer},
    },
    provider::carrier::{CallRecord, CallRecords},
};

/// Every call, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderLogList {
    pub(super) success: bool,
    pub(super) data: Vec<CallRecord>,
}

/// List the calls made for an order
///
/// Every request sent to `ParcelX` for the order and how it ended, oldest first; payloads are redacted.
#[utoipa::path(get, path = "/v1/orders/{id}/provider-logs", tag = super::TAG,
    operation_id = "listProviderLogs",
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    responses(
        (status = 200, description = "The calls", body = ProviderLogList,
            example = json!(examples::provider_logs())),
        (status = 404, description = "No order of yours has this id"),
    ))]
pub(super) async fn list_provider_logs(
    State(orders): State<OrderService>,
    State(records): State<Arc<dyn CallRecords>>,
    merchant: Merchant,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let order = orders.of_user(&merchant.user_id, &id).await?.ok_or_else(no_such_order)?;
    Ok(answer::ok(&ProviderLogList { success: true, data: records.of_order(order.id()).await? }))
}
