//! One job from its claim to its acknowledgement.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tracing::Instrument;

use super::{InHand, Runner, observer::RunEnded, queue_loop::JobSlot};
use crate::{
    base::ids,
    platform::{
        queue::{
            ActiveJob, End, LeaseState, QueueError,
            job::{DeathCause, JobError, Outcome},
            registry::Handler,
            retry::{self, Policy},
        },
        telemetry::{Counter, Durations},
    },
};

static JOBS: Counter = Counter::new("waybill_jobs_total", "Runs of jobs, by queue, name and outcome.");
static DURATION: Durations =
    Durations::new("waybill_job_duration_seconds", "How long runs of jobs took, by queue and name.");

/// One run of a job.
fn measured(job: &ActiveJob, outcome: &str, took: Duration) {
    JOBS.increment(&[("queue", &job.queue), ("name", &job.name), ("outcome", outcome)]);
    DURATION.record(&[("queue", &job.queue), ("name", &job.name)], took);
}

/// How often an acknowledgement is repeated when the queue does not answer. After that the lease runs out and
/// the job runs again.
const ACK_TRIES: u32 = 5;

/// How long a job is put off when it should end for good but nothing could be moved on.
const MOVE_ON_AGAIN_AFTER: Duration = Duration::from_secs(30);

impl<C: Send + Sync + 'static> Runner<C> {
    /// Gives claimed jobs back that were not begun. What cannot be given back waits for its lease's end.
    pub(super) async fn release(&self, jobs: &[ActiveJob]) {
        if jobs.is_empty() {
            return;
        }
        if let Err(error) = self.0.queue.broker.release(jobs).await {
            tracing::warn!(%error, jobs = jobs.len(), "jobs that were not begun could not be given back");
        }
    }

    pub(super) async fn run_one(&self, job: ActiveJob, slot: Option<JobSlot>) {
        // At the highest level, so that no log level takes the id from the lines that are left.
        let span = tracing::error_span!("job", job.queue = job.queue, job.name = job.name, job.id = job.id);
        async {
            let started = tokio::time::Instant::now();
            let in_hand = InHand::new(&self.0, &job);
            let end = self.work(&job).await;
            let outcome = outcome(&end);
            self.acknowledge(&job, &end, slot).await;
            drop(in_hand);
            let took = started.elapsed();
            measured(&job, outcome, took);
            if let Some(observer) = self.0.observer.get() {
                observer.ended(&RunEnded { job: &job, worker: &self.0.name, end: &end, took });
            }
        }
        .instrument(span)
        .await;
    }

    async fn work(&self, job: &ActiveJob) -> End {
        let Some(handler) = self.0.registry.handler(job) else {
            tracing::error!("job {} has a name that no handler answers to", job.id);
            return End::Fail(format!("no handler is named {}", job.name));
        };
        if job.doomed.is_some() {
            return self.fail_permanently(handler.as_ref(), job, &DeathCause::Stalled).await;
        }
        let run = AssertUnwindSafe(handler.run(&self.0.context, job)).catch_unwind().await;
        let error = match run {
            Ok(Ok(Outcome::Completed(value))) => return End::Complete(value.to_string()),
            Ok(Ok(Outcome::Delay { after, reason })) => {
                return End::Delay { after, counts_attempt: false, reason };
            }
            Ok(Ok(Outcome::Failed { reason })) => return End::Fail(reason),
            Ok(Err(error)) => error,
            Err(panic) => JobError::Retry(format!("it panicked: {}", panic_text(panic.as_ref()))),
        };
        let failures = job.attempts_made.saturating_add(1);
        let (attempts, counted, uncounted) = self.patience(job, failures);
        match error {
            JobError::Retry(reason) if failures < attempts => {
                tracing::warn!(reason, failures, "job {} failed and will be tried again", job.id);
                End::Delay { after: counted, counts_attempt: true, reason }
            }
            JobError::Unavailable(reason) => {
                tracing::warn!(reason, "job {} cannot go on and will be tried again", job.id);
                End::Delay { after: uncounted, counts_attempt: false, reason }
            }
            JobError::Retry(reason) => {
                self.fail_permanently(handler.as_ref(), job, &DeathCause::Attempts(reason)).await
            }
            JobError::Abort(reason) => {
                self.fail_permanently(handler.as_ref(), job, &DeathCause::Aborted(reason)).await
            }
        }
    }

    /// How many failures end the job, and how long it waits after one that counts and after one that does
    /// not. Jobs of other producers may come without any patience of their own.
    fn patience(&self, job: &ActiveJob, failures: u32) -> (u32, Duration, Duration) {
        let settings = self.0.queues.iter().find(|settings| settings.name == job.queue);
        let policy = settings.map_or(Policy { attempts: 1, backoff: Duration::ZERO }, |s| s.policy);
        let after = |failures| {
            let fraction = ids::fraction();
            job.backoff.after(failures, fraction).max(retry::exponential(policy.backoff, failures, fraction))
        };
        (job.attempts.max(policy.attempts), after(failures), after(1))
    }

    async fn fail_permanently(&self, handler: &dyn Handler<C>, job: &ActiveJob, why: &DeathCause) -> End {
        tracing::error!(reason = why.reason(), "job {} failed for good", job.id);
        match AssertUnwindSafe(handler.on_dead(&self.0.context, job, why)).catch_unwind().await {
            Ok(Ok(())) => End::Fail(why.reason().to_owned()),
            Ok(Err(error)) => cannot_move_on(&error.to_string()),
            Err(panic) => cannot_move_on(panic_text(panic.as_ref())),
        }
    }

    /// Tells the queue, at the `slot` if there is one, where others' ends are told too.
    async fn acknowledge(&self, job: &ActiveJob, end: &End, mut slot: Option<JobSlot>) {
        for attempt in 1..=ACK_TRIES {
            let told = match slot.take() {
                Some(slot) => slot.tell(job, end).await,
                None => self.0.queue.broker.end_one(job, end.clone()).await.map_err(|error| (error, None)),
            };
            match told {
                Ok(LeaseState::Owned) => return,
                Ok(LeaseState::Lost) => {
                    tracing::warn!(
                        "the lease of job {} was lost before its end: another worker may run it too",
                        job.id
                    );
                    return;
                }
                Err((error @ QueueError::Fault(_), _)) => {
                    tracing::error!(%error, "the queue does not take the end of job {}", job.id);
                    return;
                }
                Err((error, again)) => {
                    slot = again;
                    tracing::warn!(%error, attempt, "the end of job {} could not be told", job.id);
                    let pause = retry::exponential(Duration::from_millis(50), attempt, ids::fraction());
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// The job is put off instead of ending: what waits for it has not moved on.
fn cannot_move_on(why: &str) -> End {
    End::Delay { after: MOVE_ON_AGAIN_AFTER, counts_attempt: false, reason: format!("cannot move on: {why}") }
}

/// In one word, for the metrics and for whoever keeps runs.
pub(crate) fn outcome(end: &End) -> &'static str {
    match end {
        End::Complete(_) => "completed",
        End::Delay { counts_attempt: true, .. } => "retried",
        End::Delay { counts_attempt: false, .. } => "delayed",
        End::Fail(_) => "failed",
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    // A text that was put together at run time may hold data.
    panic.downcast_ref::<&'static str>().copied().unwrap_or("without words")
}
