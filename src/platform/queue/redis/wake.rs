//! Wakes those that wait for jobs.
//!
//! Guards against a blocked connection per waiter, and against a waiter that is dropped and takes a wake-up
//! with it: per queue one task blocks on BullMQ's `marker`, as its workers do, and rings for all waiters of
//! the process. A member of `marker` that it took is put back when nobody claims soon: a worker of another
//! process may be asleep. What is lost nevertheless costs a waiter [`LOOK_AGAIN`], never a job.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{CALL, jobs::text, link::Link, scripts, url::Place};
use crate::base::clock::Clock;

/// The longest block, as BullMQ has it.
const BLOCK: Duration = Duration::from_secs(5);
/// How long a waiter relies on being woken.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How soon whoever was woken claims.
const CLAIMS_WITHIN: Duration = Duration::from_millis(100);
/// How long to leave the server alone that did not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// How often there was something to claim, and how often something else to learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rings {
    pub(super) now: u64,
    pub(super) later: u64,
}

/// What the waiters of one queue and the task that wakes them have in common.
pub(super) struct Waker {
    pub(super) rings: watch::Sender<Rings>,
    waiting: watch::Sender<usize>,
    /// Claims that were begun.
    claims: AtomicU64,
    /// What the worker of this process is called.
    worker: Mutex<Option<String>>,
}

/// Somebody waits for as long as this lives.
pub(super) struct Waiting<'a>(&'a Waker);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

impl Waker {
    pub(super) fn new() -> Self {
        Self {
            rings: watch::Sender::default(),
            waiting: watch::Sender::default(),
            claims: AtomicU64::new(0),
            worker: Mutex::default(),
        }
    }

    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.send_modify(|waiting| *waiting += 1);
        Waiting(self)
    }

    pub(super) fn claims(&self) {
        self.claims.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call_worker(&self, name: Option<&str>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = name.map(str::to_owned);
    }

    pub(super) fn worker(&self) -> Option<String> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the blocking task of one queue needs.
pub(super) struct Listener {
    pub(super) place: Place,
    pub(super) queue: String,
    pub(super) clock: Clock,
    pub(super) waker: Arc<Waker>,
    pub(super) calls: Arc<Link>,
}

impl Listener {
    /// Rings until `end`.
    pub(super) async fn run(self, end: CancellationToken) {
        end.run_until_cancelled(self.listen()).await;
    }

    async fn listen(self) {
        let mut waiting = self.waker.waiting.subscribe();
        let marker = format!("{}:{}:marker", self.place.prefix, self.queue);
        let mut link = None;
        loop {
            if waiting.wait_for(|waiting| *waiting > 0).await.is_err() {
                return;
            }
            let link = match &link {
                Some(link) => link,
                None => link.insert(Link::open(&self.place).await.0),
            };
            let told = match self.introduce(link).await {
                Ok(()) => link.pop_lowest(&marker, BLOCK).await,
                Err(error) => Err(error),
            };
            match told {
                Ok(Some(score)) => self.ring(score),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(queue = self.queue, %error, "jobs of {} may start late", self.queue);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Names the connection as BullMQ names those of its workers: each time, since a new connection has no
    /// name.
    async fn introduce(&self, link: &Link) -> Result<(), crate::platform::queue::QueueError> {
        let Some(worker) = self.waker.worker() else { return Ok(()) };
        let name = format!("{}:w:{worker}", client_name(&self.place.prefix, &self.queue));
        let args = vec![Bytes::from_static(b"SETNAME"), text(name)];
        link.command("CLIENT", args, CALL).await.map(drop)
    }

    /// `score`: 0, or when the next delayed job is due.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "a time of today, in milliseconds"
    )]
    fn ring(&self, score: f64) {
        let is_now = score <= self.clock.now().as_millis() as f64;
        let before = self.waker.claims.load(Ordering::Relaxed);
        self.waker.rings.send_modify(|rings| {
            if is_now {
                rings.now += 1;
            } else {
                rings.later += 1;
            }
        });
        let heard = *self.waker.waiting.borrow() > 0;
        if heard && !is_now {
            return;
        }
        let (waker, calls) = (Arc::clone(&self.waker), Arc::clone(&self.calls));
        let start = format!("{}:{}:", self.place.prefix, self.queue);
        tokio::spawn(async move {
            if heard {
                tokio::time::sleep(CLAIMS_WITHIN).await;
            }
            if !heard || waker.claims.load(Ordering::Relaxed) == before {
                // If that does not work, the others look again by themselves.
                drop(calls.run(&scripts::ROUSE, &[&start], Vec::new(), CALL).await);
            }
        });
    }
}

/// What BullMQ calls the connections of a queue.
pub(super) fn client_name(prefix: &str, queue: &str) -> String {
    format!("{prefix}:{}", BASE64_STANDARD.encode(queue))
}
