//! The order as it is stored, and what of it the merchant gave.

mod steps;

use serde::{Deserialize, Serialize};

use serde_json::{Map, Value};

pub use self::steps::{
    Actor, Cancellation, CancellationState, HistoryEntry, Label, LabelFailure, Review, ReviewOf,
    ShipmentCancellation, ShipmentCancellationState, UnresolvedCall,
};
use super::status::{OrderStatus, SyncStatus};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        outbox::OutboxEntry,
        store::{Document, Index, id_and_version},
    },
    provider::carrier::{Attempt, OrderPayload, ProviderEnv},
};

/// An order. One document holds all that must change together, so each step of its lifecycle is one write.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub id: String,
    pub version: i64,
    pub user_id: String,
    /// Our reference at the provider.
    pub order_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    pub fingerprint: Fingerprint,
    pub status: OrderStatus,
    pub provider_sync_status: SyncStatus,
    pub provider_env: ProviderEnv,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_reason: Option<String>,
    /// When the service goes on with the order by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Timestamp>,

    /// What is to be shipped: replaced as a whole when its merchant amends the order.
    pub payload: OrderPayload,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub awb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub courier_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub courier_code: Option<String>,
    /// The provider's own number of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_order_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcelx_request_ref_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcelx_response_ref_id: Option<String>,

    /// Which deliberate dispatch this is, of a create or a cancel; its job carries the number.
    pub generation: i64,
    /// From when it counts how long the provider could not be reached; absent: from its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// A call on our reference ended without an answer, and nothing has cleared that up yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<UnresolvedCall>,
    /// Shipments that came to light after the order was booked under another AWB, failed or was cancelled:
    /// each is cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicate_awbs: Vec<String>,
    /// Shipments that are to be cancelled, or were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipment_cancellations: Vec<ShipmentCancellation>,
    /// When the provider gave the AWB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<Timestamp>,
    /// How often in a row the order had to wait for the provider; sets how long the next wait is.
    #[serde(default)]
    pub waits: u32,
    /// How many jobs in a row were gone, or ended without moving the order on.
    #[serde(default)]
    pub dispatches: u32,
    /// When somebody should have moved the order on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue_at: Option<Timestamp>,
    /// A job that the queue may not have yet. Removed when a worker takes the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxEntry>,
    pub cancellation: Cancellation,
    /// The label that was asked for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// There while a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    pub history: Vec<HistoryEntry>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Fields of a newer binary.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The last 200 steps are kept.
pub const HISTORY_KEPT: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Which rules made it: only equal versions can be compared.
    pub v: u8,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Order {
    /// Unique where the merchant gave one: what makes a create idempotent.
    pub const BY_CLIENT_ORDER_ID: &'static str = "user_client_order";
    /// Unique: no two orders share a shipment.
    pub const BY_AWB: &'static str = "awb";
}

impl Document for Order {
    const COLLECTION: &'static str = "orders";
    const INDEXES: &'static [Index] = &[
        Index::on(Self::BY_CLIENT_ORDER_ID, &["userId", "clientOrderId"]).unique().sparse(),
        Index::on("order_number", &["orderNumber"]).unique(),
        Index::on(Self::BY_AWB, &["awb"]).unique().sparse(),
        Index::on("user_created", &["userId", "createdAt"]),
        Index::on("status_user", &["status", "userId", "createdAt"]),
        Index::on("sync_status_user", &["providerSyncStatus", "userId", "createdAt"]),
        Index::on("env_booked", &["providerEnv", "bookedAt"]).sparse(),
        Index::on("outbox", &["outbox.at"]).sparse(),
        Index::on("overdue", &["overdueAt"]).sparse(),
        Index::on("review", &["review.since"]).sparse(),
        Index::on("review_reason", &["review.reason", "review.since"]).sparse(),
    ];

    id_and_version!();
}
