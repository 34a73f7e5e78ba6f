//! A queue that is not there.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use waybill::platform::queue::{ActiveJob, Added, Broker, Claim, End, LeaseState, NewJob, QueueError};

/// Counts what it is asked, and says that it is gone: at once, or when the time of an add is over.
#[derive(Debug, Default)]
pub(crate) struct NoQueue {
    pub(crate) silent: bool,
    pub(crate) adds: AtomicUsize,
}

fn gone<T>() -> Result<T, QueueError> {
    Err(QueueError::Unavailable("gone".to_owned()))
}

#[async_trait]
impl Broker for NoQueue {
    async fn add(&self, _: &[NewJob], within: Duration) -> Result<Vec<Added>, QueueError> {
        self.adds.fetch_add(1, Ordering::SeqCst);
        if self.silent {
            tokio::time::sleep(within).await;
        }
        gone()
    }

    async fn wait(&self, _: &str, _: Duration) -> Result<(), QueueError> {
        gone()
    }

    async fn claim(&self, _: Claim<'_>) -> Result<Vec<ActiveJob>, QueueError> {
        gone()
    }

    async fn extend(&self, _: &[ActiveJob], _: Duration) -> Result<Vec<LeaseState>, QueueError> {
        gone()
    }

    async fn end(
        &self,
        _: &[(ActiveJob, End)],
        _: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError> {
        gone()
    }

    async fn release(&self, _: &[ActiveJob]) -> Result<Vec<LeaseState>, QueueError> {
        gone()
    }

    async fn sweep_stalled(&self, _: &str, _: u32, _: Duration) -> Result<Vec<String>, QueueError> {
        gone()
    }

    async fn announce(&self, _: &str, _: &[String], _: Duration) -> Result<(), QueueError> {
        gone()
    }

    async fn withdraw(&self, _: &str) -> Result<(), QueueError> {
        gone()
    }
}
