//! How each queue stands: what waits and since when, how fast it goes, who works it, and why it does not run.

use super::Queues;
use crate::{
    base::timestamp::Timestamp,
    features::audit::Outcome,
    platform::{
        queue::{Counts, JobState, JobView, QueueError, WorkerView},
        store::StoreError,
    },
    provider::carrier::AccountProblem,
};

/// Finished jobs that are looked at for how fast a queue goes, and waiting ones for the oldest.
const SAMPLE: usize = 100;
/// Over how long its speed is told.
const MINUTES: i64 = 5;
const MINUTE: i64 = 60_000;
/// Lines of the audit log that are looked through for who paused a queue.
const LINES: usize = 20;

/// One queue as it stands.
#[derive(Debug, Clone)]
pub struct Overview {
    pub name: String,
    /// Whether it is one of this service's own.
    pub ours: bool,
    pub counts: Counts,
    pub workers: Vec<WorkerView>,
}

/// The same, and what takes looking for.
#[derive(Debug, Clone)]
pub struct Standing {
    pub queue: Overview,
    /// Of the jobs that are next, when the oldest was added.
    pub oldest_waiting_at: Option<Timestamp>,
    /// Finished jobs per minute, of late.
    pub completed_per_minute: f64,
    pub failed_per_minute: f64,
    pub paused_by: Option<PausedBy>,
    /// The account's problem for which it is shut.
    pub held: Option<AccountProblem>,
}

/// Who paused a queue, if it was done with this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedBy {
    pub actor: String,
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Queues {
    /// Every queue that has had something, and those of this service that have not yet.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn names(&self) -> Result<Vec<String>, QueueError> {
        let mut names = self.queue.inspect.queues().await?;
        names.extend(self.known.iter().map(|(name, _)| (*name).to_owned()));
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// All of them.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn list(&self) -> Result<Vec<Overview>, QueueError> {
        let mut all = Vec::new();
        for name in self.names().await? {
            all.push(self.overview(name).await?);
        }
        Ok(all)
    }

    async fn overview(&self, name: String) -> Result<Overview, QueueError> {
        let counts = self.queue.inspect.counts(&name).await?;
        let workers = self.queue.inspect.workers(&name).await?;
        Ok(Overview { ours: self.needs(&name).is_some(), name, counts, workers })
    }

    /// One queue; nothing when there is none of that name. `problem` is the account's, if it is held.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn standing(
        &self,
        name: &str,
        problem: Option<AccountProblem>,
    ) -> Result<Option<Standing>, LookError> {
        if !self.names().await?.iter().any(|known| known == name) {
            return Ok(None);
        }
        self.standing_of(self.overview(name.to_owned()).await?, problem).await.map(Some)
    }

    /// What takes looking for, of a queue.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn standing_of(
        &self,
        queue: Overview,
        problem: Option<AccountProblem>,
    ) -> Result<Standing, LookError> {
        let (now, name) = (self.clock.now(), queue.name.as_str());
        let some = |state| self.queue.inspect.list(name, state, None, SAMPLE);
        let oldest_waiting_at = match queue.counts.waiting {
            0 => None,
            _ => some(JobState::Waiting).await?.jobs.iter().map(|job| job.added_at).min(),
        };
        let completed_per_minute = per_minute(&some(JobState::Completed).await?.jobs, now);
        let failed_per_minute = per_minute(&some(JobState::Failed).await?.jobs, now);
        let paused_by = if queue.counts.paused { self.paused_by(name).await? } else { None };
        let held = problem.filter(|problem| self.needs(name).is_some_and(|needs| needs.forbid(*problem)));
        Ok(Standing { queue, oldest_waiting_at, completed_per_minute, failed_per_minute, paused_by, held })
    }

    async fn paused_by(&self, queue: &str) -> Result<Option<PausedBy>, StoreError> {
        let lines = self.audit.list(Some(queue), None, LINES).await?;
        // The last of them: a queue that another program paused since is not this one's.
        let last = lines
            .into_iter()
            .find(|line| matches!(line.outcome, Outcome::Done | Outcome::Begun))
            .filter(|line| line.action == "queue.pause");
        Ok(last.map(|line| PausedBy { actor: line.actor.name, at: line.at, reason: line.reason }))
    }
}

/// Of finished jobs, newest first. When more finished of late than are looked at, the time that these took
/// tells.
fn per_minute(jobs: &[JobView], now: Timestamp) -> f64 {
    let from = Timestamp::from_millis(now.as_millis() - MINUTES * MINUTE);
    let late: Vec<_> = jobs.iter().filter_map(|job| job.finished_at).filter(|at| *at > from).collect();
    let span = match late.last() {
        Some(oldest) if late.len() == SAMPLE => (now.as_millis() - oldest.as_millis()).max(1000),
        _ => MINUTES * MINUTE,
    };
    let exact = |n: i64| i32::try_from(n).map_or(f64::MAX, f64::from);
    let rate = exact(i64::try_from(late.len()).unwrap_or(0) * MINUTE) / exact(span);
    (rate * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::queue::retry::Backoff;

    fn finished(ms_ago: &[i64]) -> Vec<JobView> {
        let job = |ago: &i64| JobView {
            id: String::new(),
            name: String::new(),
            state: JobState::Completed,
            data: String::new(),
            attempts_made: 1,
            attempts: 1,
            backoff: Backoff::Custom,
            stalled: 0,
            added_at: Timestamp::default(),
            claimed: None,
            due_at: None,
            finished_at: Some(Timestamp::from_millis(10_000_000 - ago)),
            return_value: None,
            reason: None,
        };
        ms_ago.iter().map(job).collect()
    }

    #[test]
    fn the_speed_is_that_of_the_last_minutes() {
        let now = Timestamp::from_millis(10_000_000);
        assert_eq!(per_minute(&[], now).to_string(), "0");
        assert_eq!(per_minute(&finished(&[1, 2, 290_000, 310_000, 900_000]), now).to_string(), "0.6");
        // A hundred in ten seconds, and who knows how many before.
        let busy: Vec<_> = (1..=100).map(|n| n * 100).collect();
        assert_eq!(per_minute(&finished(&busy), now).to_string(), "600");
    }
}
