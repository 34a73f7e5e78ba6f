//! What happened, in one order for all: each step of an order, each action of a person, each hold.
//!
//! An event has the next number of one sequence. Number and event are written in one commit, over the counter
//! that gives the numbers: whoever has read up to a number has missed none before it. The same step is never
//! an event twice (`subject` and `no` are unique), so [`publisher`] may look at everything again.
//!
//! Consumers keep the number that they have read up to; what one of them cannot handle is put aside
//! ([`failures`]). No event has personal data. What merchants may know of an event, and which one, it says
//! itself ([`Public`]); [`shown`] is how they read it.

pub mod failures;
pub mod feed;
pub mod live;
pub mod places;
pub mod publisher;
pub mod reader;
mod routes;
pub mod shown;
pub mod tickets;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Feature;
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::store::{
        Batch, CommitError, Document, Field, Index, Key, Order as Sort, Page, Query, Store, StoreError,
        id_and_version,
    },
};

/// The parts of the events that `app` registers.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("Events", "What happens, in lists and live")
        .collection::<Event>()
        .collection::<Counter>()
        .collection::<reader::Place>()
        .collection::<failures::EventFailure>()
        .collection::<tickets::Ticket>()
        .routes(routes::routes())
}

/// The counter of the one sequence.
const COUNTER: &str = "events";
/// Events of about one time whose numbers are compared.
const FIRST_OF_TIME: usize = 200;
/// How often somebody else may be faster before it is left to the next pass.
const TRIES: usize = 8;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `evt_` and the number.
    pub id: String,
    pub version: i64,
    pub seq: i64,
    pub at: Timestamp,
    /// `<domain>.<action>`: `order.success`, `queue.pause`, `account.held`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about, and which of its steps.
    pub subject: String,
    pub no: i64,
    /// Whose order it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<String>,
    /// Absent: merchants do not know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<Public>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What an event is to the one merchant who may know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Public {
    pub merchant: String,
    /// One of [`shown::EventType`], as text: an older binary may read one that it does not know.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Document for Event {
    const COLLECTION: &'static str = "events";
    const INDEXES: &'static [Index] = &[
        Index::on("seq", &[Field::int("seq")]).unique(),
        Index::on(Self::STEP, &[Field::text("subject"), Field::int("no")]).unique(),
        Index::on("at", &[Field::time("at")]),
        Index::on("public_seq", &[Field::text("public.merchant"), Field::int("seq")]).partial(),
    ];

    id_and_version!();
}

impl Event {
    const STEP: &'static str = "subject_no";

    /// What it belongs to: a message to its order, whatever counts the messages; all else to its subject.
    #[must_use]
    pub fn about(&self) -> &str {
        self.subject.strip_suffix(MESSAGES).unwrap_or(&self.subject)
    }

    /// What comes before the dot.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.kind.split('.').next().unwrap_or_default()
    }
}

/// What is behind an order's id in the subject of its messages, which are counted apart from its steps.
const MESSAGES: &str = "/messages";

/// The subject of the messages about an order.
#[must_use]
pub fn messages_of(order: &str) -> String {
    format!("{order}{MESSAGES}")
}

/// The subject of a merchant's notifications.
#[must_use]
pub fn notifications_of(merchant: &str) -> String {
    format!("{merchant}/notifications")
}

/// The number in an event's id; nothing when it is none.
#[must_use]
pub fn seq_of(id: &str) -> Option<i64> {
    let digits = id.strip_prefix("evt_")?;
    let whole = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole { digits.parse().ok() } else { None }
}

/// How far the sequence is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    pub id: String,
    pub version: i64,
    pub last: i64,
    /// What changed before this time has its events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Counter {
    const COLLECTION: &'static str = "counters";
    const INDEXES: &'static [Index] = &[];

    id_and_version!();
}

/// An event that has no number yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub at: Timestamp,
    pub kind: String,
    pub subject: String,
    pub no: i64,
    pub merchant: Option<String>,
    pub public: Option<Public>,
    pub data: Map<String, Value>,
}

/// Writes and reads events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    store: Store,
}

impl Events {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The last number; 0 before the first event.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last(&self) -> Result<i64, StoreError> {
        Ok(self.store.get::<Counter>(COUNTER).await?.map_or(0, |counter| counter.last))
    }

    /// At most `limit` events behind `seq`, in their order, without those that do not read: fewer than that
    /// may still have others behind them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn after(&self, seq: i64, limit: usize) -> Result<Vec<Event>, StoreError> {
        Ok(self.page(seq, limit).await?.docs)
    }

    /// The same, with those that do not read.
    async fn page(&self, seq: i64, limit: usize) -> Result<Page<Event>, StoreError> {
        let behind = Query::sorted_by("seq", Sort::Ascending).from(seq.saturating_add(1)).limit(limit);
        self.store.find(&behind).await
    }

    /// The same of those that this merchant may know of. Where to go on behind it, [`places::passed`] says.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page_of(&self, merchant: &str, seq: i64, limit: usize) -> Result<Page<Event>, StoreError> {
        let behind = Query::sorted_by("seq", Sort::Ascending)
            .equal("public.merchant", merchant)
            .from(seq.saturating_add(1))
            .limit(limit);
        self.store.find(&behind).await
    }

    /// At most `limit` steps of `subject` behind its step `no`, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn steps_of(&self, subject: &str, no: i64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let behind = Query::sorted_by("no", Sort::Ascending)
            .equal("subject", subject)
            .from(no.saturating_add(1))
            .limit(limit);
        Ok(self.store.find(&behind).await?.docs)
    }

    /// The number before the first event of `since` or later, whether it reads or not; the last number when
    /// there is none. Numbers are given a moment after things happen, so a few of before may follow.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn before_time(&self, since: Timestamp) -> Result<i64, StoreError> {
        let last = self.last().await?;
        let first = Query::sorted_by("at", Sort::Ascending).from(since).limit(FIRST_OF_TIME);
        let page = self.store.find::<Event>(&first).await?;
        Ok(places::numbers(&page).min().map_or(last, |seq| seq.saturating_sub(1)))
    }

    /// The number of the oldest event that is kept, whether it reads or not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first(&self) -> Result<Option<i64>, StoreError> {
        let oldest = Query::sorted_by("seq", Sort::Ascending).limit(1);
        let page = self.store.find::<Event>(&oldest).await?;
        Ok(places::numbers(&page).min())
    }

    /// The last step of `subject` that is an event, also of one that does not read.
    async fn last_step(&self, subject: &str) -> Result<i64, StoreError> {
        let steps = Query::sorted_by("no", Sort::Descending).equal("subject", subject).limit(1);
        let last = self.store.heads::<Event>(&steps).await?.heads.pop();
        Ok(match last.map(|head| head.place.key) {
            Some(Key::Int(no)) => no,
            _ => 0,
        })
    }

    /// Gives the next numbers, in order, to those that are no events yet, and keeps them; and notes that what
    /// changed before `through` has its events.
    ///
    /// # Errors
    /// When the store fails, or others were faster again and again; then none was kept.
    pub async fn publish(
        &self,
        mut new: Vec<NewEvent>,
        through: Option<Timestamp>,
    ) -> Result<usize, StoreError> {
        let mut lost = 0;
        while lost < TRIES {
            let counter = self.counter().await?;
            if new.is_empty() && counter.through >= through {
                return Ok(0);
            }
            match self.try_publish(counter, &new, through).await {
                Ok(()) => return Ok(new.len()),
                // The counter is the first write; the events follow in their order. Each time there are fewer
                // of them: that is no try.
                Err(CommitError::Conflict { at, index }) if index == Event::STEP && at <= new.len() => {
                    let told = new.remove(at - 1);
                    let last = self.last_step(&told.subject).await?;
                    new.retain(|event| event.subject != told.subject || event.no > last);
                }
                // Another process has taken this number, or was faster: the counter is read anew.
                Err(CommitError::Conflict { .. } | CommitError::Lost { .. }) => lost += 1,
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Contended)
    }

    async fn try_publish(
        &self,
        mut counter: Counter,
        new: &[NewEvent],
        through: Option<Timestamp>,
    ) -> Result<(), CommitError> {
        let mut events = Vec::with_capacity(new.len());
        for new in new {
            counter.last += 1;
            events.push(Event {
                id: ids::event(counter.last),
                version: 1,
                seq: counter.last,
                at: new.at,
                kind: new.kind.clone(),
                subject: new.subject.clone(),
                no: new.no,
                merchant: new.merchant.clone(),
                public: new.public.clone(),
                data: new.data.clone(),
                extra: Map::new(),
            });
        }
        counter.through = counter.through.max(through);
        let batch = Batch::new().replace(&counter);
        self.store.commit(events.iter().fold(batch, |batch, event| batch.insert(event))).await
    }

    /// Leaves out the next `many` numbers. For a database that was restored: some of them were given since,
    /// and whoever was told of an event takes another one of the same id for the same.
    ///
    /// # Errors
    /// When the store fails, or others were faster again and again.
    pub async fn skip(&self, many: i64) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let mut counter = self.counter().await?;
            counter.last = counter.last.saturating_add(many);
            if self.store.replace(&counter).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended)
    }

    async fn counter(&self) -> Result<Counter, StoreError> {
        if let Some(counter) = self.store.get::<Counter>(COUNTER).await? {
            return Ok(counter);
        }
        let first = Counter { id: COUNTER.to_owned(), version: 1, last: 0, through: None, extra: Map::new() };
        match self.store.insert(&first).await {
            Ok(()) => Ok(first),
            Err(StoreError::Conflict { .. }) => self.store.get(COUNTER).await?.ok_or(StoreError::Contended),
            Err(error) => Err(error),
        }
    }

    /// Removes at most `limit` events that are older than `before`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_old(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.store.delete_before::<Event>("at", before, limit).await
    }
}
