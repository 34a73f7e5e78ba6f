//! What people do with operations: preview, start, pause, resume, cancel, look.

use super::{
    model::{Filter, Item, ItemResult, Kind, Operation, State},
    preview::Preview,
    targets::{Source, TargetsError},
};
use crate::{
    base::{clock::Clock, ids},
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        merchants::Merchants,
        orders::{review::Fate, service::OrderService},
    },
    platform::{
        queue::{JobState, Queue, QueueError},
        store::{
            Cursor, Decision, Document, InsertOutcome, Order as Sort, Page, Query, Store, StoreError, Updated,
        },
    },
};

/// Most that may wait or run at once.
const MOST_ACTIVE: u64 = 20;

/// What somebody wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperation {
    pub kind: Kind,
    pub filter: Filter,
    pub ids: Vec<String>,
    pub rate_per_minute: u32,
    pub stop_after: u32,
    pub force: bool,
    /// What merchants are told; of a notice alone.
    pub notice: Option<String>,
    /// What became of the shipments; of closing them alone.
    pub fate: Option<Fate>,
}

#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    #[error("there is no such operation")]
    NoSuchOperation,
    /// It cannot be taken as it is: the field, and why.
    #[error("{field} {why}")]
    Invalid { field: &'static str, why: String },
    #[error("the operation is {}: this cannot be done with it", .0.as_str())]
    NotIn(State),
    #[error("{MOST_ACTIVE} operations wait or run already")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl From<TargetsError> for OperationError {
    fn from(error: TargetsError) -> Self {
        match error {
            TargetsError::Store(error) => Self::Store(error),
            TargetsError::Queue(error) => Self::Queue(error),
            TargetsError::Filter(why) => Self::Invalid { field: "filter", why: why.to_owned() },
        }
    }
}

/// What a person does with a running one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    Cancel,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Pause => "operation.pause",
            Self::Resume => "operation.resume",
            Self::Cancel => "operation.cancel",
        }
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) orders: OrderService,
    pub(super) queue: Queue,
    pub(super) merchants: Merchants,
    audit: Audit,
    /// Queues whose jobs stand for orders.
    own: Vec<&'static str>,
}

impl Operations {
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        orders: OrderService,
        queue: Queue,
        own: Vec<&'static str>,
    ) -> Self {
        let audit = Audit::new(store.clone(), clock.clone());
        let merchants = Merchants::new(store.clone(), clock.clone());
        Self { store, clock, orders, queue, merchants, audit, own }
    }

    /// Where the targets of all kinds are read from.
    pub(super) fn source(&self) -> Source<'_> {
        Source { orders: &self.orders, queue: &self.queue, merchants: &self.merchants }
    }

    /// What would be done.
    ///
    /// # Errors
    /// [`OperationError::Invalid`], or when store or queue do not answer.
    pub async fn preview(&self, new: &NewOperation) -> Result<Preview, OperationError> {
        self.check(new)?;
        let draft = self.draft(new, "", "");
        Ok(self.look(&draft, self.clock.now()).await?)
    }

    /// Has it done. A worker begins within seconds. The same `key` of the same actor starts it once.
    ///
    /// # Errors
    /// As [`Operations::preview`]; [`OperationError::TooMany`].
    pub async fn start(
        &self,
        new: &NewOperation,
        key: Option<&str>,
        by: &AuditContext,
    ) -> Result<Operation, OperationError> {
        self.check(new)?;
        let active = [State::Waiting, State::Running, State::Paused].map(State::as_str);
        let query = Query::sorted_by("createdAt", Sort::Ascending).one_of("state", active);
        if self.store.count::<Operation>(&query, 100).await?.n >= MOST_ACTIVE {
            return Err(OperationError::TooMany);
        }
        let mut operation = self.draft(new, by.actor(), by.reason());
        operation.origin = by.origin().clone();
        operation.key = key.map(|key| format!("{}/{key}", by.actor()));
        let preview = self.look(&operation, operation.created_at).await?;
        (operation.total, operation.capped) = (preview.matches, preview.capped);
        let line = self.begin(by, "operation.start", &operation.id, None).await?;
        let started = match &operation.key {
            Some(_) => self.store.insert_or_existing(&operation, Operation::BY_KEY).await,
            None => self.store.insert(&operation).await.map(|()| InsertOutcome::Inserted),
        };
        let after = operation.kind.as_str();
        self.end(&line, &started, Some(after)).await;
        Ok(match started? {
            InsertOutcome::Inserted => operation,
            InsertOutcome::Existing(existing) => existing,
        })
    }

    /// Pauses, resumes or cancels it; its worker hears of it within a second.
    ///
    /// # Errors
    /// [`OperationError::NoSuchOperation`], [`OperationError::NotIn`], or when the store fails.
    pub async fn change(
        &self,
        id: &str,
        change: Change,
        by: &AuditContext,
    ) -> Result<Operation, OperationError> {
        let before = self.get(id).await?.ok_or(OperationError::NoSuchOperation)?.state.as_str();
        let line = self.begin(by, change.name(), id, Some(before)).await?;
        let now = self.clock.now();
        let updated = self.store.update::<Operation, (), OperationError>(id, |operation| {
            match (change, operation.state) {
                (Change::Pause, State::Waiting | State::Running) => operation.state = State::Paused,
                // What had begun goes on where it was.
                (Change::Resume, State::Paused | State::Stopped) => {
                    operation.state = State::Waiting;
                    (operation.stopped, operation.ended_at, operation.failed_in_a_row) = (None, None, 0);
                }
                (Change::Cancel, state) if !state.has_ended() || state == State::Stopped => {
                    operation.end(State::Cancelled, now);
                }
                (_, state) => return Err(OperationError::NotIn(state)),
            }
            Ok(Decision::Save(()))
        });
        let changed = match updated.await {
            Ok(Updated::Done(operation, ())) => Ok(operation),
            Ok(Updated::Missing) => Err(OperationError::NoSuchOperation),
            Err(error) => Err(error),
        };
        let after = changed.as_ref().ok().map(|operation| operation.state.as_str());
        self.end(&line, &changed, after).await;
        changed
    }

    /// # Errors
    /// When the store fails.
    pub async fn get(&self, id: &str) -> Result<Option<Operation>, StoreError> {
        self.store.get(id).await
    }

    /// Newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, after: Option<Cursor>, limit: usize) -> Result<Page<Operation>, StoreError> {
        let mut query = Query::sorted_by("createdAt", Sort::Descending).limit(limit);
        if let Some(cursor) = after {
            query = query.after(cursor);
        }
        self.store.find(&query).await
    }

    /// What became of each, in the order they were passed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn items(
        &self,
        id: &str,
        result: Option<ItemResult>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Item>, StoreError> {
        let mut query = Query::sorted_by("at", Sort::Ascending).equal("operation", id).limit(limit);
        if let Some(result) = result {
            query = query.equal("result", result.as_str());
        }
        if let Some(cursor) = after {
            query = query.after(cursor);
        }
        self.store.find(&query).await
    }

    fn draft(&self, new: &NewOperation, actor: &str, reason: &str) -> Operation {
        let now = self.clock.now();
        let mut filter = new.filter.clone();
        match new.kind {
            Kind::JobsRetry => filter.state = Some(JobState::Failed.as_str().to_owned()),
            Kind::JobsPromote => filter.state = Some(JobState::Delayed.as_str().to_owned()),
            kind if kind.is_of_shipments() && new.ids.is_empty() => filter.of = Some(kind.reviews()),
            _ => {}
        }
        Operation {
            id: ids::operation(now),
            version: 1,
            key: None,
            kind: new.kind,
            state: State::Waiting,
            filter,
            notice: new.notice.as_deref().map(|text| text.trim().to_owned()),
            fate: new.fate,
            ids: new.ids.clone(),
            force: new.force,
            rate_per_minute: new.rate_per_minute,
            stop_after: new.stop_after,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            origin: crate::features::audit::Origin::default(),
            created_at: now,
            started_at: None,
            ended_at: None,
            total: 0,
            capped: false,
            done: 0,
            refused: 0,
            failed: 0,
            failed_in_a_row: 0,
            refusals: std::collections::BTreeMap::new(),
            stopped: None,
            in_hand: None,
            place: None,
            extra: serde_json::Map::new(),
        }
    }

    async fn begin(
        &self,
        by: &AuditContext,
        action: &str,
        id: &str,
        before: Option<&str>,
    ) -> Result<String, StoreError> {
        let act = AuditedAction { action, collection: Operation::COLLECTION, id, user_id: None, before };
        self.audit.begin(by, &act).await
    }

    /// Writes the end of a line. What was done stands, whether or not that works.
    async fn end<T, E: std::fmt::Display>(&self, line: &str, result: &Result<T, E>, after: Option<&str>) {
        let ended = match result {
            Ok(_) => self.audit.end(line, Outcome::Done, after, None).await,
            Err(error) => self.audit.end(line, Outcome::Refused, None, Some(&error.to_string())).await,
        };
        if let Err(error) = ended {
            tracing::warn!(%error, line, "the end of audit line {line} could not be written");
        }
    }

    pub(super) fn is_own(&self, queue: &str) -> bool {
        self.own.contains(&queue)
    }
}
