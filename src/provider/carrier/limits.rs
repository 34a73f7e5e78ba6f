//! How fast, and how many calls at the same time, this process asks the provider, over all its queues.
//!
//! Guards against an account that is locked for being too fast, and against attempts that wait for their turn
//! until it is too late to send them: a slot is had *before* an order is taken, and not waited for for long.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as Meter,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::telemetry::Counter,
};

static THROTTLED: Counter = Counter::new(
    "waybill_provider_throttled_total",
    "Calls that had to wait for their turn (result: waited) or were put off (put-off).",
);

/// The longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// After which a call that found every slot taken is worth trying again.
const BUSY: Duration = Duration::from_secs(1);

/// Cheap to clone; clones share the limits. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    rate: Option<Arc<Rate>>,
    slots: Option<Arc<Semaphore>>,
    patience: Duration,
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>;

#[derive(Debug)]
struct Rate {
    bucket: Bucket,
    meter: Elapsed,
}

/// The right to make one call now; given back when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct CallPermit(#[expect(dead_code, reason = "held, not looked at")] Option<OwnedSemaphorePermit>);

/// There was no turn in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("calls to ParcelX are limited, and it was not this one's turn")]
pub struct Throttled {
    /// When it is worth trying again.
    pub after: Duration,
}

impl Limits {
    /// `rate`: calls per second, evenly spread; `concurrency`: calls at the same time; 0: no limit. No turn
    /// is waited for for longer than a call may take (`call`).
    #[must_use]
    pub fn new(rate: u32, concurrency: usize, call: Duration, clock: Clock) -> Self {
        let rate = NonZeroU32::new(rate).map(|rate| {
            // Without a burst: whatever window the provider counts in, it never sees more.
            let quota = Quota::per_second(rate).allow_burst(NonZeroU32::MIN);
            let meter = Elapsed::new(clock);
            Arc::new(Rate { bucket: RateLimiter::direct_with_clock(quota, meter.clone()), meter })
        });
        let slots = (concurrency > 0).then(|| Arc::new(Semaphore::new(concurrency)));
        Self { rate, slots, patience: PATIENCE.min(call) }
    }

    /// Waits for a turn, not for long.
    ///
    /// # Errors
    /// [`Throttled`].
    pub async fn permit(&self) -> Result<CallPermit, Throttled> {
        let deadline = Instant::now() + self.patience;
        let permit = self.concurrency(deadline).await?;
        self.token(deadline).await?;
        Ok(CallPermit(permit))
    }

    /// A turn for the repeat of a call that has its slot.
    ///
    /// # Errors
    /// [`Throttled`].
    pub async fn repeat(&self) -> Result<(), Throttled> {
        self.token(Instant::now() + self.patience).await
    }

    async fn concurrency(&self, deadline: Instant) -> Result<Option<OwnedSemaphorePermit>, Throttled> {
        let Some(slots) = &self.slots else { return Ok(None) };
        if let Ok(permit) = Arc::clone(slots).try_acquire_owned() {
            return Ok(Some(permit));
        }
        THROTTLED.increment(&[("result", "waited")]);
        match tokio::time::timeout_at(deadline, Arc::clone(slots).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => Err(gave_up(BUSY)),
        }
    }

    async fn token(&self, deadline: Instant) -> Result<(), Throttled> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let mut waited = false;
        loop {
            let Err(not_yet) = rate.bucket.check() else { return Ok(()) };
            let wait = not_yet.wait_time_from(rate.meter.now());
            if Instant::now() + wait > deadline {
                return Err(gave_up(wait));
            }
            if !waited {
                THROTTLED.increment(&[("result", "waited")]);
                waited = true;
            }
            tokio::time::sleep(wait).await;
        }
    }
}

fn gave_up(after: Duration) -> Throttled {
    THROTTLED.increment(&[("result", "put-off")]);
    Throttled { after }
}

/// Time that has passed, for the bucket: a clock that is set back must not shut it for as long.
#[derive(Debug, Clone)]
struct Elapsed {
    clock: Clock,
    seen: Arc<Mutex<(Timestamp, Duration)>>,
}

impl Elapsed {
    fn new(clock: Clock) -> Self {
        let seen = Arc::new(Mutex::new((clock.now(), Duration::ZERO)));
        Self { clock, seen }
    }
}

impl Meter for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = seen.1 + now.since(seen.0);
        *seen = (now, passed);
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: u32, concurrency: usize) -> (Limits, Clock) {
        let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
        (Limits::new(rate, concurrency, Duration::ZERO, clock.clone()), clock)
    }

    #[tokio::test]
    async fn calls_are_spread_evenly_and_a_slot_that_is_far_off_is_not_waited_for() {
        let (limits, clock) = limits(4, 0);
        for _ in 0..5 {
            assert!(limits.permit().await.is_ok());
            let after = limits.permit().await.unwrap_err().after;
            assert_eq!(after, Duration::from_millis(250));
            clock.advance(after);
        }
        assert!(limits.permit().await.is_ok());
        assert!(limits.repeat().await.is_err(), "repeats count too");
    }

    #[tokio::test]
    async fn a_quiet_hour_is_not_saved_up() {
        let (limits, clock) = limits(4, 0);
        clock.advance(Duration::from_secs(3600));
        assert!(limits.permit().await.is_ok());
        assert!(limits.permit().await.is_err());
    }

    #[tokio::test]
    async fn slots_come_back_when_they_are_dropped() {
        let (limits, _) = limits(0, 2);
        let (one, _two) = (limits.permit().await.unwrap(), limits.permit().await.unwrap());
        assert_eq!(limits.permit().await.unwrap_err().after, BUSY);
        drop(one);
        assert!(limits.permit().await.is_ok());
    }

    #[tokio::test]
    async fn without_limits_nobody_waits() {
        let limits = Limits::default();
        let mut held = Vec::new();
        for _ in 0..1000 {
            held.push(limits.permit().await.unwrap());
        }
    }
}
