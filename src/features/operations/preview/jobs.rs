//! What a preview tells of jobs: which are in another state by now, and what they would do when they run.

use super::{Kind, Operation, Operations, Preview, TargetsError};
use crate::{
    base::timestamp::Timestamp,
    features::{
        operations::targets::means,
        orders::jobs::CreateOrderJob,
        queues::{self, shown},
    },
    platform::queue::{JobState, JobView, job::Payload},
};

/// Of so many jobs it is told what they would do: each takes a look at its order.
const LOOKED_AT: u64 = 200;

impl Operations {
    /// Adds one job to what is told.
    pub(super) async fn look_at_job(
        &self,
        operation: &Operation,
        id: &str,
        preview: &mut Preview,
        now: Timestamp,
    ) -> Result<(), TargetsError> {
        let queue = operation.filter.queue.as_deref().unwrap_or_default();
        let ours = self.is_own(queue);
        let runs = ours && matches!(operation.kind, Kind::JobsRetry | Kind::JobsPromote);
        let tells = runs && preview.looked < LOOKED_AT;
        preview.unseen |= runs && !tells && queue == CreateOrderJob::QUEUE;
        // Those that a filter has found are in the state that it names.
        if operation.ids.is_empty() && !tells {
            return Ok(());
        }
        let job = self.queue.inspect.get(queue, id).await?;
        let job = match allows(operation, ours, job) {
            Ok(job) => job,
            Err(code) => {
                *preview.refusals.entry(code.to_owned()).or_default() += 1;
                return Ok(());
            }
        };
        if tells {
            let order = match shown::order_id(&job) {
                Some(id) => self.orders.load(&id).await?,
                None => None,
            };
            let effect = queues::effect(&job, order.as_ref(), now);
            preview.looked += 1;
            preview.books += u64::from(effect.costs);
            *preview.effects.entry(effect.like).or_default() += 1;
        }
        Ok(())
    }
}

/// The job, if it would be acted on as it stands; else the code of the refusal, as the worker gives it.
fn allows(operation: &Operation, ours: bool, job: Option<JobView>) -> Result<JobView, &'static str> {
    let job = job.ok_or("no-such-job")?;
    let fits = match operation.kind {
        Kind::JobsRetry => job.state == JobState::Failed,
        Kind::JobsPromote => job.state == JobState::Delayed,
        _ if ours && !job.state.is_finished() => return Err("open-job"),
        _ => job.state != JobState::Active && means(operation, &job),
    };
    if fits { Ok(job) } else { Err("job-state") }
}
