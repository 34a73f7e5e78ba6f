//! The writer's transaction, as operations see it.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::base::timestamp::Timestamp;

/// A transaction as an operation sees it.
pub(super) struct Step<'a> {
    pub(super) conn: &'a Connection,
    pub(super) now: Timestamp,
    pub(super) effects: &'a mut Effects,
}

/// What is left to do for a transaction as a whole.
#[derive(Default)]
pub(super) struct Effects {
    /// Queues that have more to claim, now or soon.
    pub(super) woken: BTreeSet<String>,
    /// Queues in which jobs were completed, or failed.
    pub(super) completed: BTreeSet<String>,
    pub(super) failed: BTreeSet<String>,
}
