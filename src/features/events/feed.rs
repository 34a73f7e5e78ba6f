//! The live streams of one process: every event is read from the store once, and sent to all who listen.
//!
//! Guards against a page that misses something: each stream goes on behind the number that it names, and one
//! that falls behind reads again from the store. Against streams that outlive their right: each asks every
//! second whether it still counts, and ends with the process. And against events that reach somebody else: a
//! listener is in one room, and an event goes to the one room that its [`Source`] names.

mod listener;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

pub use self::listener::{Bye, Listener, Next};
use super::{
    Event, Events,
    places::{Worth, numbers, passed},
};
use crate::platform::store::StoreError;

/// How often the store is asked while anybody listens.
const EVERY: Duration = Duration::from_millis(250);
/// Events that are read at once.
const AT_ONCE: usize = 200;

/// One event as it is sent.
#[derive(Debug, Clone)]
pub struct Frame {
    /// None: it is told, and not kept.
    seq: Option<i64>,
    subject: String,
    /// Of what is told and not kept: the room, and whose streams in there alone.
    room: String,
    person: Option<String>,
    /// As server-sent events have it, and the JSON in there.
    text: Bytes,
    json: Bytes,
}

impl Frame {
    /// `json` has no line breaks of its own, and is never empty: an event without data is none to browsers.
    #[must_use]
    pub fn new(event: &Event, id: &str, name: &str, json: &str) -> Self {
        let head = format!("id: {id}\nevent: {name}\ndata: ");
        let mut frame = Self::framed(head, json);
        (frame.seq, frame.subject) = (Some(event.seq), event.about().to_owned());
        frame
    }

    /// Something that has no number: whoever was away reads the whole anyway. For the room that has
    /// everything.
    #[must_use]
    pub fn passing(name: &str, json: &str) -> Self {
        Self::framed(format!("event: {name}\ndata: "), json)
    }

    /// The same for one room, about this.
    #[must_use]
    pub fn to(self, room: &str, subject: &str) -> Self {
        Self { room: room.to_owned(), subject: subject.to_owned(), ..self }
    }

    /// For the streams of this person alone.
    #[must_use]
    pub fn to_person(self, person: &str) -> Self {
        Self { person: Some(person.to_owned()), ..self }
    }

    fn framed(mut head: String, json: &str) -> Self {
        let (from, to) = (head.len(), head.len() + json.len());
        head.push_str(json);
        head.push_str("\n\n");
        let text = Bytes::from(head);
        let (room, subject) = (String::new(), String::new());
        Self { seq: None, subject, room, person: None, json: text.slice(from..to), text }
    }

    /// What it says, without what frames it.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }
}

/// What is told beside the events, each time the store is asked.
pub type Beside = Arc<dyn Fn() -> BoxFuture<'static, Vec<Frame>> + Send + Sync>;

/// How long a line may be quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// After which it is used, so that both sides know that it is there.
    pub beat: Duration,
    /// A client that says nothing to our pings for so long is gone.
    pub silent: Duration,
    /// A client that does not take a message within this time is cut.
    pub slow: Duration,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { beat: Duration::from_secs(15), silent: Duration::from_secs(50), slow: Duration::from_secs(10) }
    }
}

/// Which events are sent, to whom, and how.
#[derive(Clone)]
pub struct Source {
    /// The room that an event goes to; none: it is not sent.
    pub room: fn(&Event) -> Option<&str>,
    pub frame: fn(&Event) -> Option<Frame>,
    /// The id of the event with this number, as frames have it.
    pub id: fn(i64) -> String,
    /// Whether one room has everything.
    pub whole: bool,
    /// Told in the room that each frame names.
    pub beside: Option<Beside>,
    /// Events that a slow listener may be behind before it reads from the store again.
    pub behind: usize,
    /// Most listeners, in all and in one room.
    pub most: usize,
    pub most_of_room: usize,
    pub quiet: Quiet,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("whole", &self.whole).finish_non_exhaustive()
    }
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// In this room, or in all: come again later.
    #[error("there are too many streams")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the streams of one process share. Clones are the same.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    events: Events,
    source: Source,
    draining: CancellationToken,
    rooms: Mutex<Rooms>,
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Rooms {
    /// Whether somebody reads the store for all.
    reading: bool,
    open: HashMap<String, broadcast::Sender<Arc<Frame>>>,
}

impl Feed {
    #[must_use]
    pub fn new(events: Events, source: Source, draining: CancellationToken) -> Self {
        let places = Arc::new(Semaphore::new(source.most));
        Self(Arc::new(Shared { events, source, draining, rooms: Mutex::default(), places }))
    }

    /// A stream of this room behind the event `after`, or from now on. From now on, too, behind a number that
    /// was never given: then it has missed something, as behind one that is too old, where it begins with
    /// what is kept.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn listen(&self, room: &str, after: Option<i64>) -> Result<Listener, ListenError> {
        let place = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| ListenError::TooMany)?;
        let last = self.0.events.last().await?;
        let (from, missed) = match after {
            None => (last, false),
            Some(after) => match self.0.events.worth(after, last).await? {
                Worth::Good => (after, false),
                Worth::Old(place) => (self.before_kept(room, place, last).await?, true),
                Worth::NeverGiven => (last, true),
            },
        };
        let live = self.enter(room, last).ok_or(ListenError::TooMany)?;
        Ok(Listener::new(self.clone(), room, live, from, missed, place))
    }

    /// The place before the first event behind `place` that is kept for this room; `last`, which was read
    /// before, when there is none: a place before the events of others is soon as old as they are.
    async fn before_kept(&self, room: &str, place: i64, last: i64) -> Result<i64, StoreError> {
        if self.0.source.whole {
            return Ok(place);
        }
        let page = self.0.events.page_of(room, place, 1).await?;
        Ok(numbers(&page).min().map_or(last, |first| first.saturating_sub(1)))
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing when the room is full.
    fn enter(&self, room: &str, last: i64) -> Option<broadcast::Receiver<Arc<Frame>>> {
        let mut rooms = self.rooms();
        let sender = match rooms.open.get(room) {
            Some(sender) => sender,
            None => {
                let sender = broadcast::Sender::new(self.0.source.behind);
                rooms.open.entry(room.to_owned()).or_insert(sender)
            }
        };
        if sender.receiver_count() >= self.0.source.most_of_room {
            return None;
        }
        let live = sender.subscribe();
        if !rooms.reading {
            rooms.reading = true;
            tokio::spawn(self.clone().read(last));
        }
        Some(live)
    }

    /// Reads the store behind `seq` for all listeners, until there is none.
    async fn read(self, mut seq: i64) {
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.0.draining.run_until_cancelled(every.tick()).await.is_some() {
            if self.is_alone() {
                return;
            }
            match self.read_on(seq).await {
                Ok(read) => seq = read,
                Err(error) => tracing::warn!(%error, "the events could not be read"),
            }
            if let Some(beside) = &self.0.source.beside {
                for frame in beside().await {
                    let room = frame.room.clone();
                    self.send(&room, frame);
                }
            }
        }
    }

    async fn read_on(&self, mut seq: i64) -> Result<i64, StoreError> {
        loop {
            let page = self.0.events.page(seq, AT_ONCE).await?;
            for event in &page.docs {
                let room = (self.0.source.room)(event);
                if let Some(room) = room.filter(|room| self.rooms().open.contains_key(*room))
                    && let Some(frame) = (self.0.source.frame)(event)
                {
                    self.send(room, frame);
                }
            }
            let (read, more) = passed(&page, seq);
            if !more {
                return Ok(read);
            }
            seq = read;
        }
    }

    fn send(&self, room: &str, frame: Frame) {
        if let Some(sender) = self.rooms().open.get(room) {
            // Nobody may be left; then nothing is lost.
            let _nobody = sender.send(Arc::new(frame));
        }
    }

    /// Closes rooms that nobody is in.
    fn is_alone(&self) -> bool {
        let mut rooms = self.rooms();
        rooms.open.retain(|_, sender| sender.receiver_count() > 0);
        // Under the lock: whoever enters next begins to read anew.
        rooms.reading = !rooms.open.is_empty();
        !rooms.reading
    }

    /// What the store has for this room behind `seq`, how far that goes, and whether there is more.
    async fn behind(&self, room: &str, seq: i64) -> Result<(Vec<Frame>, i64, bool), StoreError> {
        let page = if self.0.source.whole {
            self.0.events.page(seq, AT_ONCE).await?
        } else {
            self.0.events.page_of(room, seq, AT_ONCE).await?
        };
        let (last, more) = passed(&page, seq);
        let of_room = page.docs.iter().filter(|event| (self.0.source.room)(event) == Some(room));
        Ok((of_room.filter_map(self.0.source.frame).collect(), last, more))
    }
}

/// A place among the listeners of the process.
type Place = OwnedSemaphorePermit;
