//! Adds jobs from inside a request, where the queue may only help, never hinder.
//!
//! The document is already safe and its outbox entry brings the job sooner or later; so a queue that is slow
//! costs a request 100 ms at most, and one that is down costs nothing: after three failures it is not asked
//! for a second.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Broker, NewJob, QueueError};
use crate::platform::telemetry::Counter;

static MISSED: Counter = Counter::new(
    "waybill_queue_adds_missed_total",
    "Jobs a request could not add itself (result: skipped or failed); the outbox relay adds them.",
);

const DEADLINE: Duration = Duration::from_millis(100);
const FAILURES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Cheap to clone; clones share what they know of the queue's health.
#[derive(Clone)]
pub struct Producer {
    broker: Arc<dyn Broker>,
    gate: Arc<Mutex<Gate>>,
}

#[derive(Default)]
struct Gate {
    failures: u32,
    shut_until: Option<Instant>,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

impl Producer {
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker, gate: Arc::default() }
    }

    /// Tries to add `job`, and tells whether the queue has it now. After a `false` the queue may have it or
    /// not.
    pub async fn offer(&self, job: NewJob) -> bool {
        let queue = job.queue.as_ref();
        if self.is_shut() {
            MISSED.increment(&[("queue", queue), ("result", "skipped")]);
            return false;
        }
        let added = self.broker.add(std::slice::from_ref(&job), DEADLINE).await;
        // A job that the queue can never hold says nothing of the queue's health.
        self.note(!matches!(added, Err(QueueError::Unavailable(_))));
        let Err(error) = added else { return true };
        MISSED.increment(&[("queue", queue), ("result", "failed")]);
        tracing::warn!(
            queue,
            job.id = job.id,
            %error,
            "job {} was not added: its outbox entry will bring it",
            job.id
        );
        false
    }

    fn is_shut(&self) -> bool {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        gate.shut_until.is_some_and(|until| Instant::now() < until)
    }

    fn note(&self, well: bool) {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if well {
            *gate = Gate::default();
            return;
        }
        gate.failures += 1;
        if gate.failures >= FAILURES {
            gate.shut_until = Some(Instant::now() + PAUSE);
        }
    }
}
