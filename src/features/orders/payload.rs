//! What a merchant asked for, in the form it is kept in.

use super::request::{ChargesInput, ConsigneeInput, CreateOrder, ItemInput, ShipmentInput};
use crate::{
    platform::http::extract::Whole,
    provider::carrier::{Charges, Consignee, Item, OrderPayload, Parcels},
};

pub const INDIA: &str = "India";

/// A valid request, turned into what will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub client_order_id: Option<String>,
    pub payload: OrderPayload,
}

/// An optional text that is blank is absent.
fn present(text: Option<impl Into<String>>) -> Option<String> {
    text.map(Into::into).filter(|text| !text.is_empty())
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
            email: present(c.email),
            mobile: c.mobile.into_inner(),
            phone: present(c.phone),
            pincode: c.pincode.into_inner(),
            address1: c.address1.into_inner(),
            address2: present(c.address2),
            city: c.city.into_inner(),
            state: c.state.into_inner(),
            country: present(c.country).unwrap_or_else(|| INDIA.to_owned()),
            address_type: c.address_type.and_then(|given| given.0).unwrap_or_default(),
        }
    }
}

impl From<ItemInput> for Item {
    fn from(i: ItemInput) -> Self {
        Self {
            sku: i.sku.into_inner(),
            name: i.name.into_inner(),
            category: present(i.category),
            description: present(i.description),
            hsn: present(i.hsn),
            quantity: i.quantity.get(),
            unit_price: i.unit_price.0.0,
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
        Self {
            width: s.width,
            height: s.height,
            length: s.length,
            weight: s.weight,
            mps: s.mps.map_or(0, Whole::get),
        }
    }
}
