//! How many requests are taken, and what a client is told of it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{body::Body, extract::ConnectInfo};
use http::Request;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use waybill::{app::App, provider::carrier::ProviderEnv};

use super::{PASSWORD, key, mail, send, sign_up, with_key};
use crate::support::{Answer, Client, TestApp};

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

/// Else all who come through the outer one would share its limit.
#[tokio::test]
async fn behind_two_proxies_the_client_is_counted_and_not_the_outer_proxy() {
    let app = TestApp::builder()
        .setting("WAYBILL_LIMITS__SIGN_IN", "1")
        .setting("WAYBILL_HTTP__PROXIES", "10.0.0.1, 10.1.0.0/16")
        .start()
        .await;
    login(&app, "10.0.0.1", Some("1.1.1.1, 10.1.0.7")).await.problem(401, "login-failed");
    login(&app, "10.0.0.1", Some("1.1.1.2, 10.1.0.7")).await.problem(401, "login-failed");
    login(&app, "10.0.0.1", Some("9.9.9.9, 1.1.1.1, 10.1.0.8")).await.problem(429, "too-many-requests");
    // A proxy that is none of ours is a client.
    login(&app, "10.0.0.1", Some("1.1.1.3, 10.2.0.1")).await.problem(401, "login-failed");
    login(&app, "10.0.0.1", Some("1.1.1.4, 10.2.0.1")).await.problem(429, "too-many-requests");
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

/// Who asks for what it may not do has asked all the same.
#[tokio::test]
async fn refused_callers_are_limited_too() {
    let app = TestApp::builder()
        .setting("WAYBILL_LIMITS__KEY", "2")
        .setting("WAYBILL_LIMITS__MERCHANT", "4")
        .start()
        .await;
    let (text, _) = key(&app.merchant("shop"), &["labels"]).await;
    let narrow = with_key(&app, &text);
    for _ in 0..2 {
        narrow.get("/v1/orders").await.problem(403, "insufficient-scope");
    }
    narrow.get("/v1/orders").await.problem(429, "too-many-requests");
    let other = app.merchant("other");
    for _ in 0..4 {
        other.get("/v1/me").await.problem(403, "person-required");
    }
    other.get("/v1/me").await.problem(429, "too-many-requests");
}

/// A key that came with a copied database.
#[tokio::test]
async fn keys_of_the_other_kind_are_limited_too() {
    let app = TestApp::builder().setting("WAYBILL_LIMITS__KEY", "2").start().await;
    let elsewhere = App::open((*app.app.config).clone(), ProviderEnv::Live, app.clock.clone()).await.unwrap();
    let router = elsewhere.router(CancellationToken::new());
    let live = Client { router, token: app.merchant("shop").token };
    let (text, _) = key(&live, &["orders:read"]).await;
    let foreign = with_key(&app, &text);
    for _ in 0..2 {
        foreign.get("/v1/orders").await.problem(403, "wrong-environment");
    }
    foreign.get("/v1/orders").await.problem(429, "too-many-requests");
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

/// Whoever asks from ever new addresses cannot fill somebody's mailbox, and does not learn that it is full.
#[tokio::test]
async fn a_mailbox_gets_five_mails_an_hour_whoever_asks_for_them() {
    let app = TestApp::start().await;
    // One of the five of this one.
    sign_up(&app, "asha@example.com").await;
    let ask = async |n: u8, path: &str, body: &Value| {
        let request = Request::post(path).header("content-type", "application/json");
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        let address = SocketAddr::new(IpAddr::from([10, 0, 0, n]), 5);
        request.extensions_mut().insert(ConnectInfo(address));
        let answer = app.anybody().send(request).await;
        (answer.status.as_u16(), answer.text(), answer.header("ratelimit").map(str::to_owned))
    };
    let new = json!({ "email": "new@example.com", "password": PASSWORD, "name": "N", "shop": "N" });
    let known = json!({ "email": "asha@example.com" });
    for (path, body) in [("/auth/register", &new), ("/auth/forgot", &known)] {
        let first = ask(1, path, body).await;
        assert_eq!(first.0, 202, "{}", first.1);
        for n in 2..=6 {
            assert_eq!(ask(n, path, body).await, first, "{path} {n}");
        }
    }
    send(&app).await;
    let (mails, reset) = (|about: &str| mail(&app).matches(about).count(), "to asha@example.com: Set a new");
    assert_eq!(mails("to new@example.com: Confirm your address"), 5);
    assert_eq!(mails(reset), 4);
    // Those that came count, and nobody else is held up.
    let all = mail(&app);
    let (_, code) = all.rsplit_once(reset).and_then(|(_, last)| last.split_once("#token=")).unwrap();
    let body = json!({ "token": code.lines().next().unwrap(), "password": "another long sentence" });
    assert_eq!(app.anybody().post("/auth/reset", &body).await.status, 204);
    sign_up(&app, "ravi@example.com").await;

    app.advance(Duration::from_secs(3600));
    for n in 7..=8 {
        assert_eq!(ask(n, "/auth/forgot", &known).await.0, 202);
    }
    send(&app).await;
    assert_eq!(mails(reset), 5);
}

#[tokio::test]
async fn a_body_is_as_large_as_its_route_allows() {
    let app = TestApp::start().await;
    let (shop, anybody) = (app.merchant("shop"), app.anybody());
    let with = |bytes: usize| json!({ "x": "a".repeat(bytes) });
    for (client, path) in [(&anybody, "/auth/login"), (&anybody, "/auth/register"), (&shop, "/v1/api-keys")] {
        client.post(path, &with(17 * 1024)).await.problem(413, "payload-too-large");
        client.post(path, &with(15 * 1024)).await.problem(422, "validation-failed");
    }
    shop.post("/orders/create", &with(250 * 1024)).await.problem(422, "validation-failed");
    shop.post("/orders/create", &with(257 * 1024)).await.problem(413, "payload-too-large");
    let desk = app.admin(waybill::admin::rights::Role::Admin).await;
    let told = json!({ "name": "admin", "password": "x".repeat(17 * 1024) });
    desk.post("/login", &told).await.problem(413, "payload-too-large");
}
