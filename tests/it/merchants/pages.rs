//! The pages that links of mails open.

use std::net::SocketAddr;

use axum::{body::Body, extract::ConnectInfo};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request};
use serde_json::json;
use sha2::{Digest, Sha256};
use waybill::features::mail::template::{Language, Template};

use super::{PASSWORD, mail, send, token};
use crate::support::{Answer, TestApp};

/// The paths of all links with a code.
fn paths() -> Vec<&'static str> {
    let linked = |template: &Template| {
        let words = template.words(Language::En, "https://shop.example", Some("t0k3n"), &[]);
        words.text.contains(&format!("https://shop.example{}#token=t0k3n", template.path()))
    };
    Template::ALL.into_iter().filter(linked).map(Template::path).collect()
}

async fn call(app: &TestApp, method: Method, path: &str) -> Answer {
    app.anybody().send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

/// What the one element of this name holds.
fn inside<'h>(html: &'h str, name: &str) -> &'h str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    assert_eq!((html.matches(&format!("<{name}")).count(), html.matches(&close).count()), (1, 1), "{name}");
    html.split_once(&open).unwrap().1.split_once(&close).unwrap().0
}

#[tokio::test]
async fn every_mailed_link_opens_a_page_that_is_kept_by_nobody() {
    let app = TestApp::start().await;
    assert_eq!(paths(), ["/auth/verify", "/auth/reset", "/auth/accept"]);
    for path in paths() {
        let page = app.anybody().get(path).await;
        let head = call(&app, Method::HEAD, path).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        for answer in [&page, &head] {
            assert_eq!(answer.status, 200, "{path}");
            for (name, value) in [
                ("content-type", "text/html; charset=utf-8"),
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-robots-tag", "noindex"),
                ("x-frame-options", "DENY"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{path} {name}");
            }
            assert!(answer.header("set-cookie").is_none());
        }
        assert!(page.text().starts_with("<!doctype html>"), "{}", page.text());
        assert!(page.text().contains(&format!("POST {path}")), "what to do without JavaScript");
    }
}

#[tokio::test]
async fn only_the_pages_own_script_and_style_run() {
    let app = TestApp::start().await;
    for path in paths() {
        let page = app.anybody().get(path).await;
        let (html, policy) = (page.text(), page.header("content-security-policy").unwrap());
        let hash = |name: &str| STANDARD.encode(Sha256::digest(inside(&html, name).as_bytes()));
        let expected = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
             img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
            hash("script"),
            hash("style")
        );
        assert_eq!(policy, expected, "{path}");
        // Nothing that the policy would refuse, and nothing from elsewhere.
        for foreign in
            ["src=", " style=", " onclick=", " onload=", "http://", "https://", "innerHTML", "url("]
        {
            assert!(!html.contains(foreign), "{path}: {foreign}");
        }
        assert_eq!(html.matches("href=").count(), 1, "the empty icon");
    }
}

/// A browser sends nothing of what is behind the `#`.
#[tokio::test]
async fn a_page_takes_no_code_and_uses_none_and_its_path_takes_requests_as_before() {
    let app = TestApp::start().await;
    let body = json!({ "email": "asha@example.com", "password": PASSWORD, "name": "Asha", "shop": "Crafts" });
    assert_eq!(app.anybody().post("/auth/register", &body).await.status, 202);
    send(&app).await;
    assert!(mail(&app).contains("/auth/verify#token="));
    let code = token(&app);
    let page = app.anybody().get("/auth/verify").await;
    assert_eq!(app.anybody().get(&format!("/auth/verify?token={code}")).await.body, page.body);
    assert!(!page.text().contains(&code));
    let verified = app.anybody().post("/auth/verify", &json!({ "token": code })).await;
    assert_eq!(verified.status, 201, "{}", verified.text());
    for path in paths() {
        let refused = app.anybody().post(path, &json!({})).await;
        refused.problem(422, "validation-failed");
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let refused = call(&app, method, path).await;
            refused.problem(405, "method-not-allowed");
            let allowed = refused.header("allow").unwrap();
            assert!(allowed.contains("POST") && allowed.contains("GET"), "{allowed}");
        }
    }
}

#[tokio::test]
async fn pages_are_no_part_of_the_api_and_count_with_what_is_open_to_all() {
    let app = TestApp::builder().setting("WAYBILL_LIMITS__ADDRESS", "2").start().await;
    let document = app.anybody().get("/openapi.json").await.json();
    for path in paths() {
        let methods: Vec<_> = document["paths"][path].as_object().unwrap().keys().cloned().collect();
        assert_eq!(methods, ["post"], "{path}");
    }
    let ask = async |path: &str| {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 5))));
        app.anybody().send(request).await
    };
    for path in ["/auth/verify", "/auth/reset"] {
        let page = ask(path).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("ratelimit-policy"), Some("\"address\";q=2;w=60"));
    }
    ask("/auth/accept").await.problem(429, "too-many-requests");
}
