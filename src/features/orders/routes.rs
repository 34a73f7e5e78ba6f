//! The HTTP edge of orders: extract, authorise, call the service, shape the answer.

mod amend;
mod cancel;
mod examples;
mod key;
mod label;
mod provider_logs;

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
    routing::post,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::key::IdempotencyKey;
use super::{
    list::ListQuery,
    model::Order,
    payload::NewOrder,
    request::CreateOrder,
    service::{CreateError, Created, OrderService},
    status::{OrderStatus, SyncStatus},
    views::{CreateOrderResponse, OrderList, OrderResponse, OrderView, Warning},
};
use crate::{
    base::{clock::Clock, money::Money},
    features::{Services, provider_accounts::Accounts},
    platform::{
        auth::Merchant,
        http::{FieldError, Kind, Problem, ValidJson, ValidQuery, answer, cursor::Cursors, extract::path_id},
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
        // What the clients of old were answered on too: Express takes a slash behind each path.
        .route("/orders/create/", post(create_order))
        .route("/orders/cancel/", post(cancel::cancel_order))
}

/// Create an order
///
/// Idempotent on your account and `clientOrderId`: the same request again answers 200 with the order as it
/// stands; the same `clientOrderId` with another payload answers 422 and changes nothing. The order is booked
/// with `ParcelX` in the background: ask `GET /v1/orders/{id}` until `providerSyncStatus` is `success` or
/// `failed`; `needs_review` waits for a person.
///
/// New clients use `POST /v1/orders`, which does the same.
#[utoipa::path(post, path = "/orders/create", tag = TAG, operation_id = "createOrder",
    request_body = CreateOrder, params(IdempotencyKey),
    responses(
        (status = 201, description = "Accepted", body = CreateOrderResponse, headers(("Location" = String,
            description = "The order")), example = json!(examples::created())),
        (status = 200, description = "A repeat of an earlier request", body = CreateOrderResponse,
            headers(("Idempotent-Replayed" = String, description = "`true`")),
            example = json!(examples::replayed())),
        (status = 422, description = "Invalid fields, or the `clientOrderId` of another order"),
    ))]
async fn create_order(
    State(orders): State<OrderService>,
    merchant: Merchant,
    key: IdempotencyKey,
    ValidJson(body): ValidJson<CreateOrder>,
) -> Result<Response, Problem> {
    let mut draft = NewOrder::from(body);
    let mut warnings = Vec::from_iter(key.used_for(&mut draft));
    warnings.extend(collects_more(&draft));
    let created = orders.create(&merchant.user_id, draft).await;
    if let Ok(Created::New(order) | Created::Replayed(order)) | Err(CreateError::Mismatch(order)) = &created {
        tracing::Span::current().record("order.id", order.id());
    }
    match created {
        Ok(Created::New(order)) => {
            let location = HeaderValue::try_from(format!("/v1/orders/{}", order.id())).ok();
            let mut created =
                answer::json(StatusCode::CREATED, &CreateOrderResponse::new(&order, false, warnings));
            if let Some(location) = location {
                created.headers_mut().insert(header::LOCATION, location);
            }
            Ok(created)
        }
        Ok(Created::Replayed(order)) => {
            if order.status() == OrderStatus::Cancelled {
                warnings.push(Warning {
                    code: "order-cancelled",
                    detail: format!("This order is cancelled. {ANEW}"),
                });
            }
            let mut replayed = answer::ok(&CreateOrderResponse::new(&order, true, warnings));
            replayed.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(replayed)
        }
        Err(CreateError::Mismatch(existing)) => Err(mismatch(&existing)),
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}

/// Create an order
///
/// Idempotent on your account and `clientOrderId`: the same request again answers 200 with the order as it
/// stands; the same `clientOrderId` with another payload answers 422 and changes nothing. The order is booked
/// with `ParcelX` in the background: ask `GET /v1/orders/{id}` until `providerSyncStatus` is `success` or
/// `failed`; `needs_review` waits for a person.
#[utoipa::path(post, path = "/v1/orders", tag = TAG, operation_id = "createOrderV1",
    request_body = CreateOrder, params(IdempotencyKey),
    responses(
        (status = 201, description = "Accepted", body = CreateOrderResponse, headers(("Location" = String,
            description = "The order")), example = json!(examples::created())),
        (status = 200, description = "A repeat of an earlier request", body = CreateOrderResponse,
            headers(("Idempotent-Replayed" = String, description = "`true`")),
            example = json!(examples::replayed())),
        (status = 422, description = "Invalid fields, or the `clientOrderId` of another order"),
    ))]
async fn create_order_v1(
    orders: State<OrderService>,
    merchant: Merchant,
    key: IdempotencyKey,
    body: ValidJson<CreateOrder>,
) -> Result<Response, Problem> {
    create_order(orders, merchant, key, body).await
}

/// List your orders
///
/// Newest first; by `clientOrderId`, `orderNumber` or `awb` the one order that has it. Pages never repeat or
/// leave out an order that was there when the first page was read. With several filters a page may have fewer
/// orders than its limit, or none, and still a next page.
#[utoipa::path(get, path = "/v1/orders", tag = TAG, operation_id = "listOrders", params(ListQuery),
    responses(
        (status = 200, description = "One page", body = OrderList, headers(("Link" = String,
            description = "The next page, `rel=\"next\"`")), example = json!(examples::list())),
        (status = 400, description = "An unknown or bad parameter, or a foreign cursor"),
    ))]
async fn list_orders(
    State(orders): State<OrderService>,
    State(accounts): State<Accounts>,
    State(clock): State<Clock>,
    State(cursors): State<Cursors>,
    merchant: Merchant,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.page();
    let after = query.read_cursor(&cursors, &merchant.user_id).ok_or_else(|| {
        Problem::new(Kind::InvalidCursor, "The cursor was not made for this query. Start again without it.")
    })?;
    let page = orders.list(&merchant.user_id, &query.filter(), after, limit).await?;
    let next_cursor = page.next.and_then(|next| query.write_cursor(&cursors, &merchant.user_id, &next));
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
        (status = 200, description = "The order", body = OrderResponse, example = json!(examples::booked())),
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

path_id!(
    /// The `{id}` of a path.
    pub OrderId,
    no_such_order()
);

/// The same answer for another merchant's order and for none at all.
#[must_use]
pub fn no_such_order() -> Problem {
    Problem::new(Kind::NotFound, "No order of yours has this id.")
}

/// What to do with what a cancelled order stands in the way of.
const ANEW: &str = "Send the new one under a new clientOrderId.";

/// A slip that a courier would collect: nothing forbids it, so it is told.
fn collects_more(draft: &NewOrder) -> Option<Warning> {
    let charges = &draft.payload.charges;
    let owed: Money = [charges.order_amount, charges.tax_amount, charges.extra_charges].into_iter().sum();
    (charges.cod_amount > owed).then(|| Warning {
        code: "collects-more",
        detail: "codAmount is more than orderAmount, taxAmount and extraCharges together.".to_owned(),
    })
}

fn mismatch(existing: &Order) -> Problem {
    let error = FieldError::pointer("/clientOrderId", "taken", "belongs to another order of yours");
    let id = existing.id();
    let detail = if existing.status() == OrderStatus::Cancelled {
        format!("This clientOrderId belongs to order {id}, which is cancelled. {ANEW}")
    } else if existing.provider_sync_status() == SyncStatus::Failed {
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
    pair("orderNumber", query.order_number.clone());
    pair("awb", query.awb.clone());
    pair("status", query.status.map(|s| s.as_str().to_owned()));
    pair("providerSyncStatus", query.provider_sync_status.map(|s| s.as_str().to_owned()));
    pair("createdAfter", query.created_after.map(|t| t.to_string()));
    pair("createdBefore", query.created_before.map(|t| t.to_string()));
    pair("limit", Some(limit.to_string()));
    pair("cursor", Some(cursor.to_owned()));
    HeaderValue::try_from(format!("</v1/orders?{}>; rel=\"next\"", pairs.finish())).ok()
}
