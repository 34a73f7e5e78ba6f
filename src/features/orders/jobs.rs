//! The handlers of jobs, one file each, with what they carry;
//! existing producers send the same fields, but for `generation`.

mod adopt;
mod cancel_order;
mod create_order;
mod fetch_label;
mod look_first;
mod reconcile;
pub mod words;

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub use cancel_order::CancelOrderJob;
pub use create_order::CreateOrderJob;
pub use fetch_label::FetchLabelJob;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        orders::{model::Order, model::PollSchedule, reason, service::OrderService},
        provider_accounts::guard::Guard,
    },
    platform::queue::{
        ActiveJob, Queue,
        job::{JobError, Outcome},
    },
    provider::carrier::{Call, CallError, CallTimes, Carrier, JobRun},
};

/// What handlers work with.
#[derive(Debug)]
pub struct Context {
    pub orders: OrderService,
    pub carrier: Arc<dyn Carrier>,
    /// Is told of refusals: the same one again and again is about the account.
    pub guard: Guard,
    pub clock: Clock,
    /// How long one call to the provider and the writes around it may take.
    pub call_times: CallTimes,
    /// When to look for a booking that was not answered, from the call's end.
    pub reconcile: Vec<Duration>,
    /// When to look at what a cancel came to.
    pub schedule: PollSchedule,
    /// Whether a look-up that finds nothing may be believed, once a control look-up has found something.
    pub lookup_trusted: bool,
    /// For what is known of the queues that the jobs wait in.
    pub queue: Queue,
    /// Calls under way: they outlive the job that made them, so that their end is always written down.
    pub calls: TaskTracker,
    /// What this worker is called among those that work the queues, once it has a runner.
    pub worker: Arc<OnceLock<String>>,
}

/// Up to here it does not matter for how much of its wait the queue of a job was paused.
const SHORT_WAIT: Duration = Duration::from_secs(3600);

impl Context {
    /// A call of `job` for `order`.
    fn call(&self, order: &Order, attempt: i64, queued_at: Timestamp, job: &ActiveJob) -> Call {
        Call {
            order_id: order.id().to_owned(),
            reference: order.order_number().to_owned(),
            attempt,
            queued_at,
            job: Some(JobRun {
                queue: job.queue.clone(),
                id: job.id.clone(),
                run: job.token.clone(),
                no: job.attempts_made.saturating_add(1),
                worker: self.worker.get().cloned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        }
    }

    /// For how much of the time since `since` the queue was paused.
    async fn paused(&self, queue: &str, since: Timestamp) -> Result<Duration, JobError> {
        let now = self.clock.now();
        if now.since(since) < SHORT_WAIT {
            return Ok(Duration::ZERO);
        }
        let pauses = self.queue.inspect.pauses(queue).await;
        Ok(pauses.map_err(|error| JobError::Unavailable(error.to_string()))?.between(since, now))
    }

    /// Makes a call in a task of its own: a job that is dropped must not cut it short, nor keep its end from
    /// being written down.
    async fn detached<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, CallError>> + Send + 'static,
    ) -> Result<Result<T, CallError>, JobError> {
        let ended = self.calls.spawn(call.in_current_span()).await;
        ended.map_err(|_| JobError::Retry("the call panicked".to_owned()))
    }
}

/// For so long an order of another provider is left to a worker that works for it; then a person looks.
const LEFT_ALONE: Duration = Duration::from_secs(24 * 3600);

/// The job of an order that a worker of another provider must move on.
fn for_another_provider() -> Outcome {
    Outcome::Delay { after: Duration::from_secs(5), reason: reason::OTHER_ENVIRONMENT.to_owned() }
}
