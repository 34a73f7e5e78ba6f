//! Cancelling booked shipments, decided on the document alone: the one its merchant cancelled, and each that
//! came on top of another.
//!
//! Guards against a shipment that is shown as cancelled and is not, or the other way round. A cancel is not
//! known to be idempotent and its refusals cannot be read ("cannot be cancelled" and "already cancelled" look
//! alike), so whatever is not a plain yes is settled by what tracking shows, and what tracking does not
//! settle in time goes to a person.

mod shipment;

use crate::{
    base::timestamp::Timestamp,
    provider::carrier::{Attempt, CallOutcome, CallTimes, Tracking},
};
use std::time::Duration;

use super::{
    model::{Actor, CancellationState, Order, ShipmentCancellation, ShipmentCancellationState},
    status::SyncStatus,
};

/// When to look at what a cancel came to, counted from the end of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollSchedule {
    /// After a call that settled nothing.
    pub unclear: Vec<Duration>,
    /// After an accepted one, until tracking shows it.
    pub confirm: Vec<Duration>,
}

/// What a cancel job finds when it looks at its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextCancelAction {
    /// Take the cancellation of this AWB and send its cancel.
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

impl Order {
    /// Whether a shipment is being cancelled. It is not gone on with while the order itself is still on its
    /// way.
    pub(super) fn cancellations_open(&self) -> bool {
        !self.provider_sync_status.is_open()
            && self.shipment_cancellations.iter().any(|cancel| cancel.state.is_open())
    }

    pub(super) fn cancellations_due_at(&self) -> Option<Timestamp> {
        self.shipment_cancellations.iter().filter_map(ShipmentCancellation::due_at).min()
    }

    /// What a cancel job of `generation` (absent: made by another producer, counts as current) has to do with
    /// the order now.
    #[must_use]
    pub fn next_cancel_action(&self, generation: Option<i64>, now: Timestamp) -> NextCancelAction {
        if !self.cancellations_open() || generation.is_some_and(|g| g < self.generation) {
            return NextCancelAction::Done;
        }
        let open = self.shipment_cancellations.iter().filter_map(|cancel| Some((cancel.due_at()?, cancel)));
        match open.min_by_key(|(due, _)| *due) {
            Some((due, _)) if due > now => NextCancelAction::Wait(due),
            Some((_, cancel)) => cancel.next_action(),
            None => NextCancelAction::Done,
        }
    }

    /// A shipment is to be cancelled. A new dispatch follows, also when one is under way: that may sleep
    /// until another shipment's look.
    pub(super) fn want_cancellation(&mut self, awb: &str, now: Timestamp) {
        self.shipment_cancellations.retain(|cancel| cancel.awb != awb || cancel.state.is_open());
        if !self.shipment_cancellations.iter().any(|cancel| cancel.awb == awb) {
            self.shipment_cancellations.push(ShipmentCancellation::new(awb.to_owned(), now));
        }
        if self.cancellations_open() {
            self.dispatch(now);
        }
    }

    /// Takes the cancellation of `awb` for one call. `false`: it is not to be sent.
    pub fn take_cancel(
        &mut self,
        awb: &str,
        request_log_id: String,
        times: impl Into<CallTimes>,
        now: Timestamp,
    ) -> bool {
        let (times, open) = (times.into(), self.cancellations_open());
        let wanted = self
            .shipment_cancellations
            .iter_mut()
            .find(|cancel| cancel.awb == awb && cancel.state == ShipmentCancellationState::Wanted);
        let Some(cancel) = wanted.filter(|_| open) else { return false };
        let send_by = now + times.send_within;
        let no = cancel.attempt.as_ref().map_or(1, |a| a.no + 1);
        cancel.attempt = Some(Attempt {
            no,
            request_log_id,
            send_by,
            settle_after: send_by + times.call + times.settle_within,
        });
        (cancel.state, cancel.next_check_at) = (ShipmentCancellationState::Sending, None);
        self.outbox = None;
        self.after_cancellation(awb, None, now);
        true
    }

    /// Writes down what became of the cancel `request_log_id`. `false`: nothing waits for it, nothing was
    /// changed.
    pub fn resolve_cancel(
        &mut self,
        request_log_id: &str,
        finding: &CallOutcome<()>,
        schedule: &PollSchedule,
        now: Timestamp,
    ) -> bool {
        let of_call = |cancel: &&mut ShipmentCancellation| {
            cancel.attempt.as_ref().is_some_and(|a| a.request_log_id == request_log_id)
        };
        let Some(cancel) = self.shipment_cancellations.iter_mut().find(of_call) else { return false };
        // A yes is evidence whenever it comes, also after a person saw the shipment live; all else only
        // counts for the call that is waited for.
        let late_yes = *finding == CallOutcome::Done(())
            && matches!(
                cancel.state,
                ShipmentCancellationState::Unclear
                    | ShipmentCancellationState::Review
                    | ShipmentCancellationState::Refused
            );
        if cancel.state != ShipmentCancellationState::Sending && !late_yes {
            return false;
        }
        cancel.resolve(finding, schedule, now);
        let what = match finding {
            CallOutcome::Done(()) => Some("cancel accepted".to_owned()),
            CallOutcome::Refused(words) => Some(format!("cancel refused: {words}")),
            CallOutcome::Deferred { cause, .. } => Some(format!("cancel: {cause}")),
            CallOutcome::Unknown { reason, .. } => Some(format!("cancel: {reason}")),
            CallOutcome::NotSent => None,
        };
        let awb = cancel.awb.clone();
        self.dispatches = 0;
        self.after_cancellation(&awb, what, now);
        true
    }

    /// Takes in what tracking shows of the shipment `awb`. `false`: nothing waits for that, nothing was
    /// changed.
    pub fn record_tracking(
        &mut self,
        awb: &str,
        tracked: &CallOutcome<Tracking>,
        schedule: &PollSchedule,
        now: Timestamp,
    ) -> bool {
        let Some(cancel) = self.shipment_cancellations.iter_mut().find(|cancel| cancel.awb == awb) else {
            return false;
        };
        if !cancel.record_tracking(tracked, schedule, now) {
            return false;
        }
        let what = match cancel.state {
            ShipmentCancellationState::Confirmed => Some("cancel confirmed".to_owned()),
            ShipmentCancellationState::Refused => Some("cancel refused: the shipment is live".to_owned()),
            _ => None, // a look that settles nothing is no entry
        };
        self.dispatches = 0;
        self.after_cancellation(awb, what, now);
        true
    }

    /// Hands every shipment that is being cancelled to a person.
    pub fn review_cancellations(&mut self, why: &str, now: Timestamp) -> bool {
        if !self.cancellations_open() {
            return false;
        }
        let open: Vec<String> = self
            .shipment_cancellations
            .iter()
            .filter(|cancel| cancel.state.is_open())
            .map(|cancel| cancel.awb.clone())
            .collect();
        for cancel in self.shipment_cancellations.iter_mut().filter(|cancel| cancel.state.is_open()) {
            cancel.review(why);
        }
        self.outbox = None;
        for awb in open {
            self.after_cancellation(&awb, None, now);
        }
        true
    }

    /// Brings what is derived up to date with the cancellation of `awb`, and notes `what` happened.
    pub(super) fn after_cancellation(&mut self, awb: &str, what: Option<String>, now: Timestamp) {
        let Some(cancel) = self.shipment_cancellations.iter().find(|cancel| cancel.awb == awb).cloned()
        else {
            return;
        };
        let reviewed = cancel.state == ShipmentCancellationState::Review;
        if self.awb.as_deref() == Some(awb) {
            let request = &mut self.cancellation;
            request.state = match cancel.state {
                ShipmentCancellationState::Wanted => CancellationState::Requested,
                ShipmentCancellationState::Sending | ShipmentCancellationState::Unclear => {
                    CancellationState::Sent
                }
                ShipmentCancellationState::Accepted | ShipmentCancellationState::Confirmed => {
                    CancellationState::Done
                }
                ShipmentCancellationState::Refused => CancellationState::Refused,
                ShipmentCancellationState::Review => CancellationState::Review,
            };
            request.detail.clone_from(&cancel.detail);
            let (done, confirmed) = (
                request.state == CancellationState::Done,
                cancel.state == ShipmentCancellationState::Confirmed,
            );
            request.done_at = if done { request.done_at.or(Some(now)) } else { None };
            request.confirmed_at = if confirmed { request.confirmed_at.or(Some(now)) } else { None };
        }
        let what = what.or_else(|| {
            reviewed.then(|| format!("cancel needs review: {}", cancel.detail.as_deref().unwrap_or_default()))
        });
        self.refresh(now);
        if let Some(what) = what {
            self.note(Actor::Worker, &what, now);
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
