//! Short words for how a test ends a job.

use std::time::Duration;

use async_trait::async_trait;
use waybill::platform::queue::{ActiveJob, Broker, Claim, End, LeaseState, QueueError};

/// How long a queue may take for an add, where that is not what is tested.
pub(crate) const ADD: Duration = Duration::from_secs(60);

/// Whether a delay uses up an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Attempt,
    Nothing,
}

#[async_trait]
pub(crate) trait Ending: Broker {
    async fn claim_from(
        &self,
        queue: &str,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<ActiveJob>, QueueError> {
        self.claim(Claim { queue, max, lease }).await
    }

    /// Claims as soon as there is something, for up to `patience`.
    async fn next_from(
        &self,
        queue: &str,
        max: usize,
        lease: Duration,
        patience: Duration,
    ) -> Result<Vec<ActiveJob>, QueueError> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let jobs = self.claim(Claim { queue, max, lease }).await?;
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if !jobs.is_empty() || left.is_zero() {
                return Ok(jobs);
            }
            self.wait(queue, left).await?;
        }
    }

    async fn complete(&self, job: &ActiveJob, value: &str) -> Result<LeaseState, QueueError> {
        self.end_one(job, End::Complete(value.to_owned())).await
    }

    async fn fail(&self, job: &ActiveJob, reason: &str) -> Result<LeaseState, QueueError> {
        self.end_one(job, End::Fail(reason.to_owned())).await
    }

    async fn delay(
        &self,
        job: &ActiveJob,
        after: Duration,
        count: Count,
        reason: &str,
    ) -> Result<LeaseState, QueueError> {
        let counts_attempt = count == Count::Attempt;
        self.end_one(job, End::Delay { after, counts_attempt, reason: reason.to_owned() }).await
    }

    /// Sweeps as often as it may take.
    async fn recover(&self, queue: &str, max_stalled: u32) -> Vec<String> {
        let mut ids = self.sweep_stalled(queue, max_stalled, Duration::ZERO).await.unwrap();
        ids.extend(self.sweep_stalled(queue, max_stalled, Duration::ZERO).await.unwrap());
        ids
    }
}

impl<B: Broker + ?Sized> Ending for B {}
