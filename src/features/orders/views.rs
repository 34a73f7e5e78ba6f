//! What merchants see of an order.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    model::{CancelRequest, HistoryEntry, Order},
    status::{OrderStatus, SyncStatus},
};
use crate::{
    base::{money::Rupees, timestamp::Timestamp},
    features::provider_accounts::Hold,
    provider::carrier::{
        AddressType, Centimetres, Charges, Consignee, ExpressType, Item, Parcels, PaymentMethod, Percent,
        ProviderEnv, WAITS_FOR_ACCOUNT,
    },
};

/// Answer to a create, in the form existing clients know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrderResponse {
    #[schema(value_type = String, example = "Order accepted and queued for provider creation")]
    pub message: &'static str,
    pub success: bool,
    /// Whether this was a repeat of an earlier request.
    pub idempotent_replay: bool,
    pub data: CreatedOrder,
    /// What is accepted and may not be meant; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<Warning>,
}

/// Something about a request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// `idempotency-key-ignored`, `collects-more` or `order-cancelled`; words may be added.
    #[schema(value_type = String, example = "collects-more")]
    pub code: &'static str,
    pub detail: String,
}

/// The order's state now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedOrder {
    #[schema(example = "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d")]
    pub id: String,
    /// Our reference at the provider.
    #[schema(example = "ORD-8WPR1M0A6Q2XN")]
    pub order_number: String,
    pub client_order_id: Option<String>,
    pub status: OrderStatus,
    pub provider_sync_status: SyncStatus,
    pub parcelx_request_ref_id: Option<String>,
    pub parcelx_response_ref_id: Option<String>,
}

impl CreateOrderResponse {
    #[must_use]
    pub fn new(order: &Order, replayed: bool, warnings: Vec<Warning>) -> Self {
        let message = if replayed {
            "Duplicate request detected. Returning existing order"
        } else {
            "Order accepted and queued for provider creation"
        };
        Self { message, success: true, idempotent_replay: replayed, data: order.into(), warnings }
    }
}

impl From<&Order> for CreatedOrder {
    fn from(o: &Order) -> Self {
        Self {
            id: o.id().to_owned(),
            order_number: o.order_number().to_owned(),
            client_order_id: owned(o.client_order_id()),
            status: o.status(),
            provider_sync_status: o.provider_sync_status(),
            parcelx_request_ref_id: owned(o.parcelx_request_ref_id()),
            parcelx_response_ref_id: owned(o.parcelx_response_ref_id()),
        }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn shown(entry: &HistoryEntry) -> HistoryEntry {
    HistoryEntry { audit_id: None, ..entry.clone() }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderResponse {
    pub success: bool,
    pub data: OrderView,
}

/// One page, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderList {
    pub success: bool,
    pub data: Vec<OrderView>,
    pub has_more: bool,
    /// Give it back as `cursor`, with the same filters, for the next page.
    pub next_cursor: Option<String>,
}

/// Everything a merchant may know of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    pub id: String,
    pub order_number: String,
    pub client_order_id: Option<String>,
    pub status: OrderStatus,
    /// Read an unknown word as "not yet decided": words may be added.
    pub provider_sync_status: SyncStatus,
    pub provider_env: ProviderEnv,
    /// Why the order stands where it stands: the provider's words of a refusal, what it waits for, why a
    /// person must look.
    pub sync_reason: Option<String>,
    /// When the service goes on with the order by itself.
    pub next_check_at: Option<Timestamp>,
    pub awb: Option<String>,
    pub courier_name: Option<String>,
    pub courier_code: Option<String>,
    pub provider_order_number: Option<String>,
    pub parcelx_request_ref_id: Option<String>,
    pub parcelx_response_ref_id: Option<String>,
    pub cancellation: CancelRequest,
    pub invoice_number: String,
    pub payment_method: PaymentMethod,
    pub express_type: ExpressType,
    pub pick_address_id: String,
    pub return_address_id: Option<String>,
    pub consignee: ConsigneeView,
    pub items: Vec<ItemView>,
    pub charges: ChargesView,
    pub shipment: ShipmentView,
    /// The last 200 steps, oldest first.
    pub history: Vec<HistoryEntry>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsigneeView {
    pub name: String,
    pub email: Option<String>,
    pub mobile: String,
    pub phone: Option<String>,
    pub pincode: String,
    pub address1: String,
    pub address2: Option<String>,
    pub city: String,
    pub state: String,
    pub country: String,
    pub address_type: AddressType,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemView {
    pub sku: String,
    pub name: String,
    pub category: Option<String>,
    pub description: Option<String>,
    pub hsn: Option<String>,
    pub quantity: u32,
    #[schema(inline)]
    pub unit_price: Rupees,
    #[schema(inline)]
    pub tax_percent: Percent,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChargesView {
    #[schema(inline)]
    pub order_amount: Rupees,
    #[schema(inline)]
    pub cod_amount: Rupees,
    #[schema(inline)]
    pub tax_amount: Rupees,
    #[schema(inline)]
    pub extra_charges: Rupees,
    /// The sum of the four.
    #[schema(inline)]
    pub total_amount: Rupees,
}

/// Centimetres and kilograms, one entry per box.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentView {
    pub width: Vec<f64>,
    pub height: Vec<f64>,
    pub length: Vec<f64>,
    pub weight: Vec<f64>,
    pub mps: u32,
}

impl From<Order> for OrderView {
    fn from(o: Order) -> Self {
        let p = o.payload().clone();
        Self {
            id: o.id().to_owned(),
            order_number: o.order_number().to_owned(),
            client_order_id: owned(o.client_order_id()),
            status: o.status(),
            provider_sync_status: o.provider_sync_status(),
            provider_env: o.provider_env(),
            sync_reason: owned(o.sync_reason()),
            next_check_at: o.next_check_at(),
            awb: owned(o.awb()),
            courier_name: owned(o.courier_name()),
            courier_code: owned(o.courier_code()),
            provider_order_number: owned(o.provider_order_number()),
            parcelx_request_ref_id: owned(o.parcelx_request_ref_id()),
            parcelx_response_ref_id: owned(o.parcelx_response_ref_id()),
            cancellation: o.cancellation().request().clone(),
            invoice_number: p.invoice_number,
            payment_method: p.payment_method,
            express_type: p.express_type,
            pick_address_id: p.pick_address_id,
            return_address_id: p.return_address_id,
            consignee: p.consignee.into(),
            items: p.items.into_iter().map(ItemView::from).collect(),
            charges: (&p.charges).into(),
            shipment: (&p.shipment).into(),
            history: o.history().iter().map(shown).collect(),
            created_at: o.created_at(),
            updated_at: o.updated_at(),
        }
    }
}

impl OrderView {
    /// As it stands while the account is held: nothing is called for it before the hold's next try.
    #[must_use]
    pub fn under(self, hold: Option<&Hold>, now: Timestamp) -> Self {
        let waits = matches!(
            self.provider_sync_status,
            SyncStatus::Queued | SyncStatus::Retrying | SyncStatus::Reconciling
        );
        let Some(hold) = hold.filter(|_| waits) else { return self };
        let tried = hold.next_probe_at.max(now);
        let next_check_at = Some(self.next_check_at.map_or(tried, |at| at.max(tried)));
        let held = || Some(format!("{}: {WAITS_FOR_ACCOUNT}", hold.kind));
        let queued = self.provider_sync_status == SyncStatus::Queued;
        Self { sync_reason: if queued { held() } else { self.sync_reason }, next_check_at, ..self }
    }
}

impl From<Consignee> for ConsigneeView {
    fn from(c: Consignee) -> Self {
        Self {
            name: c.name,
            email: c.email,
            mobile: c.mobile,
            phone: c.phone,
            pincode: c.pincode,
            address1: c.address1,
            address2: c.address2,
            city: c.city,
            state: c.state,
            country: c.country,
            address_type: c.address_type,
        }
    }
}

impl From<Item> for ItemView {
    fn from(i: Item) -> Self {
        Self {
            sku: i.sku,
            name: i.name,
            category: i.category,
            description: i.description,
            hsn: i.hsn,
            quantity: i.quantity,
            unit_price: Rupees(i.unit_price),
            tax_percent: i.tax_percent,
        }
    }
}

impl From<&Charges> for ChargesView {
    fn from(c: &Charges) -> Self {
        Self {
            order_amount: Rupees(c.order_amount),
            cod_amount: Rupees(c.cod_amount),
            tax_amount: Rupees(c.tax_amount),
            extra_charges: Rupees(c.extra_charges),
            total_amount: Rupees(c.total_amount),
        }
    }
}

impl From<&Parcels> for ShipmentView {
    fn from(s: &Parcels) -> Self {
        let cm = |list: &[Centimetres]| list.iter().map(|m| m.as_number()).collect();
        Self {
            width: cm(&s.width),
            height: cm(&s.height),
            length: cm(&s.length),
            weight: s.weight.iter().map(|m| m.as_number()).collect(),
            mps: s.mps,
        }
    }
}
