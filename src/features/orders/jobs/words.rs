//! What a provider says of an order, as a queue board may show it.
//!
//! Guards against a provider that quotes the order it refuses: a board's readers need not know whom an order
//! is for.

use serde_json::Value;

use crate::{
    features::orders::model::Order,
    provider::carrier::{OrderPayload, redact},
};

/// `text` without numbers, addresses, secrets, or any word of the order's personal fields.
#[must_use]
pub fn words(order: &Order, text: &str) -> String {
    words_of(order.payload(), text)
}

/// The same for an order with this payload.
#[must_use]
pub fn words_of(payload: &OrderPayload, text: &str) -> String {
    redact::words_without(text, personal(payload))
}

/// The order's fields that may name somebody.
fn personal(payload: &OrderPayload) -> impl Iterator<Item = &str> {
    let to = &payload.consignee;
    let fields = [
        Some(&to.name),
        to.email.as_ref(),
        Some(&to.address1),
        to.address2.as_ref(),
        Some(&to.city),
        Some(&to.state),
    ];
    let descriptions = payload.items.iter().filter_map(|item| item.description.as_ref());
    fields.into_iter().flatten().chain(descriptions).map(String::as_str)
}

/// All texts of what is to be shipped: what a provider may quote.
pub(super) fn texts(order: &Order) -> Vec<String> {
    fn walk(value: Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => out.push(text),
            Value::Array(list) => list.into_iter().for_each(|value| walk(value, out)),
            Value::Object(map) => map.into_iter().for_each(|(_, value)| walk(value, out)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut out = Vec::new();
    walk(serde_json::to_value(order.payload()).unwrap_or_default(), &mut out);
    out
}
