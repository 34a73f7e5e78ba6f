//! Lists: in order, from a place on, and nothing that is for operators.

use serde_json::{Value, json};
use waybill::{
    app::restored::NUMBERS_LEFT_OUT,
    base::ids,
    features::events::{Events, seq_of},
};

use super::{booked, list, put_aside::put};
use crate::support::{Client, TestApp};

#[tokio::test]
async fn events_are_listed_in_order_and_behind_a_cursor() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    assert!(list(&shop, "/v1/events").await.is_empty());
    let (one, two) = (booked(&app, &shop, "A-1").await, booked(&app, &shop, "A-2").await);
    let all = list(&shop, "/v1/events").await;
    let told: Vec<_> =
        all.iter().map(|e| (e["data"]["orderId"].clone(), e["data"]["sequence"].clone())).collect();
    let expected: Vec<(Value, Value)> =
        [&one, &two].iter().flat_map(|id| (1..=3).map(move |n| (json!(id), json!(n)))).collect();
    assert_eq!(told, expected);
    assert_eq!(all[0]["type"], "order.created");
    assert_eq!(
        (&all[2]["type"], &all[2]["data"]["status"]),
        (&json!("order.status_changed"), &json!("booked"))
    );

    let mut cursor = String::new();
    let mut paged = Vec::new();
    for expected in [4, 2, 0] {
        let answer = shop.get(&format!("/v1/events?limit=4{cursor}")).await.json();
        paged.extend(answer["data"].as_array().unwrap().clone());
        assert_eq!(answer["data"].as_array().unwrap().len(), expected);
        assert_eq!(answer["hasMore"], expected == 4);
        cursor = format!("&cursor={}", answer["nextCursor"].as_str().unwrap());
    }
    assert_eq!(paged, all);
    // The same place gives what has come since.
    booked(&app, &shop, "A-3").await;
    assert_eq!(list(&shop, &format!("/v1/events?limit=4{cursor}")).await.len(), 3);

    assert_eq!(list(&shop, &format!("/v1/orders/{two}/events")).await, all[3..]);
    let behind = all[4]["id"].as_str().unwrap();
    assert_eq!(list(&shop, &format!("/v1/orders/{two}/events?cursor={behind}")).await, all[5..]);
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let id = booked(&app, &shop, "A-1").await;
    for bad in ["x", "1", "evt_", "evt_x", "evt_99", "evt_0000000000009999", "evt_-000000000000001"] {
        for path in ["/v1/events".to_owned(), format!("/v1/orders/{id}/events")] {
            shop.get(&format!("{path}?cursor={bad}")).await.problem(400, "invalid-cursor");
        }
    }
    shop.get("/v1/events?limit=0").await.problem(400, "invalid-query");
    shop.get("/v1/events?nonsense=1").await.problem(400, "invalid-query");
    shop.get("/v1/orders/ord_none/events").await.problem(404, "not-found");
    app.anybody().get("/v1/events").await.problem(401, "unauthenticated");

    // Events behind it are gone: whoever was away must learn of it.
    let first = list(&shop, "/v1/events").await[0]["id"].as_str().unwrap().to_owned();
    app.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    booked(&app, &shop, "A-2").await;
    let events = Events::new(app.app.store.clone());
    let week = std::time::Duration::from_secs(7 * 24 * 3600);
    events.remove_old(app.clock.now() - week, 100).await.unwrap();
    let of_order = format!("/v1/orders/{id}/events?cursor={first}");
    for path in [format!("/v1/events?cursor={first}"), of_order.clone()] {
        shop.get(&path).await.problem(400, "invalid-cursor");
    }
    assert_eq!(list(&shop, "/v1/events").await.len(), 3);
    // Also when none is kept at all; the last one of all has none behind it.
    app.advance(week + std::time::Duration::from_secs(1));
    events.remove_old(app.clock.now() - week, 100).await.unwrap();
    for path in [format!("/v1/events?cursor={first}"), of_order] {
        shop.get(&path).await.problem(400, "invalid-cursor");
    }
    let last = ids::event(events.last().await.unwrap());
    assert!(list(&shop, &format!("/v1/events?cursor={last}")).await.is_empty());
}

/// A page, and the place that it names.
async fn page(merchant: &Client, path: &str) -> (Value, String) {
    let answer = merchant.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let page = answer.json();
    let next = page["nextCursor"].as_str().unwrap().to_owned();
    (page, next)
}

/// Whoever asks in time has missed nothing, though what was seen last is kept no more.
#[tokio::test]
async fn a_cursor_goes_on_though_nothing_happens_to_its_merchant() {
    let app = TestApp::start().await;
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let id = booked(&app, &shop, "A-1").await;
    booked(&app, &other, "B-0").await;
    let events = Events::new(app.app.store.clone());
    let day = std::time::Duration::from_secs(24 * 3600);
    let paths = ["/v1/events".to_owned(), format!("/v1/orders/{id}/events")];
    let mut places = Vec::new();
    for path in &paths {
        // With more behind it, that of the last one of the page.
        let (part, next) = page(&shop, &format!("{path}?limit=2")).await;
        assert_eq!((&part["hasMore"], &part["data"][1]["id"]), (&json!(true), &json!(next)));
        let (rest, next) = page(&shop, &format!("{path}?limit=2&cursor={next}")).await;
        assert_eq!((&rest["hasMore"], rest["data"].as_array().unwrap().len()), (&json!(false), 1));
        places.push(next);
    }
    for n in 1..=3 {
        let last = ids::event(events.last().await.unwrap());
        assert_eq!(places, [last.as_str(), last.as_str()]);
        app.advance(day * 4);
        booked(&app, &other, &format!("B-{n}")).await;
        events.remove_old(app.clock.now() - day * 7, 100).await.unwrap();
        for (path, place) in paths.iter().zip(&mut places) {
            let (none, next) = page(&shop, &format!("{path}?cursor={place}")).await;
            assert_eq!((&none["data"], &none["hasMore"]), (&json!([]), &json!(false)), "{path}");
            *place = next;
        }
    }
    let two = booked(&app, &shop, "A-2").await;
    let behind = list(&shop, &format!("/v1/events?cursor={}", places[0])).await;
    assert_eq!((behind.len(), &behind[0]["data"]["orderId"]), (3, &json!(two)));
    // Also from the first call on, before anything has happened to a merchant.
    let (_, next) = page(&app.merchant("new"), "/v1/events").await;
    assert_eq!(next, ids::event(events.last().await.unwrap()));
}

#[tokio::test]
async fn places_are_good_though_the_oldest_events_do_not_read() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    booked(&app, &shop, "A-1").await;
    booked(&app, &shop, "A-2").await;
    let all = list(&shop, "/v1/events").await;
    let events = Events::new(app.app.store.clone());
    for event in &all[..2] {
        put(&app, None, ("events", event["id"].as_str().unwrap()), "type", &json!(7)).await;
    }
    assert_eq!(events.first().await.unwrap(), seq_of(all[0]["id"].as_str().unwrap()));
    // A page of such events alone has others behind it.
    let (mut seen, mut path) = (Vec::new(), "/v1/events?limit=2".to_owned());
    loop {
        let (part, next) = page(&shop, &path).await;
        seen.extend(part["data"].as_array().unwrap().clone());
        if part["hasMore"] == false {
            break;
        }
        path = format!("/v1/events?limit=2&cursor={next}");
    }
    assert_eq!(seen, all[2..]);
}

/// Some of them were given between a backup and its restore.
#[tokio::test]
async fn a_number_that_was_left_out_is_a_place() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let first = booked(&app, &shop, "A-1").await;
    let events = Events::new(app.app.store.clone());
    let since = ids::event(events.last().await.unwrap() + 5);
    events.skip(NUMBERS_LEFT_OUT).await.unwrap();
    let behind = |path: &str| format!("{path}?cursor={since}");
    for path in ["/v1/events".to_owned(), format!("/v1/orders/{first}/events")] {
        assert!(list(&shop, &behind(&path)).await.is_empty(), "{path}");
    }
    let next = booked(&app, &shop, "A-2").await;
    for path in ["/v1/events".to_owned(), format!("/v1/orders/{next}/events")] {
        assert_eq!(list(&shop, &behind(&path)).await.len(), 3, "{path}");
    }
}

#[tokio::test]
async fn a_step_whose_event_is_kept_no_more_does_not_become_one_again() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let id = booked(&app, &shop, "A-1").await;
    app.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    booked(&app, &shop, "A-2").await;
    let events = Events::new(app.app.store.clone());
    let week = std::time::Duration::from_secs(7 * 24 * 3600);
    events.remove_old(app.clock.now() - week, 100).await.unwrap();
    let cancel = shop.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert!(cancel.status.is_success(), "{}", cancel.text());
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    app.worker.publisher().pass().await.unwrap();
    let told = list(&shop, &format!("/v1/orders/{id}/events")).await;
    assert!(
        !told.is_empty() && told.iter().all(|event| event["data"]["sequence"].as_i64() > Some(3)),
        "{told:?}"
    );
    app.advance(std::time::Duration::from_secs(10));
    app.run_pending_jobs().await;
    app.assert_calls(&[("track", 1)]);
}

#[tokio::test]
async fn what_operators_do_is_theirs() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let id = booked(&app, &shop, "A-1").await;
    let before = list(&shop, "/v1/events").await.len();
    let admin = app.admin(waybill::admin::rights::Role::Admin).await;
    let body = json!({ "reason": "a test" });
    let done = admin.call(http::Method::POST, &format!("/orders/{id}/cancel"), Some(&body)).await;
    assert!(done.status.is_success(), "{}", done.text());
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    app.worker.publisher().pass().await.unwrap();
    let after = list(&shop, "/v1/events").await;
    assert!(after.len() > before);
    assert!(after.iter().all(|event| event["type"].as_str().unwrap().starts_with("order.")), "{after:?}");
    app.advance(std::time::Duration::from_secs(10));
    app.run_pending_jobs().await;
    app.assert_calls(&[("track", 1)]);
}
