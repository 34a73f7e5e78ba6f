//! The worker processes: which there are, of which version, what each has in hand.
//!
//! Each keeps one document of its own and renews it every few seconds. The queue's own list of workers says
//! who consumes a queue, also of other programs; this one says what no queue knows, and reads the same
//! whatever the queue is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::Feature;
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::store::{
        Decision, Document, Field, Index, Order as Sort, Query, Store, StoreError, Updated, id_and_version,
    },
};

/// How often a worker says that it is there.
const EVERY: Duration = Duration::from_secs(10);
/// Not seen for so long, it has vanished; so long it is shown all the same.
const STALE: Duration = Duration::from_secs(35);
const SHOWN: Duration = Duration::from_secs(3600);
/// Most that are listed, and removed at once.
const MOST: usize = 1000;

/// The parts of the registry that `app` registers.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().collection::<WorkerProcess>()
}

/// One process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerProcess {
    /// What it is called among those that work the same queues.
    pub id: String,
    pub version: i64,
    pub host: String,
    /// The program's version.
    pub program: String,
    pub pid: u32,
    pub queues: Vec<WorkedQueue>,
    /// There while it leaves the provider alone; older releases do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<OpenBreaker>,
    pub since: Timestamp,
    pub seen_at: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What it does for one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkedQueue {
    pub name: String,
    /// Jobs that it runs at the same time at most, and now.
    pub concurrency: usize,
    pub in_hand: usize,
}

/// Its circuit breaker, while that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenBreaker {
    pub since: Timestamp,
    /// One call tries, or may.
    pub half_open: bool,
}

/// What a process says of itself each time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtWork {
    pub queues: Vec<WorkedQueue>,
    pub breaker: Option<OpenBreaker>,
}

impl Document for WorkerProcess {
    const COLLECTION: &'static str = "workers";
    const INDEXES: &'static [Index] = &[Index::on("seen", &[Field::time("seenAt")])];

    id_and_version!();
}

impl WorkerProcess {
    /// Whether it has not said for too long that it is there.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.seen_at + STALE < now
    }
}

/// Keeps and reads the list. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workers {
    store: Store,
    clock: Clock,
}

impl Workers {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Those that were seen in the last hour, and have not ended; the last seen first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<WorkerProcess>, StoreError> {
        let since = self.clock.now() - SHOWN;
        let query = Query::sorted_by("seenAt", Sort::Descending).from(since).limit(MOST);
        Ok(self.store.find(&query).await?.docs)
    }

    /// Says that `name` is there, at this work.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seen(&self, name: &str, work: AtWork) -> Result<(), StoreError> {
        let now = self.clock.now();
        let updated = self.store.update::<WorkerProcess, (), StoreError>(name, |worker| {
            (worker.seen_at, worker.queues) = (now, work.queues.clone());
            worker.breaker = work.breaker;
            Ok(Decision::Save(()))
        });
        if let Updated::Done(..) = updated.await? {
            return Ok(());
        }
        let worker = WorkerProcess {
            id: name.to_owned(),
            version: 1,
            host: host(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            queues: work.queues,
            breaker: work.breaker,
            since: now,
            seen_at: now,
            extra: Map::new(),
        };
        self.store.delete_before::<WorkerProcess>("seenAt", now - SHOWN, MOST).await?;
        match self.store.insert(&worker).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes it off the list: it has ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ended(&self, name: &str) -> Result<(), StoreError> {
        // Out of what is shown; it goes with the next worker that begins.
        let gone = self.clock.now() - SHOWN - EVERY;
        let updated = self.store.update::<WorkerProcess, (), StoreError>(name, |worker| {
            worker.seen_at = gone;
            Ok(Decision::Save(()))
        });
        updated.await.map(|_| ())
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().chars().take(100).collect()
}

/// Says every so often that `name` is there, until `stop`, and then that it has ended. `at_work` tells what
/// it does.
pub async fn run(workers: Workers, name: String, at_work: impl Fn() -> AtWork, stop: CancellationToken) {
    loop {
        if let Err(error) = workers.seen(&name, at_work()).await {
            tracing::debug!(%error, "nobody is told that this worker is there");
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            break;
        }
    }
    if let Err(error) = workers.ended(&name).await {
        tracing::debug!(%error, "this worker is shown until its time is over");
    }
}
