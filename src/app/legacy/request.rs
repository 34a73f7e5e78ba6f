//! What a merchant asked the Node system for, in our form.
//!
//! Guards against an order that does not come in because its text is too long for us: what our request type
//! does not take is kept as far as it goes, and is then no merchant's replay: whatever is asked for under its
//! `clientOrderId` is another payload, which is refused, and never a new order.

use serde_json::{Map, Value, json};
use validator::Validate;

use super::order::text;
use crate::{
    features::orders::{payload::NewOrder, request::CreateOrder},
    provider::carrier::{AddressType, Charges, Consignee, ExpressType, OrderPayload, Parcels, PaymentMethod},
};

type Fields = Map<String, Value>;

/// How a field is written there, whatever BSON it has become.
#[derive(Clone, Copy)]
enum As {
    Text,
    /// A number, or a text that is one.
    Number,
    Numbers,
    Amount,
}

const ORDER: &[(&str, As)] = &[
    ("invoiceNumber", As::Text),
    ("paymentMethod", As::Text),
    ("expressType", As::Text),
    ("pickAddressId", As::Text),
    ("returnAddressId", As::Text),
];
const CONSIGNEE: &[(&str, As)] = &[
    ("name", As::Text),
    ("email", As::Text),
    ("mobile", As::Text),
    ("phone", As::Text),
    ("pincode", As::Text),
    ("address1", As::Text),
    ("address2", As::Text),
    ("city", As::Text),
    ("state", As::Text),
    ("country", As::Text),
    ("addressType", As::Text),
];
const ITEM: &[(&str, As)] = &[
    ("sku", As::Text),
    ("name", As::Text),
    ("category", As::Text),
    ("description", As::Text),
    ("hsn", As::Text),
    ("quantity", As::Number),
    ("unitPrice", As::Amount),
    ("taxPercent", As::Number),
];
const CHARGES: &[(&str, As)] = &[
    ("orderAmount", As::Amount),
    ("codAmount", As::Amount),
    ("taxAmount", As::Amount),
    ("extraCharges", As::Amount),
];
const SHIPMENT: &[(&str, As)] = &[
    ("width", As::Numbers),
    ("height", As::Numbers),
    ("length", As::Numbers),
    ("weight", As::Numbers),
    ("mps", As::Number),
];

/// Of the request as it was kept, else of the order's own fields.
pub(super) fn payload(order: &Fields) -> OrderPayload {
    let kept = order.get("requestSnapshot").and_then(Value::as_object);
    kept.into_iter().chain([order]).find_map(|fields| parsed(&body(fields))).unwrap_or_else(|| rest(order))
}

fn parsed(body: &Value) -> Option<OrderPayload> {
    let request: CreateOrder = serde_json::from_value(body.clone()).ok()?;
    request.validate().ok()?;
    Some(NewOrder::from(request).payload)
}

/// The known fields, each in its form.
fn body(order: &Fields) -> Value {
    let part =
        |name: &str, fields| order.get(name).and_then(Value::as_object).map(|part| known(part, fields));
    let items = order.get("items").and_then(Value::as_array).map(|items| {
        items.iter().filter_map(Value::as_object).map(|item| Value::Object(known(item, ITEM))).collect()
    });
    let mut body = known(order, ORDER);
    for (name, fields) in [("consignee", CONSIGNEE), ("charges", CHARGES), ("shipment", SHIPMENT)] {
        body.extend(part(name, fields).map(|part| (name.to_owned(), Value::Object(part))));
    }
    body.insert("items".to_owned(), items.unwrap_or_else(|| json!([])));
    Value::Object(body)
}

fn known(fields: &Fields, names: &[(&str, As)]) -> Fields {
    let form = |(name, form): &(&str, As)| {
        let value = fields.get(*name).filter(|value| !value.is_null())?;
        let value = match form {
            As::Text => text(Some(value)).map_or_else(|| value.clone(), Value::String),
            As::Amount => value.clone(),
            As::Number => number(value),
            As::Numbers => {
                value.as_array().map_or_else(|| value.clone(), |list| list.iter().map(number).collect())
            }
        };
        Some(((*name).to_owned(), value))
    };
    names.iter().filter_map(form).collect()
}

fn number(value: &Value) -> Value {
    let read = value.as_str().and_then(|text| serde_json::from_str::<Value>(text.trim()).ok());
    read.filter(Value::is_number).unwrap_or_else(|| value.clone())
}

/// What can be shown of a request that ours would not take.
fn rest(order: &Fields) -> OrderPayload {
    let of = |part: &str, name: &str| {
        let part = order.get(part).and_then(Value::as_object);
        text(part.and_then(|part| part.get(name))).unwrap_or_default()
    };
    let own = |name: &str| text(order.get(name)).unwrap_or_default();
    let is = |name: &str, word: &str| own(name).eq_ignore_ascii_case(word);
    let to = |name: &str| of("consignee", name);
    OrderPayload {
        invoice_number: own("invoiceNumber"),
        payment_method: if is("paymentMethod", "COD") { PaymentMethod::Cod } else { PaymentMethod::Prepaid },
        express_type: if is("expressType", "air") { ExpressType::Air } else { ExpressType::Surface },
        pick_address_id: own("pickAddressId"),
        return_address_id: None,
        consignee: Consignee {
            name: to("name"),
            email: None,
            mobile: to("mobile"),
            phone: None,
            pincode: to("pincode"),
            address1: to("address1"),
            address2: None,
            city: to("city"),
            state: to("state"),
            country: to("country"),
            address_type: AddressType::Other,
        },
        items: Vec::new(),
        charges: Charges::default(),
        shipment: Parcels::default(),
    }
}
