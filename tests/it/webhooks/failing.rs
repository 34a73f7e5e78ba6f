//! Addresses that do not answer as they should.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use axum::response::{IntoResponse, Redirect};
use http::StatusCode;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use waybill::{
    features::webhooks::WebhooksWorker,
    platform::{
        outbound::{Outbound, Rules},
        outbox::Lease,
    },
};

use super::{Receiver, act, booked, deliveries, endpoint, start};
use crate::merchants::{members::as_person, sign_up};

const HOUR: u64 = 3600;

#[tokio::test]
async fn a_delivery_is_tried_for_about_thirty_hours_and_then_has_failed() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    booked(&app, &shop, "A-1").await;
    receiver.answers(|n| Some((StatusCode::INTERNAL_SERVER_ERROR, format!("no {n}")).into_response()));
    let begun = app.clock.now();
    let mut tries = Vec::new();
    for _ in 0..2_000 {
        if app.worker.run_webhooks().await.unwrap() > 0 {
            tries.push(app.clock.now().since(begun));
        }
        if deliveries(&shop, &id).await[0]["state"] == "failed" {
            break;
        }
        let next = deliveries(&shop, &id).await[0]["nextTryAt"].as_str().unwrap().to_owned();
        let next = waybill::base::timestamp::Timestamp::parse(&next).unwrap();
        app.advance(next.since(app.clock.now()));
    }
    assert_eq!(tries.len(), 9, "{tries:?}");
    let whole = tries[8].as_secs() / HOUR;
    assert!((26..=33).contains(&whole), "{tries:?}");
    let arrived = receiver.take();
    assert_eq!(arrived.iter().map(super::receiver::Arrived::id).collect::<BTreeSet<_>>().len(), 1);
    let stamps: BTreeSet<_> = arrived.iter().map(|one| one.header("webhook-timestamp").to_owned()).collect();
    assert_eq!(stamps.len(), 9, "each try has its own time");
    let log = deliveries(&shop, &id).await;
    assert_eq!((&log[0]["tries"][8]["status"], &log[0]["tries"][8]["answer"]), (&json!(500), &json!("no 8")));
    app.advance(Duration::from_secs(100 * HOUR));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0, "for good");

    // Sent again by its merchant.
    receiver.always(204);
    let resend = format!("/v1/webhook-deliveries/{}/resend", log[0]["id"].as_str().unwrap());
    assert_eq!(act(&shop, &resend).await.status, 202);
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    assert_eq!(deliveries(&shop, &id).await[0]["state"], "delivered");
}

#[tokio::test]
async fn an_address_may_ask_for_time() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    endpoint(&shop, &receiver.url, &["order.created"]).await;
    receiver.answers(|n| {
        let busy = (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "600")]).into_response();
        Some(if n == 0 { busy } else { StatusCode::OK.into_response() })
    });
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    app.advance(Duration::from_secs(599));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);
    app.advance(Duration::from_secs(1));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (app, receiver, other) = (start().await, Receiver::start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    let to = other.url.clone();
    receiver.answers(move |_| Some(Redirect::permanent(&to).into_response()));
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    assert_eq!(other.count(), 0);
    let log = deliveries(&shop, &id).await;
    assert_eq!((&log[0]["state"], &log[0]["tries"][0]["status"]), (&json!("pending"), &json!(308)));
}

#[tokio::test]
async fn an_address_that_is_gone_is_given_up_and_the_others_are_told() {
    let (app, gone, other) = (start().await, Receiver::start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &gone.url, &["order.created"]).await;
    endpoint(&shop, &other.url, &["webhook_endpoint.disabled"]).await;
    gone.always(410);
    booked(&app, &shop, "A-1").await;
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let shown = shop.get(&format!("/v1/webhook-endpoints/{id}")).await.json()["data"].clone();
    assert_eq!(
        (&shown["state"], &shown["disabledReason"]),
        (&json!("disabled"), &json!("the address answered 410 Gone"))
    );
    assert_eq!(deliveries(&shop, &id).await[0]["state"], "failed");
    for _ in 0..2 {
        app.worker.publisher().pass().await.unwrap();
        app.worker.run_webhooks().await.unwrap();
    }
    let told = other.take();
    assert_eq!(told.len(), 1, "once");
    assert_eq!(
        (&told[0].body()["type"], &told[0].body()["data"]["endpointId"]),
        (&json!("webhook_endpoint.disabled"), &json!(id))
    );
    // Nothing is kept for it, and it can be enabled again.
    booked(&app, &shop, "A-2").await;
    app.worker.run_webhooks().await.unwrap();
    assert_eq!(deliveries(&shop, &id).await.len(), 1);
    act(&shop, &format!("/v1/webhook-endpoints/{id}/resume")).await;
    gone.always(200);
    booked(&app, &shop, "A-3").await;
    app.worker.run_webhooks().await.unwrap();
    let kept = deliveries(&shop, &id).await;
    let of_third = |one: &serde_json::Value| one["body"]["data"]["clientOrderId"] == "A-3";
    assert!(kept.iter().any(of_third), "{kept:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_none() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    receiver.answers(|n| (n > 0).then(|| StatusCode::OK.into_response()));
    booked(&app, &shop, "A-1").await;
    let hurried = Outbound::within(Rules { allow_private: true }, Duration::from_millis(200)).unwrap();
    let lease = Lease::new(app.app.store.clone(), app.clock.clone(), "webhooks");
    let hurried = WebhooksWorker::new(app.app.state.webhooks.clone(), hurried, lease);
    assert_eq!(hurried.run_pending().await.unwrap(), 1);
    let one = deliveries(&shop, &id).await[0].clone();
    let tried = &one["tries"][0];
    assert_eq!((&one["state"], &tried["error"]), (&json!("pending"), &json!("no answer in time")));
    assert!(tried["status"].is_null() && tried["tookMs"].as_i64() >= Some(200), "{one}");
    app.advance(Duration::from_secs(6));
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    assert_eq!(deliveries(&shop, &id).await[0]["state"], "delivered");
}

#[tokio::test]
async fn an_address_at_which_nothing_arrives_for_five_days_is_given_up_and_its_people_are_told() {
    let (app, receiver, other) = (start().await, Receiver::start().await, Receiver::start().await);
    let me = sign_up(&app, "owner@example.com").await;
    let shop = app.merchant(me["merchantId"].as_str().unwrap());
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    endpoint(&shop, &other.url, &["webhook_endpoint.disabled"]).await;
    receiver.always(503);
    let state = async || shop.get(&format!("/v1/webhook-endpoints/{id}")).await.json()["data"].clone();
    for day in 0..=5 {
        assert_eq!(state().await["state"], "enabled", "day {day}");
        app.advance(Duration::from_secs(if day == 0 { 0 } else { 24 * HOUR }));
        booked(&app, &shop, &format!("A-{day}")).await;
        app.worker.run_webhooks().await.unwrap();
    }
    let shown = state().await;
    let reason = json!("nothing has arrived for five days");
    assert_eq!((&shown["state"], &shown["disabledReason"]), (&json!("disabled"), &reason));
    assert!(!shown["failingSince"].is_null());

    // Told once: in the list of events, to the other address, and to the people of the shop.
    for _ in 0..2 {
        app.worker.publisher().pass().await.unwrap();
        app.worker.run_webhooks().await.unwrap();
        app.worker.run_notifications().await.unwrap();
    }
    let listed = shop.get("/v1/events?limit=200").await.json()["data"].as_array().unwrap().clone();
    let told: Vec<_> = listed.iter().filter(|one| one["type"] == "webhook_endpoint.disabled").collect();
    assert_eq!(told.len(), 1, "{listed:?}");
    assert_eq!(told[0]["data"], json!({ "endpointId": id, "reason": reason }));
    let arrived = other.take();
    assert_eq!((arrived.len(), arrived[0].id()), (1, told[0]["id"].as_str().unwrap()));
    let owner = as_person(&app, "owner@example.com").await;
    let inbox = owner.get("/v1/notifications").await.json()["data"].as_array().unwrap().clone();
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    let one = &inbox[0];
    assert_eq!((&one["kind"], &one["endpointId"]), (&json!("endpointDisabled"), &json!(id)));
    assert_eq!(one["detail"], reason);
}

#[tokio::test]
async fn what_is_read_and_kept_of_an_answer_is_bounded() {
    let (app, receiver) = (start().await, Receiver::start().await);
    let shop = app.merchant("shop");
    let (id, _) = endpoint(&shop, &receiver.url, &["order.created"]).await;
    receiver.answers(|_| {
        let endless = futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(vec![b'x'; 65_536]));
        Some(axum::body::Body::from_stream(endless).into_response())
    });
    booked(&app, &shop, "A-1").await;
    let started = Instant::now();
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));
    let log = deliveries(&shop, &id).await;
    assert_eq!(log[0]["state"], "delivered");
    assert_eq!(log[0]["tries"][0]["answer"].as_str().unwrap().len(), 512);
}

/// One address never answers, one always refuses: the third gets all of its own in no time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_hangs_or_fails_delays_nobody_else() {
    let app = start().await;
    let (hangs, fails, well) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    hangs.answers(|_| None);
    fails.always(500);
    let (one, two, three) = (app.merchant("one"), app.merchant("two"), app.merchant("three"));
    endpoint(&one, &hangs.url, &[]).await;
    endpoint(&two, &fails.url, &[]).await;
    endpoint(&three, &well.url, &[]).await;
    for n in 0..10 {
        for shop in [&one, &two, &three] {
            booked(&app, shop, &format!("A-{n}")).await;
        }
    }
    let stop = CancellationToken::new();
    let (worker, stopped) = (app.worker.webhooks().clone(), stop.clone());
    let started = Instant::now();
    let running = tokio::spawn(async move { worker.run(stopped).await });
    while well.count() < 30 {
        assert!(started.elapsed() < Duration::from_secs(5), "{} of 30", well.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(hangs.count() <= 16, "{} at once", hangs.count());
    // Sixteen at once, and one for each that ended before the fifth failure.
    assert!((5..=20).contains(&fails.count()), "{} before the pause", fails.count());
    running.abort();
}
