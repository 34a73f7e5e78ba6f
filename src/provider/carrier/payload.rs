//! What is to be shipped, in the form it is stored and sent in.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AddressType, Centimetres, ExpressType, Kilograms, PaymentMethod, Percent};
use crate::base::money::Money;

/// One order's parcels, their contents and whom they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderPayload {
    pub invoice_number: String,
    pub payment_method: PaymentMethod,
    pub express_type: ExpressType,
    pub pick_address_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_address_id: Option<String>,
    pub consignee: Consignee,
    pub items: Vec<Item>,
    pub charges: Charges,
    /// How large and heavy the boxes are.
    pub shipment: Parcels,
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

impl Consignee {
    /// Stands where personal data stood.
    pub const ERASED: &'static str = "erased";

    /// Takes out what tells who and where the person is. What tells the part of the country stays.
    pub fn erase(&mut self) {
        for text in [&mut self.name, &mut self.mobile, &mut self.address1] {
            Self::ERASED.clone_into(text);
        }
        (self.email, self.phone, self.address2) = (None, None, None);
    }
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

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parcels {
    pub width: Vec<Centimetres>,
    pub height: Vec<Centimetres>,
    pub length: Vec<Centimetres>,
    pub weight: Vec<Kilograms>,
    pub mps: u32,
}

/// `{:?}` of what holds a person's data shows only what names nobody.
impl fmt::Debug for Consignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consignee").finish_non_exhaustive()
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("sku", &self.sku)
            .field("quantity", &self.quantity)
            .finish_non_exhaustive()
    }
}
