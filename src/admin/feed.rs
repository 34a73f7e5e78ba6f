//! The live stream: every event once per process read from the store, and sent to all who listen.
//!
//! Guards against a page that misses something: each stream goes on behind the number that it names
//! (`Last-Event-ID`), and one that falls behind reads again from the store. And against streams that outlive
//! their right: each asks every second whether its session still counts, and ends with the process.

mod pulse;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, interval, interval_at},
};
use tokio_util::sync::CancellationToken;

use self::pulse::Pulse;
pub use self::pulse::Watched;
use crate::{
    features::events::{Event, Events},
    platform::store::StoreError,
};

/// How often the store is asked while anybody listens.
const EVERY: Duration = Duration::from_millis(250);
/// Events that are read at once, and that a slow listener may be behind before it reads from the store again.
const AT_ONCE: usize = 500;
const BEHIND: usize = 2000;
/// How often a listener's right is looked at, and a silent line is used.
const CHECK: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Longest text of one event's data, in bytes.
const LONGEST: usize = 4096;

/// One event as it is sent.
#[derive(Debug, Clone)]
struct Frame {
    /// None: it is told, and not kept.
    seq: Option<i64>,
    text: Bytes,
}

impl Frame {
    fn passing(event: &str, data: &Value) -> Self {
        Self { seq: None, text: format!("event: {event}\ndata: {data}\n\n").into() }
    }
}

impl From<&Event> for Frame {
    fn from(event: &Event) -> Self {
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
        // JSON has no line breaks of its own, so it is one line of the stream.
        let text = format!("id: {}\nevent: {}\ndata: {text}\n\n", event.seq, event.domain());
        Self { seq: Some(event.seq), text: text.into() }
    }
}

/// What the streams of one process share. Clones are the same.
#[derive(Debug, Clone)]
pub struct Feed {
    events: Events,
    watched: Watched,
    draining: CancellationToken,
    frames: broadcast::Sender<Arc<Frame>>,
    /// Whether somebody reads the store for all.
    reading: Arc<Mutex<bool>>,
}

impl Feed {
    #[must_use]
    pub fn new(events: Events, watched: Watched, draining: CancellationToken) -> Self {
        Self { events, watched, draining, frames: broadcast::Sender::new(BEHIND), reading: Arc::default() }
    }

    /// A stream behind the event `after`, or from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn listen(&self, after: Option<i64>) -> Result<Listener, StoreError> {
        let last = self.events.last().await?;
        // A number that was never given is that of another database.
        let after = after.filter(|after| (0..=last).contains(after));
        let kept = self.events.first().await?;
        let missed = after.is_some_and(|after| kept.is_some_and(|kept| after + 1 < kept));
        let live = self.subscribe(last);
        Ok(Listener {
            feed: self.clone(),
            live,
            seq: after.unwrap_or(last),
            // Also of one that begins now: an event may have come before it began to listen.
            read: true,
            missed,
        })
    }

    fn subscribe(&self, last: i64) -> broadcast::Receiver<Arc<Frame>> {
        let live = self.frames.subscribe();
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reading {
            *reading = true;
            tokio::spawn(self.clone().read(last));
        }
        live
    }

    /// Reads the store behind `seq` for all listeners, until there is none.
    async fn read(self, mut seq: i64) {
        let mut pulse = Pulse::new(self.watched.clone());
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.draining.run_until_cancelled(every.tick()).await.is_some() {
            if self.is_alone() {
                return;
            }
            match self.read_on(seq).await {
                Ok(read) => seq = read,
                Err(error) => tracing::warn!(%error, "the events could not be read"),
            }
            for (event, data) in pulse.changes().await {
                let _nobody = self.frames.send(Arc::new(Frame::passing(event, &data)));
            }
        }
    }

    async fn read_on(&self, mut seq: i64) -> Result<i64, StoreError> {
        loop {
            let events = self.events.after(seq, AT_ONCE).await?;
            for event in &events {
                seq = event.seq;
                // Nobody may be left; then nothing is lost.
                let _nobody = self.frames.send(Arc::new(Frame::from(event)));
            }
            if events.len() < AT_ONCE {
                return Ok(seq);
            }
        }
    }

    fn is_alone(&self) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: whoever subscribes next begins to read anew.
        let alone = self.frames.receiver_count() == 0;
        *reading = !alone;
        alone
    }
}

/// One stream.
#[derive(Debug)]
pub struct Listener {
    feed: Feed,
    live: broadcast::Receiver<Arc<Frame>>,
    /// The last event that was sent.
    seq: i64,
    /// There are events in the store that were not sent.
    read: bool,
    /// Events behind the number that it named are kept no more.
    missed: bool,
}

/// What to send next.
#[derive(Debug)]
enum Next {
    Text(Bytes),
    /// Nothing happened for a while.
    Heartbeat,
    End,
}

impl Listener {
    /// The texts of the stream, until the process stops or `counts` says no.
    pub fn stream<F, C>(self, counts: C) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>>
    where
        C: Fn() -> F + Send,
        F: Future<Output = bool> + Send,
    {
        let missed = if self.missed { "event: reset\ndata: {}\n\n" } else { "" };
        // Also says at once that the line is open.
        let hello = Bytes::from(format!("retry: 2000\n\n{missed}"));
        // Of the whole stream, since it may never rest.
        let mut check = interval_at(Instant::now() + CHECK, CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        futures_util::stream::unfold(
            (self, counts, Some(hello), check, false),
            async |(mut listener, counts, hello, mut check, ended)| {
                if ended {
                    return None;
                }
                if let Some(hello) = hello {
                    return Some((Ok(hello), (listener, counts, None, check, false)));
                }
                let next = listener.next(&counts, &mut check).await;
                let (text, ended) = match next {
                    Next::Text(text) => (text, false),
                    Next::Heartbeat => (Bytes::from_static(b": still here\n\n"), false),
                    Next::End => (Bytes::from_static(b"event: bye\ndata: {}\n\n"), true),
                };
                Some((Ok(text), (listener, counts, None, check, ended)))
            },
        )
    }

    async fn next<F, C>(&mut self, counts: &C, check: &mut Interval) -> Next
    where
        C: Fn() -> F,
        F: Future<Output = bool>,
    {
        let (draining, beat) = (self.feed.draining.clone(), Instant::now() + HEARTBEAT);
        loop {
            tokio::select! {
                biased;
                () = draining.cancelled() => return Next::End,
                _ = check.tick() => {
                    if !counts().await {
                        return Next::End;
                    }
                }
                sent = self.more() => {
                    if let Some(text) = sent {
                        return Next::Text(text);
                    }
                }
                () = tokio::time::sleep_until(beat) => return Next::Heartbeat,
            }
        }
    }

    /// The next events, from the store as long as this stream is behind; nothing when it should be asked
    /// again.
    async fn more(&mut self) -> Option<Bytes> {
        if self.read {
            return self.behind().await;
        }
        let mut text = Vec::new();
        let mut next = self.live.recv().await;
        loop {
            match next {
                Ok(frame) => match frame.seq {
                    Some(seq) if seq <= self.seq => {}
                    // Something is missing in between.
                    Some(seq) if seq > self.seq + 1 => {
                        self.read = true;
                        break;
                    }
                    seq => {
                        self.seq = seq.unwrap_or(self.seq);
                        text.extend_from_slice(&frame.text);
                    }
                },
                Err(RecvError::Lagged(_)) => {
                    self.read = true;
                    break;
                }
                Err(RecvError::Closed) => return std::future::pending().await,
            }
            // What has come meanwhile goes with it.
            match self.live.try_recv() {
                Ok(frame) => next = Ok(frame),
                Err(_) => break,
            }
        }
        (!text.is_empty()).then(|| text.into())
    }

    async fn behind(&mut self) -> Option<Bytes> {
        match self.feed.events.after(self.seq, AT_ONCE).await {
            Ok(events) => {
                self.read = events.len() == AT_ONCE;
                let mut text = Vec::new();
                for frame in events.iter().map(Frame::from) {
                    self.seq = frame.seq.unwrap_or(self.seq);
                    text.extend_from_slice(&frame.text);
                }
                (!text.is_empty()).then(|| text.into())
            }
            Err(error) => {
                tracing::warn!(%error, "the events could not be read");
                tokio::time::sleep(EVERY).await;
                None
            }
        }
    }
}
