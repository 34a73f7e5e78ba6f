//! The runs of an order's jobs, with the calls that they made.

use super::{
    Desk,
    timeline::{Entry, EntryKind, Tone},
};
use crate::{
    base::timestamp::Timestamp,
    features::{orders::model::Order, runs::RunView},
    platform::{
        queue::{JobState, JobView},
        store::StoreError,
    },
};

/// Most calls for an order, and kept runs of its jobs, that are looked through.
const MOST: usize = 500;
/// The clock of whoever added a job may be ahead of that of whoever runs it by this much, in milliseconds.
const SKEW_MS: i64 = 60_000;

fn since(job: &JobView) -> Timestamp {
    Timestamp::from_millis(job.added_at.as_millis().saturating_sub(SKEW_MS))
}

impl Desk {
    /// The last runs of a job, oldest first, each with its calls; `order` is the one that it is of.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tries(
        &self,
        queue: &str,
        job: &JobView,
        order: Option<&Order>,
    ) -> Result<Vec<RunView>, StoreError> {
        let calls = match order {
            Some(order) => self.records.briefs(order.id(), since(job), MOST).await?,
            None => Vec::new(),
        };
        self.runs.tries(queue, job, &calls).await
    }

    /// Of each job that was completed at `from` or later, the run that did it. What they made is read from
    /// when the job was added: wherever a page begins, it must be told in the same way.
    pub(super) async fn completions(
        &self,
        order: &Order,
        jobs: &[(&'static str, JobView)],
        from: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let completed = |(_, job): &&(&'static str, JobView)| {
            job.state == JobState::Completed && job.finished_at.is_some_and(|at| at >= from)
        };
        let jobs: Vec<_> = jobs.iter().filter(completed).collect();
        let Some(first) = jobs.iter().map(|(_, job)| since(job)).min() else { return Ok(Vec::new()) };
        let calls = self.records.briefs(order.id(), first, MOST).await?;
        let ids = jobs.iter().map(|(_, job)| job.id.clone());
        let kept = self.runs.of_jobs(ids, first, MOST).await?;
        let mut entries = Vec::new();
        for (queue, job) in jobs {
            if let Some(run) = self.runs.completed(queue, job, &kept, &calls).await? {
                entries.push(completion(queue, job, run));
            }
        }
        Ok(entries)
    }
}

fn completion(queue: &str, job: &JobView, run: RunView) -> Entry {
    let (at, title) = (run.started_at.unwrap_or(run.ended_at), format!("Run of {}: completed", job.name));
    Entry {
        tone: Tone::Ok,
        actor: run.worker,
        version: run.version,
        attempt: Some(i64::from(run.no)),
        duration_ms: run.started_at.map(|at| run.ended_at.as_millis() - at.as_millis()),
        job_queue: Some(queue.to_owned()),
        job_id: Some(job.id.clone()),
        run: run.run,
        ..Entry::new(at, EntryKind::Job, format!("{}-run", job.id), title)
    }
}
