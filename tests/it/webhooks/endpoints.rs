//! What merchants do with their addresses, and which ones they may name.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{act, endpoint, start};
use crate::{
    merchants::{key, with_key},
    support::{Answer, Client, TestApp},
};

async fn patch(shop: &Client, id: &str, body: &Value) -> Answer {
    let request = http::Request::builder().method(Method::PATCH).uri(format!("/v1/webhook-endpoints/{id}"));
    let request = request.header("content-type", "application/json");
    shop.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn an_address_is_made_listed_changed_and_deleted() {
    let app = start().await;
    let shop = app.merchant("shop");
    let types = ["order.cancelled"];
    let body = json!({ "url": "https://shop.example/hooks", "eventTypes": types, "description": "The shop" });
    let made = shop.post("/v1/webhook-endpoints", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let data = made.json()["data"].clone();
    let id = data["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("/v1/webhook-endpoints/{id}").as_str()));
    assert!(data["secret"].as_str().unwrap().starts_with("whsec_") && id.starts_with("whe_"));
    assert_eq!((&data["state"], &data["url"]), (&json!("enabled"), &body["url"]));

    // The URL is its natural key: a request that is sent again makes no second one.
    shop.post("/v1/webhook-endpoints", &body).await.problem(409, "url-taken");
    let changed = patch(&shop, &id, &json!({ "url": "https://shop.example/new", "description": "" })).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let data = changed.json()["data"].clone();
    assert_eq!((&data["url"], &data["description"]), (&json!("https://shop.example/new"), &Value::Null));
    assert_eq!(data["eventTypes"], json!(["order.cancelled"]));
    endpoint(&shop, "https://shop.example/hooks", &[]).await;
    patch(&shop, &id, &json!({ "url": "https://shop.example/hooks" })).await.problem(409, "url-taken");
    let listed = shop.get("/v1/webhook-endpoints").await;
    assert_eq!(listed.json()["data"].as_array().unwrap().len(), 2);
    assert!(!listed.text().contains("whsec_"), "{}", listed.text());

    for n in 0..18 {
        endpoint(&shop, &format!("https://shop.example/{n}"), &[]).await;
    }
    let body = json!({ "url": "https://shop.example/one-more" });
    shop.post("/v1/webhook-endpoints", &body).await.problem(409, "too-many-endpoints");
    let delete = http::Request::builder().method(Method::DELETE).uri(format!("/v1/webhook-endpoints/{id}"));
    assert_eq!(shop.send(delete.body(axum::body::Body::empty()).unwrap()).await.status, 204);
    assert_eq!(shop.post("/v1/webhook-endpoints", &body).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_are_made_at_once_there_are_not_too_many() {
    let app = start().await;
    let shop = app.merchant("shop");
    for n in 0..16 {
        endpoint(&shop, &format!("https://shop.example/{n}"), &[]).await;
    }
    let all = (0..10).map(|n| {
        let shop = shop.clone();
        let body = json!({ "url": format!("https://shop.example/more/{n}") });
        tokio::spawn(async move { shop.post("/v1/webhook-endpoints", &body).await })
    });
    let answers: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (4, 6));
    for answer in refused {
        answer.problem(409, "too-many-endpoints");
    }
    let listed = shop.get("/v1/webhook-endpoints").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 20);
}

/// The answer to the first rotation may have been lost: each secret signs until its own day is over.
#[tokio::test]
async fn a_secret_that_is_rotated_twice_goes_on_signing() {
    let (app, receiver) = (start().await, super::Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, first) = endpoint(&shop, &receiver.url, &[]).await;
    let (path, mut secrets) = (format!("/v1/webhook-endpoints/{id}"), vec![first]);
    for hours in [0, 12] {
        app.advance(Duration::from_secs(hours * 3600));
        let rotated = act(&shop, &format!("{path}/rotate-secret")).await.json();
        secrets.push(rotated["data"]["secret"].as_str().unwrap().to_owned());
    }
    for (hours, signs) in [(0, [true, true, true]), (13, [false, true, true]), (12, [false, false, true])] {
        app.advance(Duration::from_secs(hours * 3600));
        act(&shop, &format!("{path}/test")).await;
        assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
        let arrived = receiver.take();
        let signed: Vec<_> = secrets.iter().map(|secret| arrived[0].is_signed_with(secret)).collect();
        assert_eq!(signed, signs, "after {hours} h more");
    }
}

/// For firewalls that let in these alone.
#[tokio::test]
async fn where_webhooks_come_from_is_told_if_the_operator_has_said_it() {
    const PATH: &str = "/v1/webhook-source-addresses";
    let silent = TestApp::start().await;
    let told = silent.merchant("shop").get(PATH).await;
    assert_eq!((told.status, told.json()["data"].clone()), (StatusCode::OK, json!({ "addresses": [] })));

    let app = TestApp::builder()
        .setting("WAYBILL_WEBHOOKS__SOURCE_ADDRESSES", "203.0.113.7, 203.0.113.70/28,2001:db8:7::1")
        .start()
        .await;
    let shop = app.merchant("shop");
    let all = json!({ "addresses": ["203.0.113.7", "203.0.113.64/28", "2001:db8:7::1"] });
    assert_eq!(shop.get(PATH).await.json()["data"], all);
    let (hooks, _) = key(&shop, &["webhooks"]).await;
    assert_eq!(with_key(&app, &hooks).get(PATH).await.json()["data"], all);
    let (orders, _) = key(&shop, &["orders:read"]).await;
    with_key(&app, &orders).get(PATH).await.problem(403, "insufficient-scope");
    app.anybody().get(PATH).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_fault_of_a_body_is_told() {
    let app = start().await;
    let shop = app.merchant("shop");
    for (body, pointers) in [
        (json!({}), vec!["/url"]),
        (
            json!({ "url": "", "eventTypes": ["order.eaten"], "description": "a\u{0}b", "x": 1 }),
            vec!["/description", "/eventTypes/0", "/url", "/x"],
        ),
        (json!({ "url": "nonsense" }), vec!["/url"]),
        (json!({ "url": "https://user:pass@shop.example/" }), vec!["/url"]),
        (json!({ "url": "ftp://shop.example/" }), vec!["/url"]),
        (json!({ "url": "https://shop.example/n#x" }), vec!["/url"]),
    ] {
        let problem = shop.post("/v1/webhook-endpoints", &body).await.problem(422, "validation-failed");
        let mut told: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["pointer"].as_str().unwrap().to_owned())
            .collect();
        told.sort();
        assert_eq!(told, pointers, "{problem}");
        assert!(!problem.to_string().contains("pass@"), "{problem}");
    }
}

#[tokio::test]
async fn only_public_addresses_on_https_may_be_named_unless_the_settings_say_otherwise() {
    let app = TestApp::builder().setting("WAYBILL_WEBHOOKS__ALLOW_PRIVATE", "no").start().await;
    let shop = app.merchant("shop");
    for (url, code) in [
        ("http://shop.example/", "scheme"),
        ("https://127.0.0.1/", "not-public"),
        ("https://0x7f000001/", "not-public"),
        ("https://[::ffff:169.254.169.254]/", "not-public"),
        ("https://100.64.0.1/", "not-public"),
        ("https://localhost:8443/", "not-public"),
        ("https://metadata.google.internal/", "not-public"),
        ("https://a@shop.example/", "userinfo"),
        ("https://shop.example/n#x", "fragment"),
    ] {
        let body = json!({ "url": url });
        let problem = shop.post("/v1/webhook-endpoints", &body).await.problem(422, "validation-failed");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
            (&json!("/url"), &json!(code)),
            "{url}"
        );
    }
    let (id, _) = endpoint(&shop, "https://shop.example/hooks", &[]).await;
    let problem =
        patch(&shop, &id, &json!({ "url": "https://10.0.0.1/" })).await.problem(422, "validation-failed");
    assert_eq!(problem["errors"][0]["code"], "not-public");
}

/// The name was fine when it was written down, and resolves to this machine when the connection is made.
#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_not_called() {
    let receiver = super::Receiver::start().await;
    let app = start().await;
    let shop = app.merchant("shop");
    let url = receiver.url.replace("127.0.0.1", "localhost").replace("http:", "https:");
    let (id, _) = endpoint(&shop, &url, &[]).await;
    act(&shop, &format!("/v1/webhook-endpoints/{id}/test")).await;
    // A worker whose settings are stricter than those of the API that took the address.
    let strict = waybill::platform::outbound::Outbound::new(waybill::platform::outbound::Rules {
        allow_private: false,
    });
    let lease = waybill::platform::outbox::Lease::new(app.app.store.clone(), app.clock.clone(), "webhooks");
    let worker = waybill::features::webhooks::WebhooksWorker::new(
        app.app.state.webhooks.clone(),
        strict.unwrap(),
        lease,
    );
    assert_eq!(worker.run_pending().await.unwrap(), 1);
    assert_eq!(receiver.count(), 0);
    let log = super::deliveries(&shop, &id).await;
    assert_eq!(log[0]["tries"][0]["error"], "the host has no public address", "{}", log[0]);
}
