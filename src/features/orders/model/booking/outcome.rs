//! What becomes of an order when something is learnt of one of its calls.

use std::time::Duration;

use super::{
    super::{Actor, CancellationState, IllegalStep, Order},
    UnresolvedCall,
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{reason, status::SyncStatus},
    provider::carrier::{AccountProblem, CallOutcome, Cause, Shipment},
};

/// In words for the merchant whose amendment was not sent.
const BOOKED_BEFORE: &str = "ParcelX had booked the order although it refused it: that shipment is being \
                             cancelled, and then the order can be amended again";

/// Whether a no says nothing of its order and was not looked into: where a hop sends each request twice and
/// gives back the second answer, the first may have booked. Not what was too fast (429, 425): whoever says so
/// has read no order, and a look-up each time would double the calls of an account that is throttled.
fn leaves_doubt(cause: &Cause) -> bool {
    use AccountProblem::{Account, Configuration, Credentials};
    matches!(cause, Cause::Account(Account | Configuration | Credentials, _))
}

impl Order {
    /// Writes down what became of the attempt `log_id`. `false`: the order no longer waits for it, nothing
    /// was changed.
    pub(in super::super) fn call_ended(
        &mut self,
        log_id: &str,
        outcome: &CallOutcome<Shipment>,
        first_poll: Duration,
        now: Timestamp,
    ) -> Result<bool, IllegalStep> {
        if !self.awaits(log_id) {
            let closed = self.close_open_attempt(log_id);
            if closed && matches!(outcome, CallOutcome::Unknown { .. }) {
                // It will be sent all the same: a person has called it failed. But a refusal of what is sent
                // proves nothing.
                self.booking.unresolved.get_or_insert(UnresolvedCall { since: now, calls: 0 });
            }
            return Ok(self.adopt_late(log_id, outcome, now)? || closed);
        }
        let booked = matches!(outcome, CallOutcome::Done(_));
        if self.provider_sync_status == SyncStatus::Reconciling && !booked {
            // A refusal or a wait that follows an unanswered call on the same reference says nothing of that
            // call.
            return Ok(false);
        }
        self.refer_to(log_id);
        self.dispatch.moved_on();
        match outcome {
            CallOutcome::Done(shipment) => self.book(shipment, Actor::Worker, now)?,
            // It may have been refused because the unanswered call on the same reference was booked after
            // all.
            CallOutcome::Refused(words) if self.booking.unresolved.is_some() => {
                let why = format!("refused after an unanswered call: {words}");
                self.leave_unresolved(&why, first_poll, now)?;
            }
            CallOutcome::Refused(words) => {
                self.next_check_at = None;
                self.step(SyncStatus::Failed, Actor::Worker, Some(words.clone()), now)?;
            }
            CallOutcome::Deferred { after, cause } => {
                if leaves_doubt(cause) {
                    self.booking.look_first();
                }
                self.wait(*after, cause, now)?;
            }
            CallOutcome::NotSent => {
                self.next_check_at = None;
                let why = "its worker vanished before it sent".to_owned();
                self.step(SyncStatus::Retrying, Actor::Worker, Some(why), now)?;
            }
            // That a create is done already says that it may be booked.
            CallOutcome::Unknown { reason, .. } | CallOutcome::RefusedAsDone(reason) => {
                self.leave_unresolved(reason, first_poll, now)?;
            }
        }
        self.keep_found(now)?;
        self.carry_out_cancel_request(now)?;
        Ok(true)
    }

    /// The end of the call under this log is known.
    fn refer_to(&mut self, log_id: &str) {
        self.parcelx_request_ref_id = Some(log_id.to_owned());
        self.parcelx_response_ref_id = Some(log_id.to_owned());
    }

    /// Notes that the end of [`Order::open_attempt`] is known. `false`: that is not `log_id`.
    fn close_open_attempt(&mut self, log_id: &str) -> bool {
        let closed = self.open_attempt().is_some_and(|attempt| attempt.request_log_id == log_id);
        if closed {
            self.refer_to(log_id);
        }
        closed
    }

    /// The shipment of an earlier call came to light while this one was under way, and this one booked none:
    /// that is the order's, and nothing may be sent beside it. One of another payload than the present is not
    /// wanted.
    pub(super) fn keep_found(&mut self, now: Timestamp) -> Result<(), IllegalStep> {
        if self.provider_sync_status != SyncStatus::Retrying || self.may_be_amended() {
            return Ok(());
        }
        match self.cancellation.untouched() {
            Some(awb) => self.book(&found(awb), Actor::Worker, now),
            None => Ok(()),
        }
    }

    fn leave_unresolved(
        &mut self,
        reason: &str,
        first_poll: Duration,
        now: Timestamp,
    ) -> Result<(), IllegalStep> {
        self.booking.left_unanswered(now);
        self.next_check_at = Some(now + first_poll);
        self.step(SyncStatus::Reconciling, Actor::Worker, Some(reason.to_owned()), now)
    }

    /// An answer for which the order no longer waits. An AWB is evidence whatever has happened since: it
    /// settles an order that was given up to a person or is being looked for, and what comes on top of
    /// another AWB is kept, since it must be cancelled.
    fn adopt_late(
        &mut self,
        log_id: &str,
        outcome: &CallOutcome<Shipment>,
        now: Timestamp,
    ) -> Result<bool, IllegalStep> {
        let CallOutcome::Done(shipment) = outcome else { return Ok(false) };
        if self.awb.as_ref() == Some(&shipment.awb) || self.booking.duplicate_awbs.contains(&shipment.awb) {
            return Ok(false);
        }
        match self.provider_sync_status {
            SyncStatus::NeedsReview | SyncStatus::Reconciling | SyncStatus::Retrying => {
                self.refer_to(log_id);
                self.book(shipment, Actor::Worker, now)?;
            }
            _ => {
                self.booking.duplicate_awbs.push(shipment.awb.clone());
                self.note(Actor::Worker, reason::SECOND_SHIPMENT, now);
                self.want_cancellation(&shipment.awb, now);
            }
        }
        Ok(true)
    }

    /// A look-up before the order is sent shows the shipment `awb`. If the order only waited, or was called
    /// off, it is its own; if it was amended before, it may be one of another payload, and a person looks. If
    /// it had failed, it is that of what was refused, and goes the way of one that comes to light while the
    /// order is failed; the order may be amended again after it. What is live and of an earlier payload must
    /// not end as booked unseen: if its cancel is refused, a person is told. `false`: it has moved on.
    pub(in super::super) fn found_first(&mut self, awb: &str, now: Timestamp) -> Result<bool, IllegalStep> {
        let called_off = self.cancellation.state() == CancellationState::Requested;
        match self.provider_sync_status {
            _ if !self.booking.look_first => return Ok(false),
            // Of another payload than the present it is not wanted, unless only to be cancelled: then as the
            // order's own, so that its merchant reads what comes of that.
            SyncStatus::Queued if !called_off => {}
            SyncStatus::Retrying if !called_off && self.may_be_amended() => {
                // Whoever books it again is to ask first.
                self.booking.unresolved.get_or_insert(UnresolvedCall { since: now, calls: 1 });
                return self.hand_over(reason::OUTCOME_UNKNOWN, now);
            }
            SyncStatus::Queued | SyncStatus::Retrying => {
                let of_earlier_payload = self.may_be_amended();
                self.book(&found(awb.to_owned()), Actor::Worker, now)?;
                self.booking.of_earlier_payload = of_earlier_payload;
                return Ok(true);
            }
            _ => return Ok(false),
        }
        if !self.booking.duplicate_awbs.iter().any(|known| known == awb) {
            self.booking.duplicate_awbs.push(awb.to_owned());
        }
        self.step(SyncStatus::Failed, Actor::Worker, Some(BOOKED_BEFORE.to_owned()), now)?;
        self.want_cancellation(awb, now);
        Ok(true)
    }

    pub(in super::super) fn book(
        &mut self,
        shipment: &Shipment,
        actor: Actor,
        now: Timestamp,
    ) -> Result<(), IllegalStep> {
        // A look-up may have found it before the call that booked it was answered. Its cancellation has not
        // begun: that waits until here.
        self.booking.duplicate_awbs.retain(|awb| *awb != shipment.awb);
        self.cancellation.unwant(&shipment.awb);
        self.awb = Some(shipment.awb.clone());
        self.courier_name.clone_from(&shipment.courier_name);
        self.courier_code.clone_from(&shipment.courier_code);
        self.provider_order_number.clone_from(&shipment.order_number);
        // An answer that is acted on later than it can have come was left behind by a worker that vanished.
        let in_time = self.attempt().is_some_and(|attempt| now <= attempt.settle_after);
        let answered = self.provider_sync_status == SyncStatus::Processing && in_time;
        self.booked_at = Some(if answered { now } else { self.called_at().min(now) });
        self.booking.settled();
        self.next_check_at = None;
        self.step(SyncStatus::Success, actor, None, now)?;
        // The provider may answer an amended order with the shipment that was cancelled after it failed.
        self.after_cancellation(&shipment.awb, None, now);
        if self.cancellation.state() == CancellationState::Requested {
            self.want_cancellation(&shipment.awb, now);
        }
        Ok(())
    }
}

/// A shipment of which nothing but the AWB is known.
pub(in crate::features::orders) fn found(awb: String) -> Shipment {
    Shipment { awb, courier_name: None, courier_code: None, order_number: None }
}
