//! Messages with merchants, about one order: read by all who may look, written by operators. Each message of
//! the desk has a line in the audit log, and each mark that is news.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data, data,
    orders::{TAG, load, read_place, write_place},
    queries::DeadQuery,
};
use crate::{
    admin::{
        paging::{DEFAULT_LIMIT, ListQuery, Page, bad_cursor},
        session::Admin,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::messages::{
        Message, MessageError, Side, Thread,
        request::{MarkRead, MessagesQuery, PostMessage},
        service::Posted,
    },
    platform::http::{Problem, ValidJson, answer},
};

/// What the audit log is told: nobody gives a reason for a message.
const WRITTEN: &str = "a message to the merchant";
const READ: &str = "read at the desk";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_waiting))
        .routes(routes!(list_messages, post_message))
        .routes(routes!(mark_read))
        .routes(routes!(type_message))
}

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeskMessage)]
pub struct MessageView {
    pub id: String,
    /// They count from 1.
    pub number: i64,
    pub from: Side,
    /// Of the desk: who wrote it, which shops do not see. Of a shop: the id of its person or key, or `token`.
    pub author: String,
    /// As it was written: plain text.
    pub text: String,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            number: message.no,
            from: message.from,
            author: message.author,
            text: message.text,
            created_at: message.at,
        }
    }
}

/// How a thread stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeskThread)]
pub struct ThreadView {
    pub order_id: String,
    pub order_number: String,
    /// The merchant.
    pub user_id: String,
    /// All messages.
    pub messages: i64,
    /// Messages of the shop that the desk has not read.
    pub unread: i64,
    /// The number of the last message that the desk has read; 0: none.
    pub read_to: i64,
    /// The same of the shop.
    pub read_to_by_shop: i64,
    /// Since when there is something that the desk has not read.
    #[schema(value_type = Option<String>)]
    pub waiting_since: Option<Timestamp>,
}

impl From<Thread> for ThreadView {
    fn from(thread: Thread) -> Self {
        Self {
            messages: thread.last,
            unread: thread.unread(Side::Support),
            read_to: thread.support.read_to,
            read_to_by_shop: thread.shop.read_to,
            order_id: thread.id,
            order_number: thread.order_number,
            user_id: thread.merchant,
            waiting_since: thread.waiting_since,
        }
    }
}

/// Messages, the newest last.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeskMessages)]
pub struct MessagesPage {
    pub data: Vec<MessageView>,
    /// Give it back as `cursor` for the next page.
    pub next_cursor: Option<String>,
    pub thread: ThreadView,
}

/// Orders whose merchants wait for an answer
///
/// Threads with messages that the desk has not read, the one that waits longest first.
#[utoipa::path(get, path = "/messages", tag = TAG, operation_id = "listWaitingThreads", params(DeadQuery),
    responses(
        (status = 200, description = "One page", body = Page<ThreadView>),
        (status = 400, description = "A cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_waiting(
    State(state): State<AdminState>,
    ListQuery(query): ListQuery<DeadQuery>,
) -> Result<Response, Problem> {
    let bound = "waiting-threads";
    let after = query.cursor.as_deref().map(|text| read_place(&state.cursors, &bound, text)).transpose()?;
    let page = state.messages.waiting(after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&state.cursors, &bound, next));
    let data = page.docs.into_iter().map(ThreadView::from).collect::<Vec<_>>();
    Ok(answer::ok(&Page { data, next_cursor }))
}

/// The messages about an order
///
/// Oldest first.
#[utoipa::path(get, path = "/orders/{id}/messages", tag = TAG, operation_id = "listDeskMessages",
    params(("id" = String, Path, description = "The order's id"), MessagesQuery),
    responses(
        (status = 200, description = "One page, the newest last", body = MessagesPage),
        (status = 400, description = "A cursor that is no message of this order"),
        (status = 404, description = "There is no such order"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_messages(
    State(state): State<AdminState>,
    Path(id): Path<String>,
    ListQuery(query): ListQuery<MessagesQuery>,
) -> Result<Response, Problem> {
    let order = load(&state.orders, &id).await?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let page = state.messages.behind(&id, query.cursor.as_deref(), limit).await;
    let page = page.map_err(|error| match error {
        MessageError::NoSuchMessage => bad_cursor(),
        error => error.into(),
    })?;
    let thread = state.messages.thread(&order).await?;
    let more = page.last().filter(|message| message.no < thread.last);
    Ok(answer::ok(&MessagesPage {
        next_cursor: more.map(|message| message.id.clone()),
        data: page.into_iter().map(MessageView::from).collect(),
        thread: ThreadView::from(thread),
    }))
}

/// Write to the merchant about an order
///
/// Who sees it as written by *Support*. Sent again under the same `clientMessageId`, it is kept once.
#[utoipa::path(post, path = "/orders/{id}/messages", tag = TAG, operation_id = "postDeskMessage",
    params(("id" = String, Path, description = "The order's id")), request_body = PostMessage,
    responses(
        (status = 201, description = "Kept", body = Data<MessageView>),
        (status = 200, description = "A repeat: the message that was kept before", body = Data<MessageView>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "`thread-full`: there is no room for more"),
        (status = 422, description = "Invalid fields, or the `clientMessageId` of another message"),
        (status = 429, description = "Too many messages in a minute; see `Retry-After`"),
    ))]
async fn post_message(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<PostMessage>,
) -> Result<Response, Problem> {
    let order = load(&state.orders, &id).await?;
    let new = body.by(Side::Support, admin.name());
    let (status, message) = match state.messages.answer(&order, new, &admin.by(WRITTEN)?).await? {
        Posted::New(message) => (StatusCode::CREATED, message),
        Posted::Replayed(message) => (StatusCode::OK, message),
    };
    Ok(answer::json(status, &Data { data: MessageView::from(message) }))
}

/// Mark a merchant's messages as read
///
/// All up to this one, for the whole desk. A mark never goes back.
#[utoipa::path(put, path = "/orders/{id}/messages/read", tag = TAG, operation_id = "markDeskMessagesRead",
    params(("id" = String, Path, description = "The order's id")), request_body = MarkRead,
    responses(
        (status = 200, description = "As the thread then stands", body = Data<ThreadView>),
        (status = 404, description = "There is no such order"),
        (status = 422, description = "Invalid fields, or no message about this order has this id"),
    ))]
async fn mark_read(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<MarkRead>,
) -> Result<Response, Problem> {
    let order = load(&state.orders, &id).await?;
    let thread = state.messages.seen(&order, &body.message_id, &admin.by(READ)?).await?;
    Ok(data(ThreadView::from(thread)))
}

/// Say that the desk is typing
///
/// Told to those who watch the order. It is no event.
#[utoipa::path(post, path = "/orders/{id}/messages/typing", tag = TAG, operation_id = "tellDeskTyping",
    params(("id" = String, Path, description = "The order's id")),
    responses(
        (status = 204, description = "Told, if anybody listens"),
        (status = 404, description = "There is no such order"),
    ))]
async fn type_message(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Response, Problem> {
    let order = load(&state.orders, &id).await?;
    state.messages.types(&order, Side::Support);
    Ok(StatusCode::NO_CONTENT.into_response())
}
