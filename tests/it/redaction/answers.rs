//! What clients are told when something is wrong with what they sent, and what the views of provider logs and
//! metrics hold.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use waybill::{
    features::audit::{AuditContext, Via},
    provider::simulator::{Lookup, Operation, Rule},
};

use super::canaries::{self, assert_clean};
use crate::support::{Client, TestApp};

async fn raw(client: &Client, method: Method, path: &str, kind: &str, body: impl Into<Body>) -> String {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, kind)
        .body(body.into())
        .unwrap();
    let answer = client.send(request).await;
    assert!(answer.status.as_u16() >= 400, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    format!("{:?} {}", answer.headers, answer.text())
}

/// Bodies with one thing wrong, the value of it a canary.
fn spoilt() -> Vec<String> {
    let good = canaries::body("A-1");
    let mut bodies = Vec::new();
    let values = [
        json!("zuqvalue 9876051423"),
        json!(["zuqvalue"]),
        json!({ "zuqkey": "zuqvalue" }),
        json!(9_876_051_423_i64),
        json!(null),
    ];
    for field in [
        "name",
        "mobile",
        "phone",
        "email",
        "pincode",
        "address1",
        "address2",
        "city",
        "state",
        "country",
        "addressType",
    ] {
        for value in &values {
            let mut body = good.clone();
            body["consignee"][field] = value.clone();
            bodies.push(body.to_string());
        }
    }
    for field in [
        "clientOrderId",
        "invoiceNumber",
        "paymentMethod",
        "expressType",
        "pickAddressId",
        "items",
        "charges",
        "shipment",
        "zuqunknown",
    ] {
        let mut body = good.clone();
        body[field] = json!(["zuqvalue", { "zuqkey": "9876051423" }]);
        bodies.push(body.to_string());
    }
    for field in ["sku", "name", "description", "quantity", "unitPrice", "zuqunknown"] {
        let mut body = good.clone();
        body["items"][0][field] = json!({ "zuqkey": "zuqvalue" });
        bodies.push(body.to_string());
    }
    let text = good.to_string();
    bodies.push(text.chars().take(text.chars().count() - 20).collect());
    bodies.push(text.replacen("Zuqname", "Zuq\u{1}name", 1));
    bodies.push(text.replacen(r#""name":"#, r#""name":"Zuqfirst","name":"#, 1));
    bodies.push(format!("zuqname{text}"));
    bodies.push(format!(r#""{}""#, canaries::MOBILE));
    // These are not refused on their own: the field is optional, or free.
    bodies.retain(|body| serde_json::from_str::<Value>(body).map_or(true, |b| b != good));
    bodies
}

#[tokio::test]
async fn refusals_of_requests_quote_nothing() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for body in spoilt() {
        let request = Request::post("/orders/create")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.clone()))
            .unwrap();
        let answer = merchant.send(request).await;
        if answer.status.is_client_error() {
            let text = answer.text();
            // A field that is not known is named, so that its writer finds it: a name is no value.
            let text = text.replace("zuqunknown", "").replace("zuqkey", "");
            assert_clean(&text, &format!("the answer to {body}"));
        } else {
            assert!(answer.status.is_success(), "{}: {body}", answer.status);
        }
    }
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", app.simulator.ledger().len())]);
    for (method, path, kind) in [
        (Method::POST, "/orders/create", "text/zuqtype"),
        (Method::PUT, "/orders/create", "application/json"),
        (Method::GET, "/zuqname/9876051423", "application/json"),
        (Method::GET, "/v1/orders/zuqname", "application/json"),
        (Method::GET, "/v1/orders/ord_9876051423?zuq=9876051423", "application/json"),
        (Method::GET, "/v1/orders?limit=zuqname", "application/json"),
        (Method::GET, "/v1/orders?cursor=9876051423", "application/json"),
        (Method::GET, "/v1/orders?status=zuqname", "application/json"),
    ] {
        let text = raw(&merchant, method.clone(), path, kind, canaries::body("A-1").to_string()).await;
        // The path is its `instance`; the query is not told.
        let instance = path.split('?').next().unwrap();
        assert_clean(&text.replace(instance, ""), &format!("the answer to {method} {path}"));
    }
    for token in ["zuqtoken", "9876051423.zuq.zuq"] {
        let stranger = Client { router: app.router(), token: Some(token.to_owned()) };
        assert_clean(
            &raw(&stranger, Method::GET, "/v1/orders", "application/json", "").await,
            "a bad token's answer",
        );
    }
    app.leave_jobs();
}

#[tokio::test]
async fn a_mismatch_does_not_tell_the_first_payload() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    merchant.create(&canaries::body("A-1")).await;
    let mut other = crate::support::orders::order("A-1");
    other["consignee"]["name"] = json!("Zuqother");
    let answer = merchant.post("/orders/create", &other).await;
    assert_clean(&answer.problem(422, "idempotency-payload-mismatch").to_string(), "the mismatch");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

#[tokio::test]
async fn provider_logs_show_no_canary_however_a_call_ended() {
    let quotes = canaries::quotes();
    let refusals = canaries::SHAPES
        .into_iter()
        .flat_map(|shape| quotes.iter().map(move |quote| (Some(shape), Rule::refuse(quote))));
    let worlds: Vec<_> =
        refusals.chain(canaries::answers().into_iter().map(|answer| (None, Rule::create(answer)))).collect();
    // Each order is to make its own call, whatever the one before came to.
    let app = TestApp::builder().setting("WAYBILL_PARCELX__BREAKER_AFTER", "0").start().await;
    let by = AuditContext::new("asha", Via::Cli, "a test").unwrap();
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for (number, (shape, rule)) in worlds.into_iter().enumerate() {
        let about = format!("{shape:?} {rule:?}");
        app.simulator.change_faults(|f| {
            f.lookup = Lookup::Works;
            f.failure_shape = shape.unwrap_or(f.failure_shape);
        });
        // Only for its own call: orders before it may be sent again.
        let mut body = canaries::body(&format!("A-{number}"));
        body["invoiceNumber"] = json!(format!("INV-{number}"));
        app.simulator.script(Rule { invoice_number: Some(format!("INV-{number}")), ..rule });
        let id = merchant.create(&body).await;
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(5));
        app.run_pending_jobs().await;
        if app.app.accounts.hold().is_some() {
            app.app.accounts.lift(app.app.accounts.id(), &by).await.unwrap();
        }
        let logs = merchant.get(&format!("/v1/orders/{id}/provider-logs")).await;
        assert_eq!(logs.status.as_u16(), 200, "{about}");
        assert!(!logs.json()["data"].as_array().unwrap().is_empty(), "{about}");
        assert_clean(&logs.text(), &about);
    }
    let ledger = app.simulator.ledger();
    let count = |operation| ledger.iter().filter(|e| e.operation == operation).count();
    app.assert_calls(&[("create", count(Operation::Create)), ("track", count(Operation::Track))]);
    // Another merchant sees nothing at all.
    let other = app.merchant("u2");
    assert_clean(&other.get("/v1/orders?limit=100").await.text(), "another merchant's list");
}
