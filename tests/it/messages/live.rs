//! Messages in lists of events, streams, the dashboard's stream and webhooks; and who is typing.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use waybill::{admin::rights::Role, features::events::Events, platform::http::serve::serve};

use super::{answer, desk_path, path, write};
use crate::{
    events::{another, bearer, booked},
    merchants::members::call,
    support::{TestApp, mongodb::Lab, sse::Stream},
    webhooks,
};

#[tokio::test]
async fn a_message_shows_in_another_process_within_a_second_and_once() {
    Box::pin(shows_once(TestApp::start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_shows_in_another_process_on_mongodb() {
    let lab = Lab::new().await;
    Box::pin(shows_once(TestApp::builder().mongodb(&lab.url).start().await)).await;
}

async fn shows_once(app: TestApp) {
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let desk = app.admin(Role::Operator).await;
    let id = booked(&app, &shop, "A-1").await;
    let unrelated = booked(&app, &shop, "A-2").await;
    let foreign = booked(&app, &other, "B-1").await;
    let (address, _stop) = another(&app).await;
    let (mine, theirs) = (bearer(&shop), bearer(&other));
    let accept = ("Accept", "text/event-stream");
    let of_order = format!("/v1/orders/{id}/events");
    let mut all = Stream::open(address, "/v1/events/stream", &[("Authorization", &mine)]).await;
    let mut order = Stream::open(address, &of_order, &[("Authorization", &mine), accept]).await;
    let mut foreign_stream = Stream::open(address, "/v1/events/stream", &[("Authorization", &theirs)]).await;

    write(&shop, &unrelated, "Of another order").await;
    let first = write(&shop, &id, "Where is it?").await;
    let second = answer(&desk, &id, "On its way.").await;
    write(&other, &foreign, "Somebody else").await;
    let published = Instant::now();
    app.worker.publisher().pass().await.unwrap();
    let mut told: Vec<Value> = Vec::new();
    for (message, from, n) in [(&first, "shop", 1), (&second, "support", 2)] {
        let sent = order.next().await;
        assert_eq!((sent.event.as_str(), &sent.data["type"]), ("order.message", &json!("order.message")));
        let data = &sent.data["data"];
        assert_eq!(
            *data,
            json!({ "orderId": id, "orderNumber": data["orderNumber"], "clientOrderId": "A-1",
                    "messageId": message["id"], "number": n, "from": from })
        );
        assert!(sent.id.is_some() && !sent.data.to_string().contains("way"), "{sent:?}");
        told.push(sent.data);
    }
    assert!(published.elapsed() < Duration::from_secs(1), "{:?}", published.elapsed());
    let of_shop = [all.next().await, all.next().await, all.next().await];
    assert!(of_shop.iter().all(|sent| sent.event == "order.message"));
    assert!(of_shop.iter().filter(|sent| sent.data["data"]["orderId"] == json!(id)).count() == 2);
    let other_sees = foreign_stream.next().await;
    assert_eq!(other_sees.data["data"]["clientOrderId"], "B-1");

    // The list of the order has them among its steps, under the same ids; nothing is published twice.
    let before = Events::new(app.app.store.clone()).last().await.unwrap();
    app.worker.publisher().pass().await.unwrap();
    let mut again = app.worker.publisher();
    again.pass().await.unwrap();
    let events = Events::new(app.app.store.clone()).after(before, 100).await.unwrap();
    assert!(events.iter().all(|event| event.kind != "order.message"), "{events:?}");
    let listed = shop.get(&of_order).await.json()["data"].as_array().unwrap().clone();
    assert_eq!((listed.len(), &listed[3..]), (5, told.as_slice()));
    assert_eq!(listed[2]["data"]["sequence"], 3, "the steps of the order have their own numbers");

    // A stream that is opened again goes on behind the first one.
    let headers =
        [("Authorization", mine.as_str()), ("Last-Event-ID", told[0]["id"].as_str().unwrap()), accept];
    let mut resumed = Stream::open(address, &of_order, &headers).await;
    assert_eq!(resumed.next().await.data, told[1]);
    write(&shop, &id, "Thank you.").await;
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(resumed.next().await.data["data"]["number"], 3);
}

#[tokio::test]
async fn old_messages_are_no_news_when_their_events_are_gone() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let id = shop.create(&crate::support::orders::order("A-1")).await;
    write(&shop, &id, "old").await;
    app.worker.publisher().pass().await.unwrap();
    let week = Duration::from_secs(7 * 24 * 3600);
    app.advance(week + Duration::from_secs(1));
    let events = Events::new(app.app.store.clone());
    assert!(events.remove_old(app.clock.now() - week, 100).await.unwrap() > 0);
    let last = events.last().await.unwrap();
    write(&shop, &id, "new").await;
    app.worker.publisher().pass().await.unwrap();
    let made = events.after(last, 100).await.unwrap();
    let made: Vec<_> =
        made.iter().filter(|event| event.kind == "order.message").map(|event| event.no).collect();
    assert_eq!(made, [2]);
}

#[tokio::test]
async fn a_message_is_posted_to_those_who_want_it() {
    let app = webhooks::start().await;
    let (shop, one, two) = (
        app.merchant("shop"),
        webhooks::receiver::Receiver::start().await,
        webhooks::receiver::Receiver::start().await,
    );
    webhooks::endpoint(&shop, &one.url, &["order.message"]).await;
    webhooks::endpoint(&shop, &two.url, &["order.cancelled"]).await;
    let id = booked(&app, &shop, "A-1").await;
    let message = write(&shop, &id, "Where is it?").await;
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 1);
    let arrived = one.take();
    assert_eq!(arrived.len(), 1);
    let body = arrived[0].body();
    assert_eq!((&body["type"], &body["data"]["messageId"]), (&json!("order.message"), &message["id"]));
    assert!(!arrived[0].text.contains("Where"), "{arrived:?}");
    assert_eq!(two.count(), 0);
}

#[tokio::test]
async fn who_typed_a_while_ago_is_not_told_to_those_who_come_then() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let id = booked(&app, &shop, "A-1").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    // The process that hears of the typing, while nobody watches.
    tokio::spawn(serve(listener, app.router(), stop.clone(), Duration::from_secs(5)));
    let types = format!("{}/typing", path(&id));
    assert_eq!(call(&shop, Method::POST, &types, json!({})).await.status, 204);
    app.advance(Duration::from_secs(20));
    let mut live = Stream::open(address, "/v1/events/stream", &[("Authorization", &bearer(&shop))]).await;
    live.passing = true;
    write(&shop, &id, "Hello").await;
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(live.next().await.event, "order.message");
    stop.cancel();
}

#[tokio::test]
async fn the_dashboard_hears_of_messages_and_of_who_types() {
    let app = TestApp::start().await;
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let desk = app.admin(Role::Operator).await;
    let (id, second) = (booked(&app, &shop, "A-1").await, booked(&app, &shop, "A-2").await);
    booked(&app, &other, "B-1").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, app.router(), stop.clone(), Duration::from_secs(5)));
    let cookie = desk.cookie.clone().unwrap();
    let mut dashboard = Stream::open(address, "/admin/api/events", &[("Cookie", &cookie)]).await;
    let (mine, theirs) = (bearer(&shop), bearer(&other));
    let of_order = |id: &str| format!("/v1/orders/{id}/events");
    let accept = ("Accept", "text/event-stream");
    // At another process than the one that hears of the typing.
    let (elsewhere, _other) = another(&app).await;
    let mut order = Stream::open(elsewhere, &of_order(&id), &[("Authorization", &mine), accept]).await;
    let mut next_order = Stream::open(address, &of_order(&second), &[("Authorization", &mine), accept]).await;
    let mut foreign = Stream::open(address, "/v1/events/stream", &[("Authorization", &theirs)]).await;
    for stream in [&mut dashboard, &mut order, &mut next_order, &mut foreign] {
        stream.passing = true;
    }

    let before = Events::new(app.app.store.clone()).last().await.unwrap();
    let shop_types = format!("{}/typing", path(&id));
    for _ in 0..5 {
        assert_eq!(call(&shop, Method::POST, &shop_types, json!({})).await.status, 204);
    }
    let started = Instant::now();
    let sent = order.next().await;
    assert_eq!((sent.event.as_str(), &sent.id), ("order.typing", &None));
    assert_eq!(sent.data["data"], json!({ "orderId": id, "from": "shop" }));
    let seen = loop {
        let sent = dashboard.next().await;
        if sent.event == "typing" {
            break sent;
        }
    };
    assert_eq!((&seen.data["id"], &seen.data["from"]), (&json!(id), &json!("shop")));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    // The desk, too; and one in three seconds.
    let desk_types = format!("{}/typing", desk_path(&id));
    assert_eq!(desk.call(Method::POST, &desk_types, None).await.status, 204);
    assert_eq!(order.next().await.data["data"]["from"], "support");
    app.advance(Duration::from_secs(3));
    assert_eq!(call(&shop, Method::POST, &shop_types, json!({})).await.status, 204);
    assert_eq!(order.next().await.data["data"]["from"], "shop");
    // Never kept.
    assert_eq!(Events::new(app.app.store.clone()).last().await.unwrap(), before);

    // Neither another order's stream nor another shop's has heard any of it: the next that they hear is this.
    write(&shop, &second, "Hello").await;
    let theirs = booked(&app, &other, "B-2").await;
    assert_eq!(next_order.next().await.event, "order.message");
    assert_eq!(foreign.next().await.data["data"]["orderId"], json!(theirs));
    let seen = loop {
        let sent = dashboard.next().await;
        if sent.data["type"] == "order.message" {
            break sent;
        }
    };
    assert!(seen.event == "order" && seen.data["id"].as_str().unwrap().starts_with(&second), "{seen:?}");
    assert!(!seen.data.to_string().contains("Hello"), "{seen:?}");
    stop.cancel();
}
