//! What one hash of a password costs, measured when a process starts.
//!
//! Guards against hashes that a fast machine makes too cheap for whoever steals them: never less than OWASP
//! gives, and more as long as a login does not wait for long. A slow or busy machine keeps the least.

use std::time::{Duration, Instant};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{Error, phc::PasswordHash},
};

/// What a hash may take. With more, logins wait for each other: one is computed at a time.
const TARGET: Duration = Duration::from_millis(100);

/// What may be chosen beside [`Cost::LEAST`], the dearest last: memory in KiB, and passes over it. The memory
/// ends at 64 MiB. Two hashes are computed at a time (one of a merchant's person, one of an operator), so
/// that passwords take 128 MiB of a process at most.
const STEPS: [Cost; 8] = [
    Cost { memory: 24 * 1024, passes: 2 },
    Cost { memory: 32 * 1024, passes: 2 },
    Cost { memory: 40 * 1024, passes: 2 },
    Cost { memory: 48 * 1024, passes: 2 },
    Cost { memory: 56 * 1024, passes: 2 },
    Cost { memory: 64 * 1024, passes: 2 },
    Cost { memory: 64 * 1024, passes: 3 },
    Cost { memory: 64 * 1024, passes: 4 },
];

/// What argon2id spends on a hash, in one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory: u32,
    passes: u32,
}

impl Cost {
    /// The least that OWASP gives: 19 MiB, two passes.
    pub const LEAST: Self = Self { memory: 19 * 1024, passes: 2 };

    /// What this machine can spend, by trying it: mostly three hashes.
    pub async fn measured() -> Self {
        let measured = tokio::task::spawn_blocking(|| chosen(time_of)).await;
        let (cost, took) = measured.unwrap_or((Self::LEAST, Duration::MAX));
        tracing::info!(
            memory_kib = cost.memory,
            passes = cost.passes,
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "the cost of a password's hash was measured"
        );
        cost
    }

    /// That of a hash.
    ///
    /// # Errors
    /// When its parameters are none of argon2.
    pub(super) fn of(hash: &PasswordHash) -> Result<Self, Error> {
        let params = Params::try_from(hash)?;
        Ok(Self { memory: params.m_cost(), passes: params.t_cost() })
    }

    /// Whether guesses at a hash of this cost are cheaper than at one of `other`.
    pub(super) fn is_less_than(self, other: Self) -> bool {
        self.work() < other.work()
    }

    /// What is left to spend for somebody who has spent `spent`, if it is worth while.
    pub(super) fn less(self, spent: Self) -> Option<Self> {
        let work = self.work().saturating_sub(spent.work());
        let memory = u32::try_from(work / u64::from(self.passes.max(1))).unwrap_or(self.memory);
        (memory >= Params::MIN_M_COST).then_some(Self { memory, ..self })
    }

    /// Time goes with it.
    fn work(self) -> u64 {
        u64::from(self.memory) * u64::from(self.passes)
    }

    #[cfg(test)]
    pub(super) fn twice(self) -> Self {
        Self { passes: 2 * self.passes, ..self }
    }

    /// # Errors
    /// When no hash can cost this.
    pub(super) fn argon2(self) -> Result<Argon2<'static>, argon2::Error> {
        let params = Params::new(self.memory, self.passes, Params::DEFAULT_P_COST, None)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// The dearest step that takes no longer than [`TARGET`], and what it took. Steps that will take longer, by
/// what the least has taken, are not tried.
fn chosen(mut time_of: impl FnMut(Cost) -> Duration) -> (Cost, Duration) {
    // The first one may also wait for the memory.
    let least = time_of(Cost::LEAST).min(time_of(Cost::LEAST));
    let expected = |step: Cost| least.as_micros() * u128::from(step.work()) / u128::from(Cost::LEAST.work());
    for step in STEPS.into_iter().rev() {
        if expected(step) <= TARGET.as_micros() {
            let took = time_of(step);
            if took <= TARGET {
                return (step, took);
            }
        }
    }
    (Cost::LEAST, least)
}

/// What one hash takes. One that cannot be computed, for want of memory, takes for ever.
fn time_of(cost: Cost) -> Duration {
    let started = Instant::now(); // monotonic: a duration, not a time
    let hash = cost.argon2().and_then(|argon2| {
        argon2.hash_password_into(b"the password of nobody", b"the salt of nobody", &mut [0; 32])
    });
    hash.map_or(Duration::MAX, |()| started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is chosen, and how many hashes that takes, where the least cost takes so many milliseconds, and
    /// memory beyond `fast` KiB is slower by half.
    fn chosen_at(least_ms: u64, fast: u32) -> (Cost, usize) {
        let mut tried = 0;
        let (cost, took) = chosen(|cost| {
            tried += 1;
            let slower = if cost.memory > fast { 3 } else { 2 };
            Duration::from_micros(least_ms * 1000 * cost.work() * slower / 2 / Cost::LEAST.work())
        });
        assert!(took <= TARGET || cost == Cost::LEAST, "{cost:?} {took:?}");
        (cost, tried)
    }

    #[test]
    fn a_machine_spends_what_it_can_and_never_less_than_the_least() {
        let mib = |n: u32, passes| Cost { memory: n * 1024, passes };
        for (least_ms, cost, tried) in [
            (500, Cost::LEAST, 2),
            (100, Cost::LEAST, 2),
            (70, mib(24, 2), 3),
            (40, mib(40, 2), 3),
            (25, mib(64, 2), 3),
            (18, mib(64, 3), 3),
            // The most, however fast.
            (10, mib(64, 4), 3),
            (1, mib(64, 4), 3),
        ] {
            assert_eq!(chosen_at(least_ms, u32::MAX), (cost, tried), "{least_ms} ms");
        }
        // What was expected to fit and does not is not taken.
        assert_eq!(chosen_at(25, 40 * 1024), (mib(48, 2), 5));
        assert_eq!(chosen_at(28, 32 * 1024), (mib(40, 2), 6));
    }

    #[test]
    fn a_first_hash_that_waits_for_something_else_does_not_count() {
        let mut first = true;
        let (cost, _) = chosen(|cost| {
            let waits = if std::mem::take(&mut first) { 300 } else { 0 };
            Duration::from_millis(waits + 25 * cost.work() / Cost::LEAST.work())
        });
        assert_eq!(cost, Cost { memory: 64 * 1024, passes: 2 });
        // One that cannot be computed at all leaves everything as it is.
        assert_eq!(chosen(|_| Duration::MAX).0, Cost::LEAST);
    }

    #[test]
    fn every_step_is_dearer_than_the_one_before_and_can_be_computed() {
        let all: Vec<_> = [Cost::LEAST].into_iter().chain(STEPS).collect();
        for two in all.windows(2) {
            assert!(two[0].is_less_than(two[1]) && !two[1].is_less_than(two[0]), "{two:?}");
            assert!(two[1].argon2().is_ok() && two[1].memory <= 64 * 1024 && two[1].passes <= 4);
        }
        assert_ne!(time_of(Cost { memory: 64, passes: 1 }), Duration::MAX);
        assert_eq!(time_of(Cost { memory: 0, passes: 0 }), Duration::MAX);
    }

    #[test]
    fn what_is_left_never_takes_more_memory_than_the_whole() {
        let most = STEPS[STEPS.len() - 1];
        let left = most.less(Cost::LEAST).unwrap();
        assert_eq!((left.passes, left.memory), (4, 64 * 1024 - 19 * 1024 / 2));
        assert_eq!(most.less(most), None);
        assert_eq!(Cost::LEAST.less(most), None);
    }
}
