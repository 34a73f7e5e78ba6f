//! The port to the job queue: states and names follow BullMQ, whatever is behind it.
//!
//! A job waits, is claimed under a lease, and is then completed, delayed or failed by whoever holds the
//! lease; a holder that stops renewing has stalled, and the job waits again. The queue is transport: what it
//! loses is rebuilt from the documents. An adapter must pass the contract suite in `tests/it/queue/`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::base::timestamp::Timestamp;

/// A job to be added. Adding an id that the queue knows, in whatever state, changes nothing.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub queue: &'static str,
    pub id: String,
    /// Which handler runs it.
    pub name: &'static str,
    /// The payload, JSON.
    pub data: String,
    /// How many counted failures end it.
    pub attempts: u32,
    /// The first wait after a counted failure; it doubles from there.
    pub backoff: Duration,
    /// Not before this much time has passed.
    pub delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    New,
    Known,
}

/// A claimed job. Only the holder of `token` may end it: surely while the lease lasts, and at the adapter's
/// choice until a pass over the expired leases has taken the job away.
#[derive(Debug, Clone)]
pub struct ActiveJob {
    pub queue: String,
    pub id: String,
    pub name: String,
    pub data: String,
    pub token: String,
    /// Counted failures so far.
    pub attempts_made: u32,
    pub attempts: u32,
    pub backoff: Duration,
    /// How often its holder vanished.
    pub stalled: u32,
    pub added_at: Timestamp,
}

/// Whether the caller still held the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum LeaseState {
    /// It did, and what was asked for has been done.
    Owned,
    /// Its lease was lost; nothing was changed.
    Lost,
}

/// How a claimed job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Well, with a return value (JSON).
    Complete(String),
    /// Put off; zero: it waits again at once, behind the others. With the reason.
    Delay(Duration, Count, String),
    /// For good, with the reason.
    Fail(String),
}

/// Up to `max` jobs of `queue`, oldest first, each under a lease of `lease`.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub queue: &'a str,
    pub max: usize,
    pub lease: Duration,
}

/// Whether a delay uses up one of the job's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Attempt,
    Nothing,
}

/// What a pass over the expired leases did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Ids that wait again, in the order in which they will be claimed.
    pub requeued: Vec<String>,
    /// Stalled once too often: failed for good.
    pub dead: Vec<ActiveJob>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobState {
    Waiting,
    Active,
    Delayed,
    Completed,
    Failed,
}

impl JobState {
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Active, Self::Delayed, Self::Completed, Self::Failed];

    /// BullMQ's name of the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Delayed => "delayed",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// How many jobs of a queue are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub waiting: u64,
    pub active: u64,
    pub delayed: u64,
    pub completed: u64,
    pub failed: u64,
}

impl Counts {
    /// Jobs that are not finished.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.waiting + self.active + self.delayed
    }
}

/// A job as the queue keeps it.
#[derive(Debug, Clone)]
pub struct JobView {
    pub id: String,
    pub name: String,
    pub state: JobState,
    pub data: String,
    /// Tries that ended: counted delays and, as BullMQ has it, the one that completed or failed the job.
    /// Vanished holders do not count.
    pub attempts_made: u32,
    pub stalled: u32,
    pub added_at: Timestamp,
    /// When a delayed job is due, or an active one's lease ends.
    pub due_at: Option<Timestamp>,
    /// The return value of a completed job, JSON.
    pub return_value: Option<String>,
    /// Why it failed, or why it was last delayed; nothing once it is completed.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The queue did not answer, or not in time: whether it acted is not known. Every operation may be
    /// repeated.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
}

/// Moves jobs. Each call is one atomic step; its cost does not depend on how many jobs there are.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Adds jobs; one answer each, in order.
    async fn add(&self, jobs: &[NewJob]) -> Result<Vec<Added>, QueueError>;

    /// Up to `max` jobs, oldest first, each under a lease of `lease`. Jobs whose delay is over come with the
    /// waiting ones. With nothing to claim, waits up to `wait` (zero: not at all) and then gives an empty
    /// list.
    async fn claim(
        &self,
        queue: &str,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<ActiveJob>, QueueError>;

    /// Renews leases to last `lease` from now; one answer each, in order.
    async fn extend(&self, jobs: &[ActiveJob], lease: Duration) -> Result<Vec<LeaseState>, QueueError>;

    /// Tells how jobs ended, one answer each, in order; and with `next` claims at once, without waiting. All
    /// in one step: what ended makes room for what is claimed.
    async fn end(
        &self,
        ended: &[(ActiveJob, End)],
        next: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError>;

    /// [`Broker::end`] for one job.
    async fn end_one(&self, job: &ActiveJob, end: End) -> Result<LeaseState, QueueError> {
        let (states, _) = self.end(&[(job.clone(), end)], None).await?;
        states.first().copied().ok_or_else(|| QueueError::Unavailable("it gave no answer".to_owned()))
    }

    async fn complete(&self, job: &ActiveJob, return_value: &str) -> Result<LeaseState, QueueError> {
        self.end_one(job, End::Complete(return_value.to_owned())).await
    }

    async fn delay(
        &self,
        job: &ActiveJob,
        delay: Duration,
        count: Count,
        reason: &str,
    ) -> Result<LeaseState, QueueError> {
        self.end_one(job, End::Delay(delay, count, reason.to_owned())).await
    }

    async fn fail(&self, job: &ActiveJob, reason: &str) -> Result<LeaseState, QueueError> {
        self.end_one(job, End::Fail(reason.to_owned())).await
    }

    /// Jobs whose lease has run out wait again, ahead of the others; those that stalled more than
    /// `max_stalled` times fail.
    async fn recover_stalled(&self, queue: &str, max_stalled: u32) -> Result<Recovered, QueueError>;
}

/// Looks at jobs.
#[async_trait]
pub trait Inspect: Send + Sync {
    async fn counts(&self, queue: &str) -> Result<Counts, QueueError>;

    async fn get(&self, queue: &str, id: &str) -> Result<Option<JobView>, QueueError>;

    /// Jobs of one state: waiting in the order they will be claimed, delayed by due time, finished newest
    /// first.
    async fn list(
        &self,
        queue: &str,
        state: JobState,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<JobView>, QueueError>;

    /// Whether the queue answers; for health checks.
    async fn ping(&self) -> Result<(), QueueError>;
}

/// Both halves of one queue.
#[derive(Clone)]
pub struct Queue {
    pub broker: Arc<dyn Broker>,
    pub inspect: Arc<dyn Inspect>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// How many finished jobs of each queue are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    pub completed: u32,
    pub failed: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { completed: 1000, failed: 1000 }
    }
}
