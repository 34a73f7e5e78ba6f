//! What has no events of its own and yet is to be seen at once: how many jobs each queue has, and which
//! workers there are. Told when it changes, at most once a second, without a number: whoever was away reads
//! the whole anyway.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    features::workers::Workers,
    platform::queue::{Counts, Queue},
};

const EVERY: Duration = Duration::from_secs(1);

/// Where it looks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watched {
    pub queue: Queue,
    /// The service's own queues.
    pub names: Arc<[&'static str]>,
    pub workers: Workers,
}

/// What one process has told.
#[derive(Debug)]
pub(super) struct Pulse {
    watched: Watched,
    counts: HashMap<&'static str, Counts>,
    workers: Option<Vec<String>>,
    last: Option<Instant>,
}

impl Pulse {
    pub(super) fn new(watched: Watched) -> Self {
        Self { watched, counts: HashMap::new(), workers: None, last: None }
    }

    /// What has changed since the last time, as events and their data. What does not answer is not told.
    pub(super) async fn changes(&mut self) -> Vec<(&'static str, Value)> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Vec::new();
        }
        self.last = Some(Instant::now());
        let mut changes = Vec::new();
        for name in &*Arc::clone(&self.watched.names) {
            let Ok(counts) = self.watched.queue.inspect.counts(name).await else { continue };
            let before = self.counts.insert(name, counts);
            if before.is_some_and(|before| before != counts) {
                changes.push(("queue", told(name, counts)));
            }
        }
        if let Ok(workers) = self.watched.workers.list().await {
            let mut names: Vec<_> = workers.into_iter().map(|worker| worker.id).collect();
            names.sort();
            let count = names.len();
            let before = self.workers.replace(names);
            if before.is_some_and(|before| Some(before) != self.workers) {
                changes.push(("worker", json!({ "type": "worker.changed", "workers": count })));
            }
        }
        changes
    }
}

fn told(name: &str, counts: Counts) -> Value {
    json!({
        "type": "queue.counts",
        "queue": name,
        "counts": {
            "waiting": counts.waiting, "active": counts.active, "delayed": counts.delayed,
            "completed": counts.completed, "failed": counts.failed,
        },
        "paused": counts.paused,
    })
}
