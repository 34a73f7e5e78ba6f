//! What an operator watches: orders by state, the queues' depth, the oldest open order, live workers. One
//! process looks for all, now and then, and never far.

use std::time::Duration;

use super::App;
use crate::{
    features::orders::{model::Order, status::SyncStatus},
    platform::{
        outbox::{Dispatched, Lease},
        queue::QueueError,
        store::{Order as Sort, Query, StoreError},
        telemetry::Gauge,
    },
};

static ORDERS: Gauge = Gauge::new(
    "waybill_orders",
    "Orders by state, as the leader of the workers counted them in the last two minutes.",
);
static OLDEST: Gauge = Gauge::new(
    "waybill_oldest_open_order_seconds",
    "Age of the oldest of the 200 open orders that are due first.",
);
static JOBS: Gauge =
    Gauge::new("waybill_queue_jobs", "Jobs by queue and state, as the leader last counted them.");
static WORKERS: Gauge = Gauge::new("waybill_workers", "Live workers by queue, as the leader last saw them.");

const SOON: Duration = Duration::from_secs(1);
/// Between two looks.
const EVERY: Duration = Duration::from_secs(15);
/// Orders are counted with every so many looks: that walks a whole index.
const COUNTED_EVERY: u32 = 8;
const LOOKED_AT: usize = 200;

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl App {
    /// Sets the gauges while this process is the leader. Ends never; to be dropped.
    pub(super) async fn watch(self, lease: Lease) {
        let (mut shown, mut looks) = (false, 0_u32);
        loop {
            let leads = lease.is_held();
            if leads || shown {
                let looked = if leads { self.look(looks).await } else { self.forget() };
                if let Err(error) = looked {
                    tracing::warn!(%error, "the gauges of orders and queues could not be set");
                }
            }
            looks = if leads { looks.wrapping_add(1) } else { 0 };
            shown = leads;
            // Soon after it leads there is something to see.
            tokio::time::sleep(if leads { EVERY } else { SOON }).await;
        }
    }

    async fn look(&self, looks: u32) -> Result<(), LookError> {
        if looks.is_multiple_of(COUNTED_EVERY) {
            let counts = self.store.within(super::PASS).count_by::<Order>("providerSyncStatus").await?;
            for status in SyncStatus::ALL {
                let count = counts.get(status.as_str()).copied().unwrap_or_default();
                ORDERS.set(&[("status", status.as_str())], number(count));
            }
        }
        let due = Query::sorted_by(Order::OVERDUE, Sort::Ascending).limit(LOOKED_AT);
        let open = self.store.find::<Order>(&due).await?.docs;
        let now = self.clock.now();
        let oldest = open.iter().map(|order| now.since(order.created_at())).max().unwrap_or_default();
        OLDEST.set(&[], oldest.as_secs_f64());
        for (queue, _) in super::queues() {
            let counts = self.queue.inspect.counts(queue).await?;
            for (state, count) in
                [("waiting", counts.waiting), ("active", counts.active), ("delayed", counts.delayed)]
            {
                JOBS.set(&[("queue", queue), ("state", state)], number(count));
            }
            let workers = self.queue.inspect.workers(queue).await?.len();
            WORKERS.set(&[("queue", queue)], number(workers));
        }
        Ok(())
    }

    /// Another process leads now: what this one saw last must not stand beside what that one sees.
    fn forget(&self) -> Result<(), LookError> {
        for status in SyncStatus::ALL {
            ORDERS.set(&[("status", status.as_str())], 0.0);
        }
        OLDEST.set(&[], 0.0);
        for (queue, _) in super::queues() {
            for state in ["waiting", "active", "delayed"] {
                JOBS.set(&[("queue", queue), ("state", state)], 0.0);
            }
            WORKERS.set(&[("queue", queue)], 0.0);
        }
        Ok(())
    }
}

fn number(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
