//! Books an order: one call creates it, chooses the courier and gives the AWB. Not known to be idempotent, so
//! never repeated by itself.

use http::Method;
use serde::Serialize;
use serde_json::Value;

use crate::{
    base::{money::Money, visible::harmless},
    provider::{
        carrier::{
            AddressType, CallOutcome, Cause, ExpressType, Heard, Item, Operation, OrderPayload,
            PaymentMethod, Percent, Shipment,
        },
        parcelx::{
            answer::{Answer, CallResult, awb_of, text_of},
            endpoint::{Asked, Endpoint},
            verdict,
        },
    },
};

#[derive(Debug)]
pub(in crate::provider::parcelx) struct CreateOrder<'a> {
    /// Ours.
    pub(in crate::provider::parcelx) reference: &'a str,
    pub(in crate::provider::parcelx) order: &'a OrderPayload,
}

/// The request, in the words of `ParcelX`. Nearly every value is text, and each `shipment_*` is a list even
/// for one box.
#[derive(Debug, Serialize)]
struct Payload<'a> {
    client_order_id: &'a str,
    consignee_emailid: &'a str,
    consignee_pincode: &'a str,
    consignee_mobile: &'a str,
    consignee_phone: &'a str,
    consignee_address1: &'a str,
    consignee_address2: &'a str,
    consignee_name: &'a str,
    invoice_number: &'a str,
    express_type: &'static str,
    pick_address_id: &'a str,
    return_address_id: &'a str,
    cod_amount: String,
    tax_amount: String,
    mps: String,
    /// 0: the account's priority list chooses.
    courier_type: u8,
    courier_code: &'static str,
    products: Vec<Product<'a>>,
    address_type: &'static str,
    payment_mode: &'static str,
    order_amount: String,
    extra_charges: String,
    shipment_width: Vec<String>,
    shipment_height: Vec<String>,
    shipment_length: Vec<String>,
    shipment_weight: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Product<'a> {
    product_sku: &'a str,
    product_name: &'a str,
    product_value: String,
    product_hsnsac: &'a str,
    /// The only number that clients send as one.
    product_taxper: Percent,
    product_category: &'a str,
    product_quantity: String,
    product_description: &'a str,
}

/// Rupees with their paise; a plain `0` for nothing.
fn rupees(amount: Money) -> String {
    if amount.is_zero() { "0".to_owned() } else { amount.to_string() }
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

impl<'a> From<&CreateOrder<'a>> for Payload<'a> {
    fn from(CreateOrder { reference, order }: &CreateOrder<'a>) -> Self {
        let to = &order.consignee;
        let or_empty = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        // A non-zero amount to collect may turn a prepaid parcel into COD.
        let (payment_mode, cod_amount) = match order.payment_method {
            PaymentMethod::Cod => ("Cod", rupees(order.charges.cod_amount)),
            PaymentMethod::Prepaid => ("Prepaid", rupees(Money::ZERO)),
        };
        Self {
            client_order_id: reference,
            consignee_emailid: or_empty(&to.email),
            consignee_pincode: &to.pincode,
            consignee_mobile: &to.mobile,
            consignee_phone: or_empty(&to.phone),
            consignee_address1: &to.address1,
            consignee_address2: or_empty(&to.address2),
            consignee_name: &to.name,
            invoice_number: &order.invoice_number,
            express_type: match order.express_type {
                ExpressType::Surface => "surface",
                ExpressType::Air => "air",
            },
            pick_address_id: &order.pick_address_id,
            return_address_id: or_empty(&order.return_address_id),
            cod_amount,
            tax_amount: rupees(order.charges.tax_amount),
            mps: order.shipment.mps.to_string(),
            courier_type: 0,
            courier_code: "",
            products: order.items.iter().map(Product::from).collect(),
            address_type: match to.address_type {
                AddressType::Home => "Home",
                AddressType::Office => "Office",
                AddressType::Other => "Other",
            },
            payment_mode,
            order_amount: rupees(order.charges.order_amount),
            extra_charges: rupees(order.charges.extra_charges),
            shipment_width: texts(&order.shipment.width),
            shipment_height: texts(&order.shipment.height),
            shipment_length: texts(&order.shipment.length),
            shipment_weight: texts(&order.shipment.weight),
        }
    }
}

impl<'a> From<&'a Item> for Product<'a> {
    fn from(item: &'a Item) -> Self {
        let or_empty = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        Self {
            product_sku: &item.sku,
            product_name: &item.name,
            product_value: rupees(item.unit_price),
            product_hsnsac: or_empty(&item.hsn),
            product_taxper: item.tax_percent,
            product_category: or_empty(&item.category),
            product_quantity: item.quantity.to_string(),
            product_description: or_empty(&item.description),
        }
    }
}

impl Endpoint for CreateOrder<'_> {
    const OPERATION: Operation = Operation::CreateOrder;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/v3/order/create_order";
    const SAFE_TO_REPEAT: bool = false;

    type Success = Shipment;

    fn payload(&self) -> Value {
        // Texts and lists of our own always serialise.
        serde_json::to_value(Payload::from(self)).unwrap_or_default()
    }

    fn read(wire: &CallResult, asked: Asked<'_>) -> CallOutcome<Shipment> {
        match verdict::judge(wire, asked, |answer| booked(answer, asked.reference)) {
            // It says no and names a parcel: a look-up will tell.
            CallOutcome::Refused(_) if names_a_shipment(wire) => with_an_awb(Heard::Readable),
            // Also where it is about the account or this moment; but it proves nothing of the account.
            CallOutcome::Deferred { cause: Cause::Account(..) | Cause::Declined(_), .. }
                if names_a_shipment(wire) =>
            {
                with_an_awb(Heard::Unreadable)
            }
            outcome => outcome,
        }
    }

    fn success(_: &Shipment) -> &'static str {
        "booked"
    }
}

fn with_an_awb(heard: Heard) -> CallOutcome<Shipment> {
    CallOutcome::Unknown { reason: "unknown: a refusal with an AWB".to_owned(), heard }
}

fn names_a_shipment(wire: &CallResult) -> bool {
    let CallResult::Answer(answer) = wire else { return false };
    awb_of(answer.json().and_then(|body| body.get("data")?.get("awb_number"))).is_some()
}

/// A success counts only with an AWB and our own reference.
fn booked(answer: &Answer, reference: &str) -> Result<Shipment, &'static str> {
    let data = answer.json().and_then(|body| body.get("data"));
    let text = |key: &str| text_of(data.and_then(|d| d.get(key)));
    let awb = awb_of(data.and_then(|d| d.get("awb_number"))).ok_or("a success without an AWB")?;
    match text("client_order_id") {
        Some(echo) if echo == reference => {}
        Some(_) => return Err("a success with another reference"),
        None => return Err("a success without our reference"),
    }
    let courier_name = text("courier_name").or_else(|| text("partner_display_name"));
    let courier_name = courier_name.map(|name| harmless(&name).into_owned());
    Ok(Shipment { awb, courier_name, courier_code: text("courier_code"), order_number: text("order_number") })
}

#[cfg(test)]
mod tests;
