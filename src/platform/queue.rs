//! Jobs: what one is, where they wait, who runs them. Knows no business type.
//!
//! [`Broker`], [`Inspect`] and [`Manage`] are the port that adapters fill; [`job`] is what a handler looks
//! like; [`registry`] lists handlers; [`runner`] claims and runs; [`producer`] adds from inside a request.

mod broker;
mod inspect;
pub mod job;
mod manage;
mod new_job;
pub mod producer;
mod redis;
pub mod registry;
pub mod retry;
pub mod runner;
mod sqlite;

use std::{fmt, sync::Arc};

pub use broker::{ActiveJob, Added, Broker, Claim, End, LeaseState, QueueError};
pub use inspect::{
    Counts, Epoch, Finding, Inspect, JobPage, JobState, JobView, LastClaim, Mark, Pauses, Presence,
    WorkerView,
};
pub use manage::{LOG_LINES, Manage, Managed};
pub use new_job::NewJob;

use super::marks::Marks;
use crate::base::clock::Clock;

/// Jobs that wait in the order they were added, whoever's they are; behind them each share has its turn.
pub const FRONT: usize = 16;

/// One queue's sides. Clones share it.
#[derive(Clone)]
pub struct Queue {
    pub broker: Arc<dyn Broker>,
    pub inspect: Arc<dyn Inspect>,
    pub manage: Arc<dyn Manage>,
    /// What processes share beside jobs, where there is a server for it.
    pub marks: Option<Arc<dyn Marks>>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// How many finished jobs of each queue are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    pub completed: u32,
    pub failed: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { completed: 1000, failed: 1000 }
    }
}

/// What a handle on a queue is told, besides where it is.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub keep: Keep,
    /// What the keys begin with on Redis. Empty: what the URL says, or else BullMQ's own.
    pub prefix: String,
    /// Whose jobs these are. A queue that has been another's is refused; without it, none is.
    pub installation: Option<String>,
    /// A queue that is nobody's stays so: for whoever neither serves nor works.
    pub claims_nothing: bool,
}

impl From<Keep> for Options {
    fn from(keep: Keep) -> Self {
        Self { keep, ..Self::default() }
    }
}

/// Whether [`Queue::open`] knows what `url` names: a SQLite file, or a Redis server.
#[must_use]
pub fn can_open(url: &str) -> bool {
    url.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty()) || redis::is_ours(url)
}

/// What the keys begin with that `url` and the setting `prefix` lead to; nothing for a file, and where the
/// two cannot be used together.
#[must_use]
pub fn prefix_in_force(url: &str, prefix: &str) -> Option<String> {
    if redis::is_ours(url) { redis::prefix(url, prefix) } else { None }
}

/// Whether a prefix can be one, and is the one that `url` names if that names any. A file has none.
///
/// # Errors
/// [`QueueError::Fault`], in one line.
pub fn check_prefix(url: &str, prefix: &str) -> Result<(), QueueError> {
    if redis::is_ours(url) { redis::check(url, prefix) } else { Ok(()) }
}

/// What is wrong with the file that `url` names, which is left as it is: opening it would move it aside, and
/// make a new one. Nothing where it is whole, or a server's.
pub async fn damage(url: &str) -> Option<String> {
    sqlite::SqliteQueue::damage(url.strip_prefix("sqlite:")?).await
}

impl Queue {
    /// Opens the queue that `url` names, creating it where that is possible.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`], with the path or host and what to do about it; [`QueueError::Fault`] for
    /// a URL that can never work, and for a queue of another installation. Never with a password.
    pub async fn open(url: &str, clock: Clock, options: impl Into<Options>) -> Result<Self, QueueError> {
        let options = options.into();
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite::SqliteQueue::open(path, clock, options).await;
        }
        if redis::is_ours(url) {
            return redis::RedisQueue::open(url, clock, options).await;
        }
        Err(QueueError::Unavailable("the queue's URL must start with `sqlite:` or `redis:`".to_owned()))
    }
}
