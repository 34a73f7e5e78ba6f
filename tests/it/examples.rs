//! The examples of the document against its schemas, and against the service: what `/docs` shows of an answer
//! has the fields and the words of the answer that comes. Those of orders are compared in `orders::examples`.

mod desk;
mod instance;
mod people;
mod shape;
mod watching;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    support::{Answer, TestApp},
    webhooks::receiver::Receiver,
};

/// `method path status` → what came.
type Came = BTreeMap<String, Value>;

/// Whether the calls of this path are made here. All others are those of orders and of the process.
pub(crate) fn is_here(path: &str) -> bool {
    let parts = [
        "/auth/",
        "/v1/me",
        "/v1/api-keys",
        "/v1/kyc",
        "/v1/webhook-",
        "/v1/stream-",
        "/v1/notifications",
        "/ws/",
    ];
    parts.iter().any(|part| path.starts_with(part))
        || path.ends_with("events")
        || path.contains("/messages")
        || path.contains("/events/")
}

/// `path` is as the document has it.
fn note(came: &mut Came, method: &str, path: &str, answer: &Answer) {
    assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.text());
    came.insert(format!("{method} {path} {}", answer.status.as_u16()), answer.json());
}

/// `method path status` of each answer in JSON, with what the document says of it.
fn answers(doc: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in doc["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let content = &response["content"]["application/json"];
                if status.starts_with('2') && !content.is_null() {
                    all.push((format!("{method} {path} {status}"), content));
                }
            }
        }
    }
    all
}

fn document() -> Value {
    serde_json::to_value(waybill::app::document()).unwrap()
}

#[test]
fn every_answer_has_an_example_that_is_one_of_its_schema() {
    let doc = document();
    let (answers, mut wrong) = (answers(&doc), Vec::new());
    for (place, content) in &answers {
        match &content["example"] {
            Value::Null => wrong.push(format!("{place}: no example")),
            example => instance::faults(&doc, &content["schema"], example, place, &mut wrong),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(answers.len(), 64);
}

#[tokio::test]
async fn every_answer_that_is_shown_has_the_fields_of_the_one_that_comes() {
    let gateway = Receiver::start().await;
    let app = TestApp::builder()
        .setting("WAYBILL_TEXTS__URL", &gateway.url)
        .setting("WAYBILL_TEXTS__BODY", r#"{"to":"{digits}","text":"{text}","as":"{kind}","ref":"{id}"}"#)
        .setting("WAYBILL_WEBHOOKS__ALLOW_PRIVATE", "yes")
        .setting("WAYBILL_WEBHOOKS__SOURCE_ADDRESSES", "203.0.113.7, 203.0.113.64/28")
        .start()
        .await;
    let mut came = Came::new();
    let owner = Box::pin(people::sign_up(&app, &mut came)).await;
    Box::pin(people::of_the_owner(&app, &mut came, &owner)).await;
    Box::pin(people::of_the_shop(&app, &mut came, &owner)).await;
    people::keys(&mut came, &owner).await;
    desk::kyc(&app, &mut came, &owner).await;
    Box::pin(desk::messages_and_notifications(&app, &mut came, &owner)).await;
    watching::events(&app, &mut came).await;
    Box::pin(watching::webhooks(&app, &mut came)).await;
    app.run_pending_jobs().await; // the last mails
    let (doc, mut wrong, mut shown) = (document(), Vec::new(), 0);
    for (place, content) in answers(&doc) {
        if !place.split(' ').nth(1).is_some_and(is_here) {
            continue;
        }
        let answer = came.remove(&place).unwrap_or_else(|| panic!("{place}: never came"));
        shown += 1;
        shape::differences(&content["example"], &answer, &place, "", &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(came.is_empty(), "not in the document: {:?}", came.keys());
    assert_eq!(shown, 44);
}
