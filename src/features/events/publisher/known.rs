//! What one process knows of what it has published.
//!
//! Guards against a question to the store for each order that is made.

use std::{collections::HashMap, time::Duration};

use crate::base::timestamp::Timestamp;

/// Subjects whose last step is remembered, twice.
const REMEMBERED: usize = 10_000;
/// How far the clocks of two processes may be apart.
const APART: Duration = Duration::from_secs(10);
/// The last step of a subject that is an event, of those that were published last.
#[derive(Debug, Default)]
pub(super) struct Known {
    recent: HashMap<String, i64>,
    before: HashMap<String, i64>,
    /// Since when all that were published are in there.
    complete: Option<Timestamp>,
    /// The same of `recent` alone.
    recent_since: Option<Timestamp>,
}

impl Known {
    pub(super) fn get(&self, subject: &str) -> Option<i64> {
        self.recent.get(subject).or_else(|| self.before.get(subject)).copied()
    }

    pub(super) fn keep(&mut self, subject: String, step: i64, now: Timestamp) {
        if self.recent.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.recent);
            self.complete = self.recent_since.replace(now);
        }
        self.complete.get_or_insert(now);
        self.recent_since.get_or_insert(now);
        self.recent.insert(subject, step);
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
        assert!(known.is_new(at(11)) && !known.is_new(at(10)) && known.get("first") == Some(1));
        for n in 0..REMEMBERED {
            known.keep(format!("a{n}"), 2, at(100));
        }
        assert_eq!((known.get("first"), known.is_new(at(11))), (Some(1), true), "both parts are asked");
        for n in 0..REMEMBERED {
            known.keep(format!("b{n}"), 3, at(200));
        }
        // Those of the first part are gone, so what was made then may have events.
        assert_eq!((known.get("first"), known.get("a5"), known.get("b5")), (None, None, Some(3)));
        assert!(!known.is_new(at(99)) && known.is_new(at(111)));
        assert!(known.recent.len() + known.before.len() <= 2 * REMEMBERED);
        known.forget();
        assert!(!known.is_new(at(1000)) && known.get("b5").is_none());
    }
}
