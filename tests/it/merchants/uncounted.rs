//! What is counted when the settings say nothing of it, and what is counted by no limit.

use std::net::SocketAddr;

use axum::{body::Body, extract::ConnectInfo};
use http::Request;
use serde_json::{Value, json};
use waybill::platform::config::Config;

use super::{key, send, with_key};
use crate::support::{Answer, TestApp};

/// Of nobody, from this address.
async fn ask(app: &TestApp, mut request: Request<Body>, last: u8) -> Answer {
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, last], 5))));
    app.anybody().send(request).await
}

async fn get(app: &TestApp, path: &str) -> Answer {
    ask(app, Request::get(path).body(Body::empty()).unwrap(), 1).await
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    // For the dashboard's: from a program, and no other site.
    let request = request.header("x-waybill-admin", "1");
    ask(app, request.body(Body::from(body.to_string())).unwrap(), 1).await
}

#[tokio::test]
async fn limits_are_as_the_guide_says_when_nobody_sets_them() {
    let quotas = Config::load(None, Vec::<(String, String)>::new()).unwrap().limits.quotas();
    assert_eq!((quotas.address, quotas.sign_in, quotas.register), (100, 30, 10));
    assert_eq!((quotas.merchant, quotas.key), (120_000, 120_000));

    // And each is in force.
    let app = TestApp::start().await;
    let body = json!({ "email": "nobody@example.com", "password": "not a password" });
    let forgotten = json!({ "email": "nobody@example.com" });
    let shop = app.merchant("shop");
    let (secret, _) = key(&shop, &["orders:read"]).await;
    for (answer, policy) in [
        (get(&app, "/openapi.json").await, "\"address\";q=100;w=60"),
        (post(&app, "/auth/login", &body).await, "\"sign-in\";q=30;w=60"),
        (post(&app, "/auth/forgot", &forgotten).await, "\"register\";q=10;w=60"),
        (shop.get("/v1/orders").await, "\"merchant\";q=120000;w=60"),
        (with_key(&app, &secret).get("/v1/orders").await, "\"key\";q=120000;w=60"),
    ] {
        assert_eq!(answer.header("ratelimit-policy"), Some(policy), "{}", answer.text());
    }
    send(&app).await;
}

#[tokio::test]
async fn health_problem_types_and_operators_have_no_limit() {
    let app = TestApp::builder()
        .setting("WAYBILL_LIMITS__ADDRESS", "1")
        .setting("WAYBILL_LIMITS__SIGN_IN", "1")
        .setting("WAYBILL_LIMITS__REGISTER", "1")
        .start()
        .await;
    assert_eq!(get(&app, "/openapi.json").await.status, 200);
    get(&app, "/openapi.json").await.problem(429, "too-many-requests");
    let login = json!({ "username": "nobody", "password": "not a password" });
    for _ in 0..3 {
        for (path, status) in [
            ("/healthz", 200),
            ("/readyz", 200),
            ("/problems", 200),
            ("/problems/not-found", 200),
            ("/admin/api/me", 401),
            ("/admin/queues", 200),
        ] {
            let answer = get(&app, path).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            assert_eq!(answer.header("ratelimit"), None, "{path}");
        }
        let refused = post(&app, "/admin/api/login", &login).await;
        assert_eq!((refused.status.as_u16(), refused.header("ratelimit")), (401, None), "{}", refused.text());
    }
    // None of it has counted, or given anything back.
    get(&app, "/openapi.json").await.problem(429, "too-many-requests");
    let another = Request::get("/openapi.json").body(Body::empty()).unwrap();
    assert_eq!(ask(&app, another, 2).await.status, 200);
}
