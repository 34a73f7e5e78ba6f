//! Where an order stands: its steps, its history, and what is derived from the rest of it.

use super::{
    lifecycle::reason,
    model::{
        Actor, CancellationState, HISTORY_KEPT, HistoryEntry, Order, Review, ReviewOf,
        ShipmentCancellationState,
    },
    status::{OrderStatus, SyncStatus},
};
use crate::base::timestamp::Timestamp;

impl Order {
    pub(super) fn step(&mut self, next: SyncStatus, actor: Actor, reason: Option<String>, now: Timestamp) {
        if !self.provider_sync_status.may_become(next) {
            tracing::error!(
                order.id = self.id,
                from = self.provider_sync_status.as_str(),
                to = next.as_str(),
                "a step that must not be was not made"
            );
            debug_assert!(false, "{:?} cannot become {next:?}", self.provider_sync_status);
            return;
        }
        self.provider_sync_status = next;
        self.sync_reason = reason;
        self.refresh(now);
        self.push_history(actor, self.attempt.as_ref().map(|a| a.no), now);
        if !next.is_open() {
            self.outbox = None;
            if self.cancellations_open() {
                self.dispatch(now); // shipments that came to light on the way
            }
        }
    }

    /// Called after every change: keeps true what is derived from the rest.
    pub(super) fn refresh(&mut self, now: Timestamp) {
        let cancelled = self.provider_sync_status == SyncStatus::Success
            && self.cancellation.state == CancellationState::Done;
        self.status =
            if cancelled { OrderStatus::Cancelled } else { self.provider_sync_status.order_status() };
        self.overdue_at = self.due_at();
        let since =
            |of| self.review.as_ref().filter(|review| review.of == of).map_or(now, |review| review.since);
        self.review = self.needs().map(|(of, reason)| Review { of, since: since(of), reason });
    }

    /// What a person must look at, and why.
    fn needs(&self) -> Option<(ReviewOf, String)> {
        let code = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
        if self.provider_sync_status == SyncStatus::NeedsReview {
            return Some((ReviewOf::Booking, code(self.sync_reason.as_deref().unwrap_or_default())));
        }
        let own = |awb: &str| self.awb.as_deref() == Some(awb);
        self.shipment_cancellations.iter().find_map(|cancel| match cancel.state {
            ShipmentCancellationState::Review => {
                Some((ReviewOf::Cancellation, code(cancel.detail.as_deref().unwrap_or_default())))
            }
            // Of its own shipment the merchant is told; a second one is nobody's else.
            ShipmentCancellationState::Refused if !cancel.left_live && !own(&cancel.awb) => {
                Some((ReviewOf::Cancellation, reason::CANCEL_REFUSED.to_owned()))
            }
            _ => None,
        })
    }

    /// A step that leaves the order where it is.
    pub(super) fn note(&mut self, actor: Actor, what: &str, now: Timestamp) {
        let reason = self.sync_reason.replace(what.to_owned());
        self.push_history(actor, self.attempt.as_ref().map(|a| a.no), now);
        self.sync_reason = reason;
    }

    pub(super) fn push_history(&mut self, actor: Actor, attempt: Option<i64>, now: Timestamp) {
        let seq = self.history.last().map_or(1, |e| e.seq + 1);
        self.history.push(HistoryEntry {
            seq,
            at: now,
            actor,
            status: self.provider_sync_status,
            reason: self.sync_reason.clone(),
            attempt,
            audit_id: None,
        });
        if self.history.len() > HISTORY_KEPT {
            self.history.remove(0);
        }
        self.updated_at = now;
    }
}
