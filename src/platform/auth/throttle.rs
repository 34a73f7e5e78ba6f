//! Slows down whoever guesses passwords: after a few failures in a row an account, or an address, must wait,
//! twice as long after each further one.
//!
//! Guards against guessing, and against guesses that cost: a login that must wait is refused before anything
//! is hashed. Counted in each process, in bounded memory; names that are no user's count like those that are.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::base::{clock::Clock, timestamp::Timestamp};

/// Failures that cost nothing: of an account, and of an address (a whole office may be behind one).
const FREE_OF_ACCOUNT: u32 = 5;
const FREE_OF_ADDRESS: u32 = 20;
/// The first wait, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// After this time without a failure nothing is held against anybody.
const FORGIVEN: Duration = Duration::from_secs(15 * 60);
/// Accounts and addresses that are remembered.
const MOST: usize = 10_000;

/// Clones share what they know.
#[derive(Debug, Clone)]
pub struct Throttle {
    clock: Clock,
    known: Arc<Mutex<HashMap<Key, Failures>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Throttle {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default() }
    }

    /// Lets a login begin, which counts as a failure until [`Throttle::succeeded`] says otherwise: many at
    /// once must not all pass before the first has ended.
    ///
    /// # Errors
    /// How long to wait.
    pub fn begin(&self, account: &str, address: Option<IpAddr>) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = keys(account, address).collect();
        let wait = |key: &Key| known.get(key).map_or(Duration::ZERO, |failures| failures.wait(key, now));
        let wait = keys.iter().map(wait).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for key in keys {
            make_room(&mut known, now);
            let failures = known.entry(key).or_insert(Failures { count: 0, last: now });
            if failures.last + FORGIVEN <= now {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// The login was right: nothing is held against the account any more, and this one not against the
    /// address.
    pub fn succeeded(&self, account: &str, address: Option<IpAddr>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(account, address) {
            match (&key, known.get_mut(&key)) {
                (Key::Account(_), _) => drop(known.remove(&key)),
                (Key::Address(_), Some(failures)) => failures.count = failures.count.saturating_sub(1),
                (Key::Address(_), None) => {}
            }
        }
    }

    /// Nothing was tried after all.
    pub fn withdrawn(&self, account: &str, address: Option<IpAddr>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(account, address) {
            if let Some(failures) = known.get_mut(&key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }
}

/// An IPv6 address stands for its network of 64 bits, which one machine may have for itself.
fn keys(account: &str, address: Option<IpAddr>) -> impl Iterator<Item = Key> {
    let account: String = account.chars().take(64).collect();
    let network = address.map(|address| match address {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    });
    [Key::Account(account)].into_iter().chain(network.map(Key::Address))
}

impl Failures {
    fn wait(&self, key: &Key, now: Timestamp) -> Duration {
        let free = match key {
            Key::Account(_) => FREE_OF_ACCOUNT,
            Key::Address(_) => FREE_OF_ADDRESS,
        };
        if self.count < free || self.last + FORGIVEN <= now {
            return Duration::ZERO;
        }
        let doubled = FIRST.saturating_mul(1 << (self.count - free).min(16));
        (self.last + doubled.min(LONGEST)).since(now)
    }
}

/// Forgets those that are forgiven, and if nobody is, those that failed least: guesses with ever new names
/// must not push out the one that is guessed at.
fn make_room(known: &mut HashMap<Key, Failures>, now: Timestamp) {
    if known.len() < MOST {
        return;
    }
    known.retain(|_, failures| failures.last + FORGIVEN > now);
    if known.len() >= MOST {
        let mut counts: Vec<_> = known.values().map(|f| f.count).collect();
        counts.sort_unstable();
        let median = counts.get(MOST / 2).copied().unwrap_or(0);
        let mut excess = known.len().saturating_sub(MOST / 2);
        known.retain(|_, failures| {
            let goes = excess > 0 && failures.count <= median;
            excess -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> (Throttle, Clock) {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        (Throttle::new(clock.clone()), clock)
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_account_that_is_guessed_at_waits_longer_and_longer() {
        let (throttle, clock) = throttle();
        for n in 0..FREE_OF_ACCOUNT {
            assert_eq!(throttle.begin("asha", None), Ok(()), "{n}");
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(throttle.begin("asha", None), Err(wait));
            clock.advance(wait);
            assert_eq!(throttle.begin("asha", None), Ok(()));
        }
        assert_eq!(throttle.begin("ravi", None), Ok(()), "others do not wait");
        throttle.succeeded("asha", None);
        assert_eq!(throttle.begin("asha", None), Ok(()));
        clock.advance(FORGIVEN);
        assert_eq!(throttle.begin("asha", None), Ok(()));
    }

    #[test]
    fn an_address_that_tries_many_accounts_waits() {
        let (throttle, _) = throttle();
        for n in 0..FREE_OF_ADDRESS {
            assert_eq!(throttle.begin(&format!("user{n}"), address(&format!("2001:db8::{n}"))), Ok(()));
        }
        assert!(throttle.begin("another", address("2001:db8::ffff")).is_err(), "the same network");
        assert_eq!(throttle.begin("another", address("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_one_that_is_guessed_at() {
        let (throttle, _) = throttle();
        for _ in 0..FREE_OF_ACCOUNT {
            throttle.begin("asha", None).unwrap();
        }
        for n in 0..3 * MOST {
            throttle.begin(&format!("user{n}"), None).unwrap();
        }
        assert!(throttle.known.lock().unwrap().len() <= MOST);
        assert!(throttle.begin("asha", None).is_err());
    }
}
