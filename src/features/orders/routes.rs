//! The HTTP edge of orders: extract, authorise, call the service, shape the answer.

mod amend;
mod cancel;
mod label;
mod provider_logs;

use axum::{
    extract::{FromRequestParts, Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    list::{DEFAULT_LIMIT, ListQuery},
    model::Order,
    payload::NewOrder,
    request::CreateOrder,
    service::{CreateError, Created, OrderService},
    status::SyncStatus,
    views::{CreateOrderResponse, OrderList, OrderResponse, OrderView},
};
use crate::{
    base::clock::Clock,
    features::{Services, provider_accounts::Accounts},
    platform::{
        auth::Merchant,
        http::{FieldError, Kind, Problem, ValidJson, ValidQuery, answer},
    },
};

const TAG: &str = "Orders";
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Every route of orders.
pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(create_order))
        .routes(routes!(create_order_v1))
        .routes(routes!(list_orders))
        .routes(routes!(get_order))
        .routes(routes!(cancel::cancel_order))
        .routes(routes!(cancel::cancel_order_v1))
        .routes(routes!(amend::amend_order))
        .routes(routes!(label::get_label))
        .routes(routes!(provider_logs::list_provider_logs))
}

/// Create an order
///
/// Idempotent on your account and `clientOrderId`: the same request again answers 200 with the order as it
/// stands; the same `clientOrderId` with another payload answers 422 and changes nothing. The order is booked
/// with `ParcelX` in the background: ask `GET /v1/orders/{id}` until `providerSyncStatus` is `success` or
/// `failed`; `needs_review` waits for a person.
#[utoipa::path(post, path = "/orders/create", tag = TAG, operation_id = "createOrder",
    request_body = CreateOrder,
    responses(
        (status = 201, description = "Accepted", body = CreateOrderResponse, headers(("Location" = String,
            description = "The order"))),
        (status = 200, description = "A repeat of an earlier request", body = CreateOrderResponse,
            headers(("Idempotent-Replayed" = String, description = "`true`"))),
        (status = 422, description = "Invalid fields, or the `clientOrderId` of another order"),
    ))]
async fn create_order(
    State(orders): State<OrderService>,
    merchant: Merchant,
    ValidJson(body): ValidJson<CreateOrder>,
) -> Result<Response, Problem> {
    let created = orders.create(&merchant.user_id, NewOrder::from(body)).await;
    if let Ok(Created::New(order) | Created::Replayed(order)) | Err(CreateError::Mismatch(order)) = &created {
        tracing::Span::current().record("order.id", order.id());
    }
    match created {
        Ok(Created::New(order)) => {
            let location = HeaderValue::try_from(format!("/v1/orders/{}", order.id())).ok();
            let mut created = answer::json(StatusCode::CREATED, &CreateOrderResponse::new(&order, false));
            if let Some(location) = location {
                created.headers_mut().insert(header::LOCATION, location);
            }
            Ok(created)
        }
        Ok(Created::Replayed(order)) => {
            let mut replayed = answer::ok(&CreateOrderResponse::new(&order, true));
            replayed.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(replayed)
        }
        Err(CreateError::Mismatch(existing)) => Err(mismatch(&existing)),
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}

/// Create an order
///
/// The same as `POST /orders/create`.
#[utoipa::path(post, path = "/v1/orders", tag = TAG, operation_id = "createOrderV1",
    request_body = CreateOrder,
    responses(
        (status = 201, description = "Accepted", body = CreateOrderResponse, headers(("Location" = String,
            description = "The order"))),
        (status = 200, description = "A repeat of an earlier request", body = CreateOrderResponse,
            headers(("Idempotent-Replayed" = String, description = "`true`"))),
        (status = "4XX", description = "As for `POST /orders/create`"),
        (status = "5XX", description = "As for `POST /orders/create`"),
    ))]
async fn create_order_v1(
    orders: State<OrderService>,
    merchant: Merchant,
    body: ValidJson<CreateOrder>,
) -> Result<Response, Problem> {
    create_order(orders, merchant, body).await
}

/// List your orders
///
/// Newest first. Pages never repeat or leave out an order that was there when the first page was read. With
/// several filters a page may have fewer orders than its limit, or none, and still a next page.
#[utoipa::path(get, path = "/v1/orders", tag = TAG, operation_id = "listOrders", params(ListQuery),
    responses(
        (status = 200, description = "One page", body = OrderList, headers(("Link" = String,
            description = "The next page, `rel=\"next\"`"))),
        (status = 400, description = "An unknown or bad parameter, or a foreign cursor"),
    ))]
async fn list_orders(
    State(orders): State<OrderService>,
    State(accounts): State<Accounts>,
    State(clock): State<Clock>,
    merchant: Merchant,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let after = query.read_cursor(&merchant.user_id).ok_or_else(|| {
        Problem::new(Kind::InvalidCursor, "The cursor was not made for this query. Start again without it.")
    })?;
    let page = orders.list(&merchant.user_id, &query.filter(), after, limit).await?;
    let next_cursor = page.next.and_then(|next| query.write_cursor(&merchant.user_id, &next));
    let link = next_cursor.as_deref().and_then(|cursor| next_link(&query, limit, cursor));
    let has_more = next_cursor.is_some();
    let (hold, now) = (accounts.recent_hold().await, clock.now());
    let data = page.docs.into_iter().map(|order| OrderView::from(order).under(hold.as_ref(), now)).collect();
    let mut listed = answer::ok(&OrderList { success: true, data, has_more, next_cursor });
    if let Some(link) = link {
        listed.headers_mut().insert(header::LINK, link);
    }
    Ok(listed)
}

/// Get an order
///
/// Its fields, where it stands with the merchant (`status`) and with the provider (`providerSyncStatus`), and
/// its history.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = TAG, operation_id = "getOrder",
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    responses(
        (status = 200, description = "The order", body = OrderResponse),
        (status = 404, description = "No order of yours has this id"),
    ))]
async fn get_order(
    State(orders): State<OrderService>,
    State(accounts): State<Accounts>,
    State(clock): State<Clock>,
    merchant: Merchant,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let order = orders.of_user(&merchant.user_id, &id).await?.ok_or_else(no_such_order)?;
    let hold = accounts.recent_hold().await;
    let data = OrderView::from(order).under(hold.as_ref(), clock.now());
    Ok(answer::ok(&OrderResponse { success: true, data }))
}

/// The `{id}` of a path. What cannot be an id (bytes that are no UTF-8) is the id of no order, and no other
/// kind of refusal.
#[derive(Debug)]
pub struct OrderId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for OrderId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::from_request_parts(parts, state).await.map(|Path(id)| Self(id)).map_err(|_| no_such_order())
    }
}

/// The same answer for another merchant's order and for none at all.
#[must_use]
pub fn no_such_order() -> Problem {
    Problem::new(Kind::NotFound, "No order of yours has this id.")
}

fn mismatch(existing: &Order) -> Problem {
    let error = FieldError::pointer("/clientOrderId", "taken", "belongs to another order of yours");
    let id = existing.id();
    let detail = if existing.provider_sync_status() == SyncStatus::Failed {
        format!(
            "This clientOrderId belongs to order {id}, which failed with another payload. Nothing was \
             changed. To correct that order, send this payload to POST /v1/orders/{id}/amend."
        )
    } else {
        format!(
            "This clientOrderId belongs to order {id}, which was created with another payload. Nothing was \
             changed."
        )
    };
    Problem::new(Kind::IdempotencyPayloadMismatch, detail).errors(vec![error])
}

fn next_link(query: &ListQuery, limit: usize, cursor: &str) -> Option<HeaderValue> {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    let mut pair = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            pairs.append_pair(name, &value);
        }
    };
    pair("clientOrderId", query.client_order_id.clone());
    pair("status", query.status.map(|s| s.as_str().to_owned()));
    pair("providerSyncStatus", query.provider_sync_status.map(|s| s.as_str().to_owned()));
    pair("createdAfter", query.created_after.map(|t| t.to_string()));
    pair("createdBefore", query.created_before.map(|t| t.to_string()));
    pair("limit", Some(limit.to_string()));
    pair("cursor", Some(cursor.to_owned()));
    HeaderValue::try_from(format!("</v1/orders?{}>; rel=\"next\"", pairs.finish())).ok()
}
