//! The HTTP edge of the provider logs.

use axum::{
    extract::{FromRef, State},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    log::ProviderLogs,
    views::{ProviderLogList, ProviderLogView},
};
use crate::{
    features::orders::{
        routes::{OrderId, no_such_order},
        service::OrderService,
    },
    platform::{
        auth::{Merchant, Tokens},
        http::{Problem, ProblemBody, answer},
    },
};

/// Every route of the provider logs.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    OrderService: FromRef<S>,
    ProviderLogs: FromRef<S>,
    Tokens: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list_provider_logs))
}

/// List the calls made for an order
///
/// Every request sent to `ParcelX` for the order and how it ended, oldest first; payloads are redacted.
#[utoipa::path(get, path = "/v1/orders/{id}/provider-logs", tag = "Orders", operation_id = "listProviderLogs",
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The calls", body = ProviderLogList),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No order of yours has this id", body = ProblemBody, content_type = "application/problem+json"),
    ))]
async fn list_provider_logs(
    State(orders): State<OrderService>,
    State(logs): State<ProviderLogs>,
    merchant: Merchant,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let order = orders.of_user(&merchant.user_id, &id).await?.ok_or_else(no_such_order)?;
    let data = logs
        .of_order(order.id())
        .await?
        .into_iter()
        .map(|(request, outcome)| ProviderLogView::new(request, outcome))
        .collect();
    Ok(answer::ok(&ProviderLogList { success: true, data }))
}
