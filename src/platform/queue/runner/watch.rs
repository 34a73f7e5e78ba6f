//! What goes on beside the jobs: renewing their leases, finding those whose worker vanished, asking whether
//! the gate is still open.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    QueueSettings, Runner,
    gate::{Gate, REFRESH},
};
use crate::{
    base::ids,
    platform::{queue::LeaseState, telemetry::Counter},
};

static STALLED: Counter = Counter::new("waybill_jobs_stalled_total", "Jobs whose worker vanished, by queue.");

/// Renews every lease in hand each quarter of the shortest one's length, all of a length in one call.
pub(super) async fn renew_leases<C: Send + Sync + 'static>(runner: Runner<C>, stop: CancellationToken) {
    let Some(shortest) = runner.0.queues.iter().map(|q| q.lease).min() else { return };
    while stop.run_until_cancelled(tokio::time::sleep(shortest / 4)).await.is_some() {
        for settings in &runner.0.queues {
            renew(&runner, settings).await;
        }
    }
}

/// Renews what is in hand of one queue. `false`: the queue did not answer.
async fn renew<C: Send + Sync + 'static>(runner: &Runner<C>, settings: &QueueSettings) -> bool {
    let jobs: Vec<_> = runner.0.held().values().filter(|job| job.queue == settings.name).cloned().collect();
    if jobs.is_empty() {
        return true;
    }
    match runner.0.queue.broker.extend(&jobs, settings.lease).await {
        Ok(held) => {
            for (job, _) in jobs.iter().zip(held).filter(|(_, held)| *held == LeaseState::Lost) {
                // It may have ended just now; if not, its acknowledgement will say so.
                tracing::debug!(job.id = job.id, "the lease of job {} is gone", job.id);
            }
            true
        }
        Err(error) => {
            tracing::warn!(queue = settings.name, %error, "leases of {} were not renewed", settings.name);
            false
        }
    }
}

/// Looks for stalled jobs at start and then every half lease, a little apart from other workers' sweeps; and
/// says on the way that this worker is there.
pub(super) async fn sweep_stalled<C: Send + Sync + 'static>(
    runner: Runner<C>,
    settings: QueueSettings,
    stop: CancellationToken,
) {
    let (broker, name) = (&runner.0.queue.broker, &settings.name);
    let mut pause = Duration::ZERO;
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        pause = (settings.lease / 2).mul_f64(0.9 + 0.2 * ids::fraction());
        if let Err(error) =
            broker.announce(&runner.0.name, std::slice::from_ref(name), settings.lease * 2).await
        {
            tracing::debug!(queue = name, %error, "{name} does not know that this worker is there");
        }
        // After an outage longer than a lease our own jobs look stalled to us: what still runs here is not to
        // run twice.
        if !renew(&runner, &settings).await {
            continue;
        }
        match broker.sweep_stalled(name, settings.max_stalled, settings.lease / 2).await {
            Ok(stalled) => {
                for id in &stalled {
                    STALLED.increment(&[("queue", name)]);
                    tracing::warn!(
                        job.id = id,
                        queue = name,
                        "the worker of job {id} vanished: it waits again"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(queue = name, %error, "cannot look for stalled jobs of {name}");
            }
        }
    }
}

/// Keeps the gate up to date with what other processes know.
pub(super) async fn refresh_gate(gate: Arc<dyn Gate>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(REFRESH)).await.is_some() {
        gate.refresh().await;
    }
}
