//! The live streams of merchants: a room for each, in which only that merchant's events are told.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Event, Events,
    feed::{Beside, Feed, Frame, Source},
    shown::MerchantEvent,
};
use crate::features::messages::{Typing, typing::Typed};

/// Events that a slow listener may be behind before it reads from the store again: rooms are many.
const BEHIND: usize = 64;
/// Streams of one process, and of one merchant.
const MOST: usize = 5000;
const MOST_OF_MERCHANT: usize = 200;

/// What all streams of this process share; they end with `draining`.
#[must_use]
pub fn feed(events: Events, typing: Typing, draining: CancellationToken) -> Feed {
    let source = Source {
        room,
        frame,
        whole: false,
        beside: Some(typed(typing, |typed| {
            let data = json!({ "orderId": typed.order, "from": typed.from });
            let told = json!({ "type": TYPING, "timestamp": typed.at, "data": data });
            Frame::passing(TYPING, &told.to_string()).to(&typed.merchant, &typed.order)
        })),
        behind: BEHIND,
        most: MOST,
        most_of_room: MOST_OF_MERCHANT,
    };
    Feed::new(events, source, draining)
}

/// What is told of those who type and is kept nowhere.
pub const TYPING: &str = "order.typing";

/// Tells each sign of typing that was not told before, as `frame` has it.
#[must_use]
pub fn typed(typing: Typing, frame: fn(&Typed) -> Frame) -> Beside {
    let seen = Arc::new(Mutex::new(0_u64));
    Arc::new(move || {
        let new = typing.behind(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(new.iter().map(frame).collect()))
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
