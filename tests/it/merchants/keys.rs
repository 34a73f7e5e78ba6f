//! Keys: what they open, and what ends them.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use waybill::{
    app::scopes::SCOPES,
    features::merchants::{
        key::Mode,
        keys::Keys,
        scope::{Needs, Scope},
    },
    provider::carrier::ProviderEnv,
};

use super::{key, with_key};
use crate::support::{Answer, Client, TestApp, orders};

const ORDERS: [&str; 2] = ["orders:read", "orders:write"];

async fn delete(by: &Client, id: &Value) -> Answer {
    let path = format!("/v1/api-keys/{}", id.as_str().unwrap());
    by.send(Request::delete(path).body(Body::empty()).unwrap()).await
}

async fn rotate(by: &Client, id: &Value, body: Value) -> Answer {
    by.post(&format!("/v1/api-keys/{}/rotate", id.as_str().unwrap()), &body).await
}

#[tokio::test]
async fn a_key_is_shown_once_books_like_a_token_and_is_stored_as_a_hash() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let (text, shown) = key(&shop, &ORDERS).await;
    assert!(text.starts_with("wbk_test_"), "{text}");
    assert_eq!(shown["mode"], "test");
    assert_eq!(shown["createdBy"], "token");
    assert_eq!((&shown["active"], &shown["lastUsedAt"]), (&json!(true), &Value::Null));
    assert!(text.ends_with(shown["ending"].as_str().unwrap()));

    let keyed = with_key(&app, &text);
    let id = keyed.create(&orders::order("A-1")).await;
    assert_eq!(shop.order(&id).await["id"], id.as_str(), "the order is the merchant's");
    let listed = shop.get("/v1/api-keys").await;
    assert!(!listed.text().contains(&text), "{}", listed.text());
    for (place, bytes) in app.backend.stored().await {
        assert!(!String::from_utf8_lossy(&bytes).contains(&text), "the key is in {place}");
    }
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_on_every_route_and_nothing_else() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    for scope in Scope::ALL.into_iter().filter(|scope| *scope != Scope::Members) {
        let keyed = with_key(&app, &key(&shop, &[scope.as_str()]).await.0);
        // A stream does not end, and a socket begins otherwise: `events::{streams,sockets}`.
        for row in
            SCOPES.iter().filter(|row| row.path != "/v1/events/stream" && !row.path.starts_with("/ws/"))
        {
            let path = row.path.replace("{id}", "none").replace("{keyId}", "none");
            let request = Request::builder().method(row.method).uri(&path);
            let request = request.header("content-type", "application/json");
            let body = if row.method == "GET" { "" } else { "[]" };
            let answer = keyed.send(request.body(Body::from(body)).unwrap()).await;
            match row.needs {
                Needs::Scope(needed) if needed == scope => {
                    assert_ne!(answer.status, 403, "{} {path}: {}", row.method, answer.text());
                    assert_ne!(answer.status, 401, "{} {path}: {}", row.method, answer.text());
                }
                Needs::Scope(needed) => {
                    let problem = answer.problem(403, "insufficient-scope");
                    assert_eq!(problem["scope"], needed.as_str());
                }
                Needs::Person => drop(answer.problem(403, "person-required")),
            }
        }
    }
}

#[tokio::test]
async fn a_removed_key_is_refused_at_once_here_and_within_a_second_elsewhere() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (text, shown) = key(&shop, &ORDERS).await;
    let keyed = with_key(&app, &text);
    assert_eq!(keyed.get("/v1/orders").await.status, 200);
    // Another process, which has asked for it just now.
    let elsewhere = Keys::new(app.app.store.clone(), app.clock.clone(), Mode::Test);
    let hash = waybill::platform::auth::digest(&text);
    assert!(elsewhere.of_hash(&hash).await.unwrap().unwrap().counts(app.clock.now()));

    assert_eq!(delete(&shop, &shown["id"]).await.status, 204);
    let refused = keyed.get("/v1/orders").await;
    let problem = refused.problem(401, "unauthenticated");
    assert_eq!(problem["detail"], "The API key is unknown, was removed, or has expired.");
    app.advance(Duration::from_secs(1));
    assert!(!elsewhere.of_hash(&hash).await.unwrap().unwrap().counts(app.clock.now()));
    assert_eq!(delete(&shop, &shown["id"]).await.status, 204, "again is no error");
    rotate(&shop, &shown["id"], json!({})).await.problem(409, "conflict-state");
}

#[tokio::test]
async fn a_rotated_key_goes_on_for_a_while() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (text, shown) = key(&shop, &ORDERS).await;
    let old = with_key(&app, &text);
    let made = rotate(&shop, &shown["id"], json!({ "overlapSeconds": 60 })).await.json();
    let new = with_key(&app, made["key"].as_str().unwrap());
    assert_eq!(made["replaced"]["replacedBy"], made["data"]["id"]);
    assert_eq!(made["data"]["scopes"], json!(ORDERS));
    for client in [&old, &new] {
        assert_eq!(client.get("/v1/orders").await.status, 200);
    }
    rotate(&shop, &shown["id"], json!({})).await.problem(409, "conflict-state");
    app.advance(Duration::from_secs(60));
    old.get("/v1/orders").await.problem(401, "unauthenticated");
    assert_eq!(new.get("/v1/orders").await.status, 200);
    // Without a body the overlap is a day; with none it is over at once.
    let again = rotate(&shop, &made["data"]["id"], json!({})).await.json();
    app.advance(Duration::from_secs(86_399));
    assert_eq!(new.get("/v1/orders").await.status, 200);
    app.advance(Duration::from_secs(1));
    new.get("/v1/orders").await.problem(401, "unauthenticated");
    let last = with_key(&app, again["key"].as_str().unwrap());
    let over = rotate(&shop, &again["data"]["id"], json!({ "overlapSeconds": 0.0 })).await;
    assert!(over.status.is_success(), "{}", over.text());
    last.get("/v1/orders").await.problem(401, "unauthenticated");
    for seconds in [json!(-1), json!(604_801), json!("60")] {
        rotate(&shop, &shown["id"], json!({ "overlapSeconds": seconds }))
            .await
            .problem(422, "validation-failed");
    }
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let body = |at: &str| json!({ "name": "x", "scopes": ["orders:read"], "expiresAt": at });
    shop.post("/v1/api-keys", &body("2026-01-31T09:30:00Z")).await.problem(422, "validation-failed");
    let made = shop.post("/v1/api-keys", &body("2026-01-31T09:31:00Z")).await.json();
    let keyed = with_key(&app, made["key"].as_str().unwrap());
    app.advance(Duration::from_millis(59_900));
    assert_eq!(keyed.get("/v1/orders").await.status, 200);
    app.advance(Duration::from_millis(100));
    keyed.get("/v1/orders").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute_beside_the_request() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (text, shown) = key(&shop, &["orders:read"]).await;
    let keyed = with_key(&app, &text);
    let used = async || {
        let all = shop.get("/v1/api-keys").await.json();
        (all["data"][0]["lastUsedAt"].clone(), all["data"][0]["id"] == shown["id"])
    };
    assert_eq!(keyed.get("/v1/orders").await.status, 200);
    let first = loop {
        let (at, is_it) = used().await;
        assert!(is_it);
        if !at.is_null() {
            break at;
        }
        tokio::task::yield_now().await;
    };
    let stored = async || {
        let key =
            app.app.store.get::<waybill::features::merchants::key::ApiKey>(shown["id"].as_str().unwrap());
        key.await.unwrap().unwrap().version
    };
    let version = stored().await;
    for _ in 0..5 {
        app.advance(Duration::from_secs(2));
        assert_eq!(keyed.get("/v1/orders").await.status, 200);
    }
    assert_eq!((used().await.0, stored().await), (first.clone(), version), "no write within the minute");
    app.advance(Duration::from_secs(60));
    assert_eq!(keyed.get("/v1/orders").await.status, 200);
    while used().await.0 == first {
        tokio::task::yield_now().await;
    }
    assert_eq!(stored().await, version + 1);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_in_words() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (text, _) = key(&shop, &ORDERS).await;
    let mistyped = format!("{}{}", text.get(..54).unwrap(), if text.ends_with('0') { '1' } else { '0' });
    let problem = with_key(&app, &mistyped).get("/v1/orders").await.problem(401, "unauthenticated");
    assert!(problem["detail"].as_str().unwrap().contains("mistyped"), "{problem}");
    let unknown = waybill::features::merchants::key::generated(Mode::Test);
    let unknown = with_key(&app, secrecy::ExposeSecret::expose_secret(&unknown));
    unknown.get("/v1/orders").await.problem(401, "unauthenticated");
    // No field is taken that is not asked for: the mode is the installation's, the merchant the caller's.
    for (field, value) in [
        ("mode", json!("live")),
        ("merchantId", json!("other")),
        ("id", json!("key_1")),
        ("hash", json!("x")),
        ("createdBy", json!("boss")),
    ] {
        let mut body = json!({ "name": "x", "scopes": ["orders:read"] });
        body[field] = value;
        shop.post("/v1/api-keys", &body).await.problem(422, "validation-failed");
    }
    for body in [
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x", "scopes": ["all"] }),
        json!({ "name": " ", "scopes": ["orders:read"] }),
        json!({ "name": "x", "scopes": ["members"] }),
        json!({ "name": "x" }),
    ] {
        shop.post("/v1/api-keys", &body).await.problem(422, "validation-failed");
    }
}

#[tokio::test]
async fn a_key_gives_no_scope_that_it_has_not_itself() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (text, _) = key(&shop, &["keys", "orders:read"]).await;
    let keyed = with_key(&app, &text);
    key(&keyed, &["orders:read"]).await;
    for scope in ["orders:write", "keys", "labels"] {
        let made = keyed.post("/v1/api-keys", &json!({ "name": "x", "scopes": [scope] })).await;
        assert_eq!(made.problem(403, "insufficient-scope")["scope"], scope);
    }
    let (_, more) = key(&shop, &["orders:write"]).await;
    rotate(&keyed, &more["id"], json!({})).await.problem(403, "insufficient-scope");
}

#[tokio::test]
async fn another_merchants_key_is_as_absent_as_none() {
    let app = TestApp::start().await;
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let (text, shown) = key(&shop, &ORDERS).await;
    assert_eq!(other.get("/v1/api-keys").await.json()["data"], json!([]));
    for (method, tail) in [(Method::DELETE, ""), (Method::POST, "/rotate")] {
        let mut told = Vec::new();
        for id in [shown["id"].as_str().unwrap(), "key_none"] {
            let request = Request::builder().method(&method).uri(format!("/v1/api-keys/{id}{tail}"));
            let answer = other.send(request.body(Body::empty()).unwrap()).await;
            told.push(answer.problem(404, "not-found")["detail"].clone());
        }
        assert_eq!(told[0], told[1]);
    }
    assert_eq!(with_key(&app, &text).get("/v1/orders").await.status, 200);
}

/// A database that was copied from one kind of installation to the other.
#[tokio::test]
async fn a_key_of_the_other_kind_opens_nothing() {
    let live = TestApp::builder().env(ProviderEnv::Live).start().await;
    let (text, shown) = key(&live.merchant("shop"), &ORDERS).await;
    assert!(text.starts_with("wbk_live_") && shown["mode"] == "live", "{text}");
    assert_eq!(with_key(&live, &text).get("/v1/orders").await.status, 200);
    let test = waybill::features::merchants::key::generated(Mode::Test);
    let test = secrecy::ExposeSecret::expose_secret(&test).to_owned();
    // Unknown before it is foreign: nobody learns of keys by their kind.
    with_key(&live, &test).get("/v1/orders").await.problem(401, "unauthenticated");

    let copied = Keys::new(live.app.store.clone(), live.clock.clone(), Mode::Test);
    let by = waybill::features::merchants::keys::By {
        merchant_id: "shop".into(),
        name: "token".into(),
        audit: waybill::features::audit::AuditContext::new("x", waybill::features::audit::Via::Cli, "a copy")
            .unwrap(),
    };
    let new = waybill::features::merchants::keys::NewKey {
        name: "x".into(),
        scopes: vec![Scope::OrdersRead, Scope::OrdersWrite],
        expires_at: None,
    };
    let (_, text) = copied.add(new, &by).await.unwrap();
    let keyed = with_key(&live, secrecy::ExposeSecret::expose_secret(&text));
    let refused = keyed.post("/orders/create", &orders::order("A-1")).await;
    let detail = refused.problem(403, "wrong-environment")["detail"].clone();
    assert!(detail.as_str().unwrap().contains("simulator only"), "{detail}");
    assert_eq!(live.merchant("shop").get("/v1/orders").await.json()["data"], json!([]));
}
