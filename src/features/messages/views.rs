//! What merchants see of a thread. The desk has one name there.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Message, Side, Thread};
use crate::base::timestamp::Timestamp;

/// Whoever writes for the desk, to shops.
const SUPPORT: &str = "Support";
/// A system of the shop, which has a key or a token.
const SYSTEM: &str = "API";
/// A person who works for the shop no more.
const GONE: &str = "A former member";

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderMessage)]
pub(super) struct MessageView {
    #[schema(example = "msg_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d")]
    pub(super) id: String,
    /// Messages about an order count from 1.
    #[schema(example = 1)]
    pub(super) number: i64,
    pub(super) from: Side,
    /// The name of your member; `API`: one of your systems; `Support`.
    #[schema(example = "Asha Example")]
    pub(super) author: String,
    /// Plain text, which may have several lines.
    #[schema(example = "The parcel has not been picked up yet.")]
    pub(super) text: String,
    /// Of your own messages.
    pub(super) client_message_id: Option<String>,
    pub(super) created_at: Timestamp,
}

impl MessageView {
    pub(super) fn new(message: Message, names: &BTreeMap<String, String>) -> Self {
        let author = match message.from {
            Side::Support => SUPPORT,
            Side::Shop if !message.author.starts_with("usr_") => SYSTEM,
            Side::Shop => names.get(&message.author).map_or(GONE, String::as_str),
        };
        Self {
            author: author.to_owned(),
            id: message.id,
            number: message.no,
            from: message.from,
            text: message.text,
            client_message_id: message.client_id.filter(|_| message.from == Side::Shop),
            created_at: message.at,
        }
    }
}

/// How a thread stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageThread)]
pub(super) struct ThreadView {
    /// All messages.
    pub(super) messages: i64,
    /// Messages of the desk that your side has not read. One mark counts for all of your people and systems.
    pub(super) unread: i64,
    /// The number of the last message that your side has read; 0: none.
    pub(super) read_to: i64,
    /// The same of the desk.
    pub(super) read_to_by_support: i64,
}

impl From<&Thread> for ThreadView {
    fn from(thread: &Thread) -> Self {
        Self {
            messages: thread.last,
            unread: thread.unread(Side::Shop),
            read_to: thread.shop.read_to,
            read_to_by_support: thread.support.read_to,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageResponse)]
pub(super) struct MessageResponse {
    pub(super) success: bool,
    pub(super) data: MessageView,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageThreadResponse)]
pub(super) struct ThreadResponse {
    pub(super) success: bool,
    pub(super) data: ThreadView,
}

/// Messages, the newest last.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageList {
    pub(super) success: bool,
    pub(super) data: Vec<MessageView>,
    pub(super) has_more: bool,
    /// The id of the last message, also when there are no more yet: ask again with it later.
    pub(super) next_cursor: Option<String>,
    pub(super) thread: ThreadView,
}
