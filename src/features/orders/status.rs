//! The state machine of an order, as a table. Nothing else decides which step may follow which.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the order stands with the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Pending,
    Booked,
    Failed,
    Cancelled,
}

/// Where the order stands with the provider: `queued` (accepted, nobody has begun), `processing` (a call may
/// be under way), `success` (booked), `failed` (refused by the provider), `retrying` (certainly not booked,
/// another call is due), `reconciling` (a call ended without an answer, and whether it was booked is being
/// found out), `needs_review` (cannot be settled without a person), `cancelled` (cancelled before it was
/// booked).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// Accepted; nobody has begun.
    Queued,
    /// A worker has it: a call may be under way.
    Processing,
    /// Booked.
    Success,
    /// Refused by the provider.
    Failed,
    /// Certainly not booked; another call is due.
    Retrying,
    /// A call ended without an answer: whether it was booked is being found out.
    Reconciling,
    /// Cannot be settled without a person.
    NeedsReview,
    /// Cancelled before it was booked.
    Cancelled,
}

impl OrderStatus {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Booked, Self::Failed, Self::Cancelled];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Booked => "booked",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl SyncStatus {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Processing,
        Self::Success,
        Self::Failed,
        Self::Retrying,
        Self::Reconciling,
        Self::NeedsReview,
        Self::Cancelled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Retrying => "retrying",
            Self::Reconciling => "reconciling",
            Self::NeedsReview => "needs_review",
            Self::Cancelled => "cancelled",
        }
    }

    /// The states that may follow. A worker takes an order over from a vanished one without leaving
    /// `processing`.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        use SyncStatus::{
            Cancelled, Failed, NeedsReview, Processing, Queued, Reconciling, Retrying, Success,
        };
        match self {
            // Failed again: it was amended or sent again, and what was refused is booked. Booked: the same of
            // one that was called off, so that its shipment is cancelled as its own.
            Queued => &[Processing, Success, Cancelled, NeedsReview, Failed],
            Processing => &[Processing, Success, Failed, Retrying, Reconciling, NeedsReview],
            // A late answer to an earlier call may show that it is booked already.
            Retrying => &[Processing, Success, Cancelled, NeedsReview],
            Reconciling => &[Reconciling, Success, Retrying, NeedsReview],
            NeedsReview => &[Success, Retrying, Failed],
            // Only when its merchant amends it, or a person sends it again. A shipment of it that comes to
            // light is cancelled: its merchant was told that there is none.
            Failed => &[Queued],
            Success | Cancelled => &[],
        }
    }

    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Whether nothing more happens to the booking by itself, and nobody needs to act.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Cancelled)
    }

    /// Whether the service itself will go on with it.
    #[must_use]
    pub fn is_open(self) -> bool {
        !self.is_final() && self != Self::NeedsReview
    }

    /// What the merchant sees, as long as no booked shipment was cancelled.
    #[must_use]
    pub fn order_status(self) -> OrderStatus {
        match self {
            Self::Success => OrderStatus::Booked,
            Self::Failed => OrderStatus::Failed,
            Self::Cancelled => OrderStatus::Cancelled,
            Self::Queued | Self::Processing | Self::Retrying | Self::Reconciling | Self::NeedsReview => {
                OrderStatus::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_serde_writes() {
        for s in SyncStatus::ALL {
            assert_eq!(serde_json::to_value(s).unwrap(), s.as_str());
        }
        for s in OrderStatus::ALL {
            assert_eq!(serde_json::to_value(s).unwrap(), s.as_str());
        }
    }

    #[test]
    fn unknown_is_never_shown_as_failed_nor_resent_by_itself() {
        assert!(!SyncStatus::Reconciling.may_become(SyncStatus::Failed));
        assert!(!SyncStatus::Reconciling.may_become(SyncStatus::Processing));
        assert_ne!(SyncStatus::Reconciling.order_status(), OrderStatus::Failed);
        assert_ne!(SyncStatus::NeedsReview.order_status(), OrderStatus::Failed);
    }

    #[test]
    fn every_state_can_be_reached_and_every_open_one_can_be_left() {
        for s in SyncStatus::ALL {
            assert!(
                s == SyncStatus::Queued || SyncStatus::ALL.iter().any(|p| *p != s && p.may_become(s)),
                "{s:?} is never reached"
            );
            assert!(!s.is_open() || !s.next().is_empty(), "{s:?} is never left");
        }
    }

    #[test]
    fn what_was_booked_stays_booked() {
        assert!(SyncStatus::ALL.iter().all(|s| !SyncStatus::Success.may_become(*s)));
    }
}
