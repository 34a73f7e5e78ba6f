//! Each route × each role × no session × another site, from the table of routes.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::json;
use waybill::admin::{
    rights::{Needs, Role},
    table::{PREFIX, Row, TABLE},
};

use crate::support::TestApp;

/// Names nothing that exists.
fn path(row: &Row) -> String {
    let parts = row.path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Asks for nothing that could be done; the stream does not begin.
fn request(row: &Row) -> Request<Body> {
    let request = Request::builder().method(row.method).uri(format!("{PREFIX}{}", path(row)));
    let request = request.header("content-type", "application/json").header("last-event-id", "none");
    request.body(Body::from(if row.method == "GET" { "" } else { "{}" })).unwrap()
}

#[tokio::test]
async fn each_role_may_call_what_the_table_says_and_nothing_else() {
    let app = TestApp::start().await;
    for role in Role::ALL {
        for row in TABLE {
            // One of them ends the session.
            let answer = app.admin(role).await.send(request(row)).await;
            let may = match row.needs {
                Needs::Nothing | Needs::Session => true,
                Needs::Right(right) => role.grants(right),
            };
            let refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !may, "{role} {} {}: {}", row.method, row.path, answer.status);
            if !may {
                let problem = answer.problem(403, "forbidden");
                assert_eq!(problem["right"], row.needs.as_str(), "{} {}", row.method, row.path);
            }
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{} {}", row.method, row.path);
        }
    }
}

#[tokio::test]
async fn without_a_session_nothing_is_answered_but_the_login() {
    let app = TestApp::start().await;
    let (nobody, merchant) = (app.browser(), app.merchant("shop"));
    for row in TABLE.iter().filter(|row| row.needs != Needs::Nothing) {
        nobody.send(request(row)).await.problem(401, "no-session");
        // A merchant's token opens nothing here.
        let mut request = request(row);
        request.headers_mut().insert("x-waybill-admin", "1".parse().unwrap());
        merchant.send(request).await.problem(401, "no-session");
    }
}

#[tokio::test]
async fn another_site_is_refused_on_every_route() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::SuperAdmin).await;
    for row in TABLE {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
        ] {
            let request = Request::builder().method(row.method).uri(format!("{PREFIX}{}", path(row)));
            let request = request.header("host", "waybill.example").header(name, value);
            let answer = admin.send(request.body(Body::empty()).unwrap()).await;
            answer.problem(403, "cross-site");
        }
    }
}

#[tokio::test]
async fn what_the_table_does_not_list_is_not_answered() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::SuperAdmin).await;
    let answer = admin.call(Method::PUT, "/me", Some(&json!({}))).await;
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    admin.get("/nothing").await.problem(404, "not-found");
    // The same handler answers HEAD, under the same right.
    assert_eq!(admin.call(Method::HEAD, "/me", None).await.status, StatusCode::OK);
    assert_eq!(app.browser().call(Method::HEAD, "/me", None).await.status, StatusCode::UNAUTHORIZED);
}
