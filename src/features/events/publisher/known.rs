//! What one process knows of what it has published.
//!
//! Guards against a question to the store for each order that is made, and for each that a pass looks at
//! again.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::base::timestamp::Timestamp;

/// Subjects that are remembered, twice.
const REMEMBERED: usize = 20_000;
/// Longer than a pass looks back: so long they are remembered, however many there are.
const WINDOW: Duration = Duration::from_secs(100);
/// Unless there are more than so many, twice: some 20 MB. That is 2,000 new ones a second.
const MOST: usize = 200_000;
/// How far the clocks of two processes may be apart.
const APART: Duration = Duration::from_secs(10);

/// Of one subject.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The last step that is an event.
    step: i64,
    /// The version whose steps all are; 0 when that is not known.
    version: i64,
}

/// By a hash of the subject, which takes a third of the subject's room. It is of 128 bits and different in
/// each process: that two are the same will not happen, and nobody can make it.
type Subjects = HashMap<u128, Seen>;

/// The last step of a subject that is an event, of those that were published last.
#[derive(Debug, Default)]
pub(super) struct Known {
    recent: Subjects,
    before: Subjects,
    /// Since when all that were published are in there.
    complete: Option<Timestamp>,
    /// The same of `recent` alone.
    recent_since: Option<Timestamp>,
    hashers: [RandomState; 2],
}

impl Known {
    pub(super) fn get(&self, subject: &str) -> Option<i64> {
        self.seen(self.key(subject)).map(|seen| seen.step)
    }

    /// Whether a document needs no reading: all of its steps at this version are events.
    pub(super) fn is_told(&self, subject: &str, version: i64) -> bool {
        version > 0 && self.seen(self.key(subject)).is_some_and(|seen| seen.version >= version)
    }

    fn key(&self, subject: &str) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(subject)));
        high << 64 | low
    }

    fn seen(&self, key: u128) -> Option<Seen> {
        self.recent.get(&key).or_else(|| self.before.get(&key)).copied()
    }

    /// All steps of a subject that is in there are events, as of this version.
    pub(super) fn told(&mut self, subject: &str, version: i64) {
        let key = self.key(subject);
        let seen = self.recent.get_mut(&key).or_else(|| self.before.get_mut(&key));
        if let Some(seen) = seen {
            seen.version = version;
        }
    }

    pub(super) fn keep(&mut self, subject: &str, step: i64, now: Timestamp) {
        let many = self.recent.len() >= REMEMBERED
            && self.recent_since.is_none_or(|since| now < since || now.since(since) >= WINDOW);
        if many || self.recent.len() >= MOST {
            self.before = std::mem::take(&mut self.recent);
            self.complete = self.recent_since.replace(now);
        }
        self.complete.get_or_insert(now);
        self.recent_since.get_or_insert(now);
        let key = self.key(subject);
        let version = self.seen(key).unwrap_or_default().version;
        self.recent.insert(key, Seen { step, version });
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether a subject that is not in there, and was made at `made`, can have no events. Where a clock
    /// makes this wrong its events are refused as known ones, one by one: what was made in the future is not
    /// taken for new.
    pub(super) fn is_new(&self, made: Timestamp, now: Timestamp) -> bool {
        made <= now + APART && self.complete.is_some_and(|since| made > since + APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn what_was_made_since_all_is_known_is_new_and_what_was_forgotten_is_not() {
        let mut known = Known::default();
        assert!(!known.is_new(at(1000), at(2000)), "it has published nothing yet");
        known.keep("first", 1, at(0));
        assert!(
            known.is_new(at(11), at(2000))
                && !known.is_new(at(10), at(2000))
                && known.get("first") == Some(1)
        );
        for n in 0..REMEMBERED {
            known.keep(&format!("a{n}"), 2, at(100));
        }
        assert_eq!(
            (known.get("first"), known.is_new(at(11), at(2000))),
            (Some(1), true),
            "both parts are asked"
        );
        for n in 0..REMEMBERED {
            known.keep(&format!("b{n}"), 3, at(200));
        }
        // Those of the first part are gone, so what was made then may have events.
        assert_eq!((known.get("first"), known.get("a5"), known.get("b5")), (None, None, Some(3)));
        assert!(!known.is_new(at(99), at(2000)) && known.is_new(at(111), at(2000)));
        assert!(known.recent.len() + known.before.len() <= 2 * REMEMBERED);
        assert!(known.is_new(at(210), at(200)) && !known.is_new(at(211), at(200)), "it is of the future");
        known.forget();
        assert!(!known.is_new(at(1000), at(2000)) && known.get("b5").is_none());
    }

    /// Each is published within a second of its making. A question to the store for each would cost more than
    /// all else that is done for its events, and so would one for each that a pass looks at again.
    #[test]
    fn none_of_two_thousand_orders_a_second_costs_a_question() {
        let mut known = Known::default();
        let (per_second, looks_back) = (2000, 90);
        for n in 0..per_second * 240 {
            let made = Timestamp::from_millis(n * 1000 / per_second);
            if made > at(11) {
                assert!(known.is_new(made, made + Duration::from_secs(1)), "order {n}");
            }
            known.keep(&format!("order {n}"), 1, made + Duration::from_secs(1));
            let earlier = (n - per_second * looks_back).max(0);
            assert!(known.get(&format!("order {earlier}")).is_some(), "at order {n}");
        }
        assert!(known.recent.len() <= MOST && known.before.len() <= MOST);
        // Nor are they remembered for ever.
        for n in 0..=2 * MOST {
            known.keep(&format!("at once {n}"), 1, at(300));
        }
        assert!(known.get("order 479999").is_none() && known.recent.len() <= MOST);
    }

    #[test]
    fn a_document_is_read_again_at_another_version_alone() {
        let mut known = Known::default();
        known.told("order", 3);
        assert!(!known.is_told("order", 3), "none of its steps is known");
        known.keep("order", 2, at(0));
        assert!(!known.is_told("order", 1), "it may have more of them");
        assert!(!known.is_told("order", 0), "a version that does not read says nothing");
        known.told("order", 3);
        assert!(known.is_told("order", 3) && known.is_told("order", 2) && !known.is_told("order", 4));
        known.keep("order", 4, at(1));
        assert!(known.is_told("order", 3) && !known.is_told("order", 4), "its version stays");
        for n in 0..REMEMBERED {
            known.keep(&format!("a{n}"), 1, at(200));
        }
        assert!(known.is_told("order", 3), "also in the older part");
        known.told("order", 5);
        assert!(known.is_told("order", 5));
    }
}
