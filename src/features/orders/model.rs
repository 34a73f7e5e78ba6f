//! The order as it is stored, and the one way to change it: [`Order::apply`].
//!
//! Guards against a change that is half made: an event is applied to a copy, which takes the order's place
//! only when every step of it is one that the table in [`super::status`] allows. Fields are private to this
//! folder, so that nothing else can write one.
//!
//! | | where it changes |
//! | --- | --- |
//! | `event.rs` | what can happen to an order, and which part it is handed to |
//! | `booking.rs`, `booking/` | from the take to the AWB |
//! | `cancellation.rs`, `cancellation/` | the merchant's request, and each shipment that is to be cancelled |
//! | `label.rs`, `amend.rs`, `operator.rs` | labels; corrections; what people decide |
//! | `dispatch.rs` | its job of now, the outbox, when it is overdue |
//! | `derived.rs`, `history.rs` | what follows from the rest; the steps so far |
//! | `imported.rs` | nowhere: orders of another system, as they come in |

mod amend;
mod booking;
mod cancellation;
mod debug;
mod derived;
mod dispatch;
mod event;
mod history;
mod imported;
mod label;
mod notice;
mod operator;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) use self::booking::found;
pub use self::{
    amend::Amend,
    booking::{Booking, MAX_UNRESOLVED_CALLS, NextAction, UNRESOLVED_FOR_AT_MOST, UnresolvedCall},
    cancellation::{
        CancelDecision, CancelRequest, Cancellation, CancellationState, NextCancelAction, PollSchedule,
        ShipmentCancellation, ShipmentCancellationState,
    },
    derived::{Review, ReviewOf},
    dispatch::{Dispatch, cancel_job_id, job_id},
    event::{Applied, Event, IllegalStep, OperatorAction},
    history::{Actor, HISTORY_KEPT, HistoryEntry},
    imported::{Imported, ImportedEnd},
    label::{Label, LabelFailure, LabelRequest, label_job_id},
};
use super::{
    fingerprint::Fingerprint,
    payload::NewOrder,
    status::{OrderStatus, SyncStatus},
};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::{
        outbox::Entry,
        store::{Document, Field, Index, id_and_version},
    },
    provider::carrier::{OrderPayload, ProviderEnv},
};

/// An order. One document holds all that must change together, so each step of its lifecycle is one write.
/// What is indexed or shown stands at the top level; the rest is in parts.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    id: String,
    version: i64,
    user_id: String,
    /// Our reference at the provider.
    order_number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_order_id: Option<String>,
    fingerprint: Fingerprint,
    /// Derived from the rest.
    status: OrderStatus,
    provider_sync_status: SyncStatus,
    provider_env: ProviderEnv,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sync_reason: Option<String>,
    /// When the service goes on with the booking by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_check_at: Option<Timestamp>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    awb: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    courier_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    courier_code: Option<String>,
    /// The provider's own number of the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_order_number: Option<String>,
    /// The entry of `parcelx_request_logs` of the last call to create it whose end the order knows: what was
    /// asked. Absent until the first such call has ended; look-ups, cancels and labels leave it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parcelx_request_ref_id: Option<String>,
    /// The entry of `parcelx_response_logs` of the same call: how it ended. A call's two logs have one id, so
    /// the two fields are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parcelx_response_ref_id: Option<String>,
    /// When the provider gave the AWB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    booked_at: Option<Timestamp>,
    /// Derived: when somebody should have moved the order on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overdue_at: Option<Timestamp>,
    /// Derived: since when the oldest entry is in the outbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbox_at: Option<Timestamp>,
    /// Derived: there while a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<Review>,
    /// Derived: since when it is failed; absent in an order that an older release failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed_at: Option<Timestamp>,

    /// Since when the personal data of its consignee is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,

    /// What is to be shipped: replaced as a whole when its merchant amends the order.
    payload: OrderPayload,
    #[serde(default)]
    booking: Booking,
    #[serde(default)]
    cancellation: Cancellation,
    /// The label that was asked for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    dispatch: Dispatch,
    /// What others are to be told, and may not know yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outbox: Vec<Entry>,
    history: Vec<HistoryEntry>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Fields of a newer binary.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Reads fields, under their names.
macro_rules! read_only {
    (
        text { $($text:ident)* } optional { $($optional:ident)* }
        copied { $($copied:ident: $copy:ty,)* } parts { $($part:ident: $of:ty,)* }
    ) => {
        impl Order {
            $(#[must_use] pub fn $text(&self) -> &str { &self.$text })*
            $(#[must_use] pub fn $optional(&self) -> Option<&str> { self.$optional.as_deref() })*
            $(#[must_use] pub fn $copied(&self) -> $copy { self.$copied })*
            $(#[must_use] pub fn $part(&self) -> &$of { &self.$part })*
        }
    };
}

read_only! {
    text { id user_id order_number }
    optional {
        client_order_id sync_reason awb courier_name courier_code provider_order_number
        parcelx_request_ref_id parcelx_response_ref_id
    }
    copied {
        version: i64, status: OrderStatus, provider_sync_status: SyncStatus, provider_env: ProviderEnv,
        next_check_at: Option<Timestamp>, booked_at: Option<Timestamp>, overdue_at: Option<Timestamp>,
        outbox_at: Option<Timestamp>, failed_at: Option<Timestamp>, erased_at: Option<Timestamp>,
        created_at: Timestamp, updated_at: Timestamp,
    }
    parts {
        fingerprint: Fingerprint, payload: OrderPayload, booking: Booking, cancellation: Cancellation,
        dispatch: Dispatch, outbox: [Entry], history: [HistoryEntry],
    }
}

impl Order {
    /// Unique where the merchant gave one: what makes a create idempotent.
    pub const BY_CLIENT_ORDER_ID: &'static str = "user_client_order";
    /// Unique: no two orders share a shipment.
    pub const BY_AWB: &'static str = "awb";
    /// The path of the consignee's number, by which people look orders up.
    pub const MOBILE: &'static str = "payload.consignee.mobile";

    /// A new order, `queued`, with its job in the outbox.
    #[must_use]
    pub fn new(user_id: &str, draft: NewOrder, env: ProviderEnv, now: Timestamp) -> Self {
        let mut order = Self {
            id: ids::order(now),
            version: 1,
            user_id: user_id.to_owned(),
            order_number: ids::order_number(),
            fingerprint: Fingerprint::of(&draft),
            client_order_id: draft.client_order_id,
            status: SyncStatus::Queued.order_status(),
            provider_sync_status: SyncStatus::Queued,
            provider_env: env,
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
            payload: draft.payload,
            booking: Booking::default(),
            cancellation: Cancellation::default(),
            label: None,
            dispatch: Dispatch::default(),
            outbox: Vec::new(),
            history: Vec::new(),
            created_at: now,
            updated_at: now,
            extra: Map::new(),
        };
        order.dispatch_next(now);
        order.push_history(Actor::Merchant, now);
        order.overdue_at = order.due_at();
        order.derive(now);
        order
    }

    #[must_use]
    pub fn label(&self) -> Option<&Label> {
        self.label.as_ref()
    }

    #[must_use]
    pub fn review(&self) -> Option<&Review> {
        self.review.as_ref()
    }
}

impl Document for Order {
    const COLLECTION: &'static str = "orders";
    const INDEXES: &'static [Index] = &[
        Index::on(Self::BY_CLIENT_ORDER_ID, &[Field::text("userId"), Field::text("clientOrderId")])
            .unique()
            .partial(),
        Index::on("order_number", &[Field::text("orderNumber")]).unique(),
        Index::on(Self::BY_AWB, &[Field::text("awb")]).unique().partial(),
        Index::on("user_created", &[Field::text("userId"), Field::time("createdAt")]),
        Index::on("status_user", &[Field::text("status"), Field::text("userId"), Field::time("createdAt")]),
        Index::on(
            "sync_status_user",
            &[Field::text("providerSyncStatus"), Field::text("userId"), Field::time("createdAt")],
        ),
        Index::on("updated_version", &[Field::time("updatedAt")]).with_version(),
        // Over all merchants, for people.
        Index::on("client_order", &[Field::text("clientOrderId"), Field::time("createdAt")]).partial(),
        Index::on("mobile", &[Field::text(Self::MOBILE), Field::time("createdAt")]).partial(),
        Index::on("sync_status", &[Field::text("providerSyncStatus"), Field::time("createdAt")]),
        Index::on("failed", &[Field::time("failedAt")]).partial(),
        Index::on("env_booked", &[Field::text("providerEnv"), Field::time("bookedAt")]).partial(),
        Index::on("outbox", &[Field::time("outboxAt")]).partial(),
        Index::on("overdue", &[Field::time("overdueAt")]).partial(),
        Index::on("review", &[Field::time("review.since")]).partial(),
        Index::on("review_reason", &[Field::text("review.reason"), Field::time("review.since")]).partial(),
    ];

    id_and_version!();
}
