//! The database as a whole: whether it is damaged, and whether it is all there.

use std::time::Duration;

use super::{Adapter, Store, StoreError, untyped::adapter};

/// What came of [`Store::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Whole,
    /// What was found first.
    Damaged(String),
    /// Nothing was found in the part that was looked at.
    NotInTime,
}

impl Store {
    /// Looks for damage in all of it, for so long at most. Nothing where a server does that by itself.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn check(&self, within: Duration) -> Result<Option<Checked>, StoreError> {
        match &self.adapter {
            Adapter::Sqlite(sqlite) => sqlite.check(within).await.map(Some),
            Adapter::Mongo(_) => Ok(None),
        }
    }

    /// Says that documents are being copied into it, or that all of them are there. In between nobody opens
    /// it: what lacks documents would pass for a whole one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn set_unfinished(&self, unfinished: bool) -> Result<(), StoreError> {
        self.timed(async { adapter!(self, a => a.set_unfinished(unfinished)) }).await
    }
}
