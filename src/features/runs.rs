//! Runs of jobs: which worker, of which version, when, and what it came to.
//!
//! A run that completed its job is not kept: the job itself says when it was done, and the calls that it made
//! name it and its worker ([`tries`] puts them together). So a booking that meets nothing on its way costs
//! nothing here. Of the others (put off, tried again, failed) each worker keeps some in memory and writes
//! them once a second, in one commit; what a worker that is killed has not written is lost, and only its own
//! log lines know of it.

mod tries;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::tries::{RunCall, RunView};
use super::Feature;
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        queue::{
            End,
            runner::observer::{Observer, RunEnded},
        },
        store::{Document, Field, Index, Order as Sort, Query, Store, StoreError, id_and_version},
    },
    provider::carrier::redact,
};

/// What runs declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().collection::<Run>()
}

/// Most runs that wait to be written; what comes on top of them is not kept.
const MOST_PENDING: usize = 1000;
/// How long they are kept.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many of one job are told.
const MOST_TOLD: usize = 100;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The token under which the job was claimed.
    pub id: String,
    pub version: i64,
    pub queue: String,
    pub job: String,
    pub name: String,
    pub worker: String,
    /// Of the program.
    pub program: String,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// `delayed`, `retried` or `failed`.
    pub outcome: String,
    /// Why, without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The job's counted tries, with this one.
    #[serde(rename = "try")]
    pub no: u32,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Run {
    const COLLECTION: &'static str = "job_runs";
    const INDEXES: &'static [Index] = &[
        Index::on("job", &[Field::text("job"), Field::time("startedAt")]),
        Index::on("ended", &[Field::time("endedAt")]),
    ];

    id_and_version!();
}

/// Reads them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runs {
    store: Store,
}

impl Runs {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The last runs of a job, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_job(&self, job: &str) -> Result<Vec<Run>, StoreError> {
        let newest = Query::sorted_by("startedAt", Sort::Descending).equal("job", job).limit(MOST_TOLD);
        let mut runs = self.store.find::<Run>(&newest).await?.docs;
        runs.reverse();
        Ok(runs)
    }

    /// At most `limit` runs of these jobs that began at `from` or later, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_jobs(
        &self,
        jobs: impl IntoIterator<Item = String>,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Run>, StoreError> {
        let query =
            Query::sorted_by("startedAt", Sort::Ascending).one_of("job", jobs).from(from).limit(limit);
        Ok(self.store.find::<Run>(&query).await?.docs)
    }

    /// Removes what is older than [`KEPT`], a few at a time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_old(&self, now: Timestamp) -> Result<u64, StoreError> {
        let before = Timestamp::from_millis(now.as_millis() - i64::try_from(KEPT.as_millis()).unwrap_or(0));
        self.store.delete_before::<Run>("endedAt", before, 1000).await
    }
}

/// Keeps the runs of one process until they are written. Clones share them.
#[derive(Debug, Clone)]
pub struct RunRecorder {
    store: Store,
    clock: Clock,
    pending: Arc<Mutex<Vec<Run>>>,
}

impl RunRecorder {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, pending: Arc::default() }
    }

    /// Writes what has come since the last time. What cannot be written is told to the log, and given up: it
    /// is there for people alone.
    pub async fn flush(&self) {
        let pending = std::mem::take(&mut *self.lock());
        if pending.is_empty() {
            return;
        }
        let failed = self.store.insert_all(&pending).await.into_iter().filter_map(Result::err);
        let failed: Vec<_> = failed.filter(|error| !matches!(error, StoreError::Conflict { .. })).collect();
        if let Some(error) = failed.first() {
            tracing::warn!(%error, runs = failed.len(), "{} runs of jobs were not kept", failed.len());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Run>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for RunRecorder {
    fn ended(&self, run: &RunEnded<'_>) {
        let (outcome, reason) = match run.end {
            End::Complete(_) => return,
            End::Delay { counts_attempt: true, reason, .. } => ("retried", reason),
            End::Delay { counts_attempt: false, reason, .. } => ("delayed", reason),
            End::Fail(reason) => ("failed", reason),
        };
        let ended_at = self.clock.now();
        let took = i64::try_from(run.took.as_millis()).unwrap_or(i64::MAX);
        let kept = Run {
            id: run.job.token.clone(),
            version: 1,
            queue: run.job.queue.clone(),
            job: run.job.id.clone(),
            name: run.job.name.clone(),
            worker: run.worker.to_owned(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Timestamp::from_millis(ended_at.as_millis().saturating_sub(took)),
            ended_at,
            outcome: outcome.to_owned(),
            reason: Some(redact::words(reason)),
            no: run.job.attempts_made.saturating_add(1),
            extra: Map::new(),
        };
        let mut pending = self.lock();
        if pending.len() < MOST_PENDING {
            pending.push(kept);
        }
    }
}
