//! How many requests are taken, and what a client is told of it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{body::Body, extract::ConnectInfo};
use http::Request;
use serde_json::json;

use super::{key, send, with_key};
use crate::support::{Answer, TestApp};

/// A login from this address, behind a proxy of this one if there is one.
async fn login(app: &TestApp, address: &str, forwarded: Option<&str>) -> Answer {
    let body = json!({ "email": format!("{address}@example.com"), "password": "not a password" });
    let mut request = Request::post("/auth/login").header("content-type", "application/json");
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 5)));
    app.anybody().send(request).await
}

#[tokio::test]
async fn logins_are_limited_by_address_and_who_waits_as_told_gets_through() {
    let app = TestApp::builder().setting("WAYBILL_LIMITS__SIGN_IN", "3").start().await;
    for left in ["2", "1", "0"] {
        let answer = login(&app, "10.0.0.1", None).await;
        answer.problem(401, "login-failed");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"sign-in\";q=3;w=60"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
        assert_eq!(answer.header("retry-after"), None);
    }
    let over = login(&app, "10.0.0.1", None).await;
    over.problem(429, "too-many-requests");
    assert_eq!(over.header("retry-after"), Some("20"));
    assert_eq!(over.header("ratelimit"), Some("\"sign-in\";r=0;t=60"));
    // A header that nobody vouches for changes nothing.
    login(&app, "10.0.0.1", Some("10.9.9.9")).await.problem(429, "too-many-requests");
    login(&app, "10.0.0.2", None).await.problem(401, "login-failed");
    app.advance(Duration::from_secs(20));
    login(&app, "10.0.0.1", None).await.problem(401, "login-failed");
}

#[tokio::test]
async fn behind_a_proxy_the_client_is_counted() {
    let app = TestApp::builder()
        .setting("WAYBILL_LIMITS__SIGN_IN", "1")
        .setting("WAYBILL_HTTP__PROXIES", "10.0.0.1")
        .start()
        .await;
    login(&app, "10.0.0.1", Some("1.1.1.1")).await.problem(401, "login-failed");
    // What the client wrote before the proxy did counts for nothing.
    login(&app, "10.0.0.1", Some("9.9.9.9, 1.1.1.1")).await.problem(429, "too-many-requests");
    login(&app, "10.0.0.1", Some("1.1.1.2")).await.problem(401, "login-failed");
}

#[tokio::test]
async fn a_key_and_its_merchant_have_limits_of_their_own() {
    let app = TestApp::builder()
        .setting("WAYBILL_LIMITS__KEY", "2")
        .setting("WAYBILL_LIMITS__MERCHANT", "6")
        .start()
        .await;
    let shop = app.merchant("shop");
    let (one, _) = key(&shop, &["orders:read"]).await;
    let (two, _) = key(&shop, &["orders:read"]).await;
    let (one, two) = (with_key(&app, &one), with_key(&app, &two));
    let first = one.get("/v1/orders").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit"), Some("\"key\";r=1;t=30"));
    assert_eq!(one.get("/v1/orders").await.status, 200);
    let over = one.get("/v1/orders").await;
    over.problem(429, "too-many-requests");
    assert_eq!((over.header("retry-after"), over.header("x-ratelimit-limit")), (Some("30"), Some("2")));
    assert_eq!(two.get("/v1/orders").await.status, 200);
    // Two keys were made, and three requests taken: one is left of the merchant's six.
    let last = shop.get("/v1/orders").await;
    assert_eq!(last.header("ratelimit-policy"), Some("\"merchant\";q=6;w=60"));
    shop.get("/v1/orders").await.problem(429, "too-many-requests");
    assert_eq!(app.merchant("other").get("/v1/orders").await.status, 200);
}

#[tokio::test]
async fn guesses_at_keys_are_limited_by_address_and_good_ones_go_on() {
    let app = TestApp::builder().setting("WAYBILL_LIMITS__ADDRESS", "2").start().await;
    let shop = app.merchant("shop");
    let ask = async |token: Option<&str>, path: &str| {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new("10.0.0.1".parse().unwrap(), 5)));
        app.anybody().send(request).await
    };
    ask(None, "/v1/orders").await.problem(401, "unauthenticated");
    ask(Some("wbk_live_guess"), "/v1/orders").await.problem(401, "unauthenticated");
    ask(Some("eyJ.x.y"), "/v1/orders").await.problem(429, "too-many-requests");
    // The same address, with a token that counts.
    assert_eq!(ask(shop.token.as_deref(), "/v1/orders").await.status, 200);
    // What is open to all counts, too; what machines ask does not.
    ask(None, "/openapi.json").await.problem(429, "too-many-requests");
    assert_eq!(ask(None, "/healthz").await.status, 200);
    app.advance(Duration::from_secs(30));
    assert_eq!(ask(None, "/openapi.json").await.status, 200);
}

#[tokio::test]
async fn sign_ups_are_limited_more_and_0_is_no_limit() {
    let app = TestApp::builder()
        .setting("WAYBILL_LIMITS__REGISTER", "1")
        .setting("WAYBILL_LIMITS__SIGN_IN", "0")
        .start()
        .await;
    let forgot = async || {
        let request = Request::post("/auth/forgot").header("content-type", "application/json");
        let body = Body::from(json!({ "email": "asha@example.com" }).to_string());
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new("10.0.0.1".parse().unwrap(), 5)));
        app.anybody().send(request).await
    };
    assert_eq!(forgot().await.status, 202);
    forgot().await.problem(429, "too-many-requests");
    let free = login(&app, "10.0.0.1", None).await;
    free.problem(401, "login-failed");
    assert_eq!(free.header("ratelimit"), None);
    send(&app).await;
}
