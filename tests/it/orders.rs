//! The order API as merchants meet it: what is taken, what is refused and how, what is read back.

mod clients;
mod create;
mod document;
mod earlier;
mod errors;
mod examples;
mod get;
mod idempotency;
mod keys;
mod list;
mod provider_logs;
mod shapes;
mod steps;
mod tokens;
mod unreadable;
mod validation;
mod versions;

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::support::{Answer, Client, orders::order};

/// An order with every field set, none at its default.
fn full(client_order_id: &str) -> Value {
    let mut body = order(client_order_id);
    body["returnAddressId"] = json!("10002");
    let to = json!({ "email": "asha@example.test", "phone": "08023456789", "address2": "Near Demo Park",
        "country": "Nepal", "addressType": "HOME" });
    body["consignee"].as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
    let item = json!({ "category": "Home", "description": "Blue,\nwith a dot", "hsn": "69120010",
        "taxPercent": 12.5 });
    body["items"][0].as_object_mut().unwrap().extend(item.as_object().unwrap().clone());
    body["charges"] =
        json!({ "orderAmount": 749, "codAmount": "798.99", "taxAmount": 0.5, "extraCharges": 49.49 });
    body["shipment"] = json!({ "width": [10, 20], "height": [12.5, 11], "length": [15, 16], "weight": [0.5,
        2.75], "mps": 1 });
    body
}

/// Posts `body` as it is, as JSON.
async fn post_text(client: &Client, path: &str, body: impl Into<Body>) -> Answer {
    client
        .send(Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap())
        .await
}

/// `(pointer, code)` of each fault of an order that is refused.
async fn faults(client: &Client, body: &Value) -> Vec<(String, String)> {
    faults_of(&client.post("/orders/create", body).await)
}

#[track_caller]
fn faults_of(answer: &Answer) -> Vec<(String, String)> {
    let word = |v: &Value| v.as_str().unwrap().to_owned();
    let body = answer.problem(422, "validation-failed");
    body["errors"].as_array().unwrap().iter().map(|e| (word(&e["pointer"]), word(&e["code"]))).collect()
}

fn listed(faults: &[(&str, &str)]) -> Vec<(String, String)> {
    faults.iter().map(|(p, c)| ((*p).to_owned(), (*c).to_owned())).collect()
}

/// How many orders the merchant has; at most 100.
async fn orders_of(client: &Client) -> usize {
    let page = client.get("/v1/orders?limit=100").await.json();
    assert_eq!(page["hasMore"], false);
    page["data"].as_array().unwrap().len()
}

/// Whether two JSON values are equal, 10 and 10.0 alike.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

#[track_caller]
fn assert_same(a: &Value, b: &Value, about: &str) {
    assert!(same(a, b), "{about}\n left: {a}\nright: {b}");
}
