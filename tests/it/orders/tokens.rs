//! Who may call: every order route with every kind of wrong token.

use std::time::Duration;

use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, Request, header};
use secrecy::SecretString;
use serde_json::json;
use waybill::platform::auth::Tokens;

use super::orders_of;
use crate::support::{Answer, Client, TestApp, orders::order};

const ROUTES: [(Method, &str); 5] = [
    (Method::POST, "/orders/create"),
    (Method::POST, "/v1/orders"),
    (Method::GET, "/v1/orders"),
    (Method::GET, "/v1/orders/{id}"),
    (Method::GET, "/v1/orders/{id}/provider-logs"),
];

/// Calls every route with these `Authorization` headers, with a body that would make an order.
async fn call_all(app: &TestApp, id: &str, authorization: &[&str]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (method, path) in ROUTES {
        let mut request = Request::builder()
            .method(method)
            .uri(path.replace("{id}", id))
            .header(header::CONTENT_TYPE, "application/json");
        for value in authorization {
            request = request.header(header::AUTHORIZATION, *value);
        }
        answers.push(app.anybody().send(request.body(Body::from(order("T-1").to_string())).unwrap()).await);
    }
    answers
}

#[tokio::test]
async fn without_a_good_token_every_route_answers_401_and_does_nothing() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let good = merchant.token.clone().unwrap();
    let day = Duration::from_secs(86_400);
    let foreign =
        Tokens::new(&SecretString::from("another-secret-of-at-least-32-bytes!!"), app.clock.clone());
    let foreign = foreign.issue("u1", day).unwrap();
    let short = app.app.state.tokens.issue("u1", Duration::from_secs(60)).unwrap();
    app.advance(Duration::from_secs(120));
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
    let promoted = URL_SAFE_NO_PAD.encode(
        json!({ "iss": "waybill", "aud": "waybill-api", "sub": "u2", "role": "merchant", "iat": 0, "nbf": 0,
            "exp": 9_999_999_999_u64 })
        .to_string(),
    );

    for missing in [&[][..], &[""], &["Bearer"], &["Basic dTE6cGFzcw=="], &[good.as_str()], &["Token abc"]] {
        for answer in call_all(&app, &id, missing).await {
            let body = answer.problem(401, "unauthenticated");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"waybill\""),
                "{missing:?} {body}"
            );
        }
    }
    let bearer = |token: &str| format!("Bearer {token}");
    for wrong in [
        bearer("garbage"),
        bearer(&foreign),
        bearer(&short),
        bearer(&format!("{none}.{claims}.")),
        bearer(&format!("{none}.{claims}.{signature}")),
        bearer(&format!("{head}.{promoted}.{signature}")),
        bearer(&format!("{head}.{claims}.{}", signature.chars().rev().collect::<String>())),
        bearer(&"a".repeat(5000)),
        bearer(&format!("{good}x")),
    ] {
        for answer in call_all(&app, &id, &[&wrong]).await {
            answer.problem(401, "unauthenticated");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"waybill\", error=\"invalid_token\""),
                "{wrong}"
            );
        }
    }
    for answer in call_all(&app, &id, &[&bearer(&good), &bearer(&good)]).await {
        answer.problem(401, "unauthenticated");
    }
    assert_eq!((orders_of(&merchant).await, orders_of(&app.merchant("u2")).await), (1, 0));
    assert_eq!(app.counts().await.waiting, 1);
}

/// A stranger learns nothing from the body or the path: the token is judged first.
#[tokio::test]
async fn the_token_is_judged_before_anything_else() {
    let app = TestApp::start().await;
    let nobody = app.anybody();
    for body in ["", "{", "{}", "[]", &" ".repeat(300_000)] {
        super::post_text(&nobody, "/orders/create", body.to_owned()).await.problem(401, "unauthenticated");
    }
    let text = Request::post("/orders/create")
        .header(header::CONTENT_TYPE, "text/plain")
        .body(Body::from("x"))
        .unwrap();
    nobody.send(text).await.problem(401, "unauthenticated");
    for path in [
        "/v1/orders?limit=0",
        "/v1/orders?cursor=x",
        "/v1/orders/..",
        "/v1/orders/%ff",
        "/v1/orders/nobody/provider-logs",
    ] {
        nobody.get(path).await.problem(401, "unauthenticated");
    }
    // What is no order route has nothing to protect.
    nobody.get("/v1/nothing").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_merchant_is_who_the_token_says_and_nothing_else_counts() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let owner = app.merchant("u1");
    let id = owner.create(&order("A-1")).await;
    // Ids that look alike are other merchants.
    for other in ["u2", "U1", "u 1", "u10", "u1%"] {
        let other: Client = app.merchant(other);
        other.get(&format!("/v1/orders/{id}")).await.problem(404, "not-found");
        assert_eq!(orders_of(&other).await, 0);
    }
    let spoofed =
        Request::get(format!("/v1/orders/{id}")).header("x-user-id", "u1").header("x-forwarded-user", "u1");
    app.merchant("u2").send(spoofed.body(Body::empty()).unwrap()).await.problem(404, "not-found");
}
