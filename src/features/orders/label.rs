//! The label of a booked order: the wish for it and what came of it, decided on the document alone.
//!
//! Guards against a label for a parcel that is not to go out, against a provider call for each impatient
//! request (one wish at a time is under way, and a failure is told again for a while), and against wishes
//! that nobody answers: one whose job was lost is over after a while, and the next request makes another.
//! Nothing here touches the booking.

use std::time::Duration;

use super::{
    model::{CancellationState, Label, LabelFailure, Order},
    status::SyncStatus,
};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::queue::retry,
};

/// How long a wish is waited for after its job should have run, before another is made.
const WISH_LIVES: Duration = Duration::from_secs(10);
/// Calls for one wish that may come to nothing.
const MOST_TRIES: u32 = 4;
/// The wait after the first of them; doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest wait between two of them: somebody is waiting for the parcel.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long a failure is told again before another call is made.
const FAILURE_LIVES: Duration = Duration::from_secs(30);

/// What a wish for the label comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelWish {
    NotBooked,
    /// Its shipment is cancelled, or being cancelled.
    CalledOff,
    /// The last answer is new enough: a label, or why there is none.
    Answered,
    /// A new wish, of this number: its job is to be added.
    Noted(u32),
    /// One of this number is under way.
    Joined(u32),
}

/// What is known after a call for a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelFinding {
    Fetched(String),
    Failed(LabelFailure),
    /// Nothing was learnt: again after `after` or a growing wait, and not for ever.
    Again {
        after: Option<Duration>,
        reason: String,
    },
}

/// The id of the job that fetches an order's label.
#[must_use]
pub fn label_job_id(order_id: &str, wish: u32) -> String {
    format!("fetch-label-{order_id}-{wish}")
}

impl Label {
    fn fail(&mut self, failure: LabelFailure, now: Timestamp) {
        (self.failure, self.failed_at, self.answered) = (Some(failure), Some(now), self.wish);
    }
}

impl Order {
    pub(super) fn has_labelled_shipment(&self) -> bool {
        // A cancel that was refused leaves the shipment as it was.
        self.provider_sync_status == SyncStatus::Success
            && matches!(self.cancellation.state, CancellationState::None | CancellationState::Refused)
    }

    /// The merchant wishes the label; one that is younger than `life` will do. Only [`LabelWish::Noted`]
    /// changes the order.
    pub fn wish_label(&mut self, life: Duration, now: Timestamp) -> LabelWish {
        if !self.has_labelled_shipment() {
            return if self.provider_sync_status == SyncStatus::Success {
                LabelWish::CalledOff
            } else {
                LabelWish::NotBooked
            };
        }
        let last = self.label.as_ref();
        let fresh = |l: &Label| match (l.fetched_at, l.failed_at) {
            (Some(at), _) => now < at + life,
            // A clock that was set back does not make it last.
            (None, Some(at)) => (at..at + FAILURE_LIVES).contains(&now),
            (None, None) => false,
        };
        if last.is_some_and(|l| l.answered == l.wish && fresh(l)) {
            return LabelWish::Answered;
        }
        if let Some(label) = last.filter(|l| l.answered < l.wish && now < l.due_at + WISH_LIVES) {
            return LabelWish::Joined(label.wish);
        }
        let wish = last.map_or(0, |l| l.wish).saturating_add(1);
        let answered = last.map_or(0, |l| l.answered);
        self.label = Some(Label {
            wish,
            answered,
            due_at: now,
            tries: 0,
            url: None,
            fetched_at: None,
            failure: None,
            failed_at: None,
        });
        LabelWish::Noted(wish)
    }

    /// The AWB that the job of `wish` is to fetch the label of. Nothing: the wish is answered or over.
    #[must_use]
    pub fn label_errand(&self, wish: u32) -> Option<&str> {
        let waits = self.label.as_ref().is_some_and(|l| l.wish == wish && l.answered < wish);
        self.awb.as_deref().filter(|_| waits && self.has_labelled_shipment())
    }

    /// Writes down what became of a call for `wish`. `false`: nobody waits for it, nothing was changed.
    pub fn settle_label(&mut self, wish: u32, finding: &LabelFinding, now: Timestamp) -> bool {
        let Some(label) = self.label.as_mut().filter(|l| l.wish == wish && l.answered < wish) else {
            return false;
        };
        match finding {
            LabelFinding::Fetched(url) => {
                (label.url, label.fetched_at) = (Some(url.clone()), Some(now));
                label.answered = wish;
            }
            LabelFinding::Failed(failure) => label.fail(failure.clone(), now),
            LabelFinding::Again { after, reason } => {
                label.tries = label.tries.saturating_add(1);
                if label.tries >= MOST_TRIES {
                    label.fail(LabelFailure::Unreachable(reason.clone()), now);
                } else {
                    let pause = after
                        .unwrap_or_else(|| retry::exponential(FIRST_PAUSE, label.tries, ids::fraction()));
                    label.due_at = now + pause.min(LONGEST_PAUSE);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_reads_as_it_was_written() {
        for failure in [
            LabelFailure::Refused("no".into()),
            LabelFailure::Unusable,
            LabelFailure::Unreachable("HTTP 500".into()),
        ] {
            let label = Label {
                wish: 2,
                answered: 2,
                due_at: Timestamp::from_millis(1),
                tries: 0,
                url: None,
                fetched_at: None,
                failure: Some(failure),
                failed_at: Some(Timestamp::from_millis(2)),
            };
            assert_eq!(serde_json::from_value::<Label>(json!(label)).unwrap(), label);
        }
    }
}
