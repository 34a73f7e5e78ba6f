//! The live streams of merchants: a room for each, in which only that merchant's events are told.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Event, Events,
    feed::{Beside, Feed, Frame, Quiet, Source},
    notifications_of,
    shown::MerchantEvent,
};
use crate::{
    base::ids,
    features::{
        messages::{Typing, typing::Typed},
        notifications::marks::{Marked, Marks},
    },
};

/// Events that a slow listener may be behind before it reads from the store again: rooms are many.
const BEHIND: usize = 64;
/// Streams of one process, and of one merchant.
const MOST: usize = 5000;
const MOST_OF_MERCHANT: usize = 200;

/// What all streams of this process share; they end with `draining`.
#[must_use]
pub fn feed(events: Events, typing: Typing, marks: Marks, draining: CancellationToken) -> Feed {
    let source = source(typing);
    let beside = source.beside.into_iter().chain([read(marks)]).collect();
    Feed::new(events, Source { beside: Some(all(beside)), ..source }, draining)
}

/// What is told in the room of each merchant.
#[must_use]
pub fn source(typing: Typing) -> Source {
    Source {
        room,
        frame,
        id: ids::event,
        whole: false,
        beside: Some(typed(typing, |typed| {
            let data = json!({ "orderId": typed.order, "from": typed.from });
            let told = json!({ "type": TYPING, "timestamp": typed.at, "data": data });
            Frame::passing(TYPING, &told.to_string()).to(&typed.merchant, &typed.order)
        })),
        behind: BEHIND,
        most: MOST,
        most_of_room: MOST_OF_MERCHANT,
        quiet: Quiet::default(),
    }
}

/// What is told of those who type and is kept nowhere.
pub const TYPING: &str = "order.typing";

/// Tells each sign of typing that was not told before, as `frame` has it.
#[must_use]
pub fn typed(typing: Typing, frame: fn(&Typed) -> Frame) -> Beside {
    let seen = Arc::new(AtomicU64::new(0));
    Arc::new(move || {
        let (typing, seen) = (typing.clone(), Arc::clone(&seen));
        Box::pin(async move {
            let (new, last) = typing.behind(seen.load(Ordering::Relaxed)).await;
            seen.store(last, Ordering::Relaxed);
            new.iter().map(frame).collect()
        })
    })
}

/// What a person's own streams are told when that person has read notifications.
const READ: &str = "notification.read";

/// Tells each mark that was not told before.
fn read(marks: Marks) -> Beside {
    Arc::new(move || {
        let marks = marks.clone();
        Box::pin(async move { marks.news().await.iter().map(marked).collect() })
    })
}

fn marked(marked: &Marked) -> Frame {
    let data = json!({ "unread": marked.unread });
    let told = json!({ "type": READ, "timestamp": marked.at, "data": data });
    let frame = Frame::passing(READ, &told.to_string());
    frame.to(&marked.merchant, &notifications_of(&marked.merchant)).to_person(&marked.person)
}

/// What each of them tells.
fn all(besides: Vec<Beside>) -> Beside {
    Arc::new(move || {
        let told: Vec<_> = besides.iter().map(|beside| beside()).collect();
        Box::pin(async move { join_all(told).await.into_iter().flatten().collect() })
    })
}

fn room(event: &Event) -> Option<&str> {
    event.public.as_ref().map(|public| public.merchant.as_str())
}

fn frame(event: &Event) -> Option<Frame> {
    let shown = MerchantEvent::of(event)?;
    let json = serde_json::to_string(&shown).ok()?;
    Some(Frame::new(event, &shown.id, &shown.kind, &json))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::{base::timestamp::Timestamp, features::events::Public};

    fn event(merchant: Option<&str>, public: Option<&str>) -> Event {
        Event {
            id: "evt_0000000000000007".to_owned(),
            version: 1,
            seq: 7,
            at: Timestamp::from_millis(0),
            kind: "order.success".to_owned(),
            subject: "ord_1".to_owned(),
            no: 3,
            merchant: merchant.map(str::to_owned),
            public: public
                .map(|m| Public { merchant: m.to_owned(), kind: "order.status_changed".to_owned() }),
            data: Map::from_iter([
                ("status".to_owned(), json!("success")),
                ("orderStatus".to_owned(), json!("booked")),
                ("operatorsOnly".to_owned(), json!("x")),
            ]),
            extra: Map::new(),
        }
    }

    #[test]
    fn an_event_is_told_in_the_room_of_its_merchant_alone() {
        assert_eq!(room(&event(Some("shop"), Some("shop"))), Some("shop"));
        // A line of the audit log names its merchant, too, and is for operators.
        let internal = event(Some("shop"), None);
        assert!(room(&internal).is_none() && frame(&internal).is_none());
    }

    #[test]
    fn only_named_fields_are_told() {
        let frame = frame(&event(Some("shop"), Some("shop"))).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&frame.json()).unwrap();
        assert_eq!(
            told,
            json!({
                "id": "evt_0000000000000007", "type": "order.status_changed",
                "timestamp": "1970-01-01T00:00:00.000Z",
                "data": { "orderId": "ord_1", "sequence": 3, "status": "booked",
                          "providerSyncStatus": "success" },
            })
        );
    }
}
