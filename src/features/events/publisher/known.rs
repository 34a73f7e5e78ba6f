//! What one process knows of what it has published.
//!
//! Guards against a question to the store for each order that is made.

use std::{collections::HashMap, time::Duration};

use crate::base::timestamp::Timestamp;

/// Subjects whose last step is remembered, twice.
const REMEMBERED: usize = 20_000;
/// How far the clocks of two processes may be apart. Orders come to be known within a second: while
/// `REMEMBERED` of them take longer than both, none of them costs a question. That is up to some 6,000 a
/// second.
const APART: Duration = Duration::from_secs(2);

/// Of one subject.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The last step that is an event.
    step: i64,
    /// The version whose steps all are; 0 when that is not known.
    version: i64,
}

/// The last step of a subject that is an event, of those that were published last.
#[derive(Debug, Default)]
pub(super) struct Known {
    recent: HashMap<String, Seen>,
    before: HashMap<String, Seen>,
    /// Since when all that were published are in there.
    complete: Option<Timestamp>,
    /// The same of `recent` alone.
    recent_since: Option<Timestamp>,
}

impl Known {
    pub(super) fn get(&self, subject: &str) -> Option<i64> {
        self.seen(subject).map(|seen| seen.step)
    }

    /// Whether a document needs no reading: all of its steps at this version are events.
    pub(super) fn is_told(&self, subject: &str, version: i64) -> bool {
        version > 0 && self.seen(subject).is_some_and(|seen| seen.version >= version)
    }

    fn seen(&self, subject: &str) -> Option<Seen> {
        self.recent.get(subject).or_else(|| self.before.get(subject)).copied()
    }

    /// All steps of a subject that is in there are events, as of this version.
    pub(super) fn told(&mut self, subject: &str, version: i64) {
        let seen = self.recent.get_mut(subject).or_else(|| self.before.get_mut(subject));
        if let Some(seen) = seen {
            seen.version = version;
        }
    }

    pub(super) fn keep(&mut self, subject: String, step: i64, now: Timestamp) {
        if self.recent.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.recent);
            self.complete = self.recent_since.replace(now);
        }
        self.complete.get_or_insert(now);
        self.recent_since.get_or_insert(now);
        let version = self.seen(&subject).unwrap_or_default().version;
        self.recent.insert(subject, Seen { step, version });
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether a subject that is not in there, and was made at `made`, can have no events. Where a clock
    /// makes this wrong its events are refused as known ones.
    pub(super) fn is_new(&self, made: Timestamp) -> bool {
        self.complete.is_some_and(|since| made > since + APART)
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
        assert!(!known.is_new(at(1000)), "it has published nothing yet");
        known.keep("first".to_owned(), 1, at(0));
        assert!(known.is_new(at(3)) && !known.is_new(at(2)) && known.get("first") == Some(1));
        for n in 0..REMEMBERED {
            known.keep(format!("a{n}"), 2, at(100));
        }
        assert_eq!((known.get("first"), known.is_new(at(3))), (Some(1), true), "both parts are asked");
        for n in 0..REMEMBERED {
            known.keep(format!("b{n}"), 3, at(200));
        }
        // Those of the first part are gone, so what was made then may have events.
        assert_eq!((known.get("first"), known.get("a5"), known.get("b5")), (None, None, Some(3)));
        assert!(!known.is_new(at(99)) && known.is_new(at(103)));
        assert!(known.recent.len() + known.before.len() <= 2 * REMEMBERED);
        known.forget();
        assert!(!known.is_new(at(1000)) && known.get("b5").is_none());
    }

    /// Each is published within a second of its making; a question to the store for each would cost more
    /// than all else that is done for its events.
    #[test]
    fn at_six_thousand_orders_a_second_none_costs_a_question() {
        let mut known = Known::default();
        let (per_second, lag) = (6000, 1000);
        for n in 0..per_second * 60 {
            let made = Timestamp::from_millis(n * 1000 / per_second);
            let now = made + Duration::from_millis(lag);
            if made > at(10) {
                assert!(known.is_new(made), "order {n}");
            }
            known.keep(format!("order {n}"), 1, now);
        }
    }

    #[test]
    fn a_document_is_read_again_at_another_version_alone() {
        let mut known = Known::default();
        known.told("order", 3);
        assert!(!known.is_told("order", 3), "none of its steps is known");
        known.keep("order".to_owned(), 2, at(0));
        assert!(!known.is_told("order", 1), "it may have more of them");
        assert!(!known.is_told("order", 0), "a version that does not read says nothing");
        known.told("order", 3);
        assert!(known.is_told("order", 3) && known.is_told("order", 2) && !known.is_told("order", 4));
        known.keep("order".to_owned(), 4, at(1));
        assert!(known.is_told("order", 3) && !known.is_told("order", 4), "its version stays");
        for n in 0..REMEMBERED {
            known.keep(format!("a{n}"), 1, at(2));
        }
        assert!(known.is_told("order", 3), "also in the older part");
        known.told("order", 5);
        assert!(known.is_told("order", 5));
    }
}
