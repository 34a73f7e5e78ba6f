//! What follows from the rest of an order: made once, at the end of each change.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CancellationState, Order, ShipmentCancellationState};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        reason,
        status::{OrderStatus, SyncStatus},
    },
};

/// What a person must look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOf {
    /// Whether it is booked, or why it cannot be.
    Booking,
    /// Whether a shipment is cancelled.
    Cancellation,
}

/// A person must look. Kept so that those orders can be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    pub of: ReviewOf,
    pub since: Timestamp,
    /// One of [`reason`], without its detail.
    pub reason: String,
}

impl Order {
    /// All of it but `overdueAt`, which also depends on what happened ([`Order::overdue_after`]).
    pub(super) fn derive(&mut self, now: Timestamp) {
        let cancelled = self.provider_sync_status == SyncStatus::Success
            && self.cancellation.state() == CancellationState::Done;
        self.status =
            if cancelled { OrderStatus::Cancelled } else { self.provider_sync_status.order_status() };
        self.outbox_at = self.outbox.iter().map(|entry| entry.at).min();
        let since =
            |of| self.review.as_ref().filter(|review| review.of == of).map_or(now, |review| review.since);
        let failed = self.provider_sync_status == SyncStatus::Failed;
        self.failed_at = failed.then(|| self.failed_at.unwrap_or(now));
        self.review = self.needs().map(|(of, reason)| Review { of, since: since(of), reason });
    }

    /// What a person must look at, and why.
    fn needs(&self) -> Option<(ReviewOf, String)> {
        let code =
            |text: Option<&str>| text.and_then(|text| text.split(':').next()).unwrap_or_default().to_owned();
        if self.provider_sync_status == SyncStatus::NeedsReview {
            return Some((ReviewOf::Booking, code(self.sync_reason())));
        }
        let own = self.own_shipment();
        let waits = self.cancellation.shipments().iter().find(|cancel| cancel.waits_for_a_person(own))?;
        let why = match waits.state {
            ShipmentCancellationState::Refused => reason::CANCEL_REFUSED.to_owned(),
            _ => code(waits.detail.as_deref()),
        };
        Some((ReviewOf::Cancellation, why))
    }
}
