//! A circuit breaker, of one process: after several calls in a row that found nobody, or somebody broken,
//! nothing is asked for a while; then one call tries. A broken provider leaves creates unresolved, so
//! stopping early leaves fewer calls unresolved.
//!
//! Own code: `failsafe`, the crate that fits best, reads the time from the system and lets any number of
//! calls through when half open.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::telemetry::Gauge,
    provider::carrier::CallHealth,
};

static STATE: Gauge = Gauge::new(
    "waybill_provider_breaker_state",
    "Circuit breaker of this process: 0 closed, 1 half open, 2 open (ParcelX is left alone).",
);

/// How long it first stays open; doubles with every probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Counts ends; see the module.
#[derive(Debug)]
pub struct Breaker {
    /// Bad ends in a row that open it; 0: none do.
    after: u32,
    clock: Clock,
    state: Mutex<State>,
}

/// `first`: when it was closed last, whatever probes have met since.
#[derive(Debug)]
enum State {
    Closed { bad: u32 },
    Open { since: Timestamp, pause: Duration, opened: u32, first: Timestamp },
    HalfOpen { opened: u32, probing: bool, first: Timestamp },
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    Closed,
    /// For this much longer.
    Open(Duration),
    /// One call may try.
    HalfOpen,
}

impl Breaker {
    #[must_use]
    pub fn new(after: u32, clock: Clock) -> Self {
        Self { after, clock, state: Mutex::new(State::Closed { bad: 0 }) }
    }

    #[must_use]
    pub fn position(&self) -> Position {
        let mut state = self.state();
        if let State::Open { since, pause, opened, first } = *state {
            let now = self.clock.now();
            let left = (since + pause).since(now);
            // A clock that was set back must not keep it open for longer than it was to be.
            if !left.is_zero() && now >= since {
                return Position::Open(left);
            }
            Self::set(&mut state, State::HalfOpen { opened, probing: false, first });
        }
        if matches!(*state, State::HalfOpen { .. }) { Position::HalfOpen } else { Position::Closed }
    }

    /// Since when the provider is left alone, but for probes; nothing while it is closed.
    #[must_use]
    pub fn open_since(&self) -> Option<Timestamp> {
        match *self.state() {
            State::Closed { .. } => None,
            State::Open { first, .. } | State::HalfOpen { first, .. } => Some(first),
        }
    }

    /// Takes the one probe. `false`: another has it, or none is needed.
    pub fn begin_probe(&self) -> bool {
        match &mut *self.state() {
            State::HalfOpen { probing, .. } if !*probing => {
                *probing = true;
                true
            }
            _ => false,
        }
    }

    /// The probe is over. If it told nothing, another one may try at once.
    pub fn end_probe(&self) {
        if let State::HalfOpen { probing, .. } = &mut *self.state() {
            *probing = false;
        }
    }

    /// A call has ended. While it is open or half open only the probe's counts: the others began before.
    pub fn ended(&self, health: CallHealth, is_probe: bool) {
        let mut state = self.state();
        match (&mut *state, health) {
            (_, CallHealth::NotTried) => {}
            (State::Closed { bad }, CallHealth::Good) => *bad = 0,
            (State::Closed { bad }, CallHealth::Bad) => {
                *bad = bad.saturating_add(1);
                if self.after > 0 && *bad >= self.after {
                    self.open(&mut state, 1);
                }
            }
            (State::HalfOpen { .. }, CallHealth::Good) if is_probe => {
                tracing::info!("ParcelX answers again");
                Self::set(&mut state, State::Closed { bad: 0 });
            }
            (State::HalfOpen { opened, .. }, CallHealth::Bad | CallHealth::Silent) if is_probe => {
                let opened = opened.saturating_add(1);
                self.open(&mut state, opened);
            }
            (State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. }, _) => {}
        }
    }

    fn open(&self, state: &mut State, opened: u32) {
        let full = FIRST_PAUSE.saturating_mul(1 << opened.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
        // Processes that lost the provider together must not return together.
        let pause = full.mul_f64(1.0 - 0.2 * ids::fraction());
        tracing::warn!("ParcelX cannot be reached or is broken: it is left alone for {} s", pause.as_secs());
        let since = self.clock.now();
        let first = match *state {
            State::Closed { .. } => since,
            State::Open { first, .. } | State::HalfOpen { first, .. } => first,
        };
        Self::set(state, State::Open { since, pause, opened, first });
    }

    /// Every change of the state is shown.
    fn set(state: &mut State, next: State) {
        let shown = match next {
            State::Closed { .. } => 0.0,
            State::HalfOpen { .. } => 1.0,
            State::Open { .. } => 2.0,
        };
        STATE.set(&[], shown);
        *state = next;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(after: u32) -> (Breaker, Clock) {
        let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
        (Breaker::new(after, clock.clone()), clock)
    }

    /// Opens it, and gives how long for.
    fn left(breaker: &Breaker) -> Duration {
        match breaker.position() {
            Position::Open(left) => left,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_so_many_bad_ends_in_a_row_open_it() {
        let (breaker, _) = breaker(3);
        for health in [
            CallHealth::Bad,
            CallHealth::Bad,
            CallHealth::Good,
            CallHealth::Bad,
            CallHealth::Silent,
            CallHealth::NotTried,
            CallHealth::Bad,
        ] {
            breaker.ended(health, false);
            assert_eq!(breaker.position(), Position::Closed);
        }
        breaker.ended(CallHealth::Bad, false);
        let left = left(&breaker);
        assert!((4000..=5000).contains(&left.as_millis()), "{left:?}");
    }

    #[test]
    fn it_can_be_switched_off() {
        let (breaker, _) = breaker(0);
        for _ in 0..1000 {
            breaker.ended(CallHealth::Bad, false);
        }
        assert_eq!(breaker.position(), Position::Closed);
    }

    #[test]
    fn one_probe_at_a_time_and_each_that_fails_opens_it_for_longer() {
        let (breaker, clock) = breaker(1);
        let began = clock.now();
        assert_eq!(breaker.open_since(), None);
        breaker.ended(CallHealth::Bad, false);
        for (probe, full) in [5, 10, 20, 40, 80, 160, 300, 300].into_iter().enumerate() {
            let left = left(&breaker);
            assert!(
                (full * 800..=full * 1000).contains(&u64::try_from(left.as_millis()).unwrap()),
                "{full}: {left:?}"
            );
            assert!(!breaker.begin_probe(), "it is open");
            assert_eq!(breaker.open_since(), Some(began), "whatever probes met since");
            clock.advance(left);
            assert_eq!(breaker.position(), Position::HalfOpen);
            assert!(breaker.begin_probe());
            assert!(!breaker.begin_probe(), "one is under way");
            breaker.ended(CallHealth::Good, false);
            breaker.ended(CallHealth::Bad, false);
            assert_eq!(breaker.position(), Position::HalfOpen, "calls from before say nothing");
            breaker.ended(if probe % 2 == 0 { CallHealth::Bad } else { CallHealth::Silent }, true);
            breaker.end_probe();
        }
        clock.advance(left(&breaker));
        assert_eq!(breaker.position(), Position::HalfOpen);
        assert!(breaker.begin_probe());
        breaker.end_probe();
        assert!(breaker.begin_probe(), "the first one told nothing");
        breaker.ended(CallHealth::Good, true);
        breaker.end_probe();
        assert_eq!((breaker.position(), breaker.open_since()), (Position::Closed, None));
        breaker.ended(CallHealth::Bad, false);
        assert_eq!(breaker.open_since(), Some(clock.now()));
        assert!(left(&breaker) <= FIRST_PAUSE, "it begins anew");
    }
}
