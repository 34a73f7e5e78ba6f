//! What people do to jobs and queues.

use async_trait::async_trait;

use super::{JobState, QueueError};

/// What became of an order of a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Managed {
    Done,
    /// The queue does not know the job.
    Missing,
    /// In this state it cannot be done; nothing was changed.
    NotIn(JobState),
    /// Something else stands on the job, in words; nothing was changed.
    Needed(&'static str),
    /// The job carries other data than was said; nothing was changed.
    Changed,
}

/// Most log lines of one job that are kept; the oldest go.
pub const LOG_LINES: usize = 100;

/// Changes jobs and queues by hand. Each call is one atomic step with a deadline.
#[async_trait]
pub trait Manage: Send + Sync {
    /// Nothing of the queue is claimed until it is resumed; what runs goes on. `false`: it was paused
    /// already.
    async fn pause(&self, queue: &str) -> Result<bool, QueueError>;

    /// `false`: it was not paused.
    async fn resume(&self, queue: &str) -> Result<bool, QueueError>;

    /// A failed job waits again, behind the others, with all its attempts.
    async fn retry(&self, queue: &str, id: &str) -> Result<Managed, QueueError>;

    /// A delayed job is due now.
    async fn promote(&self, queue: &str, id: &str) -> Result<Managed, QueueError>;

    /// The job is gone; one that runs, or that others wait for, is left alone.
    async fn remove(&self, queue: &str, id: &str) -> Result<Managed, QueueError>;

    /// The job carries `data` from now on: a JSON text, which is kept as it is. One that runs is left alone,
    /// and so is one that carries something else than `was`, if that is given.
    async fn set_data(
        &self,
        queue: &str,
        id: &str,
        data: &str,
        was: Option<&str>,
    ) -> Result<Managed, QueueError>;

    /// Adds a line to a job's log, of which the last [`LOG_LINES`] are kept for as long as the job is.
    async fn log(&self, queue: &str, id: &str, line: &str) -> Result<Managed, QueueError>;
}
