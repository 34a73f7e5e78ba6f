//! Somebody is typing: told to those who listen at this moment in this process, and kept nowhere.
//!
//! Guards against a hint that costs as much as a message: one a few seconds counts, of each side and order,
//! the rest is dropped; what nobody has heard within seconds is forgotten.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Side;
use crate::base::timestamp::Timestamp;

/// Of one side about one order, one counts in this time.
const EVERY: Duration = Duration::from_secs(3);
/// How long one is told, to those who begin to listen.
const FRESH: Duration = Duration::from_secs(5);
/// Signs that are remembered.
const MOST: usize = 1000;

/// One sign of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Its number in this process.
    no: u64,
    pub merchant: String,
    pub order: String,
    pub from: Side,
    pub at: Timestamp,
}

/// What is known in this process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Typing(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: u64,
    recent: VecDeque<Typed>,
}

impl Typing {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody is typing.
    pub fn note(&self, merchant: &str, order: &str, from: Side, now: Timestamp) {
        let mut known = self.known();
        while known.recent.front().is_some_and(|one| now.since(one.at) > FRESH) {
            known.recent.pop_front();
        }
        let same = |one: &&Typed| one.order == order && one.from == from;
        if known.recent.iter().rfind(same).is_some_and(|one| now.since(one.at) < EVERY) {
            return;
        }
        if known.recent.len() >= MOST {
            known.recent.pop_front();
        }
        known.last += 1;
        let (no, merchant, order) = (known.last, merchant.to_owned(), order.to_owned());
        known.recent.push_back(Typed { no, merchant, order, from, at: now });
    }

    /// What was noted behind `seen`, which then is the last.
    #[must_use]
    pub fn behind(&self, seen: &mut u64) -> Vec<Typed> {
        let known = self.known();
        let new = known.recent.iter().filter(|one| one.no > *seen).cloned().collect();
        *seen = known.last;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_three_seconds_is_told_once_to_each_who_asks() {
        let (typing, begin) = (Typing::default(), Timestamp::from_millis(1_769_851_800_000));
        let (mut one, mut two) = (0, 0);
        for ms in [0, 500, 2999] {
            typing.note("shop", "ord_1", Side::Shop, begin + Duration::from_millis(ms));
        }
        assert_eq!(typing.behind(&mut one).len(), 1);
        assert!(typing.behind(&mut one).is_empty());
        typing.note("shop", "ord_1", Side::Support, begin + Duration::from_millis(2999));
        typing.note("shop", "ord_2", Side::Shop, begin + Duration::from_millis(2999));
        typing.note("shop", "ord_1", Side::Shop, begin + EVERY);
        assert_eq!((typing.behind(&mut one).len(), typing.behind(&mut two).len()), (3, 4));
        // Nobody listened for a while.
        typing.note("shop", "ord_3", Side::Shop, begin + EVERY * 10);
        let mut late = 0;
        assert_eq!(typing.behind(&mut late).len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let (typing, now) = (Typing::default(), Timestamp::from_millis(1_769_851_800_000));
        for n in 0..3 * MOST {
            typing.note("shop", &format!("ord_{n}"), Side::Shop, now);
        }
        assert_eq!(typing.known().recent.len(), MOST);
    }
}
