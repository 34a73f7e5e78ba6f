//! What a person does with an order, most of it with one that waits for a person. What must be known of the
//! provider first is found out by [`crate::features::orders::service::review`].
//!
//! Guards against a hand that is quicker than the evidence: nothing is booked again or called failed while a
//! call may be under way, and an unresolved call stays with the order, since a refusal
//! of its next call proves nothing of the last one.

use super::{
    Actor, Amend, Applied, CancelDecision, CancellationState, IllegalStep, OperatorAction, Order,
    ShipmentCancellation, ShipmentCancellationState, booking::found,
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        payload::NewOrder,
        review::{Fate, Refusal},
        status::SyncStatus,
    },
};

impl Order {
    pub(super) fn operator(
        &mut self,
        action: OperatorAction<'_>,
        audit_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Applied, IllegalStep> {
        if let Err(refusal) = self.allows(action, now) {
            return Ok(Applied::Refused(refusal));
        }
        match action {
            OperatorAction::Adopt { awb } => self.book(&found(awb.to_owned()), Actor::Operator, now)?,
            OperatorAction::Rebook { may_be_booked, force } => self.rebook(may_be_booked, force, now)?,
            OperatorAction::Exchange { awb } => {
                self.exchange(awb, (Actor::Operator, "its shipment was exchanged by an operator"), now);
            }
            OperatorAction::Resend => self.resend(now)?,
            OperatorAction::Fail { words } => {
                self.next_check_at = None;
                self.end_cancel_request(now);
                self.step(SyncStatus::Failed, Actor::Operator, Some(words.to_owned()), now)?;
            }
            OperatorAction::CancelAgain { awb } => self.cancel_again(awb, now),
            OperatorAction::CancelEnded { awb, fate } => self.cancel_end_seen(awb, fate, now),
            OperatorAction::RequestCancel { words } => {
                self.request_cancel(Actor::Operator, Some(words), now)?;
            }
            OperatorAction::Amend { draft, words } => {
                self.amend(draft, (Actor::Operator, words), now)?;
            }
            OperatorAction::TryNow => self.try_now(now),
            OperatorAction::Erase => self.erase(now),
        }
        if let Some(audit_id) = audit_id {
            self.sign(audit_id);
        }
        Ok(Applied::Changed)
    }

    /// Whether an action is right for the order as it stands.
    ///
    /// # Errors
    /// Why it is not.
    pub fn allows(&self, action: OperatorAction<'_>, now: Timestamp) -> Result<(), Refusal> {
        match action {
            OperatorAction::CancelAgain { awb } | OperatorAction::CancelEnded { awb, .. } => {
                return self.ended_cancellation(Some(awb), now).map(drop);
            }
            OperatorAction::RequestCancel { .. } => return self.allows_cancel(),
            OperatorAction::Amend { draft, .. } => return self.allows_amend(draft),
            OperatorAction::TryNow => return self.waits_for_a_time(now),
            OperatorAction::Erase => return self.may_be_erased(now),
            OperatorAction::Resend => return self.may_be_resent(now),
            OperatorAction::Exchange { .. } => return self.may_be_exchanged(),
            OperatorAction::Adopt { .. } | OperatorAction::Rebook { .. } | OperatorAction::Fail { .. } => {
                self.reviewed()?;
                self.not_under_way(now)?;
            }
        }
        let wanted = ShipmentCancellationState::Wanted;
        let cancelling = |awb| self.cancellation.of(awb).is_some_and(|cancel| cancel.state != wanted);
        match action {
            OperatorAction::Adopt { awb } if cancelling(awb) => Err(Refusal::BeingCancelled(awb.to_owned())),
            OperatorAction::Rebook { .. } if self.cancellation.state() != CancellationState::None => {
                Err(Refusal::CancelRequested)
            }
            _ => Ok(()),
        }
    }

    fn allows_cancel(&self) -> Result<(), Refusal> {
        match self.cancel_decision() {
            CancelDecision::Repeated => Err(Refusal::CancelledBefore),
            CancelDecision::NeverBooked => Err(Refusal::NeverBooked),
            CancelDecision::Cancelled
            | CancelDecision::Noted
            | CancelDecision::Dispatched
            | CancelDecision::Ended => Ok(()),
        }
    }

    fn allows_amend(&self, draft: &NewOrder) -> Result<(), Refusal> {
        match self.amend_decision(draft) {
            Amend::Accepted => Ok(()),
            Amend::Repeated | Amend::NotFailed => Err(Refusal::NotFailed(self.provider_sync_status)),
            Amend::ShipmentLive => Err(Refusal::ShipmentLive),
            Amend::OtherClientOrderId => Err(Refusal::OtherClientOrderId),
        }
    }

    /// Whether the service goes on with it, or with what of it is being cancelled, at a later time.
    fn waits_for_a_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let later = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
        let booking = matches!(self.provider_sync_status, SyncStatus::Retrying | SyncStatus::Reconciling)
            && later(self.next_check_at);
        let cancelling =
            |cancel: &ShipmentCancellation| cancel.state.is_open() && later(cancel.next_check_at);
        let waits =
            booking || (self.cancellations_open() && self.cancellation.shipments().iter().any(cancelling));
        if waits { Ok(()) } else { Err(Refusal::NothingToTry) }
    }

    /// What is due later is due now, in the next generation: a delayed job of this one then finds nothing to
    /// do. Looks more never prove more: absence counts only at the schedule's last one.
    fn try_now(&mut self, now: Timestamp) {
        if self.provider_sync_status.is_open() {
            self.next_check_at = Some(now);
        } else {
            self.cancellation.try_now(now);
        }
        self.dispatch.moved_on();
        self.note(Actor::Operator, "tried at once by an operator", now);
        self.dispatch_next(now);
    }

    fn rebook(&mut self, may_be_booked: bool, force: bool, now: Timestamp) -> Result<(), IllegalStep> {
        self.booking.rebook(may_be_booked, force, now);
        self.dispatch.moved_on();
        self.next_check_at = None;
        let why = "booked again by an operator".to_owned();
        self.step(SyncStatus::Retrying, Actor::Operator, Some(why), now)?;
        self.dispatch_next(now);
        Ok(())
    }

    /// Nothing is sent beside what may be live, and nothing that its merchant does not want any more.
    fn may_be_resent(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.provider_sync_status {
            SyncStatus::Failed => {}
            status => return Err(Refusal::NotFailed(status)),
        }
        if self.cancellation.may_be_live() {
            return Err(Refusal::ShipmentLive);
        }
        if self.cancellation.state() != CancellationState::None {
            return Err(Refusal::CancelRequested);
        }
        if self.erased_at.is_some() {
            return Err(Refusal::Erased);
        }
        self.not_under_way(now)
    }

    /// Nothing that is still to be done needs to know where the parcel goes.
    fn may_be_erased(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.erased_at.is_some() {
            return Err(Refusal::Erased);
        }
        let ended = matches!(
            self.provider_sync_status,
            SyncStatus::Success | SyncStatus::Failed | SyncStatus::Cancelled
        );
        if ended && !self.cancellations_open() { self.not_under_way(now) } else { Err(Refusal::NotEnded) }
    }

    /// The label shows the same data; its address may still open it.
    fn erase(&mut self, now: Timestamp) {
        self.payload.consignee.erase();
        self.label = None;
        self.erased_at = Some(now);
        self.note(Actor::Operator, "name and address of its consignee were taken out", now);
    }

    /// What is being cancelled stays as it is: the cancel names the shipment.
    fn may_be_exchanged(&self) -> Result<(), Refusal> {
        match self.provider_sync_status {
            SyncStatus::Success => {}
            status => return Err(Refusal::NotInReview(status)),
        }
        if self.cancellation.state() == CancellationState::None {
            Ok(())
        } else {
            Err(Refusal::CancelRequested)
        }
    }

    /// What is known of the shipment goes with it, and so does its label.
    fn exchange(&mut self, awb: Option<&str>, (by, what): (Actor, &str), now: Timestamp) {
        self.awb = awb.map(str::to_owned);
        (self.courier_name, self.courier_code, self.label) = (None, None, None);
        self.note(by, what, now);
    }

    /// The answer to its create named another order's shipment, and a look-up shows its own.
    pub(super) fn shown_as(&mut self, awb: &str, now: Timestamp) -> bool {
        let known = self.awb.as_deref() == Some(awb) || self.cancellation.of(awb).is_some();
        let wrong = self.awb.is_some() && !known && self.may_be_exchanged().is_ok();
        if wrong {
            self.exchange(Some(awb), (Actor::Worker, "it was booked as another order's shipment"), now);
        }
        wrong
    }

    /// As an amendment, with the payload that it has: it is looked up right before it is sent, too, since its
    /// job may run long after whoever sends it has looked.
    fn resend(&mut self, now: Timestamp) -> Result<(), IllegalStep> {
        self.booking.sent_once_more(now);
        self.dispatch.moved_on();
        self.next_check_at = None;
        let why = "sent again by an operator".to_owned();
        self.step(SyncStatus::Queued, Actor::Operator, Some(why), now)?;
        self.sync_reason = None;
        self.dispatch_next(now);
        Ok(())
    }

    fn cancel_again(&mut self, awb: &str, now: Timestamp) {
        if let Some(cancel) = self.cancellation.of_mut(awb) {
            cancel.again(now);
        }
        self.dispatch.moved_on();
        self.after_cancellation(awb, None, now);
        self.note(Actor::Operator, "cancelled again by an operator", now);
        if self.cancellations_open() {
            self.dispatch_next(now);
        }
    }

    fn cancel_end_seen(&mut self, awb: &str, fate: Fate, now: Timestamp) {
        if let Some(cancel) = self.cancellation.of_mut(awb) {
            cancel.end_seen(fate);
        }
        self.after_cancellation(awb, None, now);
        let what = match fate {
            Fate::Cancelled => "an operator saw the shipment cancelled",
            Fate::Live => "an operator saw the shipment live: it stays",
        };
        self.note(Actor::Operator, what, now);
    }

    /// The cancelling that waits for a person: of the shipment `named`, or the only one.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn waiting_cancellation(&self, named: Option<&str>) -> Result<&ShipmentCancellation, Refusal> {
        let waiting = |cancel: &&ShipmentCancellation| cancel.waits_for_a_person(self.own_shipment());
        let waiting: Vec<_> = self.cancellation.shipments().iter().filter(waiting).collect();
        match (named, waiting.as_slice()) {
            (Some(awb), all) => {
                all.iter().copied().find(|cancel| cancel.awb == awb).ok_or(Refusal::NothingToCancel)
            }
            (None, []) => Err(Refusal::NothingToCancel),
            (None, [one]) => Ok(one),
            (None, several) => Err(Refusal::SeveralShipments(
                several.iter().map(|r| r.awb.as_str()).collect::<Vec<_>>().join(", "),
            )),
        }
    }

    /// The same, once its last call has had its time.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn ended_cancellation(
        &self,
        named: Option<&str>,
        now: Timestamp,
    ) -> Result<&ShipmentCancellation, Refusal> {
        let cancel = self.waiting_cancellation(named)?;
        match cancel.attempt.as_ref().map(|a| a.settle_after).filter(|until| *until > now) {
            Some(until) => Err(Refusal::UnderWay(until)),
            None => Ok(cancel),
        }
    }

    /// Whether it waits for a person to decide on its booking.
    ///
    /// # Errors
    /// [`Refusal::NotInReview`].
    pub fn reviewed(&self) -> Result<(), Refusal> {
        let status = self.provider_sync_status;
        if status == SyncStatus::NeedsReview { Ok(()) } else { Err(Refusal::NotInReview(status)) }
    }

    /// Whether its last call has ended, or has had its time.
    ///
    /// # Errors
    /// [`Refusal::UnderWay`].
    pub fn not_under_way(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.attempt() {
            Some(attempt) if !self.has_ended() && attempt.settle_after > now => {
                Err(Refusal::UnderWay(attempt.settle_after))
            }
            _ => Ok(()),
        }
    }

    /// Whether it still stands as it did in `seen`, as far as its calls go.
    #[must_use]
    pub fn called_as_in(&self, seen: &Self) -> bool {
        self.dispatch.generation() == seen.dispatch.generation() && self.attempt() == seen.attempt()
    }
}
