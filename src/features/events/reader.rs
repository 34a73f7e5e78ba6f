//! A consumer's way through the one sequence, with its place in the store.
//!
//! The place and what is made of the events are one commit, and what is made has an id of its event: whoever
//! takes over, and whoever goes over the same events again, makes nothing twice and leaves nothing out.
//!
//! Guards against one event that ends all passes: one that does not read as its type, or on which passes fail
//! again and again while the database answers, is put aside ([`super::failures`]), and those behind it go on.
//! That somebody else was faster is no event's fault: then it is tried again, with pauses that grow, for as
//! long as it takes.

mod writing;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::writing::{Writes, write_once};
use self::writing::{Written, write};
use super::{Event, Events, failures::EventFailure, seq_of};
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::{
        store::{Batch, CommitError, Document, Index, Store, StoreError, id_and_version},
        telemetry::Counter,
    },
};

static LOST: Counter = Counter::new(
    "waybill_event_contention_total",
    "Passes over events in which somebody else was faster at every try, by consumer.",
);

/// How often a pass is tried again when somebody was faster.
pub const TRIES: usize = 8;
/// After a pass in which somebody else was faster at every try; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So many passes in a row fail on one event before it is put aside.
pub const PASSES: u32 = 5;
/// The place is written down at least every so many events, also when they were for nobody.
const FORGOTTEN: i64 = 200;

/// How far a consumer has read the sequence of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The consumer.
    pub id: String,
    pub version: i64,
    pub seq: i64,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Place {
    const COLLECTION: &'static str = "event_consumers";
    const INDEXES: &'static [Index] = &[];

    id_and_version!();
}

/// What one consumer of one process has read.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    clock: Clock,
    events: Events,
    name: &'static str,
    place: Option<Place>,
    /// How far it has read; the place may be behind by events that are for nobody.
    read: i64,
    /// What was given last, until it is said what became of it; and whether there may be more.
    given: Option<Given>,
    more: bool,
    /// Up to this number events are given one by one: a pass over several has failed.
    careful: i64,
    /// The event that passes fail on, and how many did in a row.
    failing: (i64, u32),
    /// The unique index that the last write broke.
    clash: Option<Clash>,
    /// While somebody else is faster again and again.
    losing: Option<Losing>,
}

#[derive(Debug)]
struct Clash {
    index: String,
    /// That of the write.
    mark: u64,
    /// The write before it was the same and broke the same: nobody is at work there.
    again: bool,
}

#[derive(Debug)]
struct Losing {
    /// In a row.
    passes: u32,
    /// When the last one was, and how long to rest after it.
    at: Timestamp,
    pause: Duration,
}

/// The first event and the number of the last one.
#[derive(Debug)]
struct Given {
    id: String,
    first: i64,
    last: i64,
}

impl Given {
    fn of(events: &[Event]) -> Option<Self> {
        let (first, last) = events.first().zip(events.last())?;
        Some(Self { id: first.id.clone(), first: first.seq, last: last.seq })
    }
}

impl Reader {
    /// `name` is the consumer's in the store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, name: &'static str) -> Self {
        Self {
            events: Events::new(store.clone()),
            store,
            clock,
            name,
            place: None,
            read: 0,
            given: None,
            more: false,
            careful: 0,
            failing: (0, 0),
            clash: None,
            losing: None,
        }
    }

    /// Another process may go on: where it is, is asked for anew.
    pub fn forget(&mut self) {
        (self.place, self.losing) = (None, None);
    }

    /// The next events, at most `limit`; none while it rests. Those that do not read as their type are put
    /// aside.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<Event>, StoreError> {
        (self.given, self.more) = (None, false);
        if self.rests() {
            return Ok(Vec::new());
        }
        for _ in 0..TRIES {
            if self.place.is_none() {
                let place = self.stored().await?;
                self.read = place.seq;
                self.place = Some(place);
            }
            let limit = if self.read < self.careful { 1 } else { limit };
            let page = self.events.page(self.read, limit).await?;
            let (mut events, more) = (page.docs, page.next.is_some());
            let mut damaged: Vec<_> =
                page.unreadable.into_iter().filter_map(|one| Some((seq_of(&one.id)?, one))).collect();
            let first = events.first().map_or(i64::MAX, |event| event.seq);
            let stop = damaged.iter().map(|(seq, _)| *seq).min();
            if stop.is_none_or(|stop| stop > first) {
                // Those before it come first.
                events.retain(|event| stop.is_none_or(|stop| event.seq < stop));
                self.more = more || stop.is_some();
                self.given = Given::of(&events);
                if events.is_empty() {
                    self.losing = None;
                }
                return Ok(events);
            }
            damaged.retain(|(seq, _)| *seq < first);
            let (now, to) = (self.clock.now(), damaged.iter().map(|(seq, _)| *seq).max());
            let failed = damaged.iter().map(|(_, one)| {
                let why = format!("it does not read as an event: {}", one.why);
                EventFailure::new(self.name, &one.id, why, 1, now)
            });
            let failed: Vec<_> = failed.collect();
            self.put_aside(failed, to.unwrap_or(self.read)).await?;
        }
        Err(StoreError::Contended)
    }

    /// Whether there may be more behind what was given.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// How a pass over what was given has ended. Nothing: the event that passes failed on is put aside, or
    /// somebody else was faster; ask again.
    ///
    /// # Errors
    /// That of the pass, or when the store fails.
    pub async fn judged<T>(&mut self, passed: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        let given = self.given.take();
        let error = match passed {
            Ok(done) => {
                if given.is_some() {
                    self.won();
                }
                return Ok(Some(done));
            }
            Err(StoreError::Contended) => match self.clash.as_ref().filter(|clash| clash.again) {
                Some(clash) => StoreError::Conflict { index: clash.index.clone() },
                None => {
                    self.lost(given.as_ref());
                    return Ok(None);
                }
            },
            Err(error) => error,
        };
        let Some(given) = given.filter(|_| is_lasting(&error)) else { return Err(error) };
        if given.first < given.last {
            // Which of them it is shows when they come one by one.
            self.careful = given.last;
            return Err(error);
        }
        let (seq, times) = self.failing;
        let tries = if seq == given.first { times.saturating_add(1) } else { 1 };
        self.failing = (given.first, tries);
        if tries < PASSES {
            return Err(error);
        }
        let failed = EventFailure::new(self.name, &given.id, error.to_string(), tries, self.clock.now());
        self.put_aside(vec![failed], given.last).await?;
        Ok(None)
    }

    /// Whether it rests, so that whoever is faster has time to end.
    fn rests(&self) -> bool {
        let now = self.clock.now();
        self.losing.as_ref().is_some_and(|losing| now >= losing.at && now.since(losing.at) < losing.pause)
    }

    /// Somebody else was faster at every try of a pass.
    fn lost(&mut self, given: Option<&Given>) {
        let name = self.name;
        let passes = self.losing.as_ref().map_or(0, |losing| losing.passes).saturating_add(1);
        LOST.increment(&[("consumer", name)]);
        if passes == 1 {
            let event = given.map(|given| given.id.as_str());
            tracing::warn!(
                consumer = name,
                event.id = event,
                "somebody else was faster than {name} at every try: it goes on trying"
            );
        }
        if let Some(given) = given.filter(|given| given.first < given.last) {
            // One alone touches less, and gets through sooner.
            self.careful = given.last;
        }
        self.losing = Some(Losing { passes, at: self.clock.now(), pause: pause(passes, ids::fraction()) });
    }

    fn won(&mut self) {
        if let Some(Losing { passes, .. }) = self.losing.take() {
            let name = self.name;
            tracing::info!(consumer = name, passes, "{name} got through after {passes} passes in vain");
        }
    }

    /// Notes events that cannot be handled, in one commit with the place behind them. When somebody else was
    /// faster nothing is written, and the place is asked for anew.
    async fn put_aside(&mut self, failed: Vec<EventFailure>, to: i64) -> Result<(), StoreError> {
        let Some(place) = self.place.take() else { return Ok(()) };
        let moved = Place { seq: to, ..place };
        let mut batch = Batch::new().replace(&moved);
        for failure in &failed {
            batch = match self.store.get::<EventFailure>(&failure.id).await? {
                None => batch.insert(failure),
                // As before, when its place was lost.
                Some(known) => batch.replace(&EventFailure { version: known.version, ..failure.clone() }),
            };
        }
        match self.store.commit(batch).await {
            Ok(()) => {
                failed.iter().for_each(EventFailure::tell);
                self.place = Some(Place { version: moved.version + 1, ..moved });
                self.read = to;
                Ok(())
            }
            Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// The events up to `read` have made this. What is there already is taken out of `made`. `false`:
    /// somebody else was faster, and nothing was written.
    ///
    /// # Errors
    /// When the store fails; the next pass goes over the same events.
    pub async fn pass<T: Send + Sync>(
        &mut self,
        read: i64,
        made: &mut Vec<T>,
        writes: &impl Writes<T>,
    ) -> Result<bool, StoreError> {
        let Some(place) = &self.place else { return Ok(false) };
        if made.is_empty() && read - place.seq < FORGOTTEN {
            self.read = read;
            return Ok(true);
        }
        let moved = Place { seq: read, ..place.clone() };
        match write(&self.store, || Batch::new().replace(&moved), made, writes).await? {
            Written::Done => {}
            Written::Lost => {
                (self.clash, self.failing, self.place) = (None, (0, 0), None);
                return Ok(false);
            }
            Written::Taken { index, mark } => {
                let before = self.clash.take();
                let again = before.is_some_and(|before| before.mark == mark && before.index == index);
                if !again {
                    self.failing = (0, 0);
                }
                self.clash = Some(Clash { index, mark, again });
                return Ok(false);
            }
        }
        self.clash = None;
        self.place = Some(Place { version: moved.version + 1, ..moved });
        self.read = read;
        Ok(true)
    }

    async fn stored(&self) -> Result<Place, StoreError> {
        if let Some(place) = self.store.get::<Place>(self.name).await? {
            return Ok(place);
        }
        // From the beginning: what happened before the first worker of this release has begun counts too.
        let first = Place { id: self.name.to_owned(), version: 1, seq: 0, extra: Map::new() };
        match self.store.insert(&first).await {
            Ok(()) => Ok(first),
            Err(StoreError::Conflict { .. }) => self.store.get(self.name).await?.ok_or(StoreError::Contended),
            Err(error) => Err(error),
        }
    }
}

/// Whether the same fails again although the database answers.
#[must_use]
pub fn is_lasting(error: &StoreError) -> bool {
    match error {
        StoreError::Fault(_) | StoreError::Conflict { .. } => true,
        StoreError::Contended | StoreError::Unavailable(_) | StoreError::Outdated(_) => false,
    }
}

/// How long to rest after so many passes in vain: up to a half is left out at random, so that two who are in
/// each other's way do not come back together.
fn pause(passes: u32, random: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << passes.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 - random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An outage must not put aside what comes in it, nor must somebody who is faster.
    #[test]
    fn a_database_that_is_away_or_busy_is_no_fault_of_an_event() {
        assert!(!is_lasting(&StoreError::Unavailable("away".to_owned())));
        assert!(!is_lasting(&StoreError::Outdated(Vec::new())));
        assert!(!is_lasting(&StoreError::Contended));
        assert!(is_lasting(&StoreError::Fault("it does not read".to_owned())));
        assert!(is_lasting(&StoreError::Conflict { index: "no".to_owned() }));
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_differ() {
        let ms = |random| (1..9).map(|passes| pause(passes, random).as_millis()).collect::<Vec<_>>();
        assert_eq!(ms(0.0), [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(ms(0.5)[0], 75);
        assert_eq!(pause(u32::MAX, 0.0), LONGEST_PAUSE);
    }
}
