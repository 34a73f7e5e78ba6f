//! What operators see of an order: states, ids and amounts; of its people only enough to tell two apart.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    base::timestamp::Timestamp,
    features::{
        desk::{ActionView, Why},
        orders::{
            jobs::words::words,
            model::{Order, ReviewOf},
            status::{OrderStatus, SyncStatus},
            views::{ConsigneeView, ItemView, OrderView},
        },
    },
};

/// In the place of what is not shown.
const HIDDEN: &str = "[redacted]";

/// An order in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderBrief {
    pub id: String,
    pub order_number: String,
    pub client_order_id: Option<String>,
    /// The merchant.
    pub user_id: String,
    pub awb: Option<String>,
    pub status: OrderStatus,
    pub provider_sync_status: SyncStatus,
    /// Without personal data.
    pub sync_reason: Option<String>,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
}

impl From<&Order> for OrderBrief {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id().to_owned(),
            order_number: order.order_number().to_owned(),
            client_order_id: order.client_order_id().map(str::to_owned),
            user_id: order.user_id().to_owned(),
            awb: order.awb().map(str::to_owned),
            status: order.status(),
            provider_sync_status: order.provider_sync_status(),
            sync_reason: order.sync_reason().map(|text| words(order, text)),
            created_at: order.created_at(),
            updated_at: order.updated_at(),
        }
    }
}

/// Why a person must look.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewView {
    /// A code: `outcome-unknown`.
    pub reason: String,
    /// The code in words.
    #[schema(value_type = String)]
    pub detail: &'static str,
    #[schema(value_type = String)]
    pub since: Timestamp,
    pub of: ReviewOf,
}

impl ReviewView {
    pub(super) fn of(order: &Order) -> Option<Self> {
        order.review().map(|review| Self {
            reason: review.reason.clone(),
            detail: crate::features::desk::why::explained(&review.reason),
            since: review.since,
            of: review.of,
        })
    }
}

/// An order, redacted, and what to make of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderDetail {
    #[serde(flatten)]
    pub order: OrderView,
    /// The merchant.
    pub user_id: String,
    pub review: Option<ReviewView>,
    pub why: Why,
    pub actions: Vec<ActionView>,
}

impl OrderDetail {
    pub(super) fn new(order: Order, why: Why, actions: Vec<ActionView>) -> Self {
        let (user_id, review) = (order.user_id().to_owned(), ReviewView::of(&order));
        Self { order: redacted(order), user_id, review, why, actions }
    }
}

/// What its merchant would see, without what names a person or a place. A new field of these views has to be
/// decided on here before this compiles.
fn redacted(order: Order) -> OrderView {
    let masked = |text: Option<String>| text.map(|text| words(&order, &text));
    let shown = OrderView::from(order.clone());
    let mut cancellation = shown.cancellation;
    cancellation.reason = masked(cancellation.reason);
    cancellation.detail = masked(cancellation.detail);
    let history = shown.history.into_iter().map(|mut entry| {
        entry.reason = masked(entry.reason);
        entry
    });
    OrderView {
        id: shown.id,
        order_number: shown.order_number,
        client_order_id: shown.client_order_id,
        status: shown.status,
        provider_sync_status: shown.provider_sync_status,
        provider_env: shown.provider_env,
        sync_reason: masked(shown.sync_reason),
        next_check_at: shown.next_check_at,
        awb: shown.awb,
        courier_name: shown.courier_name,
        courier_code: shown.courier_code,
        provider_order_number: shown.provider_order_number,
        parcelx_request_ref_id: shown.parcelx_request_ref_id,
        parcelx_response_ref_id: shown.parcelx_response_ref_id,
        cancellation,
        invoice_number: shown.invoice_number,
        payment_method: shown.payment_method,
        express_type: shown.express_type,
        pick_address_id: shown.pick_address_id,
        return_address_id: shown.return_address_id,
        consignee: person(shown.consignee),
        items: shown.items.into_iter().map(item).collect(),
        charges: shown.charges,
        shipment: shown.shipment,
        history: history.collect(),
        created_at: shown.created_at,
        updated_at: shown.updated_at,
    }
}

fn person(person: ConsigneeView) -> ConsigneeView {
    let ConsigneeView {
        name,
        email,
        mobile,
        phone,
        pincode: _,
        address1: _,
        address2,
        city: _,
        state: _,
        country,
        address_type,
    } = person;
    let hidden = || HIDDEN.to_owned();
    ConsigneeView {
        name: initials(&name),
        email: email.map(|_| hidden()),
        mobile: last_four(&mobile),
        phone: phone.map(|_| hidden()),
        pincode: hidden(),
        address1: hidden(),
        address2: address2.map(|_| hidden()),
        city: hidden(),
        state: hidden(),
        country,
        address_type,
    }
}

fn item(item: ItemView) -> ItemView {
    let ItemView { sku, name, category, description, hsn, quantity, unit_price, tax_percent } = item;
    let description = description.map(|_| HIDDEN.to_owned());
    ItemView { sku, name, category, description, hsn, quantity, unit_price, tax_percent }
}

/// `A… E…`.
fn initials(name: &str) -> String {
    let words = name.split_whitespace().take(4).filter_map(|word| word.chars().next());
    words.map(|first| format!("{first}…")).collect::<Vec<_>>().join(" ")
}

/// `******0001`.
fn last_four(number: &str) -> String {
    let digits = number.chars().count();
    number.chars().enumerate().map(|(at, c)| if at + 4 < digits { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_person_little_is_shown() {
        assert_eq!(initials("Asha  Example"), "A… E…");
        assert_eq!(initials(""), "");
        assert_eq!(last_four("9000000001"), "******0001");
        assert_eq!(last_four("12"), "12");
    }
}
