//! How many requests are taken from whom: one table of limits, counted in this process, and with those of
//! other processes where there is something that they share.
//!
//! Guards against a client that asks for everybody's share, and against guessing at what is open to all. What
//! is taken is spread over a minute with a burst of the whole: a client that waits as it is told gets
//! through. Memory is bounded.

mod addresses;
mod fields;
mod rules;
mod shared;

use std::{
    borrow::Cow,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

pub(in crate::platform) use self::fields::Told;
pub use self::{
    addresses::{RegisterCounted, SignInCounted, by_address},
    fields::tell,
    rules::{Quotas, Rule},
    shared::share,
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::telemetry::Counter,
};

static REFUSED: Counter =
    Counter::new("waybill_http_limited_total", "Requests over a limit, by the limit's name.");

/// Clients that are remembered. Beyond that, those go first whose limit is whole again.
const MOST: usize = 50_000;

/// What is left of a limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub rule: Rule,
    pub quota: u32,
    pub remaining: u32,
    /// Until all of it is there again.
    pub reset: Duration,
}

/// A request over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Too many requests: at most {} a minute count here ({}).", left.quota, left.rule.as_str())]
pub struct OverLimit {
    pub left: Left,
    /// After which the next one is taken.
    pub wait: Duration,
}

/// Counts requests. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    quotas: Quotas,
    clients: [Mutex<Clients>; Rule::ALL.len()],
    is_shared: AtomicBool,
    /// Something is to be told to other processes.
    news: Notify,
}

/// Those that one rule counts.
#[derive(Debug, Default)]
struct Clients {
    known: HashMap<Box<str>, Counted>,
    /// Those of whom other processes are to be told.
    news: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    /// When all requests will be made good, in microseconds.
    full: i64,
    /// How much of that no other process was told.
    untold: i64,
}

fn lock(clients: &Mutex<Clients>) -> MutexGuard<'_, Clients> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Limiter {
    #[must_use]
    pub fn new(quotas: Quotas, clock: Clock) -> Self {
        let (clients, is_shared, news) = Default::default();
        Self(Arc::new(Inner { clock, quotas, clients, is_shared, news }))
    }

    /// Takes a request of `who`; nothing where there is no limit.
    ///
    /// # Errors
    /// [`OverLimit`]; then it does not count.
    pub fn take(&self, rule: Rule, who: &str) -> Result<Option<Left>, OverLimit> {
        let quota = self.0.quotas.of(rule);
        if quota == 0 {
            return Ok(None);
        }
        let now = micros(self.0.clock.now());
        let window = window(rule);
        let each = (window / i64::from(quota)).max(1);
        let Some(clients) = Rule::ALL.iter().position(|r| *r == rule).and_then(|at| self.0.clients.get(at))
        else {
            return Ok(None);
        };
        let mut clients = lock(clients);
        // A clock that was set back makes nobody wait for longer than a window.
        let full = clients.known.get(who).map_or(now, |counted| counted.full.clamp(now, now + window));
        let after = full + each;
        if after > now + window {
            REFUSED.increment(&[("limit", rule.as_str())]);
            let left = Left { rule, quota, remaining: 0, reset: duration(full - now) };
            return Err(OverLimit { left, wait: duration(after - now - window) });
        }
        let untold = if self.0.is_shared.load(Ordering::Relaxed) { each } else { 0 };
        if clients.count(who, after, untold, now) {
            self.0.news.notify_one();
        }
        let remaining = u32::try_from((now + window - after) / each).unwrap_or(0);
        Ok(Some(Left { rule, quota, remaining, reset: duration(after - now) }))
    }

    /// The same of an address. An IPv6 address stands for its network of 64 bits, which one machine may have
    /// for itself; a request whose address is not known is not counted.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub fn take_address(&self, rule: Rule, address: Option<IpAddr>) -> Result<Option<Left>, OverLimit> {
        let Some(address) = address else { return Ok(None) };
        let text: Cow<'_, str> = match address {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::").into()
            }
            v4 @ IpAddr::V4(_) => v4.to_string().into(),
        };
        self.take(rule, &text)
    }
}

impl Clients {
    /// `untold`: what other processes are to be told of it. `true`: they were not to be told of this one
    /// before.
    fn count(&mut self, who: &str, full: i64, untold: i64, now: i64) -> bool {
        let news = if let Some(counted) = self.known.get_mut(who) {
            let news = untold > 0 && counted.untold == 0;
            (counted.full, counted.untold) = (full, counted.untold + untold);
            news
        } else {
            self.make_room(now);
            self.known.insert(who.into(), Counted { full, untold });
            untold > 0
        };
        if news {
            self.news.push(who.into());
        }
        news
    }

    /// Forgets those who have made everything good, and if nobody has, everybody: nobody is refused for it.
    fn make_room(&mut self, now: i64) {
        if self.known.len() < MOST {
            return;
        }
        self.known.retain(|_, counted| counted.full > now);
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.news.clear();
        self.known.values_mut().for_each(|counted| counted.untold = 0);
    }
}

fn window(rule: Rule) -> i64 {
    i64::try_from(rule.window().as_micros()).unwrap_or(i64::MAX)
}

fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1000)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{rules::WINDOW, *};

    fn limiter(quotas: Quotas) -> (Limiter, Clock) {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        (Limiter::new(quotas, clock.clone()), clock)
    }

    #[test]
    fn a_minutes_requests_are_taken_and_who_waits_as_told_gets_through() {
        for quota in [1, 3, 7, 100, 6000] {
            let (limiter, clock) = limiter(Quotas { address: quota, ..Quotas::default() });
            for n in (0..quota).rev() {
                let left = limiter.take(Rule::Address, "a").unwrap().unwrap();
                assert!(left.remaining.abs_diff(n) <= 1, "{quota}: {left:?}, {n}");
            }
            let over = limiter.take(Rule::Address, "a").unwrap_err();
            assert_eq!(over.left.remaining, 0);
            assert!(limiter.take(Rule::Address, "b").is_ok(), "others");
            // As sent: in whole seconds, never 0.
            let told = fields::seconds(over.wait).max(1);
            clock.advance(Duration::from_secs(told));
            assert!(limiter.take(Rule::Address, "a").is_ok(), "{quota}: {over:?}");
            // All of it is there after a minute.
            clock.advance(WINDOW);
            for _ in 0..quota {
                limiter.take(Rule::Address, "a").unwrap();
            }
        }
    }

    #[test]
    fn rules_do_not_share_and_none_is_none() {
        let (limiter, _) = limiter(Quotas { sign_in: 1, merchant: 1, ..Quotas::default() });
        assert_eq!(limiter.take(Rule::Address, "a"), Ok(None));
        assert!(limiter.take(Rule::SignIn, "a").is_ok() && limiter.take(Rule::SignIn, "a").is_err());
        assert!(limiter.take(Rule::Merchant, "a").is_ok());
        let v6 = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert!(limiter.take_address(Rule::SignIn, v6("2001:db8::1")).is_ok());
        assert!(limiter.take_address(Rule::SignIn, v6("2001:db8::ffff")).is_err(), "the same network");
        assert!(limiter.take_address(Rule::SignIn, v6("2001:db8:0:1::1")).is_ok());
        assert_eq!(limiter.take_address(Rule::SignIn, None), Ok(None));
    }

    #[test]
    fn no_hour_has_more_than_five_mails_to_one_mailbox() {
        let (limiter, clock) = limiter(Quotas::default());
        let mut taken = Vec::new();
        for minute in 0..24 * 60 {
            if limiter.take(Rule::Mailbox, "a").is_ok() {
                taken.push(minute);
            }
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!(taken[..7], [0, 1, 2, 3, 4, 60, 120]);
        assert!(taken.windows(6).all(|six| six[5] - six[0] >= 60), "{taken:?}");
        assert!(limiter.take(Rule::Mailbox, "b").is_ok(), "others");
    }

    #[test]
    fn one_phone_gets_six_codes_and_then_one_every_four_hours() {
        let (limiter, clock) = limiter(Quotas::default());
        let mut taken = Vec::new();
        for hour in 0..3 * 24 {
            while limiter.take(Rule::Phone, "a").is_ok() {
                taken.push(hour);
            }
            clock.advance(Duration::from_secs(3600));
        }
        assert_eq!(taken[..9], [0, 0, 0, 0, 0, 0, 4, 8, 12]);
        assert_eq!(taken.iter().filter(|hour| **hour >= 24).count(), 12, "six a day: {taken:?}");
        assert!(limiter.take(Rule::Phone, "b").is_ok(), "others");
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_goes_back_locks_nobody_out() {
        let (limiter, clock) = limiter(Quotas { address: 2, ..Quotas::default() });
        for n in 0..2 * MOST {
            limiter.take(Rule::Address, &format!("c{n}")).unwrap();
        }
        assert!(limiter.0.clients[0].lock().unwrap().known.len() <= MOST);
        limiter.take(Rule::Address, "a").unwrap();
        limiter.take(Rule::Address, "a").unwrap();
        clock.set_offset(jiff::SignedDuration::from_hours(-1));
        let over = limiter.take(Rule::Address, "a").unwrap_err();
        assert!(over.wait <= WINDOW, "{over:?}");
    }
}
