//! What a job is to the code that adds it ([`Payload`]) and to the code that runs it ([`Job`]).

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::ActiveJob;

/// A job's data. Lives with its resource, so that whoever adds jobs need not know who runs them.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Never renamed: jobs that wait carry it.
    const NAME: &'static str;
    const QUEUE: &'static str;

    /// Whose job it is, so that nobody's many make the others wait; see [`super::NewJob::share`].
    fn share(&self) -> Option<&str>;
}

/// A handler. It may be run again at any time (a lease can be lost between the work and its acknowledgement),
/// so what it does must stand being done twice.
pub trait Job: Payload {
    /// What the handler needs; the registry's context must hold it.
    type Context: Send + Sync + 'static;

    fn run(
        &self,
        ctx: &Self::Context,
        job: &ActiveJob,
    ) -> impl Future<Output = Result<Outcome, JobError>> + Send;

    /// The job has failed for good: moves on what waits for it. Called before the queue is told; an error
    /// puts the job off instead of ending it.
    fn on_dead(
        &self,
        ctx: &Self::Context,
        job: &ActiveJob,
        why: &DeathCause,
    ) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// How a run ended that was no error.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The return value, for whoever reads the queue.
    Completed(Value),
    /// The same job goes on after this time. Uses up no attempt.
    Delay { after: Duration, reason: String },
    /// The work was done and its answer is no: failed at once, shown with its reason, nothing left to move
    /// on.
    Failed { reason: String },
}

/// How a run ended that went wrong: a fault of ours or of our stores, never the provider's.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Trying again may help: counted, after the job's backoff.
    #[error("{0}")]
    Retry(String),
    /// What the job stands on does not answer: tried again after the backoff, for as long as that lasts. Uses
    /// up no attempt, since an outage says nothing of the job.
    #[error("{0}")]
    Unavailable(String),
    /// Trying again cannot help.
    #[error("{0}")]
    Abort(String),
}

/// Why a job failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeathCause {
    /// Every attempt ended in an error; the last one's text.
    Attempts(String),
    /// The handler gave up.
    Aborted(String),
    /// Its holder vanished more often than is allowed.
    Stalled,
}

impl DeathCause {
    /// The text that the queue shows.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Attempts(text) | Self::Aborted(text) => text,
            Self::Stalled => "its worker vanished too often",
        }
    }
}
