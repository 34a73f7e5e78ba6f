//! How long to wait before the next try. Pure functions: the waits are data, kept with the job or its
//! document.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A queue's defaults for its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Counted failures that end a job.
    pub attempts: u32,
    /// The wait after the first one.
    pub backoff: Duration,
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
    let doublings = failures.saturating_sub(1).min(16);
    let full = base.saturating_mul(1 << doublings).min(LONGEST.max(base));
    full.mul_f64(1.0 - 0.2 * fraction.clamp(0.0, 1.0))
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
}
