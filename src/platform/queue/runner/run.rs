//! One job from its claim to its acknowledgement.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tracing::Instrument;

use super::{InHand, Runner, gate, queue_loop::JobSlot};
use crate::{
    base::ids,
    platform::{
        queue::{
            ActiveJob, Count, End, LeaseState,
            job::{DeathCause, JobError, Outcome},
            registry::Handler,
            retry,
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
    /// Gives a claimed job back unrun: its queue was shut meanwhile.
    pub(super) async fn put_back(&self, job: &ActiveJob) {
        let end = End::Delay(gate::AGAIN, Count::Nothing, "its queue is shut for now".to_owned());
        self.acknowledge(job, &end, None).await;
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
            measured(&job, outcome, started.elapsed());
        }
        .instrument(span)
        .await;
    }

    async fn work(&self, job: &ActiveJob) -> End {
        let Some(handler) = self.0.registry.handler(job) else {
            tracing::error!("job {} has a name that no handler answers to", job.id);
            return End::Fail(format!("no handler is named {}", job.name));
        };
        let run = AssertUnwindSafe(handler.run(&self.0.context, job)).catch_unwind().await;
        let error = match run {
            Ok(Ok(Outcome::Completed(value))) => return End::Complete(value.to_string()),
            Ok(Ok(Outcome::Delay { after, reason })) => return End::Delay(after, Count::Nothing, reason),
            Ok(Ok(Outcome::Failed { reason })) => return End::Fail(reason),
            Ok(Err(error)) => error,
            Err(panic) => JobError::Retry(format!("it panicked: {}", panic_text(panic.as_ref()))),
        };
        let failures = job.attempts_made.saturating_add(1);
        match error {
            JobError::Retry(reason) if failures < job.attempts => {
                tracing::warn!(reason, failures, "job {} failed and will be tried again", job.id);
                End::Delay(retry::exponential(job.backoff, failures, ids::fraction()), Count::Attempt, reason)
            }
            JobError::Unavailable(reason) => {
                tracing::warn!(reason, "job {} cannot go on and will be tried again", job.id);
                End::Delay(retry::exponential(job.backoff, 1, ids::fraction()), Count::Nothing, reason)
            }
            JobError::Retry(reason) => {
                self.fail_permanently(handler.as_ref(), job, &DeathCause::Attempts(reason)).await
            }
            JobError::Abort(reason) => {
                self.fail_permanently(handler.as_ref(), job, &DeathCause::Aborted(reason)).await
            }
        }
    }

    async fn fail_permanently(&self, handler: &dyn Handler<C>, job: &ActiveJob, why: &DeathCause) -> End {
        tracing::error!(reason = why.reason(), "job {} failed for good", job.id);
        match AssertUnwindSafe(handler.on_dead(&self.0.context, job, why)).catch_unwind().await {
            Ok(Ok(())) => End::Fail(why.reason().to_owned()),
            Ok(Err(error)) => {
                End::Delay(MOVE_ON_AGAIN_AFTER, Count::Nothing, format!("cannot move on: {error}"))
            }
            Err(panic) => End::Delay(
                MOVE_ON_AGAIN_AFTER,
                Count::Nothing,
                format!("cannot move on: {}", panic_text(panic.as_ref())),
            ),
        }
    }

    /// For jobs that the stalled pass has already failed.
    pub(super) async fn on_stalled_dead(&self, job: &ActiveJob) {
        let why = DeathCause::Stalled;
        tracing::error!(reason = why.reason(), "job {} failed for good", job.id);
        measured(job, "failed", Duration::ZERO);
        let Some(handler) = self.0.registry.handler(job) else { return };
        let moved = AssertUnwindSafe(handler.on_dead(&self.0.context, job, &why)).catch_unwind().await;
        if !matches!(moved, Ok(Ok(()))) {
            tracing::error!("what waited for job {} could not be moved on; the sweeper will", job.id);
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

/// For the metrics.
fn outcome(end: &End) -> &'static str {
    match end {
        End::Complete(_) => "completed",
        End::Delay(_, Count::Attempt, _) => "retried",
        End::Delay(_, Count::Nothing, _) => "delayed",
        End::Fail(_) => "failed",
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    // A text that was put together at run time may hold data.
    panic.downcast_ref::<&'static str>().copied().unwrap_or("without words")
}
