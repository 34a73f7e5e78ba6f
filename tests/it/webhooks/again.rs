//! What merchants ask for once they have mended their address: that it is tried at once, and sent what it
//! has missed.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{body::Body, response::IntoResponse};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use waybill::{
    base::ids,
    features::webhooks::Delivery,
    platform::store::{Order as Sort, Query},
};

use super::{Receiver, act, behind::happen, booked, deliveries, endpoint, start};
use crate::{events::put_aside::put, support::TestApp};

/// Waits until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Deliveries to this address that were tried.
async fn tried(app: &TestApp, endpoint: &str) -> usize {
    let all = Query::sorted_by("createdAt", Sort::Ascending).equal("endpoint", endpoint);
    let all = app.app.store.find::<Delivery>(&all).await.unwrap().docs;
    all.iter().filter(|one| !one.tries.is_empty()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_is_sent_at_once_although_the_address_has_failed() {
    Box::pin(ends_the_pause("test")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enabled_address_that_is_resumed_is_tried_at_once() {
    Box::pin(ends_the_pause("resume")).await;
}

async fn ends_the_pause(what: &str) {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    for n in 0..7 {
        booked(&app, &shop, &format!("A-{n}")).await;
    }
    receiver.always(500);
    let (worker, stop) = (app.worker.webhooks().clone(), CancellationToken::new());
    let running = tokio::spawn(async move { worker.run(stop).await });
    // Sixteen side by side are one failure. Four more follow one by one, and then there is a pause.
    until("five failures", async || tried(&app, &id).await == 20).await;
    receiver.take();
    receiver.always(200);
    let asked = act(&shop, &format!("/v1/webhook-endpoints/{id}/{what}")).await;
    assert!(asked.status.is_success(), "{}", asked.text());
    // Long before its end, and so that changed addresses are looked for.
    app.advance(Duration::from_millis(300));
    until(what, async || {
        let wanted = |kind: &Value| what == "resume" || kind == "webhook_endpoint.test";
        receiver.take().iter().any(|one| wanted(&one.body()["type"]))
    })
    .await;
    running.abort();
}

#[tokio::test]
async fn a_replay_sends_now_what_waits_for_its_next_try() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    let since = app.clock.now();
    receiver.always(500);
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    app.advance(Duration::from_secs(6));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    receiver.always(200);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0, "the next try is due in a minute");
    let replayed = shop.post(&format!("/v1/webhook-endpoints/{id}/replay"), &json!({ "since": since })).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text());
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let one = deliveries(&shop, &id).await[0].clone();
    assert_eq!((&one["state"], one["tries"].as_array().unwrap().len()), (&json!("delivered"), 3), "{one}");
}

/// It makes no page the last one: what is behind that is sent, too.
#[tokio::test]
async fn a_replay_goes_on_behind_an_event_that_does_not_read() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let (shop, since) = (app.merchant("shop"), app.clock.now());
    happen(&app, "shop", 0..60).await;
    put(&app, None, ("events", &ids::event(10)), "type", &json!(7)).await;
    app.advance(Duration::from_secs(60));
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    let replayed = shop.post(&format!("/v1/webhook-endpoints/{id}/replay"), &json!({ "since": since })).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text());
    // Fifty are looked at, and the rest a second later.
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 49);
    app.advance(Duration::from_secs(1));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 10);
    let arrived: BTreeSet<_> = receiver.take().iter().map(|one| one.id().to_owned()).collect();
    let expected: BTreeSet<_> = (1..=60).filter(|seq| *seq != 10).map(ids::event).collect();
    assert_eq!(arrived, expected);
}

/// Two met the answer that disabled it, and one happened afterwards.
#[tokio::test]
async fn resume_and_replay_send_all_that_an_address_has_missed() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    let path = format!("/v1/webhook-endpoints/{id}");
    let shown = async || shop.get(&path).await.json()["data"].clone();
    booked(&app, &shop, "A-0").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    receiver.always(410);
    app.advance(Duration::from_secs(60));
    booked(&app, &shop, "A-1").await;
    app.advance(Duration::from_secs(1));
    booked(&app, &shop, "A-2").await;
    app.advance(Duration::from_secs(1));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 2);
    assert_eq!(shown().await["state"], "disabled");
    app.advance(Duration::from_secs(60));
    booked(&app, &shop, "A-3").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);

    receiver.take();
    receiver.always(200);
    let resumed = act(&shop, &format!("{path}/resume")).await.json()["data"].clone();
    let since = resumed["replaySince"].clone();
    assert_eq!((&resumed["state"], &resumed["disabledAt"]), (&json!("enabled"), &Value::Null));
    assert!(since.is_string(), "{resumed}");
    // What was not looked at yet when it was resumed is sent now, and not again.
    let sent = app.worker.run_webhooks().await.unwrap();
    assert_eq!(shown().await["replaySince"], since, "also if that answer was lost");
    let replayed = shop.post(&format!("{path}/replay"), &json!({ "since": since })).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text());
    assert_eq!(sent + app.worker.run_webhooks().await.unwrap(), 3);
    let arrived = receiver.take();
    let mut orders: Vec<_> =
        arrived.iter().map(|one| one.body()["data"]["clientOrderId"].as_str().unwrap().to_owned()).collect();
    orders.sort_unstable();
    assert_eq!(orders, ["A-1", "A-2", "A-3"]);
    assert_eq!(shown().await["replaySince"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_that_began_before_the_url_was_changed_does_not_disable_the_new_one() {
    Box::pin(outlives_a_try("url")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_that_began_before_resume_does_not_disable_what_was_mended() {
    Box::pin(outlives_a_try("resume")).await;
}

/// The answer comes to its end, and says 410, once the address was mended.
async fn outlives_a_try(mended_by: &str) {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    let path = format!("/v1/webhook-endpoints/{id}");
    let mended = Arc::new(Notify::new());
    let waits = Arc::clone(&mended);
    receiver.answers(move |n| {
        if n > 0 {
            return Some(StatusCode::OK.into_response());
        }
        let waits = Arc::clone(&waits);
        let last = futures_util::stream::once(async move {
            waits.notified().await;
            Ok::<_, Infallible>("gone")
        });
        Some((StatusCode::GONE, Body::from_stream(last)).into_response())
    });
    booked(&app, &shop, "A-1").await;
    let worker = app.worker.webhooks().clone();
    let running = tokio::spawn(async move { worker.run_pending().await });
    until("the try", async || receiver.count() == 1).await;
    app.advance(Duration::from_secs(1));
    if mended_by == "url" {
        let new = json!({ "url": format!("{}/new", receiver.url) }).to_string();
        let request = http::Request::builder().method(Method::PATCH).uri(path.as_str());
        let request = request.header("content-type", "application/json").body(Body::from(new)).unwrap();
        assert_eq!(shop.send(request).await.status, StatusCode::OK);
    } else {
        assert_eq!(act(&shop, &format!("{path}/resume")).await.status, StatusCode::OK);
    }
    mended.notify_one();
    assert_eq!(running.await.unwrap().unwrap(), 1);
    let shown = shop.get(&path).await.json()["data"].clone();
    assert_eq!((&shown["state"], &shown["failingSince"]), (&json!("enabled"), &Value::Null), "{shown}");

    // What met that answer is tried again, as after any other.
    app.advance(Duration::from_secs(6));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let one = deliveries(&shop, &id).await[0].clone();
    assert_eq!((&one["state"], one["tries"].as_array().unwrap().len()), (&json!("delivered"), 2), "{one}");
}

/// The address was read before the rotation, and the test is read after it, in the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_right_after_a_rotation_is_signed_with_both_secrets() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &[]).await;
    let path = format!("/v1/webhook-endpoints/{id}");
    let go_on = Arc::new(Notify::new());
    let waits = Arc::clone(&go_on);
    receiver.answers(move |n| {
        let waits = (n == 0).then(|| Arc::clone(&waits));
        let last = futures_util::stream::once(async move {
            if let Some(waits) = waits {
                waits.notified().await;
            }
            Ok::<_, Infallible>("")
        });
        Some(Body::from_stream(last).into_response())
    });
    let (worker, stop) = (app.worker.webhooks().clone(), CancellationToken::new());
    assert_eq!(act(&shop, &format!("{path}/test")).await.status, StatusCode::ACCEPTED);
    let running = tokio::spawn(async move { worker.run(stop).await });
    until("the first one is under way", async || receiver.count() == 1).await;
    assert_eq!(act(&shop, &format!("{path}/rotate-secret")).await.status, StatusCode::OK);
    assert_eq!(act(&shop, &format!("{path}/test")).await.status, StatusCode::ACCEPTED);
    go_on.notify_one();
    // The clock stands: nobody has looked at what was changed since.
    until("the second one", async || receiver.count() == 2).await;
    running.abort();
    let seen = receiver.take();
    let signatures = |n: usize| seen[n].header("webhook-signature").split(' ').count();
    assert_eq!((signatures(0), signatures(1)), (1, 2));
}
