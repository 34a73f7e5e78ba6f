//! Bodies of orders.

use serde_json::{Value, json};
use waybill::features::orders::model::Order;

/// 300 varied orders.
pub(crate) fn valid() -> Vec<Value> {
    lines(include_str!("../../fixtures/orders/valid.jsonl"))
}

/// `{ why, pointer, body }`: bodies with one fault each.
pub(crate) fn invalid() -> Vec<Value> {
    lines(include_str!("../../fixtures/orders/invalid.jsonl"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A small good order.
pub(crate) fn order(client_order_id: &str) -> Value {
    json!({
        "clientOrderId": client_order_id, "invoiceNumber": "INV-1", "paymentMethod": "COD",
            "expressType": "surface",
        "pickAddressId": "10001",
        "consignee": { "name": "Asha Example", "mobile": "9000000001", "pincode": "560001",
            "address1": "12 Sample Street",
                       "city": "Bengaluru", "state": "Karnataka" },
        "items": [{ "sku": "MUG-7", "name": "Blue mug", "quantity": 2, "unitPrice": 374.5 }],
        "charges": { "orderAmount": 749, "codAmount": 749 },
        "shipment": { "width": [10], "height": [10], "length": [15], "weight": [0.5] }
    })
}

/// `order` with the value at `pointer` set; its parent must be there.
pub(crate) fn with(mut order: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = order.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
    order
}

/// The stored order with other values in its document, as no event would leave it; `null` takes a field out.
pub(crate) fn rewritten(order: &Order, changes: &[(&str, Value)]) -> Order {
    let document = serde_json::to_value(order).unwrap();
    let changed = changes.iter().fold(document, |doc, (pointer, value)| with(doc, pointer, value.clone()));
    serde_json::from_value(changed).unwrap()
}
