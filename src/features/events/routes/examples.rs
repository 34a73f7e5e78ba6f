//! What the document shows of lists of events: the steps of an order that is booked. A test makes these calls
//! and compares.

use serde_json::{Value, json};

const ACCEPTED_AT: &str = "2026-01-31T09:30:00.000Z";
const TAKEN_AT: &str = "2026-01-31T09:30:00.023Z";
const BOOKED_AT: &str = "2026-01-31T09:30:00.040Z";

/// The same of a merchant with one order and of that order.
pub(super) fn events() -> Value {
    let of_order = |sequence: u8, status: &str, sync: &str| {
        json!({ "orderId": "ord_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d", "orderNumber": "ORD-8WPR1M0A6Q2XN",
            "clientOrderId": "DOCS-1001", "sequence": sequence, "status": status,
            "providerSyncStatus": sync })
    };
    let mut processing = of_order(2, "pending", "processing");
    let mut booked = of_order(3, "booked", "success");
    add(&mut processing, &[("attempt", json!(1))]);
    let shipment = [("awb", json!("39920520600000")), ("courierName", json!("Delhivery"))];
    add(&mut booked, &[("attempt", json!(1))]);
    add(&mut booked, &shipment);
    json!({
        "success": true, "hasMore": false, "nextCursor": "evt_0000000000000043",
        "data": [
            { "id": "evt_0000000000000041", "type": "order.created", "timestamp": ACCEPTED_AT,
                "data": of_order(1, "pending", "queued") },
            { "id": "evt_0000000000000042", "type": "order.status_changed", "timestamp": TAKEN_AT,
                "data": processing },
            { "id": "evt_0000000000000043", "type": "order.status_changed", "timestamp": BOOKED_AT,
                "data": booked },
        ],
    })
}

fn add(data: &mut Value, fields: &[(&str, Value)]) {
    if let Some(data) = data.as_object_mut() {
        data.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
}

pub(super) fn ticket() -> Value {
    let ticket = "tkt_0000000000000000000000000000000000000000000000000000000000000001";
    json!({ "success": true, "data": { "ticket": ticket, "expiresAt": "2026-01-31T09:30:30.000Z" } })
}
