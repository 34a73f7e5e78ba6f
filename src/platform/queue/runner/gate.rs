//! Whether a queue may be worked right now: asked before every claim, of somebody who knows why not.
//!
//! Guards against a thousand jobs that each find out for themselves that what they all need is shut, and
//! against a queue that stays shut because nobody tries: one job may be let through as a probe.

use std::time::Duration;

use async_trait::async_trait;

use super::ActiveJob;

/// How long nothing is claimed after a job was claimed just before its queue was shut, and after another one
/// was faster with a probe.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// What may shut queues.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Learns what other processes know. Called at start, then every [`REFRESH`], and before each claim of
    /// `run_pending`.
    async fn refresh(&self);

    /// Whether jobs of `queue` may be claimed now. Asked before each claim and once more when jobs have come:
    /// answered from memory.
    fn admit(&self, queue: &str) -> Admission;
}

/// From how many jobs a probe may choose.
pub(super) const CHOICE: usize = 16;

/// How often a working runner has its gate refreshed.
pub const REFRESH: Duration = Duration::from_secs(1);

/// A gate's answer.
#[must_use]
pub enum Admission {
    Open,
    /// Nothing may be claimed; to be asked again after this long.
    Closed {
        look_again: Duration,
    },
    /// One job may be claimed, to find out whether the queue can be opened.
    Probe(Box<dyn Probe>),
}

/// One job that is let through a shut gate.
#[async_trait]
pub trait Probe: Send {
    /// Which of `jobs` is the one; the others are given back. Nothing: none of them.
    async fn choose(&mut self, jobs: &[ActiveJob]) -> Option<usize> {
        (!jobs.is_empty()).then_some(0)
    }

    /// The job is in hand. `false`: it must not run, for somebody else's probe does.
    async fn begin(&mut self, job: &ActiveJob) -> bool;

    /// The job's run has ended, however it did. Not called when the process dies or drops it.
    async fn end(self: Box<Self>);
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::Closed { look_again } => f.debug_struct("Closed").field("look_again", look_again).finish(),
            Self::Probe(_) => f.write_str("Probe"),
        }
    }
}

/// The gate of a runner that was given none.
pub(super) struct AlwaysOpen;

#[async_trait]
impl Gate for AlwaysOpen {
    async fn refresh(&self) {}

    fn admit(&self, _queue: &str) -> Admission {
        Admission::Open
    }
}
