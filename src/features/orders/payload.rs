//! What a merchant asked for, in the form it is kept in, and its fingerprint.
//!
//! Guards against a replay that is taken for another order because it was written differently: the
//! fingerprint is taken from the parsed fields (trimmed, enums folded, paise, grams), and optional fields at
//! their default count as absent.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    measure::{Centimetres, Kilograms},
    model::Fingerprint,
    request::{ChargesInput, ConsigneeInput, CreateOrder, ItemInput, ShipmentInput},
    text::{Lines, Text},
    words::{AddressType, ExpressType, PaymentMethod},
};
use crate::{
    base::money::Money,
    provider::carrier::{Charges, Consignee, Item, OrderPayload, Parcels},
};

pub const INDIA: &str = "India";

/// A valid request, turned into what will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub client_order_id: Option<String>,
    pub payload: OrderPayload,
}

fn present<const MIN: usize, const MAX: usize>(text: Option<Text<MIN, MAX>>) -> Option<String> {
    text.map(Text::into_inner).filter(|t| !t.is_empty())
}

fn present_lines<const MIN: usize, const MAX: usize>(text: Option<Lines<MIN, MAX>>) -> Option<String> {
    text.map(Lines::into_inner).filter(|t| !t.is_empty())
}

impl From<CreateOrder> for NewOrder {
    fn from(r: CreateOrder) -> Self {
        Self {
            client_order_id: present(r.client_order_id),
            payload: OrderPayload {
                invoice_number: r.invoice_number.into_inner(),
                payment_method: r.payment_method,
                express_type: r.express_type,
                pick_address_id: r.pick_address_id.into_inner(),
                return_address_id: present(r.return_address_id),
                consignee: r.consignee.into(),
                items: r.items.into_iter().map(Item::from).collect(),
                charges: (&r.charges).into(),
                shipment: r.shipment.into(),
            },
        }
    }
}

impl From<ConsigneeInput> for Consignee {
    fn from(c: ConsigneeInput) -> Self {
        Self {
            name: c.name.into_inner(),
            email: c.email.map(super::request::Email::into_inner),
            mobile: c.mobile.into_inner(),
            phone: present(c.phone),
            pincode: c.pincode.into_inner(),
            address1: c.address1.into_inner(),
            address2: present_lines(c.address2),
            city: c.city.into_inner(),
            state: c.state.into_inner(),
            country: present(c.country).unwrap_or_else(|| INDIA.to_owned()),
            address_type: c.address_type.unwrap_or_default(),
        }
    }
}

impl From<ItemInput> for Item {
    fn from(i: ItemInput) -> Self {
        Self {
            sku: i.sku.into_inner(),
            name: i.name.into_inner(),
            category: present(i.category),
            description: present_lines(i.description),
            hsn: present(i.hsn),
            quantity: i.quantity,
            unit_price: i.unit_price.0,
            tax_percent: i.tax_percent.unwrap_or_default(),
        }
    }
}

impl From<&ChargesInput> for Charges {
    fn from(c: &ChargesInput) -> Self {
        let amount = |a: Option<crate::base::money::Rupees>| a.unwrap_or_default().0;
        let (order, cod) = (c.order_amount.0, amount(c.cod_amount));
        let (tax, extra) = (amount(c.tax_amount), amount(c.extra_charges));
        let total_amount = [order, cod, tax, extra].into_iter().sum();
        Self { order_amount: order, cod_amount: cod, tax_amount: tax, extra_charges: extra, total_amount }
    }
}

impl From<ShipmentInput> for Parcels {
    fn from(s: ShipmentInput) -> Self {
        Self { width: s.width, height: s.height, length: s.length, weight: s.weight, mps: s.mps.unwrap_or(0) }
    }
}

const FINGERPRINT_VERSION: u8 = 1;

impl NewOrder {
    /// Changing what goes in means a new version: stored orders keep the old one.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        // Writing our own structs to memory cannot fail; if it did, no two orders may look alike.
        let canonical = serde_json::to_vec(&Canonical::from(self))
            .unwrap_or_else(|_| crate::base::ids::secret().into_bytes());
        let sha256 = Sha256::digest(&canonical).iter().map(|byte| format!("{byte:02x}")).collect();
        Fingerprint { v: FINGERPRINT_VERSION, sha256 }
    }
}

/// Version 1: what goes into the fingerprint, in this order. Absent and default optional fields are left out.
#[derive(Serialize)]
struct Canonical<'a> {
    client_order_id: Option<&'a str>,
    invoice: &'a str,
    payment: PaymentMethod,
    express: ExpressType,
    pick: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_to: Option<&'a str>,
    name: &'a str,
    mobile: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    pincode: &'a str,
    address1: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address2: Option<&'a str>,
    city: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_type: Option<AddressType>,
    items: &'a [Item],
    amounts: [Money; 4],
    width: &'a [Centimetres],
    height: &'a [Centimetres],
    length: &'a [Centimetres],
    weight: &'a [Kilograms],
    mps: u32,
}

impl<'a> From<&'a NewOrder> for Canonical<'a> {
    fn from(d: &'a NewOrder) -> Self {
        let (p, c) = (&d.payload, &d.payload.consignee);
        Self {
            client_order_id: d.client_order_id.as_deref(),
            invoice: &p.invoice_number,
            payment: p.payment_method,
            express: p.express_type,
            pick: &p.pick_address_id,
            return_to: p.return_address_id.as_deref(),
            name: &c.name,
            mobile: &c.mobile,
            email: c.email.as_deref(),
            phone: c.phone.as_deref(),
            pincode: &c.pincode,
            address1: &c.address1,
            address2: c.address2.as_deref(),
            city: &c.city,
            state: &c.state,
            country: Some(c.country.as_str()).filter(|c| *c != INDIA),
            address_type: Some(c.address_type).filter(|t| *t != AddressType::default()),
            items: &p.items,
            amounts: [
                p.charges.order_amount,
                p.charges.cod_amount,
                p.charges.tax_amount,
                p.charges.extra_charges,
            ],
            width: &p.shipment.width,
            height: &p.shipment.height,
            length: &p.shipment.length,
            weight: &p.shipment.weight,
            mps: p.shipment.mps,
        }
    }
}
