//! A consumer's way through the one sequence, with its place in the store.
//!
//! The place and what is made of the events are one commit, and what is made has an id of its event: whoever
//! takes over, and whoever goes over the same events again, makes nothing twice and leaves nothing out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Event, Events};
use crate::platform::store::{Batch, CommitError, Document, Index, Store, StoreError, id_and_version};

/// How often a pass is tried again when somebody was faster.
pub const TRIES: usize = 8;
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
    events: Events,
    name: &'static str,
    place: Option<Place>,
    /// How far it has read; the place may be behind by events that are for nobody.
    read: i64,
}

impl Reader {
    /// `name` is the consumer's in the store.
    #[must_use]
    pub fn new(store: Store, name: &'static str) -> Self {
        Self { events: Events::new(store.clone()), store, name, place: None, read: 0 }
    }

    /// Another process may go on: where it is, is asked for anew.
    pub fn forget(&mut self) {
        self.place = None;
    }

    /// The next events, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<Event>, StoreError> {
        if self.place.is_none() {
            let place = self.stored().await?;
            self.read = place.seq;
            self.place = Some(place);
        }
        self.events.after(self.read, limit).await
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
