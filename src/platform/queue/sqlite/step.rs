//! The writer's transaction, as operations see it.

use std::collections::{BTreeMap, BTreeSet};

use super::ops::Finished;
use crate::{base::timestamp::Timestamp, platform::sqlite::writer};

pub(super) type Step<'a> = writer::Step<'a, Effects>;

/// What is left to do for a transaction as a whole.
pub(super) struct Effects {
    /// The one time of all its operations.
    pub(super) now: Timestamp,
    /// Queues that have more to claim, now or soon.
    pub(super) woken: BTreeSet<String>,
    /// How many jobs of which queue were completed, or failed.
    pub(super) finished: BTreeMap<(String, Finished), u32>,
}

impl Effects {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now, woken: BTreeSet::new(), finished: BTreeMap::new() }
    }

    pub(super) fn finished(&mut self, queue: &str, which: Finished) {
        *self.finished.entry((queue.to_owned(), which)).or_default() += 1;
    }
}
