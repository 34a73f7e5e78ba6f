//! Events as merchants know them: their types, and what of them is told.
//!
//! Guards against telling too much: fields are named one by one, so that one that is added for operators does
//! not reach merchants by itself.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Event, NewEvent, Public, messages_of, notifications_of};
use crate::{
    base::timestamp::Timestamp,
    features::{
        messages::{Message, Thread},
        notifications::Inbox,
        orders::{
            model::{CancellationState, HistoryEntry, Order},
            status::SyncStatus,
        },
    },
    provider::carrier::redact,
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// An order was accepted.
    #[serde(rename = "order.created")]
    OrderCreated,
    /// `status` or `providerSyncStatus` of an order has changed: booked, failed, being looked up, and so on.
    #[serde(rename = "order.status_changed")]
    OrderStatusChanged,
    /// An order is cancelled: not booked any more, or cancelled with the courier.
    #[serde(rename = "order.cancelled")]
    OrderCancelled,
    /// The request to cancel an order has come further, or back: requested, sent, refused, waiting for a
    /// person.
    #[serde(rename = "order.cancellation_changed")]
    OrderCancellationChanged,
    /// Something about an order that leaves its status as it is.
    #[serde(rename = "order.updated")]
    OrderUpdated,
    /// Somebody has written about an order: you (`from` is `shop`) or the desk (`support`). What was written
    /// is in `GET /v1/orders/{id}/messages`.
    #[serde(rename = "order.message")]
    OrderMessage,
    /// There is something new in `GET /v1/notifications`. As it tells of other events, webhooks get it only
    /// where they name it.
    #[serde(rename = "notification.created")]
    NotificationCreated,
    /// An address of yours was given up; `reason` says why.
    #[serde(rename = "webhook_endpoint.disabled")]
    EndpointDisabled,
    /// A test that you asked for.
    #[serde(rename = "webhook_endpoint.test")]
    EndpointTest,
}

impl EventType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderCreated => "order.created",
            Self::OrderStatusChanged => "order.status_changed",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderCancellationChanged => "order.cancellation_changed",
            Self::OrderUpdated => "order.updated",
            Self::OrderMessage => "order.message",
            Self::NotificationCreated => "notification.created",
            Self::EndpointDisabled => "webhook_endpoint.disabled",
            Self::EndpointTest => "webhook_endpoint.test",
        }
    }
}

/// An event as its merchant reads it, in lists and streams.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MerchantEvent {
    /// The same in lists, streams and webhooks, there as `webhook-id`.
    #[schema(example = "evt_0000000000000042")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(value_type = EventType)]
    pub kind: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Of an order: `orderId`, `sequence` (its steps count from 1), `orderNumber`, `clientOrderId`, `status`,
    /// `providerSyncStatus`, and where they apply `reason`, `attempt`, `awb`, `courierName`, `cancellation`.
    /// Of a message: `orderId`, `orderNumber`, `clientOrderId`, `messageId`, `number` and `from`.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

/// What an order's event has under the same name for merchants, and under another.
const SAME: [&str; 7] =
    ["orderNumber", "clientOrderId", "reason", "attempt", "awb", "courierName", "cancellation"];
const OF_MESSAGE: [&str; 5] = ["orderNumber", "clientOrderId", "messageId", "number", "from"];
const RENAMED: [(&str, &str); 2] = [("orderStatus", "status"), ("status", "providerSyncStatus")];

impl MerchantEvent {
    /// Nothing for an event that no merchant knows of.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let public = event.public.as_ref()?;
        let mut data = Map::new();
        match event.domain() {
            "order" if event.kind == EventType::OrderMessage.as_str() => {
                data.insert("orderId".to_owned(), event.about().into());
                for name in OF_MESSAGE {
                    if let Some(value) = event.data.get(name) {
                        data.insert(name.to_owned(), value.clone());
                    }
                }
            }
            "order" => {
                data.insert("orderId".to_owned(), event.subject.as_str().into());
                data.insert("sequence".to_owned(), event.no.into());
                let same = SAME.map(|name| (name, name));
                for (from, to) in RENAMED.into_iter().chain(same) {
                    if let Some(value) = event.data.get(from) {
                        data.insert(to.to_owned(), value.clone());
                    }
                }
            }
            "notification" => {
                for name in ["notificationId", "number"] {
                    if let Some(value) = event.data.get(name) {
                        data.insert(name.to_owned(), value.clone());
                    }
                }
            }
            "webhook_endpoint" => {
                data.insert("endpointId".to_owned(), event.subject.as_str().into());
                if let Some(reason) = event.data.get("reason") {
                    data.insert("reason".to_owned(), reason.clone());
                }
            }
            _ => return None,
        }
        Some(Self { id: event.id.clone(), kind: public.kind.clone(), timestamp: event.at, data })
    }

    /// The body of a webhook: its id is in a header.
    #[must_use]
    pub fn body(&self) -> String {
        json!({ "type": self.kind, "timestamp": self.timestamp, "data": self.data }).to_string()
    }
}

/// The steps of an order behind the step `published`, as events.
pub(super) fn steps(order: &Order, published: i64) -> Vec<NewEvent> {
    let (mut all, mut before) = (Vec::new(), None);
    for entry in order.history() {
        if entry.seq > published {
            all.push(step(order, entry, kind(entry, before)));
        }
        before = Some(entry);
    }
    all
}

/// What a step is, by what it has changed.
fn kind(entry: &HistoryEntry, before: Option<&HistoryEntry>) -> EventType {
    let (status, cancellation) = (entry.status, entry.cancellation);
    let Some(before) = before else {
        return if entry.seq == 1 { EventType::OrderCreated } else { EventType::OrderStatusChanged };
    };
    let done = |status, cancellation| match status {
        SyncStatus::Cancelled => true,
        SyncStatus::Success => cancellation == Some(CancellationState::Done),
        _ => false,
    };
    if done(status, cancellation) && !done(before.status, before.cancellation) {
        EventType::OrderCancelled
    } else if status != before.status {
        EventType::OrderStatusChanged
    } else if cancellation != before.cancellation {
        EventType::OrderCancellationChanged
    } else {
        // A look-up more is a step, but no news.
        EventType::OrderUpdated
    }
}

fn step(order: &Order, entry: &HistoryEntry, kind: EventType) -> NewEvent {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    // What is not kept of each step is true of the last one.
    let last = order.history().last().is_some_and(|last| last.seq == entry.seq);
    let status = if last { order.status() } else { entry.status.order_status() };
    put("status", entry.status.as_str().into());
    put("orderStatus", status.as_str().into());
    put("orderNumber", order.order_number().into());
    put("actor", serde_json::to_value(entry.actor).unwrap_or_default());
    if let Some(id) = order.client_order_id() {
        put("clientOrderId", id.into());
    }
    if let Some(reason) = &entry.reason {
        put("reason", redact::words(reason).into());
    }
    if let Some(attempt) = entry.attempt {
        put("attempt", attempt.into());
    }
    if entry.status == SyncStatus::Success {
        for (name, value) in [("awb", order.awb()), ("courierName", order.courier_name())] {
            if let Some(value) = value {
                put(name, value.into());
            }
        }
    }
    let cancellation = match order.cancellation().state() {
        state if last => Some(state).filter(|state| *state != CancellationState::None),
        _ => entry.cancellation,
    };
    if let Some(cancellation) = cancellation {
        put("cancellation", serde_json::to_value(cancellation).unwrap_or_default());
    }
    NewEvent {
        at: entry.at,
        kind: format!("order.{}", entry.status.as_str()),
        subject: order.id().to_owned(),
        no: entry.seq,
        merchant: Some(order.user_id().to_owned()),
        public: Some(Public { merchant: order.user_id().to_owned(), kind: kind.as_str().to_owned() }),
        data,
    }
}

/// A message as an event, without what was written: whoever may read that asks for it.
pub(super) fn message(thread: &Thread, message: &Message) -> NewEvent {
    let kind = EventType::OrderMessage.as_str().to_owned();
    let mut data = Map::new();
    data.insert("orderNumber".to_owned(), thread.order_number.as_str().into());
    if let Some(id) = &thread.client_order_id {
        data.insert("clientOrderId".to_owned(), id.as_str().into());
    }
    data.insert("messageId".to_owned(), message.id.as_str().into());
    data.insert("number".to_owned(), message.no.into());
    data.insert("from".to_owned(), message.from.as_str().into());
    NewEvent {
        at: message.at,
        kind: kind.clone(),
        subject: messages_of(&thread.id),
        no: message.no,
        merchant: Some(thread.merchant.clone()),
        public: Some(Public { merchant: thread.merchant.clone(), kind }),
        data,
    }
}

/// The last of a merchant's notifications: those that came with it are one event.
pub(super) fn notified(inbox: &Inbox) -> NewEvent {
    let kind = EventType::NotificationCreated.as_str().to_owned();
    NewEvent {
        at: inbox.updated_at,
        kind: kind.clone(),
        subject: notifications_of(&inbox.id),
        no: inbox.last,
        merchant: Some(inbox.id.clone()),
        public: Some(Public { merchant: inbox.id.clone(), kind }),
        data: Map::from_iter([
            ("notificationId".to_owned(), inbox.latest.as_str().into()),
            ("number".to_owned(), inbox.last.into()),
        ]),
    }
}
