//! Server-sent events, over real sockets and from another process.

use std::time::{Duration, Instant};

use serde_json::json;
use waybill::{app::restored::NUMBERS_LEFT_OUT, base::ids, features::events::Events};

use super::{another, bearer, booked, list, ticket};
use crate::support::{Client, TestApp, mongodb::Lab, sse::Stream};

#[tokio::test]
async fn what_another_process_does_shows_within_a_second_and_once() {
    Box::pin(shows_once(TestApp::start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_does_shows_on_mongodb() {
    let lab = Lab::new().await;
    Box::pin(shows_once(TestApp::builder().mongodb(&lab.url).start().await)).await;
}

async fn shows_once(app: TestApp) {
    let shop = app.merchant("shop");
    booked(&app, &shop, "A-0").await;
    let (address, _stop) = another(&app).await;
    let token = bearer(&shop);
    let mut live = Stream::open(address, "/v1/events/stream", &[("Authorization", &token)]).await;
    let started = Instant::now();
    let id = booked(&app, &shop, "A-1").await;
    let published = Instant::now();
    let mut seen = Vec::new();
    for n in 1..=3 {
        let sent = live.next().await;
        assert_eq!((&sent.data["data"]["orderId"], &sent.data["data"]["sequence"]), (&json!(id), &json!(n)));
        assert_eq!(
            (sent.event.as_str(), sent.id.as_deref()),
            (sent.data["type"].as_str().unwrap(), sent.data["id"].as_str())
        );
        seen.push(sent.data);
    }
    assert!(
        published.elapsed() < Duration::from_secs(1),
        "{:?} of {:?}",
        published.elapsed(),
        started.elapsed()
    );
    // The list has the same under the same ids.
    assert_eq!(list(&shop, &format!("/v1/orders/{id}/events")).await, seen);

    // A stream that is opened again misses none and repeats none, by its header or by its URL.
    let first = seen[0]["id"].as_str().unwrap();
    let headers =
        [("Authorization", token.as_str()), ("Last-Event-ID", first), ("Accept", "text/event-stream")];
    let mut again = Stream::open(address, "/v1/events", &headers).await;
    let path = format!("/v1/orders/{id}/events?cursor={first}");
    let mut of_order =
        Stream::open(address, &path, &[("Authorization", &token), ("Accept", "text/event-stream")]).await;
    for event in &seen[1..] {
        assert_eq!(again.next().await.data, *event);
        assert_eq!(of_order.next().await.data, *event);
    }
    // The order's own stream has nothing of another order.
    booked(&app, &shop, "A-2").await;
    let shop_again = again.next().await;
    assert_eq!(shop_again.data["data"]["clientOrderId"], "A-2");
    let cancel =
        http::Request::post(format!("/v1/orders/{id}/cancel")).body(axum::body::Body::empty()).unwrap();
    assert_eq!(shop.send(cancel).await.status, 202);
    app.worker.publisher().pass().await.unwrap();
    let next = of_order.next().await;
    assert_eq!(
        (&next.data["data"]["orderId"], &next.data["type"]),
        (&json!(id), &json!("order.cancellation_changed"))
    );
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(10));
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_process() {
    let app = TestApp::start().await;
    let (address, stop) = another(&app).await;
    let short = app.app.state.tokens.issue("shop", Duration::from_secs(60)).unwrap();
    let short = Client { token: Some(short), ..app.merchant("shop") };
    let mut by_token =
        Stream::open(address, "/v1/events/stream", &[("Authorization", &bearer(&short))]).await;
    let mut by_ticket =
        Stream::open(address, &format!("/v1/events/stream?ticket={}", ticket(&short).await), &[]).await;
    let long = bearer(&app.merchant("shop"));
    let mut other = Stream::open(address, "/v1/events/stream", &[("Authorization", &long)]).await;
    app.advance(Duration::from_secs(91)); // with the leeway of clocks
    for stream in [&mut by_token, &mut by_ticket] {
        let bye = stream.next().await;
        assert_eq!((bye.event.as_str(), &bye.data), ("bye", &json!({ "reason": "unauthorized" })));
    }
    assert!(by_token.ended().await);
    let started = Instant::now();
    stop.cancel();
    let bye = other.next().await;
    assert_eq!((bye.event.as_str(), &bye.data), ("bye", &json!({ "reason": "stopping" })));
    assert!(other.ended().await && started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (address, _stop) = another(&app).await;
    let ticket = ticket(&shop).await;
    let path = format!("/v1/events/stream?ticket={ticket}");
    let token = bearer(&shop);
    let (both, _) = Stream::ask(address, &path, &[("Authorization", &token)]).await;
    assert!(both.starts_with("HTTP/1.1 401"), "{both}");
    let mut live = Stream::open(address, &path, &[]).await;
    booked(&app, &shop, "A-1").await;
    assert_eq!(live.next().await.event, "order.created");
    let (again, _) = Stream::ask(address, &path, &[]).await;
    assert!(again.starts_with("HTTP/1.1 401"), "{again}");
    let late = super::ticket(&shop).await;
    app.advance(Duration::from_secs(30));
    let (late, _) = Stream::ask(address, &format!("/v1/events/stream?ticket={late}"), &[]).await;
    assert!(late.starts_with("HTTP/1.1 401"), "{late}");
    // It opens streams alone.
    app.anybody().get(&format!("/v1/orders?ticket={ticket}")).await.problem(401, "unauthenticated");
    app.anybody().get("/v1/events/stream?ticket=").await.problem(401, "unauthenticated");
    app.anybody().get("/v1/events/stream").await.problem(401, "unauthenticated");
    let request = http::Request::post("/v1/stream-tickets").body(axum::body::Body::empty()).unwrap();
    app.anybody().send(request).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_and_one_that_is_gone_is_told() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    for bad in ["x", "7", "evt_x"] {
        let request = http::Request::get("/v1/events/stream").header("last-event-id", bad);
        shop.send(request.body(axum::body::Body::empty()).unwrap()).await.problem(400, "bad-request");
    }
    booked(&app, &shop, "A-1").await;
    let first = list(&shop, "/v1/events").await[0]["id"].as_str().unwrap().to_owned();
    app.advance(Duration::from_secs(8 * 24 * 3600));
    booked(&app, &shop, "A-2").await;
    let events = Events::new(app.app.store.clone());
    let week = Duration::from_secs(7 * 24 * 3600);
    events.remove_old(app.clock.now() - week, 100).await.unwrap();
    let (address, _stop) = another(&app).await;
    let headers = [("Authorization", bearer(&shop)), ("Last-Event-ID", first)];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut live = Stream::open(address, "/v1/events/stream", &headers).await;
    let told = live.next().await;
    let place = ids::event(events.first().await.unwrap().unwrap() - 1);
    assert_eq!((told.event.as_str(), told.id.as_ref()), ("reset", Some(&place)));
    assert_eq!(live.next().await.data["data"]["clientOrderId"], "A-2");
    // Behind the place that was told nothing is missed.
    let headers = [headers[0], ("Last-Event-ID", place.as_str())];
    let mut again = Stream::open(address, "/v1/events/stream", &headers).await;
    let told = again.next().await;
    assert_eq!((told.event.as_str(), &told.data["data"]["clientOrderId"]), ("order.created", &json!("A-2")));
}

/// A place before the events of others would be as old as they are when it comes again.
#[tokio::test]
async fn who_has_no_events_is_told_of_a_gone_place_once() {
    let app = TestApp::start().await;
    let (shop, quiet) = (app.merchant("shop"), app.merchant("quiet"));
    let (address, _stop) = another(&app).await;
    let events = Events::new(app.app.store.clone());
    let (day, token) = (Duration::from_secs(24 * 3600), bearer(&quiet));
    booked(&app, &shop, "A-1").await;
    let mut place = ids::event(1);
    app.advance(day * 8);
    booked(&app, &shop, "A-2").await;
    events.remove_old(app.clock.now() - day * 7, 100).await.unwrap();
    let headers = [("Authorization", token.as_str()), ("Last-Event-ID", place.as_str())];
    let told = Stream::open(address, "/v1/events/stream", &headers).await.next().await;
    assert_eq!(told.event, "reset");
    place = told.id.unwrap();
    assert_eq!(place, ids::event(events.last().await.unwrap()));

    // What was kept then is kept no more.
    app.advance(day * 4);
    booked(&app, &shop, "A-3").await;
    app.advance(day * 4);
    events.remove_old(app.clock.now() - day * 7, 100).await.unwrap();
    let headers = [("Authorization", token.as_str()), ("Last-Event-ID", place.as_str())];
    let mut live = Stream::open(address, "/v1/events/stream", &headers).await;
    booked(&app, &quiet, "A-4").await;
    assert_eq!(live.next().await.data["data"]["clientOrderId"], "A-4");
}

/// As with an id of another installation. A browser gives up for ever at a 400.
#[tokio::test]
async fn a_place_that_was_never_given_is_told_and_begins_now() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    // Places that are given while it runs, by another process, are good to it at once.
    let (address, _stop) = another(&app).await;
    let id = booked(&app, &shop, "A-1").await;
    let (token, foreign) = (bearer(&shop), "evt_0000000000009999");
    let authorization = ("Authorization", token.as_str());
    let by_id = [authorization, ("Last-Event-ID", foreign), ("Accept", "text/event-stream")];
    let by_cursor = format!("/v1/events/stream?cursor={foreign}");
    let mut streams = vec![
        Stream::open(address, "/v1/events/stream", &by_id).await,
        Stream::open(address, "/v1/events", &by_id).await,
        Stream::open(address, &format!("/v1/orders/{id}/events"), &by_id).await,
        Stream::open(address, &by_cursor, &[authorization]).await,
    ];
    let events = Events::new(app.app.store.clone());
    let last = events.last().await.unwrap();
    for live in &mut streams {
        let told = live.next().await;
        assert_eq!((told.event.as_str(), told.id), ("reset", Some(ids::event(last))));
    }
    // It hears of no other order.
    drop(streams.remove(2));

    // Whoever comes again with the place that was told has missed nothing, nor has who names a number that
    // was left out after a restore.
    events.skip(NUMBERS_LEFT_OUT).await.unwrap();
    for place in [last, last + 5] {
        let place = ids::event(place);
        let headers = [authorization, ("Last-Event-ID", place.as_str())];
        streams.push(Stream::open(address, "/v1/events/stream", &headers).await);
    }
    booked(&app, &shop, "A-2").await;
    for live in &mut streams {
        assert_eq!(live.next().await.data["data"]["clientOrderId"], "A-2");
    }
}

#[tokio::test]
async fn streams_of_one_merchant_are_bounded() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let mut open = Vec::new();
    let get = || http::Request::get("/v1/events/stream").header("authorization", bearer(&shop));
    for _ in 0..200 {
        let request = get().body(axum::body::Body::empty()).unwrap();
        open.push(tower::ServiceExt::oneshot(app.router(), request).await.unwrap());
    }
    assert!(open.iter().all(|answer| answer.status() == 200));
    let refused = shop.get("/v1/events/stream").await;
    refused.problem(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("10"));
    let other =
        http::Request::get("/v1/events/stream").header("authorization", bearer(&app.merchant("other")));
    let other =
        tower::ServiceExt::oneshot(app.router(), other.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(other.unwrap().status(), 200);
    open.clear();
    let request = get().body(axum::body::Body::empty()).unwrap();
    assert_eq!(tower::ServiceExt::oneshot(app.router(), request).await.unwrap().status(), 200);
}
