//! Events that a consumer could not handle: put aside in the commit that moves its place on, shown to
//! operators, and driven through the same consumer again by one of them.
//!
//! Guards against one event that holds up all behind it, and against one that is passed over without a word.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Event, reader};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        notifications::consumer::{self, Consumer},
        webhooks::fan_out::{self, FanOut},
    },
    platform::{
        store::{
            Batch, Cursor, Decision, Document, Field, Index, Order as Sort, Page, Query, Store, StoreError,
            id_and_version,
        },
        telemetry::Counter,
    },
};

static PUT_ASIDE: Counter =
    Counter::new("waybill_event_failures_total", "Events that a consumer could not handle, by consumer.");

/// How long one is kept that nobody drives again; its event goes sooner.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);
/// How often it is tried again when somebody was faster.
const TRIES: usize = 5;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFailure {
    /// The consumer and the event.
    pub id: String,
    pub version: i64,
    pub consumer: String,
    /// The event's id, which has its number.
    pub event: String,
    /// Without personal data.
    pub why: String,
    /// That have failed, of the consumer and of people.
    pub tries: u32,
    /// When the last one has; not after it was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When it was handled: it goes soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for EventFailure {
    const COLLECTION: &'static str = "event_failures";
    const INDEXES: &'static [Index] = &[
        Index::on("at", &[Field::time("at")]).partial(),
        Index::on("done", &[Field::time("doneAt")]).partial(),
    ];

    id_and_version!();
}

impl EventFailure {
    pub(super) fn new(consumer: &str, event: &str, why: String, tries: u32, now: Timestamp) -> Self {
        Self {
            id: format!("{consumer}-{event}"),
            version: 1,
            consumer: consumer.to_owned(),
            event: event.to_owned(),
            why,
            tries,
            at: Some(now),
            done_at: None,
            extra: Map::new(),
        }
    }

    /// It is kept, and the place is behind it.
    pub(super) fn tell(&self) {
        let Self { consumer, event, why, tries, .. } = self;
        PUT_ASIDE.increment(&[("consumer", consumer.as_str())]);
        tracing::error!(
            consumer,
            event.id = event,
            why,
            tries,
            "{consumer} cannot handle {event} ({why}): it is put aside until somebody drives it again"
        );
    }
}

/// Why an event was not driven again.
#[derive(Debug, thiserror::Error)]
pub enum FailureError {
    #[error("there is no such event, or it was handled meanwhile")]
    NotFound,
    #[error("the event is kept no more")]
    Gone,
    #[error("this program has no such consumer")]
    NoConsumer,
    #[error("it has failed again: {0}")]
    Again(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Those of all consumers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventFailures {
    store: Store,
    clock: Clock,
}

impl EventFailures {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// A page of them, the last ones first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, after: Option<Cursor>, limit: usize) -> Result<Page<EventFailure>, StoreError> {
        let query = Query::sorted_by("at", Sort::Descending).limit(limit);
        self.store.find(&after.into_iter().fold(query, Query::after)).await
    }

    /// Drives one through its consumer again. What the event has made already is not made twice.
    ///
    /// # Errors
    /// [`FailureError`].
    pub async fn retry(&self, id: &str, by: &AuditContext) -> Result<EventFailure, FailureError> {
        self.waiting(id).await?;
        let audit = Audit::new(self.store.clone(), self.clock.clone());
        let collection = EventFailure::COLLECTION;
        let act = AuditedAction { action: "event.retry", collection, id, user_id: None, before: None };
        let line = audit.begin(by, &act).await?;
        let driven = self.drive(id).await;
        audit.close(&line, ended(&driven)).await;
        driven
    }

    async fn waiting(&self, id: &str) -> Result<EventFailure, FailureError> {
        let found = self.store.get::<EventFailure>(id).await?;
        found.filter(|failure| failure.at.is_some()).ok_or(FailureError::NotFound)
    }

    async fn drive(&self, id: &str) -> Result<EventFailure, FailureError> {
        for _ in 0..TRIES {
            let failure = self.waiting(id).await?;
            match self.handle(&failure).await {
                Ok(true) => return Ok(failure),
                // Somebody was faster, here or at what the event makes.
                Ok(false) => {}
                Err(FailureError::Store(error)) if reader::is_lasting(&error) => {
                    self.failed_again(id, &error).await?;
                    return Err(FailureError::Again(error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended.into())
    }

    /// In one commit with the note that it is done.
    async fn handle(&self, failure: &EventFailure) -> Result<bool, FailureError> {
        let event = self.store.get::<Event>(&failure.event).await?.ok_or(FailureError::Gone)?;
        let done = EventFailure { at: None, done_at: Some(self.clock.now()), ..failure.clone() };
        let first = || Batch::new().replace(&done);
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let handled = match failure.consumer.as_str() {
            fan_out::NAME => FanOut::new(store, clock).again(&event, first).await,
            consumer::NAME => Consumer::new(store, clock).again(&event, first).await,
            _ => return Err(FailureError::NoConsumer),
        };
        Ok(handled?)
    }

    async fn failed_again(&self, id: &str, error: &StoreError) -> Result<(), StoreError> {
        let now = self.clock.now();
        let noted = self.store.update::<EventFailure, (), StoreError>(id, |failure| {
            if failure.at.is_none() {
                return Ok(Decision::Leave(()));
            }
            failure.tries = failure.tries.saturating_add(1);
            (failure.why, failure.at) = (error.to_string(), Some(now));
            Ok(Decision::Save(()))
        });
        noted.await.map(|_| ())
    }
}

/// What the audit log is told of the end of it.
fn ended(driven: &Result<EventFailure, FailureError>) -> Option<(Outcome, Option<String>, Option<String>)> {
    match driven {
        Ok(_) => Some((Outcome::Done, None, None)),
        // Whether it was done is not known: the line stays as it is.
        Err(FailureError::Store(_)) => None,
        Err(error @ FailureError::Again(_)) => Some((Outcome::Failed, None, Some(error.to_string()))),
        Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
    }
}

/// Removes at most `limit` that were handled, and at most as many that are older than is kept.
///
/// # Errors
/// When the store fails.
pub(super) async fn remove_old(store: &Store, now: Timestamp, limit: usize) -> Result<(), StoreError> {
    store.delete_before::<EventFailure>("doneAt", now, limit).await?;
    store.delete_before::<EventFailure>("at", now - KEPT, limit).await?;
    Ok(())
}
