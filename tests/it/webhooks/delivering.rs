//! What arrives: each event once per address, signed, and nothing personal in it.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use standardwebhooks::{Webhook, WebhookError};
use waybill::base::clock::Clock;

use super::{Receiver, act, booked, deliveries, endpoint, receiver::Arrived, start};
use crate::support::{TestApp, mongodb::Lab};

#[tokio::test]
async fn each_step_of_an_order_arrives_once_and_signed() {
    Box::pin(arrives_once(start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_of_an_order_arrives_once_on_mongodb() {
    let lab = Lab::new().await;
    let app = TestApp::builder().setting("WAYBILL_WEBHOOKS__ALLOW_PRIVATE", "yes").mongodb(&lab.url);
    Box::pin(arrives_once(app.start().await)).await;
}

async fn arrives_once(app: TestApp) {
    let (shop, receiver) = (app.merchant("shop"), Receiver::start().await);
    // Nothing that happened before the address was named is sent to it.
    booked(&app, &shop, "A-0").await;
    app.advance(Duration::from_secs(1));
    let (id, secret) = endpoint(&shop, &receiver.url, &[]).await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);

    let order = booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 3);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);
    let mut arrived = receiver.take();
    arrived.sort_by_key(|one| one.body()["data"]["sequence"].as_i64());
    let types: Vec<_> = arrived.iter().map(|one| one.body()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["order.created", "order.status_changed", "order.status_changed"]);
    for (one, n) in arrived.iter().zip(1..) {
        assert!(one.is_signed_with(&secret), "{one:?}");
        assert_eq!(one.header("content-type"), "application/json");
        let seconds: i64 = one.header("webhook-timestamp").parse().unwrap();
        assert_eq!(seconds, app.clock.now().as_millis() / 1000);
        let body = one.body();
        assert_eq!((&body["data"]["orderId"], &body["data"]["sequence"]), (&json!(order), &json!(n)));
        assert_eq!(body["data"]["clientOrderId"], "A-1");
        for personal in ["Asha", "9000000001", "Sample Street", "560001", "Bengaluru"] {
            assert!(!one.text.contains(personal), "{one:?}");
        }
    }
    let shown = shop.order(&order).await;
    let last = arrived[2].body()["data"].clone();
    for (told, field) in [
        ("status", "status"),
        ("providerSyncStatus", "providerSyncStatus"),
        ("awb", "awb"),
        ("courierName", "courierName"),
    ] {
        assert!(!last[told].is_null() && last[told] == shown[field], "{told}: {last}");
    }

    let log = deliveries(&shop, &id).await;
    assert_eq!(log.len(), 3);
    for one in &log {
        assert_eq!((&one["state"], &one["tries"][0]["status"]), (&json!("delivered"), &json!(200)));
        assert!(arrived.iter().any(|a| a.id() == one["eventId"] && a.body() == one["body"]), "{one}");
    }
    // The same events under the same ids as in the list of events.
    let ids: std::collections::BTreeSet<_> = arrived.iter().map(Arrived::id).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn only_wanted_types_are_sent_and_a_cancel_is_one() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    endpoint(&shop, &receiver.url, &["order.cancelled"]).await;
    let order = booked(&app, &shop, "A-1").await;
    assert_eq!(act(&shop, &format!("/v1/orders/{order}/cancel")).await.status, 202);
    app.run_pending_jobs().await;
    app.worker.publisher().pass().await.unwrap();
    app.worker.run_webhooks().await.unwrap();
    let arrived = receiver.take();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    let data = arrived[0].body()["data"].clone();
    assert_eq!((&data["orderId"], &data["status"]), (&json!(order), &json!("cancelled")), "{data}");
    // Its confirmation by tracking is no second cancel.
    app.advance(Duration::from_secs(10));
    app.run_pending_jobs().await;
    app.worker.publisher().pass().await.unwrap();
    app.worker.run_webhooks().await.unwrap();
    assert_eq!(receiver.count(), 0);
    app.assert_calls(&[("cancel", 1), ("track", 1)]);

    // One that was never booked is cancelled at once.
    let second = shop.create(&crate::support::orders::order("A-2")).await;
    assert_eq!(act(&shop, &format!("/v1/orders/{second}/cancel")).await.status, 200);
    app.worker.publisher().pass().await.unwrap();
    app.worker.run_webhooks().await.unwrap();
    let arrived = receiver.take();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    assert_eq!(arrived[0].body()["data"]["orderId"], json!(second));
    app.run_pending_jobs().await;
}

#[tokio::test]
async fn a_test_event_goes_to_one_address() {
    let (app, one, two) = (start().await, Receiver::start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, secret) = endpoint(&shop, &one.url, &["order.cancelled"]).await;
    endpoint(&shop, &two.url, &[]).await;
    let answer = act(&shop, &format!("/v1/webhook-endpoints/{id}/test")).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let place = answer.header("location").unwrap().to_owned();
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let arrived = one.take();
    assert!(arrived.len() == 1 && two.count() == 0);
    assert!(arrived[0].is_signed_with(&secret));
    assert_eq!(arrived[0].body()["type"], "webhook_endpoint.test");
    let delivery = shop.get(&place).await.json()["data"].clone();
    assert_eq!((&delivery["state"], &delivery["eventId"]), (&json!("delivered"), &json!(arrived[0].id())));
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_sign() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, first) = endpoint(&shop, &receiver.url, &[]).await;
    let rotated =
        act(&shop, &format!("/v1/webhook-endpoints/{id}/rotate-secret")).await.json()["data"].clone();
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    for (hours, both) in [(0, true), (23, true), (25, false)] {
        app.advance(Duration::from_secs(hours * 3600));
        act(&shop, &format!("/v1/webhook-endpoints/{id}/test")).await;
        app.worker.run_webhooks().await.unwrap();
        let arrived = receiver.take();
        assert!(arrived[0].is_signed_with(&second));
        assert_eq!(arrived[0].is_signed_with(&first), both, "after {hours} h");
    }
    let shown = shop.get(&format!("/v1/webhook-endpoints/{id}")).await.text();
    assert!(!shown.contains("whsec_"), "{shown}");
}

/// The library from crates.io, which asks the machine for the time.
#[tokio::test]
async fn a_library_of_the_standard_verifies_what_arrives_and_nothing_that_was_changed() {
    let (app, receiver) = (start().await, Receiver::start().await);
    app.advance(Clock::system().now().since(app.clock.now()));
    let shop = app.merchant("shop");
    let (id, first) = endpoint(&shop, &receiver.url, &[]).await;
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 3);
    let verified =
        |secret: &str, one: &Arrived| Webhook::new(secret).unwrap().verify(one.text.as_bytes(), &one.headers);
    let all = receiver.take();
    for one in &all {
        verified(&first, one).unwrap();
    }
    let one = &all[0];
    let changed = |name: &'static str, value: &str| {
        let mut changed = one.clone();
        changed.headers.insert(name, value.parse().unwrap());
        changed
    };
    let seconds: i64 = one.header("webhook-timestamp").parse().unwrap();
    for (what, changed) in [
        ("body", Arrived { text: one.text.replace("A-1", "A-2"), ..one.clone() }),
        ("id", changed("webhook-id", "evt_0000000000000099")),
        ("time", changed("webhook-timestamp", &(seconds - 1).to_string())),
    ] {
        let refused = verified(&first, &changed);
        assert!(matches!(refused, Err(WebhookError::InvalidSignature)), "{what}: {refused:?}");
    }

    // While the secret is rotated, whoever has either of the two verifies it.
    let rotated = act(&shop, &format!("/v1/webhook-endpoints/{id}/rotate-secret")).await.json();
    let second = rotated["data"]["secret"].as_str().unwrap().to_owned();
    act(&shop, &format!("/v1/webhook-endpoints/{id}/test")).await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let both = receiver.take();
    for secret in [&first, &second] {
        verified(secret, &both[0]).unwrap();
    }
    assert!(verified(&second, one).is_err(), "what came before has one signature");
}

#[tokio::test]
async fn what_happens_during_a_pause_is_sent_after_it() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    assert_eq!(
        act(&shop, &format!("/v1/webhook-endpoints/{id}/pause")).await.json()["data"]["state"],
        "paused"
    );
    booked(&app, &shop, "A-1").await;
    app.worker.run_webhooks().await.unwrap();
    assert_eq!(receiver.count(), 0);
    act(&shop, &format!("/v1/webhook-endpoints/{id}/test")).await.problem(409, "endpoint-not-enabled");
    assert_eq!(
        act(&shop, &format!("/v1/webhook-endpoints/{id}/resume")).await.json()["data"]["state"],
        "enabled"
    );
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 3);
    assert_eq!(receiver.take().len(), 3);

    // What is deleted gets nothing, also not what waits; its address can be named anew.
    act(&shop, &format!("/v1/webhook-endpoints/{id}/pause")).await;
    booked(&app, &shop, "A-2").await;
    app.worker.run_webhooks().await.unwrap();
    let delete = http::Request::builder().method(Method::DELETE).uri(format!("/v1/webhook-endpoints/{id}"));
    assert_eq!(shop.send(delete.body(axum::body::Body::empty()).unwrap()).await.status, 204);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);
    shop.get(&format!("/v1/webhook-endpoints/{id}")).await.problem(404, "not-found");
    shop.get(&format!("/v1/webhook-endpoints/{id}/deliveries")).await.problem(404, "not-found");
    endpoint(&shop, &receiver.url, &[]).await;
}

#[tokio::test]
async fn two_workers_send_each_event_under_one_id() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    for n in 0..20 {
        booked(&app, &shop, &format!("A-{n}")).await;
    }
    let (one, two) = tokio::join!(app.worker.run_webhooks(), app.worker.run_webhooks());
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    let arrived = receiver.take();
    let ids: std::collections::BTreeSet<_> = arrived.iter().map(Arrived::id).collect();
    assert_eq!(ids.len(), 60, "each at least once");
    let log = deliveries(&shop, &id).await;
    assert!(log.len() == 60 && log.iter().all(|one| one["state"] == "delivered"));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);
}

#[tokio::test]
async fn earlier_events_are_sent_again_under_their_own_ids() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let since = app.clock.now();
    booked(&app, &shop, "A-1").await;
    app.advance(Duration::from_secs(60));
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    booked(&app, &shop, "A-2").await;
    app.worker.run_webhooks().await.unwrap();
    let second: Vec<_> = receiver.take().iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(second.len(), 3);

    let replay = |events: &str| json!({ "since": since, "events": events });
    let path = format!("/v1/webhook-endpoints/{id}/replay");
    // The address did not have those of the first order.
    assert_eq!(shop.post(&path, &replay("missing")).await.status, 202);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 3);
    let first: Vec<_> =
        receiver.take().iter().map(|one| one.body()["data"]["clientOrderId"].clone()).collect();
    assert_eq!(first, ["A-1", "A-1", "A-1"]);
    assert_eq!(shop.get(&format!("/v1/webhook-endpoints/{id}")).await.json()["data"]["replay"], Value::Null);

    assert_eq!(shop.post(&path, &replay("missing")).await.status, 202);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);
    app.advance(Duration::from_secs(2));
    assert_eq!(shop.post(&path, &replay("all")).await.status, 202);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 6);
    let again: Vec<_> = receiver.take().iter().map(|one| one.id().to_owned()).collect();
    assert!(second.iter().all(|id| again.contains(id)), "{again:?}");

    let one = deliveries(&shop, &id).await.pop().unwrap();
    let resend = format!("/v1/webhook-deliveries/{}/resend", one["id"].as_str().unwrap());
    assert_eq!(act(&shop, &resend).await.status, 202);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    assert_eq!(receiver.take()[0].id(), one["eventId"]);
}

#[tokio::test]
async fn a_replay_is_bounded_in_its_rate() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let since = app.clock.now();
    for n in 0..20 {
        booked(&app, &shop, &format!("A-{n}")).await;
    }
    app.advance(Duration::from_secs(60));
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    let body = json!({ "since": since });
    assert_eq!(shop.post(&format!("/v1/webhook-endpoints/{id}/replay"), &body).await.status, 202);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 50);
    let shown = shop.get(&format!("/v1/webhook-endpoints/{id}")).await.json()["data"]["replay"].clone();
    assert_eq!((&shown["sent"], &shown["events"]), (&json!(50), &json!("missing")));
    // Whoever sends next goes on behind them.
    app.advance(Duration::from_secs(1));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 10);
    assert_eq!(receiver.take().len(), 60);
}
