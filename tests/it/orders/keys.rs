//! The header `Idempotency-Key`, with and without a `clientOrderId` beside it.

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};
use waybill::provider::simulator::Rule;

use super::orders_of;
use crate::support::{
    Answer, Client, TestApp,
    orders::{order, with},
};

async fn create(client: &Client, keys: &[&str], body: &Value) -> Answer {
    let mut request = Request::post("/v1/orders").header(header::CONTENT_TYPE, "application/json");
    for key in keys {
        request = request.header("idempotency-key", *key);
    }
    client.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn unnamed() -> Value {
    let mut body = order("x");
    body.as_object_mut().unwrap().remove("clientOrderId");
    body
}

#[tokio::test]
async fn it_stands_for_a_client_order_id_that_is_absent() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let first = create(&merchant, &["\"7a1c\""], &unnamed()).await;
    assert_eq!((first.status.as_u16(), &first.json()["data"]["clientOrderId"]), (201, &json!("7a1c")));
    assert_eq!(first.json().get("warnings"), None);
    for key in ["\"7a1c\"", "7a1c"] {
        let again = create(&merchant, &[key], &unnamed()).await;
        assert_eq!(
            (again.status.as_u16(), again.header("idempotent-replayed")),
            (200, Some("true")),
            "{key}"
        );
        assert_eq!(again.json()["data"]["id"], first.json()["data"]["id"]);
    }
    let other = with(unnamed(), "/invoiceNumber", json!("another"));
    create(&merchant, &["7a1c"], &other).await.problem(422, "idempotency-payload-mismatch");
    assert_eq!(create(&merchant, &["7a1d"], &unnamed()).await.status, 201, "another key is another order");
    assert_eq!(create(&app.merchant("u2"), &["7a1c"], &unnamed()).await.status, 201, "another merchant's");
    assert_eq!(create(&merchant, &[], &unnamed()).await.status, 201, "no key, no idempotency");
    assert_eq!(create(&merchant, &["k".repeat(255).as_str()], &unnamed()).await.status, 201);
    assert_eq!(orders_of(&merchant).await, 4);
}

#[tokio::test]
async fn what_it_has_become_is_taken_in_bodies_however_long_it_is() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let key = "k".repeat(255);
    app.simulator.script(Rule::refuse("Pincode is not served"));
    let created = create(&merchant, &[key.as_str()], &unnamed()).await;
    assert_eq!((created.status.as_u16(), &created.json()["data"]["clientOrderId"]), (201, &json!(key)));
    let id = created.json()["data"]["id"].as_str().unwrap().to_owned();
    app.run_pending_jobs().await;
    let named = with(unnamed(), "/clientOrderId", json!(key));
    let again = create(&merchant, &[], &named).await;
    assert_eq!((again.status.as_u16(), &again.json()["data"]["id"]), (200, &json!(id)), "{}", again.text());
    let amended = merchant.post(&format!("/v1/orders/{id}/amend"), &named).await;
    assert_eq!(amended.status, 202, "{}", amended.text());
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 2)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}

#[tokio::test]
async fn beside_a_client_order_id_it_does_not_count_and_a_difference_is_told() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let first = create(&merchant, &["attempt-1"], &order("A-1")).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.json()["warnings"][0]["code"], "idempotency-key-ignored");
    let again = create(&merchant, &["attempt-2"], &order("A-1")).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["warnings"][0]["code"]),
        (200, &json!("idempotency-key-ignored"))
    );
    let same = create(&merchant, &["\"A-1\""], &order("A-1")).await;
    assert_eq!((same.status.as_u16(), same.json().get("warnings")), (200, None));
    assert_eq!(create(&merchant, &["attempt-1"], &order("A-2")).await.status, 201);
    assert_eq!(orders_of(&merchant).await, 2);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_refused_and_makes_nothing() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let long = "k".repeat(256);
    for keys in [&[""][..], &["a b"], &["\"open"], &["\"\""], &["a,b"], &["a", "a"], &[&long]] {
        let problem = create(&merchant, keys, &unnamed()).await.problem(400, "bad-request");
        assert!(problem["detail"].as_str().unwrap().contains("Idempotency-Key"), "{keys:?}");
    }
    assert_eq!(orders_of(&merchant).await, 0);
}

#[tokio::test]
async fn who_collects_more_than_is_owed_is_warned() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let ten_times = with(order("W-1"), "/charges/codAmount", json!(7490));
    let answer = create(&merchant, &[], &ten_times).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["warnings"][0]["code"]),
        (201, &json!("collects-more"))
    );
    let fair = json!({ "orderAmount": 749, "taxAmount": 50, "extraCharges": 1, "codAmount": 800 });
    let answer = create(&merchant, &[], &with(order("W-2"), "/charges", fair)).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("warnings")), (201, None));
}
