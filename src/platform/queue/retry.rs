//! How long to wait before the next try. Pure functions: the waits are data, kept with the job or its
//! document.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// A queue's defaults for its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Counted failures that end a job.
    pub attempts: u32,
    /// The wait after the first one.
    pub backoff: Duration,
}

/// How a job's waits grow, as it was told when the job was added. In JSON as BullMQ writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Backoff {
    /// `delay` milliseconds each time.
    Fixed { delay: u64 },
    /// `delay` milliseconds at first, then twice as long each time; up to `jitter` (0 to 1) of it shorter.
    Exponential {
        delay: u64,
        #[serde(default)]
        jitter: f64,
    },
    /// A kind that only another program knows.
    #[serde(other)]
    Custom,
}

/// How much shorter than its full length one of our own waits may be.
const JITTER: f64 = 0.2;

impl From<Duration> for Backoff {
    /// Exponential from `base`, with our own jitter.
    fn from(base: Duration) -> Self {
        Self::Exponential { delay: u64::try_from(base.as_millis()).unwrap_or(u64::MAX), jitter: JITTER }
    }
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row (1 is the first), at most [`LONGEST`] or what it
    /// begins with; `fraction` (0 to 1) chooses within the jitter. A kind of another program: none.
    #[must_use]
    pub fn after(&self, failures: u32, fraction: f64) -> Duration {
        match *self {
            Self::Fixed { delay } => Duration::from_millis(delay),
            Self::Exponential { delay, jitter } => {
                shortened(grown(Duration::from_millis(delay), failures), jitter, fraction)
            }
            Self::Custom => Duration::ZERO,
        }
    }
}

/// The policy of each queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policies {
    usual: Policy,
    of_queues: Arc<BTreeMap<String, Policy>>,
}

impl Policies {
    /// `of_queues` are those that differ from the usual.
    #[must_use]
    pub fn new(usual: Policy, of_queues: BTreeMap<String, Policy>) -> Self {
        Self { usual, of_queues: Arc::new(of_queues) }
    }

    #[must_use]
    pub fn of(&self, queue: &str) -> Policy {
        self.of_queues.get(queue).copied().unwrap_or(self.usual)
    }
}

impl From<Policy> for Policies {
    fn from(usual: Policy) -> Self {
        Self::new(usual, BTreeMap::new())
    }
}

/// Longest wait between two tries of anything that nobody is told about.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The wait after the `failures`-th failure in a row (1 is the first): `base`, then twice as long each time,
/// at most [`LONGEST`] or `base`, and up to a fifth shorter as `fraction` (0 to 1) says, so that jobs that
/// failed together do not return together.
#[must_use]
pub fn exponential(base: Duration, failures: u32, fraction: f64) -> Duration {
    shortened(grown(base, failures), JITTER, fraction)
}

fn grown(base: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    base.saturating_mul(1 << doublings).min(LONGEST.max(base))
}

fn shortened(full: Duration, jitter: f64, fraction: f64) -> Duration {
    full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) * fraction.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest() {
        let base = Duration::from_secs(5);
        let waits: Vec<_> = (1..=9).map(|n| exponential(base, n, 0.0).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(exponential(base, u32::MAX, 0.0), LONGEST);
        assert_eq!(exponential(base, 0, 0.0), base);
    }

    #[test]
    fn jitter_only_shortens() {
        for f in [0.0, 0.3, 1.0, 7.0] {
            let wait = exponential(Duration::from_secs(10), 1, f);
            assert!((8.0..=10.0).contains(&wait.as_secs_f64()), "{wait:?}");
        }
    }

    #[test]
    fn backoffs_of_other_producers_are_followed_as_far_as_they_are_known() {
        let read = |text: &str| serde_json::from_str::<Backoff>(text).unwrap();
        let secs = |text: &str, failures| read(text).after(failures, 1.0).as_millis();
        assert_eq!(secs(r#"{"type":"fixed","delay":3000}"#, 4), 3000);
        assert_eq!(secs(r#"{"type":"exponential","delay":1000}"#, 3), 4000);
        assert_eq!(secs(r#"{"type":"exponential","delay":1000,"jitter":0.5}"#, 3), 2000);
        assert_eq!(read(r#"{"type":"jittered-by-us","delay":1}"#), Backoff::Custom);
        let own = Backoff::from(Duration::from_secs(5));
        assert_eq!(own.after(2, 0.0), exponential(Duration::from_secs(5), 2, 0.0));
        assert_eq!(read(&serde_json::to_string(&own).unwrap()), own);
    }
}
