//! Each run of a job, with the calls that it made: those that are kept, and the one that completed it.
//!
//! Guards against one more document for each booking: the run that completed a job is read from the job,
//! while its queue has it, and from the logs of the calls that it made.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Run, Runs};
use crate::{
    base::timestamp::Timestamp,
    features::workers::WorkerProcess,
    platform::{
        queue::{JobState, JobView},
        store::StoreError,
    },
    provider::carrier::{CallBrief, JobRun},
};

/// A call to ParcelX that a run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCall {
    pub id: String,
    #[schema(example = "create_order")]
    pub operation: String,
    pub attempt: i64,
    #[schema(inline)]
    pub sent_at: Timestamp,
    /// Null while it is under way, and of one that was given up before it was sent.
    pub verdict: Option<String>,
    pub status_code: Option<u16>,
    pub duration_ms: Option<i64>,
}

/// One run, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// What calls that it made are known by; null of a run that completed its job without one.
    pub run: Option<String>,
    #[serde(rename = "try")]
    pub no: u32,
    /// Null where neither the queue nor a call tells it; so are the next two.
    pub worker: Option<String>,
    pub version: Option<String>,
    /// Of a run that completed its job: when it was claimed, or when its first call was sent.
    #[schema(inline)]
    pub started_at: Option<Timestamp>,
    #[schema(inline)]
    pub ended_at: Timestamp,
    /// `completed`, `delayed`, `retried` or `failed`.
    pub outcome: String,
    pub reason: Option<String>,
    /// In the order they were sent.
    pub calls: Vec<RunCall>,
}

impl From<&CallBrief> for RunCall {
    fn from(call: &CallBrief) -> Self {
        Self {
            id: call.id.clone(),
            operation: call.operation.clone(),
            attempt: call.attempt,
            sent_at: call.sent_at,
            verdict: call.end.as_ref().map(|end| end.verdict.clone()),
            status_code: call.end.as_ref().and_then(|end| end.status_code),
            duration_ms: call.end.as_ref().map(|end| end.duration_ms),
        }
    }
}

impl RunView {
    fn kept(run: Run, calls: &[CallBrief]) -> Self {
        let made = calls.iter().filter(|call| call.job.as_ref().is_some_and(|made| made.run == run.id));
        Self {
            calls: made.map(RunCall::from).collect(),
            run: Some(run.id),
            no: run.no,
            worker: Some(run.worker),
            version: Some(run.program),
            started_at: Some(run.started_at),
            ended_at: run.ended_at,
            outcome: run.outcome,
            reason: run.reason,
        }
    }
}

impl Runs {
    /// The last runs of a job, oldest first. `calls`: those for its order since the job was added.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tries(
        &self,
        queue: &str,
        job: &JobView,
        calls: &[CallBrief],
    ) -> Result<Vec<RunView>, StoreError> {
        let kept = self.of_job(&job.id).await?;
        let completed = self.completed(queue, job, &kept, calls).await?;
        let kept = kept.into_iter().map(|run| RunView::kept(run, calls));
        Ok(kept.chain(completed).collect())
    }

    /// The run that completed a job; nothing while none has. `kept`: those of its runs that did not, and
    /// maybe others; `calls` as for [`Runs::tries`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn completed(
        &self,
        queue: &str,
        job: &JobView,
        kept: &[Run],
        calls: &[CallBrief],
    ) -> Result<Option<RunView>, StoreError> {
        let Some(ended_at) = job.finished_at.filter(|_| job.state == JobState::Completed) else {
            return Ok(None);
        };
        let made = of_the_last(queue, job, kept, calls);
        let run = made.first().and_then(|call| call.job.as_ref());
        let claimed = job.claimed.as_ref();
        let worker = run.and_then(|run| run.worker.as_ref());
        let worker = worker.or_else(|| claimed.and_then(|claim| claim.worker.as_ref())).cloned();
        let version = match (run.and_then(|run| run.version.clone()), &worker) {
            (None, Some(worker)) => {
                self.store.get::<WorkerProcess>(worker).await?.map(|process| process.program)
            }
            (version, _) => version,
        };
        Ok(Some(RunView {
            run: run.map(|run| run.run.clone()),
            no: job.attempts_made.max(1),
            worker,
            version,
            started_at: claimed.map(|claim| claim.at).or_else(|| made.first().map(|call| call.sent_at)),
            ended_at,
            outcome: "completed".to_owned(),
            reason: None,
            calls: made.into_iter().map(RunCall::from).collect(),
        }))
    }
}

/// The calls of the run that completed the job: the last one that is not kept. Runs of workers that vanished
/// are not kept either, so where there may be no other run the calls are nobody's, unless the queue tells
/// that the worker is the same.
fn of_the_last<'c>(queue: &str, job: &JobView, kept: &[Run], calls: &'c [CallBrief]) -> Vec<&'c CallBrief> {
    let kept: BTreeSet<_> = kept.iter().map(|run| run.id.as_str()).collect();
    let by = |call: &'c CallBrief| -> Option<&'c JobRun> {
        let run = call.job.as_ref().filter(|run| run.queue == queue && run.id == job.id);
        run.filter(|run| !kept.contains(run.run.as_str()))
    };
    let Some(last) = calls.iter().rev().find_map(by) else { return Vec::new() };
    let runs: BTreeSet<_> = calls.iter().filter_map(by).map(|run| run.run.as_str()).collect();
    let vanished = usize::try_from(job.stalled).unwrap_or(usize::MAX);
    let worker = job.claimed.as_ref().and_then(|claim| claim.worker.as_ref());
    let known = worker.is_some() && worker == last.worker.as_ref();
    if runs.len() <= vanished && !known {
        return Vec::new();
    }
    calls.iter().filter(|&call| by(call).is_some_and(|run| run.run == last.run)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::platform::queue::{LastClaim, retry::Backoff};

    const QUEUE: &str = "q";

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// A call that `run` of the job `j` made, by the worker `worker`.
    fn call(ms: i64, run: &str, worker: &str) -> CallBrief {
        let (queue, id, worker) = (QUEUE.to_owned(), "j".to_owned(), Some(worker.to_owned()));
        CallBrief {
            id: format!("plog_{ms}"),
            operation: "create_order".to_owned(),
            attempt: 1,
            sent_at: at(ms),
            never_sent: false,
            job: Some(JobRun { queue, id, run: run.to_owned(), no: 1, worker, version: None }),
            end: None,
        }
    }

    fn kept(run: &str) -> Run {
        Run {
            id: run.to_owned(),
            version: 1,
            queue: QUEUE.to_owned(),
            job: "j".to_owned(),
            name: "create-order".to_owned(),
            worker: "w-1".to_owned(),
            program: "1.0.0".to_owned(),
            started_at: at(1),
            ended_at: at(2),
            outcome: "delayed".to_owned(),
            reason: None,
            no: 1,
            extra: Map::new(),
        }
    }

    fn job(stalled: u32, worker: Option<&str>) -> JobView {
        JobView {
            id: "j".to_owned(),
            name: "create-order".to_owned(),
            state: JobState::Completed,
            data: String::new(),
            attempts_made: 1,
            attempts: 3,
            backoff: Backoff::Custom,
            stalled,
            added_at: at(0),
            claimed: worker.map(|worker| LastClaim { at: at(5), worker: Some(worker.to_owned()) }),
            due_at: None,
            finished_at: Some(at(100)),
            return_value: None,
            reason: None,
        }
    }

    fn found(job: &JobView, kept: &[Run], calls: &[CallBrief]) -> Vec<i64> {
        of_the_last(QUEUE, job, kept, calls).iter().map(|call| call.sent_at.as_millis()).collect()
    }

    #[test]
    fn the_calls_of_kept_runs_and_of_other_jobs_are_not_the_last_ones() {
        let mut others = vec![call(50, "r-3", "w-1"), call(60, "r-4", "w-1"), call(70, "", "w-1")];
        if let Some(run) = &mut others[0].job {
            run.id = "another".to_owned();
        }
        if let Some(run) = &mut others[1].job {
            run.queue = "another".to_owned();
        }
        others[2].job = None;
        let mut calls = vec![call(10, "r-1", "w-1"), call(20, "r-2", "w-1"), call(30, "r-2", "w-1")];
        calls.extend(others);
        assert_eq!(found(&job(0, None), &[kept("r-1")], &calls), [20, 30]);
        // It made none itself.
        let all = [kept("r-1"), kept("r-2")];
        assert_eq!(found(&job(0, None), &all, &calls), Vec::<i64>::new());
    }

    #[test]
    fn the_calls_of_a_worker_that_vanished_are_not_those_of_the_next_one() {
        let dead = [call(10, "r-1", "w-1")];
        assert_eq!(found(&job(1, None), &[], &dead), Vec::<i64>::new(), "it may have made none");
        assert_eq!(found(&job(1, Some("w-2")), &[], &dead), Vec::<i64>::new());
        let both = [call(10, "r-1", "w-1"), call(20, "r-2", "w-2")];
        assert_eq!(found(&job(1, None), &[], &both), [20]);
        let after = [call(20, "r-2", "w-2")];
        assert_eq!(found(&job(1, Some("w-2")), &[], &after), [20], "the first one died before its call");
    }
}
