//! Looks at jobs and queues.

use std::time::Duration;

use async_trait::async_trait;

use super::{QueueError, retry::Backoff};
use crate::base::timestamp::Timestamp;

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
    /// Nothing is claimed until somebody resumes the queue.
    pub paused: bool,
}

impl Counts {
    /// Jobs that are not finished.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.waiting + self.active + self.delayed
    }
}

/// What has become of a job that somebody counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The queue does not know it.
    Absent,
    /// It waits, runs, or is delayed.
    Open,
    Finished,
    /// The queue keeps it in no state: it will never run, and adding its id again does nothing.
    Adrift,
}

/// When a job was claimed, and who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastClaim {
    pub at: Timestamp,
    /// As it is called among those that work the queue.
    pub worker: Option<String>,
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
    /// How often it may be tried, and how long it waits between; 0 if another program did not say.
    pub attempts: u32,
    pub backoff: Backoff,
    pub stalled: u32,
    pub added_at: Timestamp,
    /// Its last claim; nothing where the queue does not keep it.
    pub claimed: Option<LastClaim>,
    /// When a delayed job is due, or an active one's lease ends.
    pub due_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// The return value of a completed job, JSON.
    pub return_value: Option<String>,
    /// Why it failed, or why it was last delayed; nothing once it is completed.
    pub reason: Option<String>,
}

/// Where a page of jobs ends: for the queue that gave it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(pub String);

/// Jobs of one state, and where the next ones begin. `next` is absent on the last page.
#[derive(Debug, Clone)]
pub struct JobPage {
    pub jobs: Vec<JobView>,
    pub next: Option<Mark>,
}

/// Since when a queue keeps what it is given: made anew when everything in it was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    pub id: String,
    pub since: Timestamp,
}

/// A process that said it works a queue, and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerView {
    pub name: String,
    pub since: Timestamp,
    pub seen_at: Timestamp,
    /// It is none of ours: it did not say so itself, but was seen to wait for jobs.
    pub foreign: bool,
}

/// When a queue was paused, oldest first; one that still is comes last, without an end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pauses(pub Vec<(Timestamp, Option<Timestamp>)>);

impl Pauses {
    /// How much of the time from `from` to `to` the queue was paused.
    #[must_use]
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.0.iter().map(|(start, end)| end.unwrap_or(to).min(to).since((*start).max(from))).sum()
    }

    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.last().is_some_and(|(_, end)| end.is_none())
    }
}

/// Something that a look for damage found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Jobs are lost or stand still until somebody does something.
    pub trouble: bool,
    /// In one line, with what mends it.
    pub what: String,
}

impl Finding {
    pub(super) fn trouble(what: String) -> Self {
        Self { trouble: true, what }
    }

    pub(super) fn note(what: String) -> Self {
        Self { trouble: false, what }
    }
}

/// Looks at jobs; changes nothing. Each call has a deadline.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Every queue that has had a job, a pause or a worker.
    async fn queues(&self) -> Result<Vec<String>, QueueError>;

    async fn counts(&self, queue: &str) -> Result<Counts, QueueError>;

    /// What has become of each, in order. Costs as much as there are `ids`, however many jobs there are.
    async fn presence(&self, queue: &str, ids: &[String]) -> Result<Vec<Presence>, QueueError>;

    async fn get(&self, queue: &str, id: &str) -> Result<Option<JobView>, QueueError>;

    /// A page of the jobs of one state, behind `after`: waiting in the order they will be claimed, active by
    /// the end of their lease, delayed by due time, finished newest first.
    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&Mark>,
        limit: usize,
    ) -> Result<JobPage, QueueError>;

    /// A job's log lines, oldest first.
    async fn logs(&self, queue: &str, id: &str) -> Result<Vec<String>, QueueError>;

    async fn workers(&self, queue: &str) -> Result<Vec<WorkerView>, QueueError>;

    /// The last pauses of the queue.
    async fn pauses(&self, queue: &str) -> Result<Pauses, QueueError>;

    async fn epoch(&self) -> Result<Epoch, QueueError>;

    /// What is wrong with a queue, or with the server of all of them: a look that takes a bounded time.
    async fn examine(&self, _queue: Option<&str>) -> Result<Vec<Finding>, QueueError> {
        Ok(Vec::new())
    }

    /// Whether the queue answers; for health checks.
    async fn ping(&self) -> Result<(), QueueError>;

    /// Whether this process will never change a job again, whatever becomes of the queue: it must be started
    /// anew.
    fn is_dead(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn only_the_paused_part_of_a_time_is_told() {
        let pauses = Pauses(vec![(at(10), Some(at(20))), (at(30), Some(at(31))), (at(50), None)]);
        let between = |from, to| pauses.between(at(from), at(to)).as_secs();
        assert_eq!(between(0, 5), 0);
        assert_eq!(between(0, 15), 5);
        assert_eq!(between(12, 18), 6);
        assert_eq!(between(15, 40), 6);
        assert_eq!(between(32, 49), 0);
        assert_eq!(between(0, 60), 21);
        assert!(pauses.is_paused());
        assert!(!Pauses(vec![(at(10), Some(at(20)))]).is_paused());
        assert!(!Pauses::default().is_paused());
    }
}
