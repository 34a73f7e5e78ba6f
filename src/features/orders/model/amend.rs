//! Correcting an order that the provider refused, decided on the document alone.
//!
//! Guards against a merchant who needs a new `clientOrderId` for what is still the same parcel, against two
//! payloads under way at once (only a failed order is amended, in one write), and against a second shipment
//! beside one that came to light late: whatever is amended is looked up before it is sent.

use super::{Actor, IllegalStep, Order};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{fingerprint::Fingerprint, payload::NewOrder, status::SyncStatus},
};

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
    /// What amending it to `draft` comes to.
    pub(super) fn amend_decision(&self, draft: &NewOrder) -> Amend {
        if draft.client_order_id.is_some() && draft.client_order_id != self.client_order_id {
            return Amend::OtherClientOrderId;
        }
        if self.provider_sync_status != SyncStatus::Failed {
            let same = self.fingerprint.is_of(self.client_order_id.as_deref(), &draft.payload);
            return if same { Amend::Repeated } else { Amend::NotFailed };
        }
        if self.cancellation.may_be_live() { Amend::ShipmentLive } else { Amend::Accepted }
    }

    /// It keeps its ids and its reference, gets the payload of `draft` and is sent in the next generation.
    pub(super) fn amend(
        &mut self,
        draft: &NewOrder,
        (actor, words): (Actor, &str),
        now: Timestamp,
    ) -> Result<Amend, IllegalStep> {
        let decision = self.amend_decision(draft);
        if decision != Amend::Accepted {
            return Ok(decision);
        }
        self.fingerprint = Fingerprint::new(self.client_order_id.as_deref(), &draft.payload);
        self.payload.clone_from(&draft.payload);
        self.erased_at = None;
        self.booking.sent_once_more(now);
        self.dispatch.moved_on();
        self.next_check_at = None;
        self.withdraw_cancel_request();
        self.step(SyncStatus::Queued, actor, Some(words.to_owned()), now)?;
        self.sync_reason = None;
        self.dispatch_next(now);
        Ok(Amend::Accepted)
    }
}
