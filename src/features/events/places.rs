//! Places that readers name: the id of the last event that they have seen.
//!
//! Guards against events that are missed without a word: a place is good only if all events behind it are
//! kept, and if it was given here.

use super::Events;
use crate::platform::store::StoreError;

/// What a place is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// All events behind it are kept.
    Good,
    /// Events behind it are kept no more.
    Old,
    /// Its number was never given: it is of another installation, or of what this one has lost.
    NeverGiven,
}

impl Events {
    /// What the place `seq` is worth. Numbers that were left out are places as those that were given are.
    ///
    /// `last` is the last number, read from the store after the place was named, and never remembered:
    /// another process may have given that place a moment ago.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn worth(&self, seq: i64, last: i64) -> Result<Worth, StoreError> {
        if !(0..=last).contains(&seq) {
            return Ok(Worth::NeverGiven);
        }
        let kept = match self.first().await? {
            Some(first) => seq.saturating_add(1) >= first,
            // None is kept: that is all only for those who have seen the last one.
            None => seq == last,
        };
        Ok(if kept { Worth::Good } else { Worth::Old })
    }
}
