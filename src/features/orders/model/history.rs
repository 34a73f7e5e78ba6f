//! The steps of an order, as its merchant reads them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CancellationState, IllegalStep, Order};
use crate::{base::timestamp::Timestamp, features::orders::status::SyncStatus};

/// So many steps are kept.
pub const HISTORY_KEPT: usize = 200;

/// Who moved an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    Merchant,
    Worker,
    Operator,
}

/// One step of the lifecycle. `seq` only grows, also when older entries are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    pub seq: i64,
    pub at: Timestamp,
    pub actor: Actor,
    pub status: SyncStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which attempt it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// How far its merchant's request to cancel was after it; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<CancellationState>,
    /// The line in the audit log of the action that this step is. Not shown to merchants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub audit_id: Option<String>,
}

impl Order {
    /// The only place that changes `providerSyncStatus`.
    pub(super) fn step(
        &mut self,
        to: SyncStatus,
        actor: Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), IllegalStep> {
        let from = self.provider_sync_status;
        if !from.may_become(to) {
            return Err(IllegalStep { from, to });
        }
        (self.provider_sync_status, self.sync_reason) = (to, reason);
        self.push_history(actor, now);
        if !to.is_open() {
            self.undispatch();
            if self.cancellations_open() {
                self.dispatch_next(now); // shipments that came to light on the way
            }
        }
        Ok(())
    }

    /// A step that leaves the order where it is.
    pub(super) fn note(&mut self, actor: Actor, what: &str, now: Timestamp) {
        let reason = self.sync_reason.replace(what.to_owned());
        self.push_history(actor, now);
        self.sync_reason = reason;
    }

    pub(super) fn push_history(&mut self, actor: Actor, now: Timestamp) {
        let seq = self.history.last().map_or(1, |e| e.seq + 1);
        let cancellation = self.cancellation.state();
        self.history.push(HistoryEntry {
            seq,
            at: now,
            actor,
            status: self.provider_sync_status,
            reason: self.sync_reason.clone(),
            attempt: self.booking.attempt().map(|a| a.no),
            cancellation: (cancellation != CancellationState::None).then_some(cancellation),
            audit_id: None,
        });
        if self.history.len() > HISTORY_KEPT {
            self.history.remove(0);
        }
        self.updated_at = now;
    }

    /// Notes in the last step which line of the audit log it is.
    pub(super) fn sign(&mut self, audit_id: &str) {
        if let Some(entry) = self.history.last_mut() {
            entry.audit_id = Some(audit_id.to_owned());
        }
    }

    /// Fills in what an earlier release did not write: since when the order is failed, and how far a
    /// cancellation was at its last step. Whether anything was missing.
    pub fn complete(&mut self) -> bool {
        let failed = self.provider_sync_status == SyncStatus::Failed && self.failed_at.is_none();
        if failed {
            self.failed_at = Some(self.history.last().map_or(self.updated_at, |entry| entry.at));
        }
        let state = Some(self.cancellation.state()).filter(|state| *state != CancellationState::None);
        let last = self.history.last_mut().filter(|last| state.is_some() && last.cancellation.is_none());
        let untold = last.is_some();
        if let Some(last) = last {
            last.cancellation = state;
        }
        failed || untold
    }

    /// When the last call may have left, at the earliest. What a look-up or a late answer shows counts as
    /// booked then: a control look-up that finds it must not take it for newer than it is.
    pub(super) fn called_at(&self) -> Timestamp {
        let taken = self.history.iter().rev().find(|entry| entry.status == SyncStatus::Processing);
        taken.map_or(self.created_at, |entry| entry.at)
    }

    /// Whether the payload is not the first one, as far as the history tells.
    pub(super) fn may_be_amended(&self) -> bool {
        let mut entries = self.history.iter();
        let first = entries.next().is_some_and(|entry| entry.seq == 1);
        !first || entries.any(|entry| entry.status == SyncStatus::Queued && entry.actor != Actor::Worker)
    }
}
