//! The body of `POST /orders/create`: every field and rule that existing clients know, and the bounds they
//! lacked.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IntoDeserializer, Visitor},
};
use serde_json::json;
use utoipa::ToSchema;
use validator::{Validate, ValidateEmail, ValidationError, ValidationErrors};

use super::text::{Code, Digits, Lines, Text};
use crate::{
    base::money::{Price, Rupees, RupeesInput},
    platform::http::extract::{Whole, here},
    provider::carrier::{AddressType, Centimetres, ExpressType, Kilograms, PaymentMethod, Percent},
};

/// Most boxes and most lines of one order.
const MOST_BOXES: u64 = 100;
const MOST_ITEMS: u64 = 500;

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = example)]
#[validate(schema(function = "payment_rules", skip_on_field_errors = false))]
pub struct CreateOrder {
    /// Your own number of the order. With your account it is the idempotency key: the same number again gives
    /// the same order. Without one, every call makes a new order.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Code<1, 255>>)]
    pub client_order_id: Option<Code<1, 255>>, // as long as an `Idempotency-Key`, which becomes one
    #[validate(nested)]
    #[schema(inline)]
    pub invoice_number: Code<1, 100>,
    /// Read in any letter case.
    pub payment_method: PaymentMethod,
    /// Read in any letter case.
    pub express_type: ExpressType,
    /// A `ParcelX` warehouse id.
    #[validate(nested)]
    #[schema(inline)]
    pub pick_address_id: Code<1, 50>,
    /// A `ParcelX` warehouse id; absent: returns go to the pickup address.
    #[validate(nested)]
    #[schema(inline)]
    pub return_address_id: Option<Code<0, 50>>,
    #[validate(nested)]
    pub consignee: ConsigneeInput,
    #[validate(length(min = 1, max = "MOST_ITEMS"), nested)]
    #[schema(min_items = 1, max_items = 500)]
    pub items: Vec<ItemInput>,
    #[validate(nested)]
    pub charges: ChargesInput,
    #[validate(nested)]
    pub shipment: ShipmentInput,
}

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsigneeInput {
    #[validate(nested)]
    #[schema(inline)]
    pub name: Text<2, 100>,
    #[validate(nested)]
    #[schema(inline)]
    pub email: Option<Email>,
    #[validate(nested)]
    #[schema(inline)]
    pub mobile: Digits<10>,
    #[validate(nested)]
    #[schema(inline)]
    pub phone: Option<Code<0, 20>>,
    #[validate(nested)]
    #[schema(inline)]
    pub pincode: Digits<6>,
    #[validate(nested)]
    #[schema(inline)]
    pub address1: Lines<5, 250>,
    #[validate(nested)]
    #[schema(inline)]
    pub address2: Option<Lines<0, 250>>,
    #[validate(nested)]
    #[schema(inline)]
    pub city: Text<2, 100>,
    #[validate(nested)]
    #[schema(inline)]
    pub state: Text<2, 100>,
    /// Absent: `India`.
    #[validate(nested)]
    #[schema(inline)]
    pub country: Option<Text<0, 60>>,
    /// Absent or blank: `OTHER`.
    #[schema(inline)]
    pub address_type: Option<AddressTypeInput>,
}

// `Serialize` only because validator wants it for a list with a length rule.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemInput {
    #[validate(nested)]
    #[schema(inline)]
    pub sku: Code<1, 100>,
    #[validate(nested)]
    #[schema(inline)]
    pub name: Text<1, 250>,
    #[validate(nested)]
    #[schema(inline)]
    pub category: Option<Text<0, 100>>,
    #[validate(nested)]
    #[schema(inline)]
    pub description: Option<Lines<0, 1000>>,
    #[validate(nested)]
    #[schema(inline)]
    pub hsn: Option<Code<0, 20>>,
    #[validate(nested)]
    #[schema(inline)]
    pub quantity: Whole<1, 100_000>,
    /// A declared value: parts of a paisa are rounded.
    #[schema(inline)]
    pub unit_price: Price,
    #[validate(nested)]
    #[schema(inline)]
    pub tax_percent: Option<Percent>,
}

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChargesInput {
    #[schema(inline, value_type = RupeesInput)]
    pub order_amount: Rupees,
    /// More than 0 for `COD`; 0 or absent for `PREPAID`.
    #[schema(inline, value_type = Option<RupeesInput>)]
    pub cod_amount: Option<Rupees>,
    #[schema(inline, value_type = Option<RupeesInput>)]
    pub tax_amount: Option<Rupees>,
    #[schema(inline, value_type = Option<RupeesInput>)]
    pub extra_charges: Option<Rupees>,
}

/// One entry per box in each of the four lists.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[validate(schema(function = "one_entry_per_box", skip_on_field_errors = false))]
pub struct ShipmentInput {
    /// Centimetres.
    #[validate(length(min = 1, max = "MOST_BOXES"), nested)]
    #[schema(min_items = 1, max_items = 100, inline)]
    pub width: Vec<Centimetres>,
    /// Centimetres.
    #[validate(length(min = 1, max = "MOST_BOXES"), nested)]
    #[schema(min_items = 1, max_items = 100, inline)]
    pub height: Vec<Centimetres>,
    /// Centimetres.
    #[validate(length(min = 1, max = "MOST_BOXES"), nested)]
    #[schema(min_items = 1, max_items = 100, inline)]
    pub length: Vec<Centimetres>,
    /// Kilograms.
    #[validate(length(min = 1, max = "MOST_BOXES"), nested)]
    #[schema(min_items = 1, max_items = 100, inline)]
    pub weight: Vec<Kilograms>,
    /// Multi-piece flag.
    #[validate(nested)]
    #[schema(inline)]
    pub mps: Option<Whole<0, 100>>,
}

/// An e-mail address; blank is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Email, max_length = 254)]
pub struct Email(Code<0, 254>);

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0.into()
    }
}

impl Validate for Email {
    fn validate(&self) -> Result<(), ValidationErrors> {
        self.0.validate()?;
        if self.0.is_empty() || (&*self.0).validate_email() {
            Ok(())
        } else {
            Err(here("email", "must be an e-mail address"))
        }
    }
}

/// What kind of address it is; blank is absent.
#[derive(Clone, Copy, Debug)]
pub struct AddressTypeInput(pub Option<AddressType>);

impl<'de> Deserialize<'de> for AddressTypeInput {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(WordOrBlank)
    }
}

struct WordOrBlank;

impl Visitor<'_> for WordOrBlank {
    type Value = AddressTypeInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of HOME, OFFICE, OTHER")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<AddressTypeInput, E> {
        if word.trim().is_empty() {
            return Ok(AddressTypeInput(None));
        }
        AddressType::deserialize(word.into_deserializer()).map(Some).map(AddressTypeInput)
    }
}

impl utoipa::PartialSchema for AddressTypeInput {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let words = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
        words.enum_values(Some(["HOME", "OFFICE", "OTHER", ""])).into()
    }
}

impl ToSchema for AddressTypeInput {}

/// A non-zero amount to collect would make a courier collect it, whatever the payment mode says; COD without
/// one collects nothing.
fn payment_rules(order: &CreateOrder) -> Result<(), ValidationError> {
    let collects = order.charges.cod_amount.is_some_and(|a| !a.0.is_zero());
    let broken = |code, text: &'static str| {
        let mut error = ValidationError::new(code).with_message(text.into());
        error.add_param("at".into(), &"/charges/codAmount");
        Err(error)
    };
    match order.payment_method {
        PaymentMethod::Cod if !collects => broken("cod", "must be more than 0 when paymentMethod is COD"),
        PaymentMethod::Prepaid if collects => {
            broken("prepaid", "must be 0 or absent when paymentMethod is PREPAID")
        }
        _ => Ok(()),
    }
}

fn one_entry_per_box(shipment: &ShipmentInput) -> Result<(), ValidationError> {
    let boxes = shipment.weight.len();
    if [&shipment.width, &shipment.height, &shipment.length].iter().all(|list| list.len() == boxes) {
        return Ok(());
    }
    // An empty list is said at the list itself.
    if boxes == 0 || [&shipment.width, &shipment.height, &shipment.length].iter().any(|list| list.is_empty())
    {
        return Ok(());
    }
    Err(ValidationError::new("boxes")
        .with_message("width, height, length and weight must have one entry per box".into()))
}

fn example() -> serde_json::Value {
    json!({
        "clientOrderId": "DOCS-1001", "invoiceNumber": "INV-1001", "paymentMethod": "COD",
            "expressType": "surface", "pickAddressId": "10001",
        "consignee": { "name": "Asha Example", "mobile": "9000000001", "email": "asha@example.test",
            "pincode": "560001",
                       "address1": "12 Sample Street", "address2": "Near Demo Park", "city": "Bengaluru",
                           "state": "Karnataka", "addressType": "HOME" },
        "items": [{ "sku": "MUG-7", "name": "Blue mug", "quantity": 2, "unitPrice": 374.5, "taxPercent": 12,
            "hsn": "69120010" }],
        "charges": { "orderAmount": 749, "codAmount": 749 },
        "shipment": { "width": [10], "height": [10], "length": [15], "weight": [0.5] }
    })
}
