//! Another merchant's addresses and deliveries are nothing, on every route.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;

use super::{Receiver, booked, deliveries, endpoint, start};
use crate::support::Client;

const ROUTES: [(&str, &str); 11] = [
    ("GET", "/v1/webhook-endpoints/{endpoint}"),
    ("PATCH", "/v1/webhook-endpoints/{endpoint}"),
    ("POST", "/v1/webhook-endpoints/{endpoint}/rotate-secret"),
    ("POST", "/v1/webhook-endpoints/{endpoint}/test"),
    ("POST", "/v1/webhook-endpoints/{endpoint}/pause"),
    ("POST", "/v1/webhook-endpoints/{endpoint}/resume"),
    ("POST", "/v1/webhook-endpoints/{endpoint}/replay"),
    ("GET", "/v1/webhook-endpoints/{endpoint}/deliveries"),
    ("GET", "/v1/webhook-deliveries/{delivery}"),
    ("POST", "/v1/webhook-deliveries/{delivery}/resend"),
    ("DELETE", "/v1/webhook-endpoints/{endpoint}"),
];

async fn call(who: &Client, route: (&str, &str), ids: (&str, &str)) -> crate::support::Answer {
    let path = route.1.replace("{endpoint}", ids.0).replace("{delivery}", ids.1);
    let request = Request::builder().method(route.0).uri(path).header("content-type", "application/json");
    let body = if route.1.ends_with("/replay") {
        json!({ "since": "2026-01-01T00:00:00Z" }).to_string()
    } else if route.0 == "PATCH" {
        json!({ "description": "mine" }).to_string()
    } else {
        String::new()
    };
    who.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn another_merchants_address_is_none_on_every_route() {
    let (app, receiver, foreign) = (start().await, Receiver::start().await, Receiver::start().await);
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    // The same URL may be named by both, and what is sent is each one's own.
    endpoint(&other, &foreign.url, &[]).await;
    endpoint(&other, &receiver.url, &["order.cancelled"]).await;
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 3);
    assert_eq!((receiver.count(), foreign.count()), (3, 0));
    let delivery = deliveries(&shop, &id).await[0]["id"].as_str().unwrap().to_owned();
    for route in ROUTES {
        call(&other, route, (&id, &delivery)).await.problem(404, "not-found");
        call(&app.anybody(), route, (&id, &delivery)).await.problem(401, "unauthenticated");
        call(&shop, route, ("whe_none", "whd_none")).await.problem(404, "not-found");
    }
    assert_eq!(other.get("/v1/webhook-endpoints").await.json()["data"].as_array().unwrap().len(), 2);
    // And their owner may do all of it.
    for route in ROUTES {
        let answer = call(&shop, route, (&id, &delivery)).await;
        assert!(answer.status.is_success(), "{route:?}: {}", answer.text());
    }
    call(&shop, ROUTES[0], (&id, &delivery)).await.problem(404, "not-found");
    assert_eq!(call(&shop, ROUTES[8], (&id, &delivery)).await.status, StatusCode::NOT_FOUND);
}
