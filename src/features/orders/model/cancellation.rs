//! Cancelling booked shipments: the one its merchant cancelled, and each that came on top of another.
//!
//! Guards against a shipment that is shown as cancelled and is not, or the other way round. A cancel is not
//! known to be idempotent and its refusals are not to be relied on ("cannot be cancelled" and "already
//! cancelled" look alike), so whatever is not a plain yes is settled by what tracking shows, and what
//! tracking does not settle in time goes to a person. That the carrier tells one as done already only makes
//! us look for longer.

mod request;
mod shipment;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::{
    request::{CancelDecision, CancelRequest, CancellationState},
    shipment::{ShipmentCancellation, ShipmentCancellationState},
};
use super::{Actor, Order, booking::millis};
use crate::{
    base::timestamp::Timestamp,
    features::orders::status::SyncStatus,
    provider::carrier::{Attempt, CallOutcome, CallTimes, Tracking},
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
    /// A call for it was taken and has had its time: find out what it did. Or it was refused, and an earlier
    /// release did not say how: the same tells.
    Close(String, Attempt),
    /// See what tracking shows of it.
    Look(String),
    /// Not before this time.
    Wait(Timestamp),
    /// Nothing is left for this job.
    Done,
}

/// What of an order is to be cancelled, or was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    request: CancelRequest,
    /// One entry per shipment: for the order's own when its merchant wants that, and for each one too many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shipments: Vec<ShipmentCancellation>,
}

impl Cancellation {
    /// The merchant's request.
    #[must_use]
    pub fn request(&self) -> &CancelRequest {
        &self.request
    }

    /// Of an order that comes in as it is.
    pub(super) fn set_request(&mut self, request: CancelRequest) {
        self.request = request;
    }

    /// How far that request is.
    #[must_use]
    pub fn state(&self) -> CancellationState {
        self.request.state
    }

    #[must_use]
    pub fn shipments(&self) -> &[ShipmentCancellation] {
        &self.shipments
    }

    /// The cancelling of this shipment.
    #[must_use]
    pub fn of(&self, awb: &str) -> Option<&ShipmentCancellation> {
        self.shipments.iter().find(|cancel| cancel.awb == awb)
    }

    pub(super) fn of_mut(&mut self, awb: &str) -> Option<&mut ShipmentCancellation> {
        self.shipments.iter_mut().find(|cancel| cancel.awb == awb)
    }

    /// What waits for a later time is due now.
    pub(super) fn try_now(&mut self, now: Timestamp) {
        for cancel in self.shipments.iter_mut().filter(|cancel| cancel.state.is_open()) {
            cancel.next_check_at = cancel.next_check_at.map(|at| at.min(now));
        }
    }

    fn is_open(&self) -> bool {
        self.shipments.iter().any(|cancel| cancel.state.is_open())
    }

    pub(super) fn due_at(&self) -> Option<Timestamp> {
        self.shipments.iter().filter_map(ShipmentCancellation::due_at).min()
    }

    /// What is right now.
    fn next(&self, now: Timestamp) -> NextCancelAction {
        let open = self.shipments.iter().filter_map(|cancel| Some((cancel.due_at()?, cancel)));
        match open.min_by_key(|(due, _)| *due) {
            Some((due, _)) if due > now => NextCancelAction::Wait(due),
            Some((_, cancel)) => cancel.next(),
            None => NextCancelAction::Done,
        }
    }

    fn want(&mut self, awb: &str, now: Timestamp) {
        self.shipments.retain(|cancel| cancel.awb != awb || cancel.state.is_open());
        if self.of(awb).is_none() {
            self.shipments.push(ShipmentCancellation::new(awb.to_owned(), now));
        }
    }

    /// The shipment becomes the order's own, and its cancelling has not begun.
    pub(super) fn unwant(&mut self, awb: &str) {
        self.shipments
            .retain(|cancel| cancel.awb != awb || cancel.state != ShipmentCancellationState::Wanted);
    }

    /// A shipment that is to be cancelled and of which nothing was asked yet.
    pub(super) fn untouched(&self) -> Option<String> {
        let untouched = |cancel: &&ShipmentCancellation| {
            cancel.state == ShipmentCancellationState::Wanted && cancel.attempt.is_none()
        };
        self.shipments.iter().find(untouched).map(|cancel| cancel.awb.clone())
    }

    /// Whether a shipment is live, or may be.
    pub(super) fn may_be_live(&self) -> bool {
        let gone = |state| {
            matches!(state, ShipmentCancellationState::Accepted | ShipmentCancellationState::Confirmed)
        };
        self.shipments.iter().any(|cancel| !gone(cancel.state))
    }
}

impl Order {
    /// Whether a shipment is being cancelled. It is not gone on with while the order itself is still on its
    /// way.
    pub(crate) fn cancellations_open(&self) -> bool {
        !self.provider_sync_status.is_open() && self.cancellation.is_open()
    }

    /// What a cancel job of `generation` (absent: made by another producer, counts as current) has to do with
    /// the order now.
    #[must_use]
    pub fn next_cancel_action(&self, generation: Option<i64>, now: Timestamp) -> NextCancelAction {
        if !self.cancellations_open() || generation.is_some_and(|g| g < self.dispatch.generation()) {
            return NextCancelAction::Done;
        }
        self.cancellation.next(now)
    }

    /// A shipment is to be cancelled. A new dispatch follows, also when one is under way: that may sleep
    /// until another shipment's look.
    pub(super) fn want_cancellation(&mut self, awb: &str, now: Timestamp) {
        self.cancellation.want(awb, now);
        if self.cancellations_open() {
            self.dispatch_next(now);
        }
    }

    /// `false`: it is not to be sent.
    pub(super) fn take_cancel(
        &mut self,
        awb: &str,
        log_id: &str,
        (times, paused): (CallTimes, Duration),
        now: Timestamp,
    ) -> bool {
        let open = self.cancellations_open();
        let wanted =
            |cancel: &&mut ShipmentCancellation| open && cancel.state == ShipmentCancellationState::Wanted;
        let Some(cancel) = self.cancellation.of_mut(awb).filter(wanted) else { return false };
        cancel.begin(log_id, times, now);
        cancel.paused_ms = millis(paused);
        self.undispatch();
        self.after_cancellation(awb, None, now);
        true
    }

    /// `false`: nothing waits for it.
    pub(super) fn cancel_ended(
        &mut self,
        log_id: &str,
        outcome: &CallOutcome<()>,
        schedule: &PollSchedule,
        now: Timestamp,
    ) -> bool {
        let Some(cancel) = self.cancellation.shipments.iter_mut().find(|cancel| cancel.is_on(log_id)) else {
            return false;
        };
        if cancel.refusal_read(outcome) {
            self.dispatch.moved_on();
            self.updated_at = now;
            return true; // how the call ended was noted before
        }
        if !cancel.call_ended(outcome, schedule, now) {
            return false;
        }
        let what = match outcome {
            CallOutcome::Done(()) => Some("cancel accepted".to_owned()),
            CallOutcome::Refused(words) | CallOutcome::RefusedAsDone(words) => {
                Some(format!("cancel refused: {words}"))
            }
            CallOutcome::Deferred { cause, .. } => Some(format!("cancel: {cause}")),
            CallOutcome::Unknown { reason, .. } => Some(format!("cancel: {reason}")),
            CallOutcome::NotSent => None,
        };
        let awb = cancel.awb.clone();
        self.dispatch.moved_on();
        self.after_cancellation(&awb, what, now);
        true
    }

    /// `false`: nothing waits for that.
    pub(super) fn tracking_seen(
        &mut self,
        awb: &str,
        tracked: &CallOutcome<Tracking>,
        schedule: &PollSchedule,
        now: Timestamp,
    ) -> bool {
        let Some(cancel) = self.cancellation.of_mut(awb) else { return false };
        if !cancel.tracking_seen(tracked, schedule, now) {
            return false;
        }
        let what = match cancel.state {
            ShipmentCancellationState::Confirmed => Some("cancel confirmed".to_owned()),
            ShipmentCancellationState::Refused => Some("cancel refused: the shipment is live".to_owned()),
            _ => None, // a look that settles nothing is no entry
        };
        self.dispatch.moved_on();
        self.after_cancellation(awb, what, now);
        true
    }

    /// Hands every shipment that is being cancelled to a person.
    pub(super) fn review_cancellations(&mut self, why: &str, now: Timestamp) -> bool {
        if !self.cancellations_open() {
            return false;
        }
        let mut open = Vec::new();
        for cancel in self.cancellation.shipments.iter_mut().filter(|cancel| cancel.state.is_open()) {
            cancel.review(why);
            open.push(cancel.awb.clone());
        }
        self.undispatch();
        for awb in open {
            self.after_cancellation(&awb, None, now);
        }
        true
    }

    /// The merchant's request follows the cancelling of the order's own shipment; `what` happened is noted.
    pub(super) fn after_cancellation(&mut self, awb: &str, what: Option<String>, now: Timestamp) {
        if self.provider_sync_status == SyncStatus::Failed {
            self.end_cancel_request(now); // a worker of an earlier release may have left it open
        }
        let own = self.awb() == Some(awb);
        let Cancellation { request, shipments } = &mut self.cancellation;
        let Some(cancel) = shipments.iter().find(|cancel| cancel.awb == awb) else { return };
        if own {
            request.follow(cancel, now);
        }
        let reviewed = cancel.state == ShipmentCancellationState::Review;
        let why = || format!("cancel needs review: {}", cancel.detail.as_deref().unwrap_or_default());
        if let Some(what) = what.or_else(|| reviewed.then(why)) {
            self.note(Actor::Worker, &what, now);
        }
        self.updated_at = now;
    }
}
