//! The dashboard's live stream: every event in one room, and beside them what has no events of its own.

mod pulse;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use self::pulse::Pulse;
pub use self::pulse::Watched;
pub use crate::features::events::feed::Feed;
use crate::features::{
    events::{
        Event, Events,
        feed::{Beside, Frame, Quiet, Source},
        live,
    },
    messages::Typing,
};

/// Events that a slow listener may be behind before it reads from the store again.
const BEHIND: usize = 2000;
/// Dashboards that are open at once.
const MOST: usize = 1000;
/// Longest text of one event's data, in bytes.
const LONGEST: usize = 4096;

/// What all dashboards of this process share.
#[must_use]
pub fn feed(events: Events, watched: Watched, typing: Typing, draining: CancellationToken) -> Feed {
    let pulse = Arc::new(Mutex::new(Pulse::new(watched)));
    let typed = live::typed(typing, |typed| {
        let told = json!({ "type": live::TYPING, "at": typed.at, "id": typed.order, "from": typed.from });
        Frame::passing("typing", &told.to_string())
    });
    let beside: Beside = Arc::new(move || {
        let (pulse, typed) = (Arc::clone(&pulse), typed());
        Box::pin(async move {
            let changes = pulse.lock().await.changes().await.into_iter();
            let changes = changes.map(|(event, data)| Frame::passing(event, &data.to_string()));
            changes.chain(typed.await).collect()
        })
    });
    let source = Source {
        room,
        frame,
        id: |seq| seq.to_string(),
        whole: true,
        beside: Some(beside),
        behind: BEHIND,
        most: MOST,
        most_of_room: MOST,
        quiet: Quiet::default(),
    };
    Feed::new(events, source, draining)
}

/// Everything is for everybody who may look.
fn room(_: &Event) -> Option<&str> {
    Some("")
}

#[expect(clippy::unnecessary_wraps, reason = "others leave events out")]
fn frame(event: &Event) -> Option<Frame> {
    let mut data = event.data.clone();
    for (name, value) in [
        ("type", Value::from(event.kind.as_str())),
        ("at", json!(event.at)),
        ("id", event.subject.as_str().into()),
        ("no", event.no.into()),
    ] {
        data.insert(name.to_owned(), value);
    }
    let mut text = serde_json::to_string(&data).unwrap_or_default();
    if text.len() > LONGEST {
        text = json!({ "type": event.kind, "at": event.at, "id": event.subject }).to_string();
    }
    Some(Frame::new(event, &event.seq.to_string(), event.domain(), &text))
}
