//! The port to the job queue: states and names follow BullMQ, whatever is behind it. This trait moves jobs;
//! [`super::Inspect`] looks at them, [`super::Manage`] is for people.
//!
//! A job waits, is claimed under a lease, and is then completed, delayed or failed by whoever holds the
//! lease; a holder that stops renewing has stalled, and the job waits again. The queue is transport: what it
//! loses is rebuilt from the documents. An adapter must pass the contract suite in `tests/it/queue/`.

use std::time::Duration;

use async_trait::async_trait;

use super::{new_job::NewJob, retry::Backoff};
use crate::base::timestamp::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    New,
    Known,
}

/// A claimed job. Only the holder of `token` may end it: surely while the lease lasts, and at the adapter's
/// choice until a sweep over the expired leases has taken the job away.
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
    pub backoff: Backoff,
    /// How often its holder vanished.
    pub stalled: u32,
    pub added_at: Timestamp,
    /// It is not to be run but to be failed, for this reason: its holders vanished too often.
    pub doomed: Option<String>,
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
    Delay {
        /// Zero: it waits again at once, behind the others.
        after: Duration,
        /// Uses up one of the job's attempts.
        counts_attempt: bool,
        reason: String,
    },
    /// For good, with the reason.
    Fail(String),
}

/// Up to `max` jobs of `queue`, each under a lease of `lease`.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub queue: &'a str,
    pub max: usize,
    pub lease: Duration,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// The queue did not answer, or not in time: whether it acted is not known. Every operation may be
    /// repeated.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// What was asked for can never be done: a job that the queue cannot hold, or contents of the queue that
    /// are none of ours. Repeating it is useless.
    #[error("{0}")]
    Fault(String),
}

/// Moves jobs. Each call is one atomic step with a deadline; its cost does not depend on how many jobs there
/// are.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Adds jobs; one answer each, in order. Answers within `within`: after that, whether they were added is
    /// not known, and they are not added later than the call that is under way says.
    ///
    /// Jobs wait in the order they were added while few do. Behind more than [`super::FRONT`] waiting jobs
    /// each share ([`NewJob::share`]) has its turn: one job of each, again and again.
    ///
    /// # Errors
    /// [`QueueError::Fault`] for a job that [`NewJob::check`] refuses; then none is added.
    async fn add(&self, jobs: &[NewJob], within: Duration) -> Result<Vec<Added>, QueueError>;

    /// Returns when there may be a job to claim, and after `up_to` at the latest. Changes nothing: it may be
    /// dropped, and it may wake for nothing.
    async fn wait(&self, queue: &str, up_to: Duration) -> Result<(), QueueError>;

    /// Jobs in the order they wait, at once. Those whose delay is over come with the waiting ones; a paused
    /// queue gives none. Not to be dropped: jobs that were claimed for nobody wait for their lease's end.
    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<ActiveJob>, QueueError>;

    /// Renews leases to last `lease` from now; one answer each, in order.
    async fn extend(&self, jobs: &[ActiveJob], lease: Duration) -> Result<Vec<LeaseState>, QueueError>;

    /// Tells how jobs ended, one answer each, in order; and with `next` claims at once. All in one step: what
    /// ended makes room for what is claimed.
    async fn end(
        &self,
        ended: &[(ActiveJob, End)],
        next: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError>;

    /// Gives jobs back that were not begun: they wait again, ahead of the others, in the order told. Uses up
    /// no attempt.
    async fn release(&self, jobs: &[ActiveJob]) -> Result<Vec<LeaseState>, QueueError>;

    /// Jobs whose lease has run out wait again, ahead of the others; two sweeps may be needed for one that
    /// just did. Those that stalled more than `max_stalled` times are doomed by it. Tells the ids. `every`:
    /// how often all workers together look; a sweep that comes sooner may do nothing.
    async fn sweep_stalled(
        &self,
        queue: &str,
        max_stalled: u32,
        every: Duration,
    ) -> Result<Vec<String>, QueueError>;

    /// Says that `worker` works these queues, until `life` has passed or it takes that back.
    async fn announce(&self, worker: &str, queues: &[String], life: Duration) -> Result<(), QueueError>;

    /// The worker has ended.
    async fn withdraw(&self, worker: &str) -> Result<(), QueueError>;

    /// Lets what is under way end, for some seconds, and closes a file. To be called when the process ends;
    /// what is asked afterwards fails.
    async fn close(&self) {}

    /// [`Broker::end`] for one job.
    async fn end_one(&self, job: &ActiveJob, end: End) -> Result<LeaseState, QueueError> {
        let (states, _) = self.end(&[(job.clone(), end)], None).await?;
        states.first().copied().ok_or_else(|| QueueError::Unavailable("it gave no answer".to_owned()))
    }
}
