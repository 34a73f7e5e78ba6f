//! Who hears how runs of jobs ended, after the queue was told.

use std::time::Duration;

use crate::platform::queue::{ActiveJob, End};

/// One run of a job, from its claim to its end.
#[derive(Debug, Clone, Copy)]
pub struct RunEnded<'a> {
    pub job: &'a ActiveJob,
    /// As the runner is called.
    pub worker: &'a str,
    pub end: &'a End,
    pub took: Duration,
}

/// Called between two jobs: it must not wait for anything.
pub trait Observer: Send + Sync {
    fn ended(&self, run: &RunEnded<'_>);
}
