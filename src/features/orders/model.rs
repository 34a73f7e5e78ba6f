//! The order as it is stored, and what of it the merchant gave.

mod steps;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::steps::{
    Actor, Attempt, Cancellation, CancellationState, HistoryEntry, Label, LabelFailure, Review, ReviewOf,
    ShipmentCancellation, ShipmentCancellationState, UnresolvedCall,
};
use super::{
    measure::{Centimetres, Kilograms, Percent},
    status::{OrderStatus, SyncStatus},
    words::{AddressType, ExpressType, PaymentMethod},
};
use crate::{
    base::{money::Money, timestamp::Timestamp},
    platform::{
        outbox::OutboxEntry,
        store::{Document, Index, id_and_version},
    },
};

/// Which `ParcelX` an order is for. A worker that talks to the other one leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderEnv {
    Simulator,
    Live,
}

impl ProviderEnv {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Live => "live",
        }
    }
}

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

    pub invoice_number: String,
    pub payment_method: PaymentMethod,
    pub express_type: ExpressType,
    pub pick_address_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_address_id: Option<String>,
    pub consignee: Consignee,
    pub items: Vec<Item>,
    pub charges: Charges,
    pub shipment: Shipment,

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

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consignee {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub mobile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    pub pincode: String,
    pub address1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address2: Option<String>,
    pub city: String,
    pub state: String,
    pub country: String,
    pub address_type: AddressType,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub sku: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hsn: Option<String>,
    pub quantity: u32,
    pub unit_price: Money,
    #[serde(default, skip_serializing_if = "Percent::is_zero")]
    pub tax_percent: Percent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charges {
    pub order_amount: Money,
    pub cod_amount: Money,
    pub tax_amount: Money,
    pub extra_charges: Money,
    /// The sum of the four.
    pub total_amount: Money,
}

/// One entry per box in each list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    pub width: Vec<Centimetres>,
    pub height: Vec<Centimetres>,
    pub length: Vec<Centimetres>,
    pub weight: Vec<Kilograms>,
    pub mps: u32,
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
