//! What a worker keeps of its runs and calls for people to look at: it must never slow them down.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::{
    base::clock::Clock,
    features::{
        kyc::Kyc,
        notifications::Notifications,
        provider_accounts::guard::Guard,
        runs::{RunRecorder, Runs},
        series,
    },
    platform::{
        outbox::Lease,
        queue::{
            Queue,
            runner::observer::{Observer, RunEnded},
        },
    },
    provider::carrier::{self, CallEnd},
};

const EVERY: Duration = Duration::from_secs(1);
/// Numbers are added each so many seconds, old ones removed each so many.
const NUMBERS: u32 = 15;
const SWEEP: u32 = 1800;

/// Clones share what is kept.
#[derive(Debug, Clone)]
pub(super) struct Records {
    runs: RunRecorder,
    old_runs: Runs,
    notifications: Notifications,
    series: series::Recorder,
    kyc: Kyc,
    queue: Queue,
    clock: Clock,
    /// Of the one process that does operations: it also looks how deep the queues are.
    lease: Lease,
}

impl Records {
    pub(super) fn new(app: &App) -> Self {
        let (store, clock) = (app.store.within(super::PASS), app.clock.clone());
        Self {
            runs: RunRecorder::new(store.clone(), clock.clone()),
            old_runs: Runs::new(store.clone()),
            notifications: Notifications::new(store.clone(), clock.clone()),
            series: series::Recorder::new(store.clone(), clock.clone()),
            kyc: app.state.kyc.clone(),
            queue: app.queue.clone(),
            lease: Lease::new(store, clock.clone(), "operations"),
            clock,
        }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// An observer of calls that hears of them after `guard`.
    pub(super) fn beside(&self, guard: Guard) -> Arc<dyn carrier::Observer> {
        Arc::new(Both { guard, series: self.series.clone() })
    }

    /// Writes what there is until `stop`, and then what is left.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut beat: u32 = 0;
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            beat = beat.wrapping_add(1);
            self.runs.flush().await;
            if beat % NUMBERS == 1 {
                self.numbers().await;
            }
            if beat % SWEEP == 2 && self.leads() {
                self.sweep().await;
            }
        }
        self.flush().await;
    }

    async fn numbers(&self) {
        self.series.alive();
        if self.leads() {
            let names: Vec<_> = super::queues().into_iter().map(|(name, _)| name).collect();
            self.series.sample(&self.queue, &names).await;
        }
        self.series.flush().await;
    }

    /// Never takes the lease: who does operations gives it back before this ends.
    fn leads(&self) -> bool {
        self.lease.is_held()
    }

    async fn sweep(&self) {
        self.series.remove_old().await;
        if let Err(error) = self.old_runs.remove_old(self.clock.now()).await {
            tracing::warn!(%error, "old runs of jobs were not removed");
        }
        if let Err(error) = self.notifications.remove_old().await {
            tracing::warn!(%error, "old notifications were not removed");
        }
        if let Err(error) = self.kyc.sweep().await {
            tracing::warn!(%error, "abandoned files were not erased");
        }
    }

    pub(super) async fn flush(&self) {
        self.runs.flush().await;
        self.series.flush().await;
    }
}

impl Observer for Records {
    fn ended(&self, run: &RunEnded<'_>) {
        self.runs.ended(run);
        Observer::ended(&self.series, run);
    }
}

struct Both {
    guard: Guard,
    series: series::Recorder,
}

#[async_trait]
impl carrier::Observer for Both {
    async fn ended(&self, end: &CallEnd<'_>) {
        self.guard.ended(end).await;
        carrier::Observer::ended(&self.series, end).await;
    }
}
