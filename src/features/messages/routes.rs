//! The HTTP edge of messages, for merchants.

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    MessageError, Messages, Side, examples,
    model::{MOST_A_MINUTE, MOST_OF_SIDE},
    request::{DEFAULT_LIMIT, MarkRead, MessagesQuery, PostMessage},
    service::Posted,
    views::{MessageList, MessageResponse, MessageView, ThreadResponse, ThreadView},
};
use crate::{
    features::{
        Services,
        merchants::routes::caller::CallerOf,
        orders::{
            model::Order,
            routes::{OrderId, no_such_order},
            service::OrderService,
        },
    },
    platform::http::{FieldError, Kind, Problem, ValidJson, ValidQuery, answer, cursor::bad_cursor},
};

const TAG: &str = "Messages";
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .routes(routes!(list_messages, post_message))
        .routes(routes!(mark_read))
        .routes(routes!(type_message))
}

impl From<MessageError> for Problem {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::NoSuchMessage => {
                let fault = FieldError::pointer("/messageId", "unknown", "is no message about this order");
                Self::new(Kind::ValidationFailed, "/messageId is no message about this order.")
                    .errors(vec![fault])
            }
            MessageError::Differs => {
                let why = "belongs to another message about this order";
                Self::new(Kind::IdempotencyPayloadMismatch, format!("/clientMessageId {why}."))
                    .errors(vec![FieldError::pointer("/clientMessageId", "taken", why)])
            }
            MessageError::Full => {
                let detail = format!("You have written {MOST_OF_SIDE} messages about this order, the most.");
                Self::new(Kind::ConflictState, detail).named("thread-full")
            }
            MessageError::TooFast(wait) => {
                let detail = format!("At most {MOST_A_MINUTE} messages a minute are taken about one order.");
                Self::new(Kind::TooManyRequests, detail).retry_after(wait)
            }
            MessageError::Store(error) => error.into(),
        }
    }
}

async fn order_of(orders: &OrderService, caller: &CallerOf, id: &str) -> Result<Order, Problem> {
    orders.of_user(&caller.caller.merchant_id, id).await?.ok_or_else(no_such_order)
}

/// List the messages about an order
///
/// Between your shop and the desk, oldest first. Ask again with `nextCursor` for those that have come since;
/// `order.message` in events and webhooks says that there are some.
#[utoipa::path(get, path = "/v1/orders/{id}/messages", tag = TAG, operation_id = "listMessages",
    params(("id" = String, Path, description = "The order's id, `ord_…`"), MessagesQuery),
    responses(
        (status = 200, description = "One page, the newest last", body = MessageList,
            example = json!(examples::list())),
        (status = 400, description = "An unknown or bad parameter, or a cursor that is no message of this \
            order"),
        (status = 404, description = "No order of yours has this id"),
    ))]
async fn list_messages(
    State(orders): State<OrderService>,
    State(messages): State<Messages>,
    caller: CallerOf,
    OrderId(id): OrderId,
    ValidQuery(query): ValidQuery<MessagesQuery>,
) -> Result<Response, Problem> {
    let order = order_of(&orders, &caller, &id).await?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let page = messages.behind(&id, query.cursor.as_deref(), limit).await.map_err(|error| match error {
        MessageError::NoSuchMessage => bad_cursor(),
        error => error.into(),
    })?;
    // Behind the messages: a mark that is set in between is of one of them.
    let thread = messages.thread(&order).await?;
    let names = messages.names(&page).await?;
    let next_cursor = page.last().map(|message| message.id.clone()).or(query.cursor);
    Ok(answer::ok(&MessageList {
        success: true,
        has_more: page.last().is_some_and(|message| message.no < thread.last),
        next_cursor,
        thread: ThreadView::from(&thread),
        data: page.into_iter().map(|message| MessageView::new(message, &names)).collect(),
    }))
}

/// Write to the desk about an order
///
/// Sent again under the same `clientMessageId`, it is kept once. About one order a side may write 20 messages
/// a minute, and 250 in all.
#[utoipa::path(post, path = "/v1/orders/{id}/messages", tag = TAG, operation_id = "postMessage",
    params(("id" = String, Path, description = "The order's id, `ord_…`")), request_body = PostMessage,
    responses(
        (status = 201, description = "Kept", body = MessageResponse, example = json!(examples::posted())),
        (status = 200, description = "A repeat: the message that was kept before", body = MessageResponse,
            headers(("Idempotent-Replayed" = String, description = "`true`")),
            example = json!(examples::posted())),
        (status = 404, description = "No order of yours has this id"),
        (status = 409, description = "`thread-full`: there is no room for more"),
        (status = 422, description = "Invalid fields, or the `clientMessageId` of another message"),
        (status = 429, description = "Too many messages in a minute, or requests; see `Retry-After`"),
    ))]
async fn post_message(
    State(orders): State<OrderService>,
    State(messages): State<Messages>,
    caller: CallerOf,
    OrderId(id): OrderId,
    ValidJson(body): ValidJson<PostMessage>,
) -> Result<Response, Problem> {
    let order = order_of(&orders, &caller, &id).await?;
    let new = body.by(Side::Shop, caller.caller.name());
    let (status, message) = match messages.post(&order, new).await? {
        Posted::New(message) => (StatusCode::CREATED, message),
        Posted::Replayed(message) => (StatusCode::OK, message),
    };
    let names = messages.names(std::slice::from_ref(&message)).await?;
    let data = MessageView::new(message, &names);
    let mut response = answer::json(status, &MessageResponse { success: true, data });
    if status == StatusCode::OK {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Mark messages as read
///
/// All up to this one, for all of your people and systems. A mark never goes back.
#[utoipa::path(put, path = "/v1/orders/{id}/messages/read", tag = TAG, operation_id = "markMessagesRead",
    params(("id" = String, Path, description = "The order's id, `ord_…`")), request_body = MarkRead,
    responses(
        (status = 200, description = "As the thread then stands", body = ThreadResponse,
            example = json!(examples::read())),
        (status = 404, description = "No order of yours has this id"),
        (status = 422, description = "Invalid fields, or no message about this order has this id"),
    ))]
async fn mark_read(
    State(orders): State<OrderService>,
    State(messages): State<Messages>,
    caller: CallerOf,
    OrderId(id): OrderId,
    ValidJson(body): ValidJson<MarkRead>,
) -> Result<Response, Problem> {
    order_of(&orders, &caller, &id).await?;
    let thread = messages.read(&id, Side::Shop, &body.message_id).await?;
    Ok(answer::ok(&ThreadResponse { success: true, data: ThreadView::from(&thread) }))
}

/// Say that somebody is typing
///
/// Those who watch this order are told so by `order.typing`, which has no id and is no event. One in three
/// seconds is told; more do no harm.
#[utoipa::path(post, path = "/v1/orders/{id}/messages/typing", tag = TAG, operation_id = "tellTyping",
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    responses(
        (status = 204, description = "Told, if anybody listens"),
        (status = 404, description = "No order of yours has this id"),
    ))]
async fn type_message(
    State(orders): State<OrderService>,
    State(messages): State<Messages>,
    caller: CallerOf,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let order = order_of(&orders, &caller, &id).await?;
    messages.types(&order, Side::Shop);
    Ok(StatusCode::NO_CONTENT.into_response())
}
