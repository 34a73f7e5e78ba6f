//! Once each, in one order, and so many at most.

use std::time::Duration;

use serde_json::json;
use waybill::{
    features::messages::{Message, Messages, Side, Thread, model::NewMessage, service::Posted},
    platform::store::{Order as Sort, Query},
};

use super::{answer, path, thread, write};
use crate::support::{TestApp, mongodb::Lab, orders::order};

#[tokio::test]
async fn a_message_that_is_sent_again_is_kept_once() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let (id, other) = (shop.create(&order("A-1")).await, shop.create(&order("A-2")).await);
    let body = json!({ "text": "Hello", "clientMessageId": "m-1" });
    let first = shop.post(&path(&id), &body).await;
    assert_eq!((first.status.as_u16(), first.header("idempotent-replayed")), (201, None));
    // The answer was lost, and a blank was lost with it.
    let same = json!({ "text": " Hello ", "clientMessageId": " m-1" });
    let again = shop.post(&path(&id), &same).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.json(), first.json());
    let differs = json!({ "text": "Hello!", "clientMessageId": "m-1" });
    let refused = shop.post(&path(&id), &differs).await.problem(422, "idempotency-payload-mismatch");
    assert_eq!(refused["errors"][0]["pointer"], "/clientMessageId");
    // Of another order, of the other side, and without one it is another message.
    assert_eq!(shop.post(&path(&other), &differs).await.status, 201);
    write(&shop, &id, "Hello").await;
    write(&shop, &id, "Hello").await;
    assert_eq!(thread(&shop, &id).await["thread"]["messages"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_numbers_without_a_gap() {
    Box::pin(at_once(TestApp::start().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_numbers_without_a_gap_on_mongodb() {
    let lab = Lab::new().await;
    Box::pin(at_once(TestApp::builder().mongodb(&lab.url).start().await)).await;
}

async fn at_once(app: TestApp) {
    app.leave_jobs();
    let shop = app.merchant("shop");
    let id = shop.create(&order("A-1")).await;
    let send = |n: usize| {
        let (shop, path) = (shop.clone(), path(&id));
        async move {
            let body = json!({ "text": format!("message {n}"), "clientMessageId": format!("m-{}", n % 6) });
            shop.post(&path, &body).await
        }
    };
    // Six messages, and each but one of them twice with another text.
    let answers = futures_util::future::join_all((0..6).map(send)).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    let repeats = futures_util::future::join_all((0..6).chain(0..6).map(send)).await;
    assert!(repeats.iter().all(|answer| answer.status == 200), "{repeats:?}");
    let differ = futures_util::future::join_all((6..12).map(send)).await;
    assert!(differ.iter().all(|answer| answer.status == 422), "{differ:?}");
    // The same one, several times at once.
    let body = json!({ "text": "once", "clientMessageId": "once" });
    let place = path(&id);
    let once = futures_util::future::join_all((0..5).map(|_| shop.post(&place, &body))).await;
    let new = once.iter().filter(|answer| answer.status == 201).count();
    assert!(new == 1 && once.iter().all(|answer| answer.status.is_success()), "{once:?}");
    let all = thread(&shop, &id).await;
    let numbers: Vec<_> =
        all["data"].as_array().unwrap().iter().map(|m| m["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=7).collect::<Vec<_>>());
    let stored = app.app.store.get::<Thread>(&id).await.unwrap().unwrap();
    assert_eq!((stored.last, stored.shop.written, stored.unread(Side::Support)), (7, 7, 7));
}

#[tokio::test]
async fn twenty_a_minute_are_taken_and_who_waits_as_told_gets_through() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let desk = app.admin(waybill::admin::rights::Role::Operator).await;
    let (id, other) = (shop.create(&order("A-1")).await, shop.create(&order("A-2")).await);
    let body = json!({ "text": "first", "clientMessageId": "first" });
    assert_eq!(shop.post(&path(&id), &body).await.status, 201);
    for n in 1..20 {
        write(&shop, &id, &format!("{n}")).await;
    }
    app.advance(Duration::from_millis(20_500));
    let refused = shop.post(&path(&id), &json!({ "text": "one more" })).await;
    refused.problem(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("40"), "rounded up");
    // What was taken before is told, and neither the other side nor another order waits.
    assert_eq!(shop.post(&path(&id), &body).await.status, 200);
    answer(&desk, &id, "An answer").await;
    write(&shop, &other, "Another order").await;
    app.advance(Duration::from_secs(40));
    write(&shop, &id, "one more").await;
}

#[tokio::test]
async fn a_side_that_has_filled_its_half_leaves_the_other_its_own() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let desk = app.admin(waybill::admin::rights::Role::Operator).await;
    let id = shop.create(&order("A-1")).await;
    let stored = app.app.state.orders.load(&id).await.unwrap().unwrap();
    let messages = Messages::new(app.app.store.clone(), app.clock.clone());
    for n in 0..250 {
        if n % 20 == 0 {
            app.advance(Duration::from_secs(60));
        }
        let text = format!("message {n}");
        let new = NewMessage { from: Side::Shop, author: "token".to_owned(), text, client_id: None };
        assert!(matches!(messages.post(&stored, new).await, Ok(Posted::New(_))));
    }
    app.advance(Duration::from_secs(60));
    shop.post(&path(&id), &json!({ "text": "one more" })).await.problem(409, "thread-full");
    answer(&desk, &id, "Still here").await;
    let query = Query::sorted_by("no", Sort::Descending).equal("order", id.as_str()).limit(1);
    let last = app.app.store.find::<Message>(&query).await.unwrap().docs.pop().unwrap();
    assert_eq!((last.no, last.shop, last.support), (251, 250, 1));
}

#[tokio::test]
async fn every_fault_of_a_message_is_told() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let id = shop.create(&order("A-1")).await;
    let long = "x".repeat(2001);
    for (body, code) in [
        (json!({}), "missing"),
        (json!({ "text": "" }), "blank"),
        (json!({ "text": " \n " }), "blank"),
        (json!({ "text": long }), "length"),
        (json!({ "text": "a\u{0}b" }), "control"),
        (json!({ "text": "a\u{200b}b" }), "invisible"),
        (json!({ "text": "a\u{202e}b" }), "invisible"),
        (json!({ "text": "\u{200d}\u{200d}" }), "invisible"),
        (json!({ "text": 7 }), "type"),
        (json!({ "text": "a", "clientMessageId": "" }), "blank"),
        (json!({ "text": "a", "clientMessageId": "x".repeat(65) }), "length"),
        (json!({ "text": "a", "from": "support" }), "unknown"),
    ] {
        let problem = shop.post(&path(&id), &body).await.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["code"], code, "{body}: {problem}");
    }
    // Two thousand characters, however many bytes they are, and scripts that need joiners.
    write(&shop, &id, &"अ".repeat(2000)).await;
    let lines = write(&shop, &id, "क्\u{200d}ष\tand\r\nmore").await;
    assert_eq!(lines["text"], "क्\u{200d}ष\tand\nmore");
    assert_eq!(thread(&shop, &id).await["thread"]["messages"], 2);
    let typing = format!("{}/typing", path(&id));
    assert_eq!(shop.post(&typing, &json!({})).await.status, 204);
}
