//! What the document shows of an address, and of a test that is sent there. A test makes these calls and
//! compares.

use serde_json::{Map, Value, json};

const ENDPOINT: &str = "whe_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d";
const MADE_AT: &str = "2026-01-31T09:30:00.000Z";
const SENT_AT: &str = "2026-01-31T09:35:00.000Z";
const IN_A_DAY: &str = "2026-02-01T09:35:00.000Z";

/// With further fields, or other values.
fn endpoint(changes: &[(&str, Value)]) -> Value {
    let mut data = Map::new();
    for (name, value) in [
        ("id", json!(ENDPOINT)),
        ("url", json!("https://shop.example/hooks")),
        ("eventTypes", json!(["order.status_changed"])),
        ("description", json!("The shop's server")),
        ("state", json!("enabled")),
        ("disabledAt", Value::Null),
        ("disabledReason", Value::Null),
        ("replaySince", Value::Null),
        ("failingSince", Value::Null),
        ("previousSecretUntil", Value::Null),
        ("createdAt", json!(MADE_AT)),
        ("updatedAt", json!(MADE_AT)),
    ] {
        data.insert(name.to_owned(), value);
    }
    data.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(data)
}

fn answer(data: &Value) -> Value {
    json!({ "success": true, "data": data })
}

pub(super) fn created() -> Value {
    answer(&endpoint(&[("secret", json!("whsec_C2FVsBQIhrscChlQIMV7tEBO1hEyhS0H"))]))
}

pub(super) fn list() -> Value {
    answer(&json!([endpoint(&[])]))
}

pub(super) fn shown() -> Value {
    answer(&endpoint(&[]))
}

pub(super) fn changed() -> Value {
    let url = json!("https://shop.example/hooks/orders");
    answer(&endpoint(&[("url", url), ("updatedAt", json!(SENT_AT))]))
}

pub(super) fn paused() -> Value {
    answer(&endpoint(&[("state", json!("paused")), ("updatedAt", json!(SENT_AT))]))
}

pub(super) fn resumed() -> Value {
    answer(&endpoint(&[("updatedAt", json!(SENT_AT))]))
}

pub(super) fn rotated() -> Value {
    answer(&endpoint(&[
        ("previousSecretUntil", json!(IN_A_DAY)),
        ("secret", json!("whsec_7tEBO1hEyhS0HC2FVsBQIhrscChlQIMV")),
        ("updatedAt", json!(SENT_AT)),
    ]))
}

pub(super) fn replayed() -> Value {
    let replay = json!({ "since": MADE_AT, "events": "missing", "sent": 0 });
    answer(&endpoint(&[("replay", replay), ("updatedAt", json!(SENT_AT))]))
}

pub(super) fn source_addresses() -> Value {
    answer(&json!({ "addresses": ["203.0.113.7", "203.0.113.64/28"] }))
}

/// The test: `sent` once, and due again.
fn delivery(sent: bool, due: bool) -> Value {
    let tried = json!({ "at": SENT_AT, "tookMs": 38, "status": 200 });
    json!({
        "id": "whd_5d41402abc4b2a76b9719d911017c592", "endpointId": ENDPOINT,
        "eventId": "evt_test_019ab3c8f2a17b3c8d4e5f6a7b8c9d0e", "eventType": "webhook_endpoint.test",
        "state": if due { "pending" } else { "delivered" },
        "body": { "type": "webhook_endpoint.test", "timestamp": SENT_AT,
            "data": { "endpointId": ENDPOINT, "message": "A test: nothing has happened." } },
        "createdAt": SENT_AT, "nextTryAt": due.then_some(SENT_AT),
        "tries": if sent { vec![tried] } else { Vec::new() },
    })
}

pub(super) fn tested() -> Value {
    answer(&delivery(false, true))
}

pub(super) fn delivered() -> Value {
    answer(&delivery(true, false))
}

pub(super) fn resent() -> Value {
    answer(&delivery(true, true))
}

pub(super) fn deliveries() -> Value {
    json!({ "success": true, "data": [delivery(true, false)], "hasMore": false, "nextCursor": null })
}
