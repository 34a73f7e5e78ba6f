//! Places that readers name: the id of the last event that they have seen.
//!
//! Guards against events that are missed without a word: a place is good only if all events behind it are
//! kept, and if it was given here.

use super::{Event, Events, seq_of};
use crate::platform::store::{Page, StoreError};

/// What a place is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// All events behind it are kept.
    Good,
    /// Events behind it are kept no more. All that are kept are behind the place that this names.
    Old(i64),
    /// Its number was never given: it is of another installation, or of what this one has lost.
    NeverGiven,
}

/// The numbers of a page: also of its events that do not read.
pub(super) fn numbers(page: &Page<Event>) -> impl Iterator<Item = i64> {
    let damaged = page.unreadable.iter().filter_map(|one| seq_of(&one.id));
    page.docs.iter().map(|event| event.seq).chain(damaged)
}

/// How far whoever asked for what is behind `seq` has come with this page, and whether there is more behind
/// that. Also over events that do not read: neither is such a page the last one, nor does it come again.
#[must_use]
pub fn passed(page: &Page<Event>, seq: i64) -> (i64, bool) {
    let last = numbers(page).fold(seq, i64::max);
    // A page that leads no further would come again for ever.
    (last, page.next.is_some() && last > seq)
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
        // When none is kept, that is all only for those who have seen the last one.
        let first_place = self.first().await?.map_or(last, |first| first.saturating_sub(1));
        Ok(if seq >= first_place { Worth::Good } else { Worth::Old(first_place) })
    }
}
