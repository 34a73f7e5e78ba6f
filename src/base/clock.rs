//! The only place that reads the system time. Tests use a manual clock and move it themselves.
//!
//! Processes on several machines must agree on the time: a clock may be steered to that of the database.
//! Guards against jumps: it goes faster or stands still until it is there, and never goes back.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::SignedDuration;

use crate::base::timestamp::Timestamp;

/// The current time. Cheap to clone; clones share an offset, and clones of a manual clock the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Arc<Mutex<Slew>>),
    Manual(Arc<AtomicI64>),
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// The machine's clock, which nobody has steered yet.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(Arc::default()))
    }

    /// A clock that moves only through [`Clock::advance`].
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.as_millis()))))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System(slew) => {
                let offset = slew.lock().unwrap_or_else(PoisonError::into_inner).now();
                Timestamp::from_millis(machine_millis().saturating_add(offset))
            }
            Source::Manual(ms) => Timestamp::from_millis(ms.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward. Has no effect on the system clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(ms) = &self.0 {
            ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// Sets the offset from the machine's clock at once, before anybody has read this one. Has no effect on a
    /// manual clock.
    pub fn set_offset(&self, offset: SignedDuration) {
        if let Source::System(slew) = &self.0 {
            let ms = millis(offset);
            *slew.lock().unwrap_or_else(PoisonError::into_inner) = Slew { from: ms, to: ms, since: None };
        }
    }

    /// Moves the offset from the machine's clock towards `offset`, by at most a second per second. Has no
    /// effect on a manual clock.
    pub fn steer(&self, offset: SignedDuration) {
        if let Source::System(slew) = &self.0 {
            let mut slew = slew.lock().unwrap_or_else(PoisonError::into_inner);
            *slew = Slew { from: slew.now(), to: millis(offset), since: Some(Instant::now()) };
        }
    }
}

/// From one offset to another, in milliseconds.
#[derive(Debug, Default)]
struct Slew {
    from: i64,
    to: i64,
    /// None: it is there.
    since: Option<Instant>,
}

impl Slew {
    fn now(&self) -> i64 {
        self.since.map_or(self.to, |since| self.after(since.elapsed()))
    }

    fn after(&self, elapsed: Duration) -> i64 {
        let most = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        self.from.saturating_add(self.to.saturating_sub(self.from).clamp(-most, most))
    }
}

fn millis(offset: SignedDuration) -> i64 {
    let ms = offset.as_millis();
    i64::try_from(ms).unwrap_or(if ms < 0 { i64::MIN } else { i64::MAX })
}

#[expect(clippy::disallowed_methods, reason = "this is the only place that reads the time")]
fn machine_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(clock: &Clock) -> i64 {
        clock.now().as_millis() - machine_millis()
    }

    #[test]
    fn an_offset_moves_by_a_second_per_second() {
        for (from, to) in [(0, 60_000), (60_000, -30_000), (5, 5)] {
            let slew = Slew { from, to, since: Some(Instant::now()) };
            let mut before = from;
            for ms in (0..100_000).step_by(250) {
                let now = slew.after(Duration::from_millis(ms));
                assert!((now - before).abs() <= 250, "{now} after {before}");
                before = now;
            }
            assert_eq!(before, to);
            assert_eq!(slew.after(Duration::MAX), to);
        }
    }

    #[test]
    fn a_steered_clock_never_goes_back() {
        let clock = Clock::system();
        clock.set_offset(SignedDuration::from_secs(120));
        assert!((119_000..=120_500).contains(&offset(&clock)), "at once");
        let before = clock.now();
        clock.steer(SignedDuration::from_secs(-3600));
        for _ in 0..1000 {
            assert!(clock.now() >= before);
        }
        assert!(offset(&clock) > 60_000, "not at once");
    }

    #[test]
    fn manual_clocks_are_never_shifted() {
        let clock = Clock::manual(Timestamp::from_millis(5));
        clock.set_offset(SignedDuration::from_secs(120));
        clock.steer(SignedDuration::from_secs(-120));
        assert_eq!(clock.now(), Timestamp::from_millis(5));
    }
}
