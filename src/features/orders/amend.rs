//! Correcting an order that the provider refused, decided on the document alone.
//!
//! Guards against a merchant who needs a new `clientOrderId` for what is still the same parcel, against two
//! payloads under way at once (only a failed order is amended, in one write), and against a second shipment
//! beside one that came to light late.

use super::{
    model::{Actor, Cancellation, Order, ShipmentCancellationState},
    payload::NewOrder,
    status::SyncStatus,
};
use crate::{base::timestamp::Timestamp, provider::carrier::Attempt};

/// What a request to amend comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amend {
    /// It has the new payload and will be sent; its job is in the outbox.
    Accepted,
    /// It has this payload already, and is past `failed`.
    Repeated,
    /// It is not failed, and has another payload.
    NotFailed,
    /// A shipment of it came to light after it failed, and is not cancelled yet.
    ShipmentLive,
    /// The payload is for another `clientOrderId`.
    OtherClientOrderId,
}

impl Order {
    /// The merchant corrects the order: it keeps its ids and its reference, gets the payload of `draft` and
    /// is sent in the next generation. A cancel request that the failure fulfilled is over: whoever amends
    /// wants it shipped.
    pub fn amend(&mut self, mut draft: NewOrder, now: Timestamp) -> Amend {
        if draft.client_order_id.is_some() && draft.client_order_id != self.client_order_id {
            return Amend::OtherClientOrderId;
        }
        draft.client_order_id.clone_from(&self.client_order_id);
        if self.provider_sync_status != SyncStatus::Failed {
            return if draft.fingerprint() == self.fingerprint { Amend::Repeated } else { Amend::NotFailed };
        }
        let gone = |state| {
            matches!(state, ShipmentCancellationState::Accepted | ShipmentCancellationState::Confirmed)
        };
        if self.shipment_cancellations.iter().any(|cancel| !gone(cancel.state)) {
            return Amend::ShipmentLive;
        }
        self.fingerprint = draft.fingerprint();
        self.payload = draft.payload;
        self.trying_since = Some(now);
        (self.waits, self.dispatches) = (0, 0);
        self.next_check_at = None;
        self.cancellation = Cancellation::default();
        self.step(SyncStatus::Queued, Actor::Merchant, Some("amended".to_owned()), now);
        self.sync_reason = None;
        self.dispatch(now);
        Amend::Accepted
    }

    /// The attempt of an order that waits to be sent anew whose end nobody has written into the order: a
    /// person failed the order without it. It must be shut out, or read, before the next one.
    #[must_use]
    pub fn open_attempt(&self) -> Option<&Attempt> {
        let settled =
            |attempt: &&Attempt| self.parcelx_response_ref_id.as_deref() == Some(&attempt.request_log_id);
        self.attempt
            .as_ref()
            .filter(|attempt| self.provider_sync_status == SyncStatus::Queued && !settled(attempt))
    }

    /// Notes that the end of [`Order::open_attempt`] is known. `false`: that is not `request_log_id`.
    pub(super) fn close_open_attempt(&mut self, request_log_id: &str) -> bool {
        let closed = self.open_attempt().is_some_and(|attempt| attempt.request_log_id == request_log_id);
        if closed {
            self.parcelx_request_ref_id = Some(request_log_id.to_owned());
            self.parcelx_response_ref_id = Some(request_log_id.to_owned());
        }
        closed
    }
}
