//! Webhooks: what merchants do with their addresses, and what arrives there.

mod again;
pub(crate) mod behind;
mod dead;
mod delivering;
mod endpoints;
mod failing;
mod others;
pub(crate) mod receiver;

use http::Method;
use serde_json::{Value, json};

use self::receiver::Receiver;
use crate::support::{Answer, Client, TestApp, orders::order};

/// The service, which may call this machine.
pub(crate) async fn start() -> TestApp {
    TestApp::builder().setting("WAYBILL_WEBHOOKS__ALLOW_PRIVATE", "yes").start().await
}

/// A new address of this merchant: its id and its secret.
pub(crate) async fn endpoint(merchant: &Client, url: &str, types: &[&str]) -> (String, String) {
    let body = json!({ "url": url, "eventTypes": types });
    let made = merchant.post("/v1/webhook-endpoints", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json()["data"].clone();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// A booked order, all of whose events are published.
async fn booked(app: &TestApp, merchant: &Client, name: &str) -> String {
    let id = merchant.create(&order(name)).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    app.worker.publisher().pass().await.unwrap();
    id
}

async fn act(merchant: &Client, path: &str) -> Answer {
    let request = http::Request::builder().method(Method::POST).uri(path);
    merchant.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// The deliveries to an address, the first ones first.
async fn deliveries(merchant: &Client, endpoint: &str) -> Vec<Value> {
    let listed = merchant.get(&format!("/v1/webhook-endpoints/{endpoint}/deliveries?limit=100")).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    let mut all = listed.json()["data"].as_array().unwrap().clone();
    all.reverse();
    all
}
