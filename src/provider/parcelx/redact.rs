//! What of a provider log may be shown: an allow-list. A key that nobody has thought about is hidden.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Keys whose values name no person, place or secret.
const SHOWN: &[&str] = &[
    // both ways
    "client_order_id",
    "payment_mode",
    "courier_code",
    "status",
    // requests
    "invoice_number",
    "express_type",
    "pick_address_id",
    "return_address_id",
    "cod_amount",
    "order_amount",
    "tax_amount",
    "extra_charges",
    "mps",
    "courier_type",
    "product_sku",
    "product_name",
    "product_value",
    "product_quantity",
    "product_hsnsac",
    "product_taxper",
    "product_category",
    "shipment_length",
    "shipment_width",
    "shipment_height",
    "shipment_weight",
    "address_type",
    "channel_order_no",
    "awb",
    // answers
    "awb_number",
    "order_number",
    "job_id",
    "lrnum",
    "routing_code",
    "partner_display_name",
    "pickup_id",
    "courier_name",
    "status_code",
    "status_title",
    "event_date",
];

/// Keys of objects and lists of objects that are looked into; anything else under them is hidden.
const CONTAINERS: &[&str] = &["products", "data", "current_status"];

pub const HIDDEN: &str = "[redacted]";

/// A copy in which every value under a key that is not on the list is replaced; texts that are no JSON are
/// hidden whole.
#[must_use]
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, v)| (key.clone(), shown(key, v))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(redacted).collect()),
        Value::String(_) => HIDDEN.into(),
        Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
    }
}

fn shown(key: &str, value: &Value) -> Value {
    if CONTAINERS.contains(&key) {
        return redacted(value);
    }
    if !SHOWN.contains(&key) {
        return if value.is_null() { Value::Null } else { HIDDEN.into() };
    }
    match value {
        Value::Object(_) => redacted(value),
        Value::Array(list) => Value::Array(
            list.iter().map(|v| if v.is_object() { redacted(v) } else { shown(key, v) }).collect(),
        ),
        scalar => scalar.clone(),
    }
}

/// The texts of `value` that [`redacted`] would hide: what an answer to it may quote.
#[must_use]
pub(super) fn hidden(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !SHOWN.contains(&key.as_str()))
            .flat_map(|(_, v)| hidden(v))
            .collect(),
        Value::Array(list) => list.iter().flat_map(hidden).collect(),
        Value::String(text) => vec![text],
        Value::Number(_) | Value::Bool(_) | Value::Null => Vec::new(),
    }
}

/// All texts of `value`.
#[must_use]
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => map.values().flat_map(texts).collect(),
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text],
        Value::Number(_) | Value::Bool(_) | Value::Null => Vec::new(),
    }
}

/// A JSON value in which no object says a key twice. Which of the two would count is a guess, and an answer
/// must not be guessed at.
#[derive(Debug)]
pub(super) struct Unambiguous(pub(super) Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let Unambiguous(value) = map.next_value()?;
            if object.insert(key, value).is_some() {
                return Err(de::Error::custom("a key comes twice"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_listed_keys_show_their_values() {
        let body = json!({
            "client_order_id": "ORD-1", "consignee_name": "Asha", "consignee_mobile": "9000000001",
                "consignee_phone": null,
            "products": [{"product_sku": "S", "product_description": "for Asha"}], "shipment_weight": ["0.5"],
            "brand_new": {"client_order_id": "x"}, "data": "for Asha", "current_status": ["Asha"]
        });
        assert_eq!(
            redacted(&body),
            json!({
                "client_order_id": "ORD-1", "consignee_name": HIDDEN, "consignee_mobile": HIDDEN,
                    "consignee_phone": null,
                "products": [{"product_sku": "S", "product_description": HIDDEN}], "shipment_weight": ["0.5"],
                    "brand_new": HIDDEN, "data": HIDDEN, "current_status": [HIDDEN]
            })
        );
        assert_eq!(redacted(&json!("<html>Asha</html>")), HIDDEN);
        assert_eq!(redacted(&json!(["Asha", {"status": true}])), json!([HIDDEN, {"status": true}]));
    }
}
