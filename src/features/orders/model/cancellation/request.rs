//! The merchant's request to cancel an order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{Actor, IllegalStep, Order},
    ShipmentCancellation, ShipmentCancellationState,
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{reason, status::SyncStatus},
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancellationState {
    #[default]
    None,
    Requested,
    Sent,
    Done,
    Refused,
    Review,
}

/// The merchant's request to cancel the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cancellation)]
pub struct CancelRequest {
    pub state: CancellationState,
    /// The merchant's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// When `ParcelX` accepted it; of an order that was not booked, when it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// When `ParcelX` first showed the shipment as cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// Why it stands where it stands: the provider's words of a refusal, why a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a cancel request comes to, decided on the order alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelDecision {
    /// It was certainly not sent: cancelled here and now, and no worker will take it.
    Cancelled,
    /// It may have been sent: the request is noted, and is carried out once the AWB is known.
    Noted,
    /// It is booked: its shipment will be cancelled, by a job that is in the outbox.
    Dispatched,
    /// The request was noted before, or was carried out.
    Repeated,
    /// The same, of an order that has failed since, which a worker of an earlier release did not count as the
    /// request's end: it is ended here and now.
    Ended,
    /// The provider refused the order: there is nothing to cancel.
    NeverBooked,
}

impl CancelDecision {
    /// Whether the order was changed.
    #[must_use]
    pub fn changes(self) -> bool {
        matches!(self, Self::Cancelled | Self::Noted | Self::Dispatched | Self::Ended)
    }
}

impl CancelRequest {
    /// The order is provably not booked.
    pub(in super::super) fn carried_out(&mut self, now: Timestamp) {
        (self.state, self.done_at) = (CancellationState::Done, Some(now));
    }

    /// Stands as the cancelling of the order's own shipment does.
    pub(super) fn follow(&mut self, cancel: &ShipmentCancellation, now: Timestamp) {
        self.state = match cancel.state {
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
        self.detail.clone_from(&cancel.detail);
        let done = self.state == CancellationState::Done;
        let confirmed = cancel.state == ShipmentCancellationState::Confirmed;
        self.done_at = done.then(|| self.done_at.unwrap_or(now));
        self.confirmed_at = confirmed.then(|| self.confirmed_at.unwrap_or(now));
    }
}

impl Order {
    /// What provably was not sent is cancelled at once, through the same compare-and-set as the take: one of
    /// the two is first. After a refusal the request may be repeated; a person's case is left to that person.
    pub(in super::super) fn request_cancel(
        &mut self,
        actor: Actor,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<CancelDecision, IllegalStep> {
        let decision = self.cancel_decision();
        if !decision.changes() {
            return Ok(decision);
        }
        if decision == CancelDecision::Ended {
            self.end_cancel_request(now);
            self.note(actor, "cancel requested again: the order had failed", now);
            return Ok(decision);
        }
        self.cancellation.request = CancelRequest {
            state: CancellationState::Requested,
            reason: reason.map(str::to_owned),
            requested_at: Some(now),
            ..CancelRequest::default()
        };
        if decision == CancelDecision::Cancelled {
            self.cancel_unsent(actor, now)?;
            return Ok(decision);
        }
        self.note(actor, "cancel requested", now);
        // The look-up before it would be sent decides.
        let looked_into = self.in_doubt() && !self.rebooked_unresolved();
        if self.unsent() && !looked_into {
            self.hand_over(reason::OUTCOME_UNKNOWN, now)?;
        } else if let Some(awb) = self.awb.clone() {
            self.want_cancellation(&awb, now);
        }
        Ok(decision)
    }

    /// What a request to cancel it comes to.
    pub(crate) fn cancel_decision(&self) -> CancelDecision {
        let booked = self.provider_sync_status == SyncStatus::Success;
        match (self.provider_sync_status, self.cancellation.state()) {
            // A refusal may have carried the request out: to repeat it is no error.
            (SyncStatus::Cancelled, _) | (SyncStatus::Failed, CancellationState::Done) => {
                CancelDecision::Repeated
            }
            (SyncStatus::Failed, CancellationState::Requested) => CancelDecision::Ended,
            (SyncStatus::Failed, _) => CancelDecision::NeverBooked,
            (_, CancellationState::Refused) if !booked => CancelDecision::Repeated,
            (_, CancellationState::None | CancellationState::Refused) => match &self.awb {
                _ if self.unsent() && !self.rebooked_unresolved() && !self.in_doubt() => {
                    CancelDecision::Cancelled
                }
                Some(_) if !self.unsent() => CancelDecision::Dispatched,
                _ => CancelDecision::Noted,
            },
            _ => CancelDecision::Repeated,
        }
    }

    /// It was called off, and the look-up before it would be sent decides what comes of that.
    #[must_use]
    pub fn is_called_off_in_doubt(&self) -> bool {
        self.in_doubt() && self.cancellation.state() == CancellationState::Requested
    }

    fn unsent(&self) -> bool {
        matches!(self.provider_sync_status, SyncStatus::Queued | SyncStatus::Retrying)
    }

    /// A cancel request that came while a call was under way is carried out as soon as it is known what that
    /// call did.
    pub(in super::super) fn carry_out_cancel_request(&mut self, now: Timestamp) -> Result<(), IllegalStep> {
        if self.cancellation.state() != CancellationState::Requested {
            return Ok(());
        }
        match self.provider_sync_status {
            // Nothing more is to be sent, and what was may be live.
            SyncStatus::Retrying if self.rebooked_unresolved() => {
                self.hand_over(reason::OUTCOME_UNKNOWN, now).map(drop)
            }
            // A look-up is to find nothing first.
            SyncStatus::Retrying if self.in_doubt() => Ok(()),
            SyncStatus::Retrying => self.cancel_unsent(Actor::Worker, now),
            // It never was booked, which is what was requested.
            SyncStatus::Failed => {
                self.cancellation.request.carried_out(now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A look-up before it would be sent finds nothing of what was `seen`: a request to cancel it is carried
    /// out, or goes to a person. `false`: there is none, or it has moved on.
    pub(in super::super) fn nothing_first(
        &mut self,
        seen: &Self,
        now: Timestamp,
    ) -> Result<bool, IllegalStep> {
        let called_off = self.is_called_off_in_doubt() && self.called_as_in(seen);
        // A person has given it up without the end of a call, and one look may come too early to show what
        // that booked. What waits goes to one by itself where nothing is proven of a call.
        let unsettled =
            self.provider_sync_status == SyncStatus::Queued && self.booking.unresolved().is_some();
        if called_off && unsettled {
            return self.hand_over(reason::OUTCOME_UNKNOWN, now);
        }
        if called_off {
            self.cancel_unsent(Actor::Worker, now)?;
        }
        Ok(called_off)
    }

    /// The order is given up, or has failed, which carries the request out.
    pub(in super::super) fn end_cancel_request(&mut self, now: Timestamp) {
        if self.cancellation.state() == CancellationState::Requested {
            self.cancellation.request.carried_out(now);
        }
    }

    /// A request that a failure fulfilled is over: whoever amends wants it shipped.
    pub(in super::super) fn withdraw_cancel_request(&mut self) {
        self.cancellation.request = CancelRequest::default();
    }

    /// The order is provably not booked, and is not to be.
    fn cancel_unsent(&mut self, actor: Actor, now: Timestamp) -> Result<(), IllegalStep> {
        self.cancellation.request.carried_out(now);
        self.next_check_at = None;
        self.undispatch();
        let reason = self.cancellation.request.reason.clone();
        self.step(SyncStatus::Cancelled, actor, reason, now)
    }
}
