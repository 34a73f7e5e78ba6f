//! What becomes of an order when something is learnt of one of its calls. Decided on the document alone, like
//! everything in [`super::lifecycle`].

use std::time::Duration;

use super::{
    lifecycle::{FIRST_WAIT, MAX_UNRESOLVED_CALLS, UNREACHABLE_AFTER, reason},
    model::{
        Actor, CancellationState, Order, ShipmentCancellation, ShipmentCancellationState, UnresolvedCall,
    },
    status::SyncStatus,
};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::queue::retry,
    provider::carrier::{CallOutcome, Shipment},
};

impl Order {
    /// Writes down what became of the attempt `request_log_id`. `false`: the order no longer waits for it,
    /// nothing was changed.
    pub fn resolve(
        &mut self,
        request_log_id: &str,
        finding: &CallOutcome<Shipment>,
        first_poll: Duration,
        now: Timestamp,
    ) -> bool {
        if !self.awaits(request_log_id) {
            let closed = self.close_open_attempt(request_log_id);
            if closed && matches!(finding, CallOutcome::Unknown { .. }) {
                // It will be sent all the same: a person has called it failed. But a refusal of what is sent
                // proves nothing.
                self.unresolved.get_or_insert(UnresolvedCall { since: now, calls: 0 });
            }
            return self.adopt_late(request_log_id, finding, now) || closed;
        }
        let booked = matches!(finding, CallOutcome::Done(_));
        if self.provider_sync_status == SyncStatus::Reconciling && !booked {
            // A refusal or a wait that follows an unanswered call on the same reference says nothing of that
            // call.
            return false;
        }
        self.parcelx_request_ref_id = Some(request_log_id.to_owned());
        self.parcelx_response_ref_id = Some(request_log_id.to_owned());
        self.dispatches = 0;
        match finding {
            CallOutcome::Done(booking) => self.book(booking, Actor::Worker, now),
            // It may have been refused because the unanswered call on the same reference was booked after
            // all.
            CallOutcome::Refused(words) if self.unresolved.is_some() => {
                self.leave_unresolved(&format!("refused after an unanswered call: {words}"), first_poll, now);
            }
            CallOutcome::Refused(words) => {
                self.next_check_at = None;
                self.step(SyncStatus::Failed, Actor::Worker, Some(words.clone()), now);
            }
            CallOutcome::Deferred { after, cause } => self.wait(*after, &cause.to_string(), now),
            CallOutcome::NotSent => {
                self.next_check_at = None;
                self.step(
                    SyncStatus::Retrying,
                    Actor::Worker,
                    Some("its worker vanished before it sent".to_owned()),
                    now,
                );
            }
            CallOutcome::Unknown { reason, .. } => self.leave_unresolved(reason, first_poll, now),
        }
        self.keep_found(now);
        self.carry_out_cancel_request(now);
        true
    }

    /// The shipment of an earlier call came to light while this one was under way, and this one booked none:
    /// that is the order's, and nothing may be sent beside it. One of another payload than the present is not
    /// wanted.
    fn keep_found(&mut self, now: Timestamp) {
        let mut entries = self.history.iter();
        let first = entries.next().is_some_and(|entry| entry.seq == 1);
        let amended = !first
            || entries.any(|entry| entry.status == SyncStatus::Queued && entry.actor == Actor::Merchant);
        if self.provider_sync_status != SyncStatus::Retrying || amended {
            return;
        }
        let untouched = |cancel: &&ShipmentCancellation| {
            cancel.state == ShipmentCancellationState::Wanted && cancel.attempt.is_none()
        };
        if let Some(awb) = self.shipment_cancellations.iter().find(untouched).map(|cancel| cancel.awb.clone())
        {
            let booking = Shipment { awb, courier_name: None, courier_code: None, order_number: None };
            self.book(&booking, Actor::Worker, now);
        }
    }

    /// A cancel request that came while a call was under way is carried out as soon as it is known what that
    /// call did.
    fn carry_out_cancel_request(&mut self, now: Timestamp) {
        if self.cancellation.state != CancellationState::Requested {
            return;
        }
        match self.provider_sync_status {
            // Nothing more is to be sent, and what was may be live.
            SyncStatus::Retrying if self.rebooked_unresolved() => {
                self.review(reason::OUTCOME_UNKNOWN, now);
            }
            SyncStatus::Retrying => self.cancel_unsent(Actor::Worker, now),
            // It never was booked, which is what was requested for.
            SyncStatus::Failed => {
                (self.cancellation.state, self.cancellation.done_at) = (CancellationState::Done, Some(now))
            }
            _ => {}
        }
    }

    fn leave_unresolved(&mut self, reason: &str, first_poll: Duration, now: Timestamp) {
        let calls = self.unresolved.as_ref().map_or(0, |d| d.calls).saturating_add(1);
        self.unresolved = Some(UnresolvedCall { since: now, calls });
        self.waits = 0;
        self.next_check_at = Some(now + first_poll);
        self.step(SyncStatus::Reconciling, Actor::Worker, Some(reason.to_owned()), now);
    }

    /// An answer for which the order no longer waits. An AWB is evidence whatever has happened since: it
    /// settles an order that was given up to a person or is being looked for, and what comes on top of
    /// another AWB is kept, since it must be cancelled.
    fn adopt_late(&mut self, request_log_id: &str, finding: &CallOutcome<Shipment>, now: Timestamp) -> bool {
        let CallOutcome::Done(booking) = finding else { return false };
        if self.awb.as_ref() == Some(&booking.awb) || self.duplicate_awbs.contains(&booking.awb) {
            return false;
        }
        match self.provider_sync_status {
            SyncStatus::NeedsReview | SyncStatus::Reconciling | SyncStatus::Retrying => {
                self.parcelx_request_ref_id = Some(request_log_id.to_owned());
                self.parcelx_response_ref_id = Some(request_log_id.to_owned());
                self.book(booking, Actor::Worker, now);
            }
            _ => {
                self.duplicate_awbs.push(booking.awb.clone());
                self.note(Actor::Worker, reason::SECOND_SHIPMENT, now);
                self.want_cancellation(&booking.awb, now);
            }
        }
        true
    }

    /// The provider proved not to know the reference: the unanswered call booked nothing, and the order may
    /// be sent again. Nothing is sent for ever: after [`MAX_UNRESOLVED_CALLS`] unanswered calls a person
    /// schedule.
    pub fn absent(&mut self, request_log_id: &str, now: Timestamp) -> bool {
        if self.provider_sync_status != SyncStatus::Reconciling || !self.awaits(request_log_id) {
            return false;
        }
        if self.unresolved.as_ref().is_some_and(|d| d.calls >= MAX_UNRESOLVED_CALLS) {
            return self.review(reason::OUTCOME_UNKNOWN, now);
        }
        self.next_check_at = None;
        self.dispatches = 0;
        self.step(
            SyncStatus::Retrying,
            Actor::Worker,
            Some("ParcelX does not know the order: booking again".to_owned()),
            now,
        );
        self.keep_found(now);
        self.carry_out_cancel_request(now);
        true
    }

    /// The last look-up for the attempt `request_log_id` settled nothing: a person schedule, unless somebody
    /// else has moved the order on. `found`: there is a shipment, only its AWB is wanting. That also stops an
    /// order that is to be sent again; one whose next call is under way finds it out by itself.
    pub fn give_up(&mut self, request_log_id: &str, found: bool, reason: &str, now: Timestamp) -> bool {
        let stands = match self.provider_sync_status {
            SyncStatus::Reconciling => found || self.awaits(request_log_id),
            SyncStatus::Queued | SyncStatus::Retrying => found,
            _ => false,
        };
        stands && self.review(reason, now)
    }

    pub(super) fn book(&mut self, booking: &Shipment, actor: Actor, now: Timestamp) {
        // A look-up may have found it before the call that booked it was answered. Its cancellation has not
        // begun: that waits until here.
        self.duplicate_awbs.retain(|awb| *awb != booking.awb);
        self.shipment_cancellations
            .retain(|cancel| cancel.awb != booking.awb || cancel.state != ShipmentCancellationState::Wanted);
        self.awb = Some(booking.awb.clone());
        self.courier_name.clone_from(&booking.courier_name);
        self.courier_code.clone_from(&booking.courier_code);
        self.provider_order_number.clone_from(&booking.order_number);
        // An answer that is acted on later than it can have come was left behind by a worker that vanished.
        let in_time = self.attempt.as_ref().is_some_and(|attempt| now <= attempt.settle_after);
        let answered = self.provider_sync_status == SyncStatus::Processing && in_time;
        self.booked_at = Some(if answered { now } else { self.called_at().min(now) });
        self.unresolved = None;
        self.next_check_at = None;
        self.step(SyncStatus::Success, actor, None, now);
        // The provider may answer an amended order with the shipment that was cancelled after it failed.
        self.after_cancellation(&booking.awb, None, now);
        if self.cancellation.state == CancellationState::Requested {
            self.want_cancellation(&booking.awb, now);
        }
    }

    /// When the last call may have left, at the earliest. What a look-up or a late answer shows counts as
    /// booked then: a control look-up that finds it must not take it for newer than it is.
    pub(super) fn called_at(&self) -> Timestamp {
        let taken = self.history.iter().rev().find(|entry| entry.status == SyncStatus::Processing);
        taken.map_or(self.created_at, |entry| entry.at)
    }

    fn wait(&mut self, after: Option<Duration>, reason: &str, now: Timestamp) {
        let cancel_requested = self.cancellation.state == CancellationState::Requested;
        if now.since(self.trying_since.unwrap_or(self.created_at)) >= UNREACHABLE_AFTER && !cancel_requested {
            self.next_check_at = None;
            self.step(
                SyncStatus::NeedsReview,
                Actor::Worker,
                Some(format!("{}: {reason}", reason::PROVIDER_UNREACHABLE)),
                now,
            );
            return;
        }
        self.waits = self.waits.saturating_add(1);
        let pause = after.unwrap_or_else(|| retry::exponential(FIRST_WAIT, self.waits, ids::fraction()));
        self.next_check_at = Some(now + pause);
        self.step(SyncStatus::Retrying, Actor::Worker, Some(reason.to_owned()), now);
    }
}
