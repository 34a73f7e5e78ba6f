//! Jobs: what one is, where they wait, who runs them. Knows no business type.
//!
//! [`broker`] is the port that adapters fill; [`job`] is what a handler looks like; [`registry`] lists
//! handlers; [`runner`] claims and runs; [`producer`] adds from inside a request.

pub mod broker;
pub mod job;
pub mod producer;
pub mod registry;
pub mod retry;
pub mod runner;
mod sqlite;

pub use broker::{
    ActiveJob, Added, Broker, Claim, Count, Counts, End, Inspect, JobState, JobView, Keep, LeaseState,
    NewJob, Queue, QueueError, Recovered,
};

use crate::base::clock::Clock;

impl Queue {
    /// Opens the queue that `url` names, creating it where that is possible.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`], with the path or host and what to do about it.
    pub async fn open(url: &str, clock: Clock, keep: Keep) -> Result<Self, QueueError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite::SqliteQueue::open(path, clock, keep).await;
        }
        Err(QueueError::Unavailable("the queue's URL must start with `sqlite:`".to_owned()))
    }
}
