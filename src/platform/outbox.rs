//! Brings the queue back to what the documents say, whatever the queue has lost. Knows no business type.
//!
//! Two passes over each collection that declares an outbox, made by one worker at a time ([`leader`]):
//! - the **relay** adds jobs that a request could not add: outbox entries that are older than a few seconds;
//! - the **sweeper** looks at documents whose job should long have moved them on. A job that the queue still
//!   has is left alone; one that is gone, or has ended without moving its document, is followed by a new
//!   dispatch; after three in a row a person looks. So does one when a job that the queue has did not run
//!   in time, because nobody works the queue or it is shut.
//!
//! Guards against orders that nobody works on, and against a stampede after the queue was lost: when a
//! document is due is kept in the document, so each comes back at its own time, and every pass takes a
//! bounded batch.

mod known;
mod leader;
mod pass;

use std::time::Duration;

pub use leader::{Lease, LeaseDocument};
pub use pass::{Report, Shut, Walker, WalkerError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    base::timestamp::Timestamp,
    platform::{
        queue::{NewJob, Pauses, job::Payload, retry::Policies},
        store::Document,
    },
};

/// A job that a queue may not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Of one document no two entries have the same.
    pub id: String,
    pub queue: String,
    /// Which handler runs it.
    pub name: String,
    /// Whose job it is; see [`NewJob::share`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// The job's id.
    pub job: String,
    /// The job's data, as the queue gets it.
    pub payload: String,
    pub at: Timestamp,
    /// The job is not due before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

impl Entry {
    /// An entry for the job `job`, due at once.
    ///
    /// # Errors
    /// When the payload does not serialise.
    pub fn of<P: Payload>(id: String, job: String, payload: &P, at: Timestamp) -> serde_json::Result<Self> {
        Ok(Self {
            id,
            queue: P::QUEUE.into(),
            name: P::NAME.into(),
            share: payload.share().map(str::to_owned),
            job,
            payload: serde_json::to_string(payload)?,
            at,
            not_before: None,
        })
    }

    /// The job, also of a kind that this binary does not know: workers that do will run it.
    #[must_use]
    pub fn to_job(&self, policies: &Policies, now: Timestamp) -> NewJob {
        let policy = policies.of(&self.queue);
        NewJob {
            queue: self.queue.clone().into(),
            id: self.job.clone(),
            name: self.name.clone().into(),
            data: self.payload.clone(),
            share: self.share.clone(),
            attempts: policy.attempts,
            backoff: policy.backoff.into(),
            delay: self.not_before.map_or(Duration::ZERO, |at| at.since(now)),
        }
    }
}

/// A document that jobs move on. Both paths must have a partial index each.
pub trait Dispatched: Document {
    /// The path of the time of the oldest entry.
    const OUTBOX: &'static str;
    /// The path of the time at which somebody should have moved the document on.
    const OVERDUE: &'static str;
    fn outbox(&self) -> &[Entry];

    /// When somebody should have moved it on; absent when nothing more happens by itself. The sweeper looks
    /// some time after it.
    fn overdue_at(&self) -> Option<Timestamp>;

    /// Queue and id of the job that should be moving it on. Nothing when none should.
    fn current_job(&self) -> Option<(&'static str, String)>;

    /// When that job was last put on its way.
    fn dispatched_at(&self) -> Timestamp;

    /// The queue has the job of `entry`: takes the entry out and sets when to look again. `false`: it is not
    /// there.
    fn relayed(&mut self, entry: &str, now: Timestamp) -> bool;

    /// The queue still has its job: sets when to look again, or hands the document to a person when its job
    /// has been waited for too long, which the time of its queue's `pauses` is no part of.
    fn still_queued(&mut self, job: &str, times: &Times, pauses: &Pauses, now: Timestamp) -> Again;

    /// The same while the jobs of its queue may not run, in one word because of `why`.
    fn shut_out(
        &mut self,
        job: &str,
        _why: &str,
        (times, pauses): (&Times, &Pauses),
        now: Timestamp,
    ) -> Again {
        self.still_queued(job, times, pauses, now)
    }

    /// Its job is gone or ended without moving it: makes a new dispatch, or hands it to a person.
    /// `blameless`: the queue lost everything that it had, which says nothing of this document.
    fn job_lost(&mut self, job: &str, blameless: bool, now: Timestamp) -> Again;
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
