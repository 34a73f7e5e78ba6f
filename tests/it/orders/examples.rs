//! The examples of the document against the service: each example of a request is sent, and each answer that
//! the document shows is the one that comes.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use waybill::base::timestamp::Timestamp;

use super::document::document;
use crate::{
    examples::is_here,
    support::{Answer, Client, TestApp, orders::with},
};

/// `method path status` → what came.
type Came = BTreeMap<String, Value>;

fn example_of_request(doc: &Value, path: &str) -> Value {
    let content = &doc["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let one = content["oneOf"].as_array().and_then(|of| of.iter().find(|s| s.get("$ref").is_some()));
    let name = one.unwrap_or(content)["$ref"].as_str().unwrap();
    let example = &doc.pointer(name.strip_prefix('#').unwrap()).unwrap()["example"];
    assert!(example.is_object(), "{path}: {example}");
    example.clone()
}

fn note(came: &mut Came, method: &str, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    came.insert(format!("{method} {path} {status}"), answer.json());
}

/// What differs from one order to the next is told by its kind alone.
fn masked(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), masked(v, k))).collect(),
        Value::Array(list) => list.iter().map(|v| masked(v, key)).collect(),
        Value::String(text) if Timestamp::parse(text).is_ok() => json!("a time"),
        Value::String(text) => match text.split_once(['_', '-']) {
            Some((kind @ ("ord" | "plog" | "req" | "ORD"), _)) => json!(format!("an id: {kind}")),
            _ if key == "labelUrl" => json!("an address"),
            _ if key == "instance" => json!("a path"),
            _ if ["awb", "awb_number", "order_number", "providerOrderNumber", "pickup_id"].contains(&key) => {
                json!("a number")
            }
            _ => value.clone(),
        },
        Value::Number(_) if key == "durationMs" => json!("some time"),
        Value::Number(n) => json!(n.as_f64()),
        _ => value.clone(),
    }
}

async fn through_its_life(app: &TestApp, doc: &Value, came: &mut Came) {
    let merchant = app.merchant("u1");
    let body = example_of_request(doc, "/v1/orders");
    let created = merchant.post("/v1/orders", &body).await;
    note(came, "post", "/v1/orders", &created);
    let id = created.json()["data"]["id"].as_str().unwrap().to_owned();
    app.run_pending_jobs().await;
    note(came, "post", "/v1/orders", &merchant.post("/v1/orders", &body).await);
    let get = async |came: &mut Came, path: &str| {
        note(came, "get", path, &merchant.get(&path.replace("{id}", &id)).await);
    };
    for path in ["/v1/orders", "/v1/orders/{id}", "/v1/orders/{id}/provider-logs", "/v1/orders/{id}/label"] {
        get(came, path).await;
    }
    app.run_pending_jobs().await;
    get(came, "/v1/orders/{id}/label").await;
    let (path, reason) = ("/v1/orders/{id}/cancel", example_of_request(doc, "/v1/orders/{id}/cancel"));
    note(came, "post", path, &merchant.post(&path.replace("{id}", &id), &reason).await);
    for _ in 0..3 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(60));
    }
    note(came, "post", path, &merchant.post(&path.replace("{id}", &id), &reason).await);
    let old = with(example_of_request(doc, "/orders/cancel"), "/orderId", json!(id));
    note(came, "post", "/orders/cancel", &merchant.post("/orders/cancel", &old).await);
    app.assert_calls(&[("create", 1), ("label", 1), ("cancel", 1), ("track", 1)]);
}

/// The same at the path of old, of an order that is refused and amended to the example.
async fn amended(app: &TestApp, doc: &Value, came: &mut Came) {
    let merchant = app.merchant("u2");
    let body = example_of_request(doc, "/orders/create");
    note(came, "post", "/orders/create", &merchant.post("/orders/create", &body).await);
    app.run_pending_jobs().await;
    note(came, "post", "/orders/create", &merchant.post("/orders/create", &body).await);

    let (path, merchant) = ("/v1/orders/{id}/amend", app.merchant("u3"));
    let body = example_of_request(doc, path);
    let id = merchant.create(&with(body.clone(), "/pickAddressId", json!("99999"))).await;
    app.run_pending_jobs().await;
    for _ in 0..2 {
        note(came, "post", path, &merchant.post(&path.replace("{id}", &id), &body).await);
        app.run_pending_jobs().await;
    }
    app.assert_calls(&[("create", 3), ("track", 2)]);
}

async fn of_the_process(client: &Client, came: &mut Came) {
    for path in ["/healthz", "/health", "/readyz", "/version", "/problems"] {
        note(came, "get", path, &client.get(path).await);
    }
    note(came, "get", "/problems/{code}", &client.get("/problems/not-found").await);
}

#[tokio::test]
async fn every_answer_that_the_document_shows_is_the_one_that_comes() {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__LABEL_WAIT", "1ms").start().await;
    app.simulator.change_faults(|f| f.label_url = None);
    let doc = document();
    let mut came = Came::new();
    through_its_life(&app, &doc, &mut came).await;
    amended(&app, &doc, &mut came).await;
    of_the_process(&app.anybody(), &mut came).await;
    let mut wrong = Vec::new();
    let mut shown = 0;
    for (path, item) in doc["paths"].as_object().unwrap() {
        if is_here(path) {
            continue; // of people, webhooks, messages and events: there
        }
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let content = &response["content"]["application/json"];
                if !status.starts_with('2') || content.is_null() {
                    continue;
                }
                let place = format!("{method} {path} {status}");
                let answer = came.remove(&place).unwrap_or_else(|| panic!("{place}: never came"));
                shown += 1;
                let example = masked(&content["example"], "");
                if path == "/problems" {
                    // A list of all of them; the first stands for the rest.
                    assert!(answer.as_array().unwrap().contains(&content["example"][0]), "{place}");
                } else if example != masked(&answer, "") {
                    wrong.push(format!("{place}\n   shown: {}\n    came: {answer}", content["example"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(came.is_empty(), "not in the document: {:?}", came.keys());
    assert_eq!(shown, 20);
    app.leave_jobs(); // a cancel is looked at again
}

/// Of the refusals, one of each kind that a client meets while it is written.
#[tokio::test]
async fn every_refusal_that_the_document_shows_reads_like_one() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (doc, merchant) = (document(), app.merchant("u1"));
    let body = example_of_request(&doc, "/v1/orders");
    merchant.create(&body).await;
    for (path, status, code, answer) in [
        (
            "/v1/orders",
            422,
            "validation-failed",
            merchant.post("/v1/orders", &with(body.clone(), "/consignee/mobile", json!("1"))).await,
        ),
        (
            "/v1/orders",
            422,
            "idempotency-payload-mismatch",
            merchant.post("/v1/orders", &with(body.clone(), "/invoiceNumber", json!("other"))).await,
        ),
        ("/v1/orders", 401, "unauthenticated", app.anybody().post("/v1/orders", &body).await),
        ("/v1/orders", 400, "malformed-body", super::post_text(&merchant, "/v1/orders", "{").await),
    ] {
        let response = &doc["paths"][path]["post"]["responses"][status.to_string()];
        let shown = &response["content"]["application/problem+json"]["examples"][code]["value"];
        let came = answer.problem(status, code);
        let members = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(shown), members(&came), "{code}");
        for member in ["type", "title", "status", "code", "retryable", "success", "errors"] {
            assert_eq!(shown[member], came[member], "{code}: {member}");
        }
        if code == "validation-failed" {
            assert_eq!(shown["detail"], came["detail"]);
        }
    }
    let cancel = &doc["paths"]["/orders/cancel"]["post"]["responses"]["422"]["content"];
    assert!(!cancel.to_string().contains("idempotency-payload-mismatch"), "{cancel}");
}
