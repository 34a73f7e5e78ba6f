//! How systems of a shop watch what happens: lists of events, tickets for streams, and webhooks.

use http::Method;
use serde_json::json;

use super::{Came, note};
use crate::{
    events::booked,
    kyc::call,
    merchants::members,
    support::{Answer, Client, TestApp},
    webhooks::receiver::Receiver,
};

/// Without a body.
async fn act(shop: &Client, path: &str) -> Answer {
    call(shop, Method::POST, path, "").await
}

pub(super) async fn events(app: &TestApp, came: &mut Came) {
    let shop = app.merchant("u1");
    let id = booked(app, &shop, "DOCS-1001").await;
    note(came, "get", "/v1/events", &shop.get("/v1/events").await);
    let of_order = shop.get(&format!("/v1/orders/{id}/events")).await;
    note(came, "get", "/v1/orders/{id}/events", &of_order);
    note(came, "post", "/v1/stream-tickets", &act(&shop, "/v1/stream-tickets").await);
}

pub(super) async fn webhooks(app: &TestApp, came: &mut Came) {
    let (shop, receiver) = (app.merchant("u2"), Receiver::start().await);
    let sources = "/v1/webhook-source-addresses";
    note(came, "get", sources, &shop.get(sources).await);
    let all = "/v1/webhook-endpoints";
    let body = json!({ "url": receiver.url, "eventTypes": ["order.status_changed"],
        "description": "The shop's server" });
    let made = shop.post(all, &body).await;
    note(came, "post", all, &made);
    note(came, "get", all, &shop.get(all).await);
    let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
    let one = format!("{all}/{id}");
    note(came, "get", "/v1/webhook-endpoints/{id}", &shop.get(&one).await);
    let elsewhere = json!({ "url": format!("{}/orders", receiver.url) });
    let changed = members::call(&shop, Method::PATCH, &one, elsewhere).await;
    note(came, "patch", "/v1/webhook-endpoints/{id}", &changed);
    for what in ["pause", "resume", "test"] {
        let answer = act(&shop, &format!("{one}/{what}")).await;
        note(came, "post", &format!("/v1/webhook-endpoints/{{id}}/{what}"), &answer);
    }

    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let listed = shop.get(&format!("{one}/deliveries")).await;
    note(came, "get", "/v1/webhook-endpoints/{id}/deliveries", &listed);
    let delivery = listed.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhook-deliveries/{delivery}");
    note(came, "get", "/v1/webhook-deliveries/{id}", &shop.get(&path).await);
    let again = act(&shop, &format!("{path}/resend")).await;
    note(came, "post", "/v1/webhook-deliveries/{id}/resend", &again);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);

    let rotated = act(&shop, &format!("{one}/rotate-secret")).await;
    note(came, "post", "/v1/webhook-endpoints/{id}/rotate-secret", &rotated);
    let since = json!({ "since": app.clock.now() });
    let replayed = shop.post(&format!("{one}/replay"), &since).await;
    note(came, "post", "/v1/webhook-endpoints/{id}/replay", &replayed);
}
