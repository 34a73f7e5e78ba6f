//! An order that another system took, and has booked, refused or left open.
//!
//! Guards against a second shipment: whatever it is that became of it, the order holds its merchant's
//! `clientOrderId`, so that a create that is repeated makes no new one. What was left open waits for a
//! person, as a call that may have booked: it is not sent from here by itself.

use sha2::{Digest, Sha256};

use super::{
    Actor, Booking, CancelRequest, CancellationState, Dispatch, HistoryEntry, Order, UnresolvedCall,
};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::{fingerprint::Fingerprint, reason, status::SyncStatus},
    provider::carrier::{OrderPayload, ProviderEnv, Shipment},
};

/// What is known of it.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its id in the other system.
    pub id: String,
    pub user_id: String,
    pub client_order_id: Option<String>,
    /// As its merchant knows it.
    pub order_number: String,
    /// What its call gave the provider for a reference, or would have.
    pub reference: String,
    pub payload: OrderPayload,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The ids of its logs there.
    pub request_ref_id: Option<String>,
    pub response_ref_id: Option<String>,
    pub end: ImportedEnd,
}

/// How it stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportedEnd {
    Booked(Shipment),
    /// In the provider's words.
    Failed(String),
    Cancelled(Option<Shipment>),
    /// A person must find out; why.
    Open(String),
}

impl Order {
    /// The order as it is kept here. The same input gives the same id, so that an import may be repeated.
    #[must_use]
    pub fn imported(from: Imported, now: Timestamp) -> Self {
        let (status, reason, shipment) = match from.end {
            ImportedEnd::Booked(shipment) => (SyncStatus::Success, None, Some(shipment)),
            ImportedEnd::Failed(words) => (SyncStatus::Failed, Some(words), None),
            ImportedEnd::Cancelled(shipment) => (SyncStatus::Cancelled, None, shipment),
            ImportedEnd::Open(why) => {
                (SyncStatus::NeedsReview, Some(format!("{}: {why}", reason::IMPORTED_OPEN)), None)
            }
        };
        let open = status == SyncStatus::NeedsReview;
        let mut order = Self::bare(from.user_id, from.client_order_id, from.payload, from.created_at);
        order.id = ids::imported_order(from.created_at, &digest(&from.id));
        order.extra.insert("importedFrom".to_owned(), from.id.into());
        if open && from.reference != from.order_number {
            // Look-ups must ask for what the provider was told.
            order.extra.insert("importedOrderNumber".to_owned(), from.order_number.into());
            order.order_number = from.reference;
        } else {
            order.order_number = from.order_number;
        }
        (order.parcelx_request_ref_id, order.parcelx_response_ref_id) =
            (from.request_ref_id, from.response_ref_id);
        if let Some(shipment) = shipment {
            order.awb = Some(shipment.awb);
            order.courier_name = shipment.courier_name;
            order.courier_code = shipment.courier_code;
            order.provider_order_number = shipment.order_number;
            order.booked_at = (status == SyncStatus::Success).then_some(from.updated_at);
        }
        if status == SyncStatus::Cancelled {
            let (state, done_at) = (CancellationState::Done, Some(from.updated_at));
            order.cancellation.set_request(CancelRequest { state, done_at, ..CancelRequest::default() });
        }
        if open {
            order.booking.may_have_booked(UnresolvedCall { since: from.updated_at, calls: 1 });
        }
        order.push_history(Actor::Merchant, from.created_at);
        (order.provider_sync_status, order.sync_reason) = (status, reason);
        order.push_history(Actor::Operator, now);
        order.derive(now);
        order
    }

    /// The same for a person to look at, where another order has its shipment.
    #[must_use]
    pub fn without_awb(&self) -> Option<Self> {
        let awb = self.awb.clone()?;
        let mut order = self.clone();
        order.awb = None;
        order.booked_at = None;
        order.extra.insert("importedAwb".to_owned(), awb.into());
        order.provider_sync_status = SyncStatus::NeedsReview;
        order.sync_reason = Some(reason::AWB_OF_ANOTHER_ORDER.to_owned());
        order.push_history(Actor::Operator, order.updated_at);
        order.derive(order.updated_at);
        Some(order)
    }

    /// The same under a number that no other order has, where one has its own.
    #[must_use]
    pub fn renumbered(&self) -> Self {
        let mut order = self.clone();
        let id = order.extra.get("importedFrom").and_then(serde_json::Value::as_str).unwrap_or_default();
        let number = format!("{}-{id}", order.order_number);
        order.extra.insert("importedReference".to_owned(), order.order_number.into());
        order.order_number = number;
        order
    }

    fn bare(
        user_id: String,
        client_order_id: Option<String>,
        payload: OrderPayload,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id: String::new(),
            version: 1,
            user_id,
            order_number: String::new(),
            fingerprint: Fingerprint::new(client_order_id.as_deref(), &payload),
            client_order_id,
            status: SyncStatus::Queued.order_status(),
            provider_sync_status: SyncStatus::Queued,
            provider_env: ProviderEnv::Live,
            sync_reason: None,
            next_check_at: None,
            awb: None,
            courier_name: None,
            courier_code: None,
            provider_order_number: None,
            parcelx_request_ref_id: None,
            parcelx_response_ref_id: None,
            booked_at: None,
            overdue_at: None,
            outbox_at: None,
            review: None,
            failed_at: None,
            erased_at: None,
            payload,
            booking: Booking::default(),
            cancellation: super::Cancellation::default(),
            label: None,
            dispatch: Dispatch::default(),
            outbox: Vec::new(),
            history: Vec::<HistoryEntry>::new(),
            created_at,
            updated_at: created_at,
            extra: serde_json::Map::new(),
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
