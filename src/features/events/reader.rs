//! A consumer's way through the one sequence, with its place in the store.
//!
//! The place and what is made of the events are one commit, and what is made has an id of its event: whoever
//! takes over, and whoever goes over the same events again, makes nothing twice and leaves nothing out.
//!
//! Guards against one event that ends all passes: one that does not read as its type, or on which passes fail
//! again and again while the database answers, is put aside ([`super::failures`]), and those behind it go on.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Event, Events, failures::EventFailure, seq_of};
use crate::{
    base::clock::Clock,
    platform::store::{Batch, CommitError, Document, Index, Store, StoreError, id_and_version},
};

/// How often a pass is tried again when somebody was faster.
pub const TRIES: usize = 8;
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
        }
    }

    /// Another process may go on: where it is, is asked for anew.
    pub fn forget(&mut self) {
        self.place = None;
    }

    /// The next events, at most `limit`. Those that do not read as their type are put aside.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<Event>, StoreError> {
        (self.given, self.more) = (None, false);
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

    /// How a pass over what was given has ended. Nothing: the event that passes failed on is put aside, and
    /// there may be more.
    ///
    /// # Errors
    /// That of the pass, or when the store fails.
    pub async fn judged<T>(&mut self, passed: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        let (error, given) = match (passed, self.given.take()) {
            (Ok(done), _) => return Ok(Some(done)),
            (Err(error), Some(given)) if is_lasting(&error) => (error, given),
            (Err(error), _) => return Err(error),
        };
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
        if !write_once(&self.store, || Batch::new().replace(&moved), made, writes).await? {
            self.place = None;
            return Ok(false);
        }
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
        StoreError::Fault(_) | StoreError::Conflict { .. } | StoreError::Contended => true,
        StoreError::Unavailable(_) | StoreError::Outdated(_) => false,
    }
}

/// How what was made of events is written.
pub trait Writes<T>: Sync {
    /// One insert for each, in their order, and behind them what else belongs to the commit.
    fn add(&self, batch: Batch, made: &[T]) -> impl Future<Output = Result<Batch, StoreError>> + Send;
}

/// Commits the one write of `first` with all that was made. What is there already, made by whoever was here
/// before, is taken out. `false`: somebody else was faster, and nothing was written.
///
/// # Errors
/// When the store fails.
pub async fn write_once<T: Send + Sync>(
    store: &Store,
    first: impl Fn() -> Batch + Send + Sync,
    made: &mut Vec<T>,
    writes: &impl Writes<T>,
) -> Result<bool, StoreError> {
    loop {
        let batch = writes.add(first(), made).await?;
        match store.commit(batch).await {
            Ok(()) => return Ok(true),
            Err(CommitError::Conflict { at, index }) if index == "id" && (1..=made.len()).contains(&at) => {
                made.remove(at - 1);
            }
            Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => return Ok(false),
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An outage must not put aside what comes in it.
    #[test]
    fn a_database_that_is_away_is_no_fault_of_an_event() {
        assert!(!is_lasting(&StoreError::Unavailable("away".to_owned())));
        assert!(!is_lasting(&StoreError::Outdated(Vec::new())));
        assert!(is_lasting(&StoreError::Fault("it does not read".to_owned())));
        assert!(is_lasting(&StoreError::Contended));
    }
}
