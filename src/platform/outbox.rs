//! Brings the queue back to what the documents say, whatever the queue has lost. Knows no business type.
//!
//! Two passes over each collection that declares an outbox, made by one worker at a time ([`leader`]):
//! - the **relay** adds jobs that a request could not add: documents whose outbox entry is older than a few
//!   seconds;
//! - the **sweeper** looks at documents whose job should long have moved them on. A job that the queue still
//!   has is left alone; one that is gone, or has ended without moving its document, is followed by a new
//!   dispatch; after three in a row a person schedule. So does one when a job that the queue has did not run
//!   in time, because nobody works the queue or it is shut.
//!
//! Guards against orders that nobody works on, and against a stampede after the queue was lost: when a
//! document is due is kept in the document, so each comes back at its own time, and every pass takes a
//! bounded batch.

mod leader;
mod pass;

use std::time::Duration;

pub use leader::{Lease, LeaseDocument};
pub use pass::{Report, Walker, WalkerError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    base::timestamp::Timestamp,
    platform::{
        queue::{NewJob, retry::Policies},
        store::Document,
    },
};

/// A job that the queue may not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxEntry {
    pub job_id: String,
    pub at: Timestamp,
}

/// A document that a job moves on. Both paths must be indexed and sparse.
pub trait Dispatched: Document {
    /// The path of [`OutboxEntry::at`].
    const OUTBOX: &'static str;
    /// The path of the time at which somebody should have moved the document on.
    const OVERDUE: &'static str;

    fn outbox(&self) -> Option<&OutboxEntry>;

    /// When somebody should have moved it on; absent when nothing more happens by itself. The sweeper looks
    /// some time after it.
    fn overdue_at(&self) -> Option<Timestamp>;

    /// The job that should be moving it on, not due before the document is. Nothing when none should.
    fn job(&self, policies: &Policies, now: Timestamp) -> Option<NewJob>;

    /// The queue has `job_id`: takes the entry out and sets when to look again. `false`: the entry is
    /// another's.
    fn relayed(&mut self, job_id: &str, now: Timestamp) -> bool;

    /// The queue still has its job: sets when to look again, or hands the document to a person when its job
    /// has been waited for too long.
    fn still_queued(&mut self, job_id: &str, times: &Times, now: Timestamp) -> Again;

    /// Its job `job_id` is gone or ended without moving it: makes a new dispatch, or hands it to a person.
    fn dispatch_again(&mut self, job_id: &str, now: Timestamp) -> Again;
}

/// What became of a document that is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It has a new job, to be added.
    Dispatched,
    /// Its job is still to come.
    Waiting,
    /// A person must look: its jobs came to nothing too often, or its job did not come in time.
    GivenUp,
    /// It has moved on meanwhile.
    MovedOn,
}

/// How patient the passes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How old an outbox entry must be: younger ones are still in the hands of the request that made them.
    pub relay_after: Duration,
    /// How long after it was due a document is looked at.
    pub grace: Duration,
    /// Between two passes.
    pub every: Duration,
}

/// Makes a pass every so often while this process holds the lease, until `stop`; then gives the lease back.
pub async fn run(walker: Walker, lease: Lease, stop: CancellationToken) {
    let every = walker.times().every;
    loop {
        match lease.hold().await {
            Ok(true) => {
                if let Err(error) = walker.pass().await {
                    tracing::warn!(%error, "a pass over the outbox was not finished");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the lease of the outbox could not be asked for"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
            break;
        }
    }
    if let Err(error) = lease.release().await {
        tracing::warn!(%error, "the lease of the outbox was not given back; it runs out by itself");
    }
}
