//! What a person may do with an order that waits for one, decided on the document alone, like everything in
//! [`super::lifecycle`].
//!
//! Guards against a hand that is quicker than the evidence: nothing is booked again or called failed while a
//! call may be under way, and a doubt that nobody has cleared up goes along with the order, since a refusal
//! of its next call proves nothing of the last one.

use super::{
    model::{
        Actor, CancellationState, Order, ShipmentCancellation, ShipmentCancellationState, UnresolvedCall,
    },
    status::SyncStatus,
};
use crate::{
    base::timestamp::Timestamp,
    provider::carrier::{ProviderEnv, Shipment},
};

/// Longest AWB that is taken, in characters.
const LONGEST_AWB: usize = 64;

/// Why an action is not right for an order. The texts name AWBs, which are the operator's business, and
/// nobody's person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it does not wait for a person: it is {}", .0.as_str())]
    NotInReview(SyncStatus),
    #[error("its call may still be under way until {0}")]
    UnderWay(Timestamp),
    #[error("it was changed by others meanwhile: look again")]
    MovedOn,
    #[error("its merchant requests it cancelled: fail it instead")]
    CancelRequested,
    #[error("it belongs to the {} provider, and this installation talks to another", .0.as_str())]
    OtherEnvironment(ProviderEnv),
    #[error("an AWB is 1 to {LONGEST_AWB} letters and digits")]
    BadAwb,
    #[error("another order has this AWB")]
    AwbOfAnother,
    #[error("the shipment {0} is being cancelled for this order, or was")]
    BeingCancelled(String),
    #[error("ParcelX shows the shipment as cancelled")]
    ShipmentCancelled,
    #[error("ParcelX has our reference under another AWB: {0}")]
    NotOurs(String),
    #[error("ParcelX knows the AWB, but nothing ties it to our reference")]
    Untied,
    #[error("ParcelX does not know the AWB")]
    UnknownAwb,
    #[error("ParcelX cannot be asked ({0})")]
    CannotAsk(String),
    #[error("ParcelX has the order as AWB {0}: adopt it")]
    FoundAs(String),
    #[error("ParcelX has the order, but does not tell its AWB")]
    FoundWithoutAwb,
    #[error("ParcelX does not find our reference")]
    NotFound,
    #[error("its call was answered after all: it is booked as AWB {0}")]
    BookedAfterAll(String),
    #[error("no shipment of it waits for a person")]
    NothingToCancel,
    #[error("several shipments of it wait for a person, name one: {0}")]
    SeveralShipments(String),
}

impl Refusal {
    /// In one word, to count by.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotInReview(_) => "not-in-review",
            Self::UnderWay(_) => "under-way",
            Self::MovedOn => "moved-on",
            Self::CancelRequested => "cancel-requested",
            Self::OtherEnvironment(_) => "other-environment",
            Self::BadAwb => "bad-awb",
            Self::AwbOfAnother => "awb-of-another-order",
            Self::BeingCancelled(_) => "being-cancelled",
            Self::ShipmentCancelled => "shipment-cancelled",
            Self::NotOurs(_) => "not-ours",
            Self::Untied => "untied",
            Self::UnknownAwb => "unknown-awb",
            Self::CannotAsk(_) => "cannot-ask",
            Self::FoundAs(_) | Self::FoundWithoutAwb => "found-at-parcelx",
            Self::NotFound => "not-found",
            Self::BookedAfterAll(_) => "booked-after-all",
            Self::NothingToCancel => "nothing-to-cancel",
            Self::SeveralShipments(_) => "several-shipments",
        }
    }
}

/// What became of a shipment that a person was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Cancelled,
    Live,
}

/// An AWB as people type it, or why it is none.
///
/// # Errors
/// [`Refusal::BadAwb`].
pub fn awb(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    let fine = (1..=LONGEST_AWB).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine { Ok(text) } else { Err(Refusal::BadAwb) }
}

impl Order {
    /// Adopts a shipment of the provider's as the order's own. Whether it is, was found out before.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was changed.
    pub fn adopt(&mut self, awb: &str, now: Timestamp) -> Result<(), Refusal> {
        self.reviewed()?;
        self.not_under_way(now)?;
        if self
            .shipment_cancellations
            .iter()
            .any(|cancel| cancel.awb == awb && cancel.state != ShipmentCancellationState::Wanted)
        {
            return Err(Refusal::BeingCancelled(awb.to_owned()));
        }
        let booking =
            Shipment { awb: awb.to_owned(), courier_name: None, courier_code: None, order_number: None };
        self.book(&booking, Actor::Operator, now);
        Ok(())
    }

    /// Sends the order once more, with a job of its own. `doubtful`: an earlier call may have booked it.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was changed.
    pub fn rebook(&mut self, doubtful: bool, now: Timestamp) -> Result<(), Refusal> {
        self.reviewed()?;
        self.not_under_way(now)?;
        if self.cancellation.state != CancellationState::None {
            return Err(Refusal::CancelRequested);
        }
        // It counts anew, but stays: if the next call is refused, that may be because of the one that was not
        // answered.
        let since = self.unresolved.take().map_or(now, |call| call.since);
        self.unresolved = doubtful.then_some(UnresolvedCall { since, calls: 0 });
        self.trying_since = Some(now);
        (self.waits, self.dispatches, self.next_check_at) = (0, 0, None);
        self.step(SyncStatus::Retrying, Actor::Operator, Some("booked again by an operator".to_owned()), now);
        self.dispatch(now);
        Ok(())
    }

    /// Gives the order up, with words for its merchant. A cancel request it is thereby carried out.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was changed.
    pub fn fail(&mut self, words: &str, now: Timestamp) -> Result<(), Refusal> {
        self.reviewed()?;
        self.not_under_way(now)?;
        self.next_check_at = None;
        if self.cancellation.state == CancellationState::Requested {
            (self.cancellation.state, self.cancellation.done_at) = (CancellationState::Done, Some(now));
        }
        self.step(SyncStatus::Failed, Actor::Operator, Some(words.to_owned()), now);
        Ok(())
    }

    /// Sends the cancel of a shipment anew that waits for a person.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was changed.
    pub fn cancel_again(&mut self, awb: &str, now: Timestamp) -> Result<(), Refusal> {
        let cancel = self.stuck_cancellation(awb, now)?;
        // It counts anew, but a call before that may yet take effect stays: a refusal of the next one proves
        // nothing of it.
        let doubtful = cancel.unresolved_calls > 0
            || (cancel.state == ShipmentCancellationState::Review && cancel.attempt.is_some());
        (cancel.unresolved_calls, cancel.waits) = (u32::from(doubtful), 0);
        (cancel.state, cancel.detail, cancel.next_check_at) = (ShipmentCancellationState::Wanted, None, None);
        (cancel.wanted_at, cancel.since) = (now, now);
        self.dispatches = 0;
        self.after_cancellation(awb, None, now);
        self.note(Actor::Operator, "cancelled again by an operator", now);
        if self.cancellations_open() {
            self.dispatch(now);
        }
        Ok(())
    }

    /// Writes down what a person found out about a shipment that waits for one.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was changed.
    pub fn record_cancel_end(&mut self, awb: &str, fate: Fate, now: Timestamp) -> Result<(), Refusal> {
        let cancel = self.stuck_cancellation(awb, now)?;
        cancel.next_check_at = None;
        let what = match fate {
            Fate::Cancelled => {
                (cancel.state, cancel.detail) = (ShipmentCancellationState::Confirmed, None);
                "an operator saw the shipment cancelled"
            }
            Fate::Live => {
                (cancel.state, cancel.left_live) = (ShipmentCancellationState::Refused, true);
                "an operator saw the shipment live: it stays"
            }
        };
        self.after_cancellation(awb, None, now);
        self.note(Actor::Operator, what, now);
        Ok(())
    }

    /// The cancelling that waits for a person: of the shipment `named`, or the only one.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn waiting_cancellation(&self, named: Option<&str>) -> Result<&ShipmentCancellation, Refusal> {
        let waiting: Vec<_> =
            self.shipment_cancellations.iter().filter(|cancel| self.waits_for_a_person(cancel)).collect();
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

    fn stuck_cancellation(
        &mut self,
        awb: &str,
        now: Timestamp,
    ) -> Result<&mut ShipmentCancellation, Refusal> {
        self.ended_cancellation(Some(awb), now)?;
        self.shipment_cancellations
            .iter_mut()
            .find(|cancel| cancel.awb == awb)
            .ok_or(Refusal::NothingToCancel)
    }

    fn waits_for_a_person(&self, cancel: &ShipmentCancellation) -> bool {
        let own = self.awb.as_ref() == Some(&cancel.awb);
        cancel.state == ShipmentCancellationState::Review
            || (cancel.state == ShipmentCancellationState::Refused && !own && !cancel.left_live)
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
        let Some(attempt) = &self.attempt else { return Ok(()) };
        // Whoever writes an outcome down notes it in the order.
        let ended = self.parcelx_response_ref_id.as_ref() == Some(&attempt.request_log_id);
        if ended || attempt.settle_after <= now {
            Ok(())
        } else {
            Err(Refusal::UnderWay(attempt.settle_after))
        }
    }

    /// Whether it still stands as it did in `seen`, as far as its calls go.
    #[must_use]
    pub fn called_as_in(&self, seen: &Self) -> bool {
        self.generation == seen.generation && self.attempt == seen.attempt
    }

    /// Notes in the last step which line of the audit log it is.
    pub(super) fn sign(&mut self, audit_id: &str) {
        if let Some(entry) = self.history.last_mut() {
            entry.audit_id = Some(audit_id.to_owned());
        }
    }
}
