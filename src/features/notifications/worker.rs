//! The part of a worker process that makes notifications and mails of them: one at a time, under a lease.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{consumer::Consumer, digest::Digests};
use crate::{
    base::clock::Clock,
    features::mail::Mails,
    platform::{
        outbox::Lease,
        store::{Store, StoreError},
    },
};

/// Between two looks at the events.
const TICK: Duration = Duration::from_millis(250);
/// Every so many of them: orders that have waited, and mails.
const SLOW: u32 = 20;

/// See the head of this file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationsWorker {
    store: Store,
    clock: Clock,
    digests: Digests,
    lease: Lease,
}

impl NotificationsWorker {
    #[must_use]
    pub fn new(store: Store, clock: Clock, mails: Mails, lease: Lease) -> Self {
        let digests = Digests::new(store.clone(), clock.clone(), mails);
        Self { store, clock, digests, lease }
    }

    fn consumer(&self) -> Consumer {
        Consumer::new(self.store.clone(), self.clock.clone())
    }

    /// Works while this process holds the lease, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let (mut consumer, mut beat) = (self.consumer(), 0u32);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            match self.lease.hold().await {
                Ok(true) => {
                    let slow = beat.is_multiple_of(SLOW);
                    beat = beat.wrapping_add(1);
                    if let Err(error) = self.pass(&mut consumer, slow, &stop).await {
                        tracing::warn!(%error, "notifications could not be made");
                    }
                }
                Ok(false) => consumer.forget(),
                Err(error) => tracing::warn!(%error, "the lease of the notifications could not be asked for"),
            }
        }
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the lease of the notifications was not given back: it runs out");
        }
    }

    async fn pass(
        &self,
        consumer: &mut Consumer,
        slow: bool,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        while consumer.pass().await? {
            // Whoever was away for long is renewed in between.
            if stop.is_cancelled() || !self.lease.hold().await? {
                return Ok(());
            }
        }
        if slow {
            consumer.look().await?;
            self.digests.pass().await?;
        }
        Ok(())
    }

    /// Does all that is due now, and tells how many mails that were: for tests and one-off commands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_pending(&self) -> Result<usize, StoreError> {
        let mut consumer = self.consumer();
        while consumer.pass().await? {}
        consumer.look().await?;
        self.digests.pass().await
    }
}
