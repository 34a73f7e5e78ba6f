//! Cancelling booked shipments, decided on the document alone: the one its merchant called off, and each that
//! came on top of another.
//!
//! Guards against a shipment that is shown as cancelled and is not, or the other way round. A cancel is not
//! known to be idempotent and its refusals cannot be read ("cannot be cancelled" and "already cancelled" look
//! alike), so whatever is not a plain yes is settled by what tracking shows, and what tracking does not
//! settle in time goes to a person.

mod shipment;

use std::time::Duration;

use super::{
    journey::CallTimes,
    model::{Actor, Attempt, CancellationState, Order, Recall, RecallState},
    status::SyncStatus,
};
use crate::base::timestamp::Timestamp;

/// When to look at what a cancel came to, counted from the end of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// After a call that settled nothing.
    pub unclear: Vec<Duration>,
    /// After an accepted one, until tracking shows it.
    pub confirm: Vec<Duration>,
}

/// What a cancel job finds when it looks at its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecallStance {
    /// Take the recall of this AWB and send its cancel.
    Send(String),
    /// A call for it was taken and has had its time: find out what it did.
    Close(String, Attempt),
    /// See what tracking shows of it.
    Look(String),
    /// Not before this time.
    Wait(Timestamp),
    /// Nothing is left for this job.
    Done,
}

/// What is known of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecallFinding {
    Accepted,
    /// The provider said no, in these words: not believed before tracking was asked.
    Refused(String),
    /// Certainly not cancelled by this call; again after `after` or a growing wait.
    Wait {
        after: Option<Duration>,
        reason: String,
    },
    /// Its worker vanished before it sent anything, and has been shut out.
    NeverSent,
    Unknown(String),
}

/// What tracking shows of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    Cancelled,
    /// Something else than cancelled.
    Live,
    /// Nothing was learnt.
    Failed,
}

impl Order {
    /// Whether a shipment is being cancelled. It is not gone on with while the order itself is still on its
    /// way.
    pub(super) fn recalls_open(&self) -> bool {
        !self.provider_sync_status.is_open() && self.recalls.iter().any(|recall| recall.state.is_open())
    }

    pub(super) fn recall_due_at(&self) -> Option<Timestamp> {
        self.recalls.iter().filter_map(Recall::due_at).min()
    }

    /// What a cancel job of `generation` (absent: made by another producer, counts as current) has to do with
    /// the order now.
    #[must_use]
    pub fn recall_stance(&self, generation: Option<i64>, now: Timestamp) -> RecallStance {
        if !self.recalls_open() || generation.is_some_and(|g| g < self.generation) {
            return RecallStance::Done;
        }
        let open = self.recalls.iter().filter_map(|recall| Some((recall.due_at()?, recall)));
        match open.min_by_key(|(due, _)| *due) {
            Some((due, _)) if due > now => RecallStance::Wait(due),
            Some((_, recall)) => recall.stance(),
            None => RecallStance::Done,
        }
    }

    /// A shipment is to be cancelled. A new dispatch follows, also when one is under way: that may sleep
    /// until another shipment's look.
    pub(super) fn want_recall(&mut self, awb: &str, now: Timestamp) {
        self.recalls.retain(|recall| recall.awb != awb || recall.state.is_open());
        if !self.recalls.iter().any(|recall| recall.awb == awb) {
            self.recalls.push(Recall::new(awb.to_owned(), now));
        }
        if self.recalls_open() {
            self.dispatch(now);
        }
    }

    /// Takes the recall of `awb` for one call. `false`: it is not to be sent.
    pub fn take_recall(
        &mut self,
        awb: &str,
        request_log_id: String,
        times: impl Into<CallTimes>,
        now: Timestamp,
    ) -> bool {
        let (times, open) = (times.into(), self.recalls_open());
        let wanted =
            self.recalls.iter_mut().find(|recall| recall.awb == awb && recall.state == RecallState::Wanted);
        let Some(recall) = wanted.filter(|_| open) else { return false };
        let send_by = now + times.send_within;
        let no = recall.attempt.as_ref().map_or(1, |a| a.no + 1);
        recall.attempt = Some(Attempt {
            no,
            request_log_id,
            send_by,
            settle_after: send_by + times.call + times.settle_within,
        });
        (recall.state, recall.next_check_at) = (RecallState::Sending, None);
        self.outbox = None;
        self.after_recall(awb, None, now);
        true
    }

    /// Writes down what became of the cancel `request_log_id`. `false`: nothing waits for it, nothing was
    /// changed.
    pub fn settle_recall(
        &mut self,
        request_log_id: &str,
        finding: &RecallFinding,
        looks: &Looks,
        now: Timestamp,
    ) -> bool {
        let of_call = |recall: &&mut Recall| {
            recall.attempt.as_ref().is_some_and(|a| a.request_log_id == request_log_id)
        };
        let Some(recall) = self.recalls.iter_mut().find(of_call) else { return false };
        // A yes is evidence whenever it comes, also after a person saw the shipment live; all else only
        // counts for the call that is waited for.
        let late_yes = *finding == RecallFinding::Accepted
            && matches!(recall.state, RecallState::Unclear | RecallState::Review | RecallState::Refused);
        if recall.state != RecallState::Sending && !late_yes {
            return false;
        }
        recall.settle(finding, looks, now);
        let what = match finding {
            RecallFinding::Accepted => Some("cancel accepted".to_owned()),
            RecallFinding::Refused(words) => Some(format!("cancel refused: {words}")),
            RecallFinding::Wait { reason, .. } | RecallFinding::Unknown(reason) => {
                Some(format!("cancel: {reason}"))
            }
            RecallFinding::NeverSent => None,
        };
        let awb = recall.awb.clone();
        self.dispatches = 0;
        self.after_recall(&awb, what, now);
        true
    }

    /// Takes in what tracking shows of the shipment `awb`. `false`: nothing waits for that, nothing was
    /// changed.
    pub fn sight(&mut self, awb: &str, sighting: Sighting, looks: &Looks, now: Timestamp) -> bool {
        let Some(recall) = self.recalls.iter_mut().find(|recall| recall.awb == awb) else { return false };
        if !recall.sight(sighting, looks, now) {
            return false;
        }
        let what = match recall.state {
            RecallState::Confirmed => Some("cancel confirmed".to_owned()),
            RecallState::Refused => Some("cancel refused: the shipment is live".to_owned()),
            _ => None, // a look that settles nothing is no entry
        };
        self.dispatches = 0;
        self.after_recall(awb, what, now);
        true
    }

    /// Hands every shipment that is being cancelled to a person.
    pub fn review_recalls(&mut self, why: &str, now: Timestamp) -> bool {
        if !self.recalls_open() {
            return false;
        }
        let open: Vec<String> = self
            .recalls
            .iter()
            .filter(|recall| recall.state.is_open())
            .map(|recall| recall.awb.clone())
            .collect();
        for recall in self.recalls.iter_mut().filter(|recall| recall.state.is_open()) {
            recall.review(why);
        }
        self.outbox = None;
        for awb in open {
            self.after_recall(&awb, None, now);
        }
        true
    }

    /// Brings what is derived up to date with the recall of `awb`, and notes `what` happened.
    pub(super) fn after_recall(&mut self, awb: &str, what: Option<String>, now: Timestamp) {
        let Some(recall) = self.recalls.iter().find(|recall| recall.awb == awb).cloned() else { return };
        let reviewed = recall.state == RecallState::Review;
        if self.awb.as_deref() == Some(awb) {
            let wish = &mut self.cancellation;
            wish.state = match recall.state {
                RecallState::Wanted => CancellationState::Requested,
                RecallState::Sending | RecallState::Unclear => CancellationState::Sent,
                RecallState::Accepted | RecallState::Confirmed => CancellationState::Done,
                RecallState::Refused => CancellationState::Refused,
                RecallState::Review => CancellationState::Review,
            };
            wish.detail.clone_from(&recall.detail);
            let (done, confirmed) =
                (wish.state == CancellationState::Done, recall.state == RecallState::Confirmed);
            wish.done_at = if done { wish.done_at.or(Some(now)) } else { None };
            wish.confirmed_at = if confirmed { wish.confirmed_at.or(Some(now)) } else { None };
        }
        let what = what.or_else(|| {
            reviewed.then(|| format!("cancel needs review: {}", recall.detail.as_deref().unwrap_or_default()))
        });
        self.refresh(now);
        if let Some(what) = what {
            self.remark(Actor::Worker, &what, now);
        }
        self.updated_at = now;
    }

    /// Whether a shipment of the order is booked at the provider, as far as the order knows, under its own
    /// AWB.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.provider_sync_status == SyncStatus::Success && self.cancellation.state != CancellationState::Done
    }
}
