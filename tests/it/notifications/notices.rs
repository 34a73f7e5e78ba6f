//! What the desk tells all merchants: an operation, so it is paged, resumed and cancelled as others are.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::{
        merchants::{model::MerchantDocument, user::User},
        notifications::{Inbox, notice::Notice},
    },
    platform::store::{Order as Sort, Query},
};

use super::{OWNER, kinds, list, notify, prefer, shop};
use crate::{
    admin::people::Browser,
    merchants::{mail, members::as_person, send, sign_up},
    support::{Client, TestApp},
};

const TEXT: &str = "ParcelX takes no pickups on Friday. <b>Plan</b> for Saturday.";

#[expect(clippy::needless_pass_by_value, reason = "it is always made on the spot")]
fn notice(more: Value) -> Value {
    let mut body = json!({
        "kind": "merchants.notice", "notice": TEXT, "reason": "a holiday", "ratePerMinute": 6000,
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

async fn start(desk: &Browser, body: &Value) -> String {
    let started = desk.post("/operations", body).await;
    assert_eq!(started.status, 202, "{}", started.text());
    started.json()["data"]["id"].as_str().unwrap().to_owned()
}

async fn results(desk: &Browser, id: &str) -> Vec<(String, String)> {
    let items = desk.get(&format!("/operations/{id}/items?limit=200")).await.json();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    items["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (text(item, "target"), text(item, "result")))
        .collect()
}

async fn merchant_of(person: &Client) -> String {
    person.get("/v1/me").await.json()["data"]["merchantId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_told_once_and_mailed_that_there_is_something() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    let owner = shop(&app).await;
    sign_up(&app, "other@example.com").await;
    let other = as_person(&app, "other@example.com").await;
    for (name, id) in [("Nobody's", "empty"), ("Stopped", "stopped")] {
        let added = desk.post("/merchants", &json!({ "name": name, "id": id, "reason": "moved in" })).await;
        assert_eq!(added.status, 201);
    }
    let stopped = desk.post("/merchants/stopped/suspend", &json!({ "reason": "unpaid" })).await;
    assert_eq!(stopped.status, 200);
    app.advance(Duration::from_secs(1));

    let seen = desk.post("/operations/preview", &notice(json!({}))).await.json()["data"].clone();
    assert_eq!((&seen["matches"], &seen["costs"]), (&json!(3), &json!(false)), "{seen}");
    let id = start(&desk, &notice(json!({}))).await;
    assert_eq!(app.worker.run_operations().await.unwrap(), 1);
    let shown = desk.get(&format!("/operations/{id}")).await.json()["data"].clone();
    let counts = (&shown["state"], &shown["done"], &shown["refused"], &shown["failed"]);
    assert_eq!(counts, (&json!("done"), &json!(2), &json!(1), &json!(0)), "{shown}");
    assert_eq!((&shown["notice"], &shown["refusals"][0]["code"]), (&json!(TEXT), &json!("nobody")));
    let mut done = results(&desk, &id).await;
    done.sort();
    let mut expected = vec![
        ("empty".to_owned(), "refused".to_owned()),
        (merchant_of(&owner).await, "done".to_owned()),
        (merchant_of(&other).await, "done".to_owned()),
    ];
    expected.sort();
    assert_eq!(done, expected);

    for person in [&owner, &other] {
        let inbox = list(person, "").await;
        assert_eq!((kinds(&inbox), &inbox["unread"]), (vec!["serviceNotice"], &json!(1)));
        let one = &inbox["data"][0];
        assert_eq!((&one["detail"], &one["orderId"]), (&json!(TEXT), &Value::Null));
    }
    // Nor when it is named.
    let named = start(&desk, &notice(json!({ "ids": ["stopped"] }))).await;
    app.worker.run_operations().await.unwrap();
    let refused = desk.get(&format!("/operations/{named}")).await.json()["data"]["refusals"][0].clone();
    assert_eq!(refused["code"], "suspended");
    // Its words are for those who sign in; mails say that there are some.
    app.advance(Duration::from_secs(5 * 60));
    assert_eq!(notify(&app).await, 2);
    send(&app).await;
    let mails = mail(&app);
    assert!(mails.contains("1 notice of the service") && !mails.contains("pickups"), "{mails}");
}

/// Shops with somebody who works for them, as many as make `count` with the one that is there already.
async fn crowd(app: &TestApp, count: usize) -> Vec<String> {
    let (store, now) = (&app.app.store, app.clock.now());
    let somebody = store.find::<User>(&Query::by_id(Sort::Ascending)).await.unwrap().docs.remove(0);
    let mut ids = vec![somebody.merchant_id.clone()];
    for n in 1..count {
        let id = format!("mer_{n:04}");
        store.insert(&MerchantDocument::new(id.clone(), "A shop", now)).await.unwrap();
        let (email, merchant_id) = (Some(format!("{n}@example.com")), id.clone());
        let person = User { id: format!("usr_{n:04}"), version: 1, merchant_id, email, ..somebody.clone() };
        store.insert(&person).await.unwrap();
        ids.push(id);
    }
    ids
}

/// How many notices each of them has, and how many have one at all.
async fn told(app: &TestApp, shops: &[String]) -> (Vec<i64>, usize) {
    let mut all = Vec::new();
    for id in shops {
        all.push(app.app.store.get::<Inbox>(id).await.unwrap().map_or(0, |inbox| inbox.last));
    }
    let some = all.iter().filter(|n| **n > 0).count();
    (all, some)
}

/// More shops than are taken in hand at once, and somebody calls it off half way.
#[tokio::test(flavor = "multi_thread")]
async fn shops_are_told_page_by_page_and_after_a_cancel_no_more_of_them() {
    const SHOPS: usize = 60;
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    shop(&app).await;
    let shops = crowd(&app, SHOPS).await;
    app.advance(Duration::from_secs(1));
    let id = start(&desk, &notice(json!({ "ratePerMinute": 1200 }))).await;
    let shown = async || desk.get(&format!("/operations/{id}")).await.json()["data"].clone();
    let worker = app.worker.clone();
    let work = tokio::spawn(async move { worker.run_operations().await });
    // One page is 16 of them.
    while shown().await["done"].as_u64() < Some(20) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cancelled = desk.post(&format!("/operations/{id}/cancel"), &json!({ "reason": "a mistake" })).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    work.await.unwrap().unwrap();
    let ended = shown().await;
    let (each, some) = told(&app, &shops).await;
    assert_eq!((&ended["state"], &ended["done"]), (&json!("cancelled"), &json!(some)), "{ended}");
    assert!((20..SHOPS).contains(&some) && each.iter().all(|n| *n <= 1), "{each:?}");
    assert_eq!(results(&desk, &id).await.len(), some);
    assert_eq!(app.worker.run_operations().await.unwrap(), 0);
    assert_eq!(told(&app, &shops).await, (each.clone(), some), "nobody is told of it any more");

    // The next one is another notice, and comes to all of them.
    let id = start(&desk, &notice(json!({}))).await;
    assert_eq!(app.worker.run_operations().await.unwrap(), 1);
    let ended = desk.get(&format!("/operations/{id}")).await.json()["data"].clone();
    assert_eq!((&ended["state"], &ended["done"]), (&json!("done"), &json!(SHOPS)), "{ended}");
    let expected: Vec<_> = each.iter().map(|n| n + 1).collect();
    assert_eq!(told(&app, &shops).await, (expected, SHOPS));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_tells_nobody_twice() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    let owner = shop(&app).await;
    let merchant = merchant_of(&owner).await;
    app.advance(Duration::from_secs(1));
    let id = start(&desk, &notice(json!({ "ids": [merchant] }))).await;
    // A worker had told the shop, and died before it wrote that down.
    let told = Notice { id: &id, at: app.clock.now(), text: TEXT };
    assert!(told.tell(&app.app.store, &merchant, app.clock.now()).await.unwrap());
    assert_eq!(list(&owner, "").await["unread"], 1);
    assert_eq!(app.worker.run_operations().await.unwrap(), 1);
    assert_eq!(results(&desk, &id).await, [(merchant, "done".to_owned())]);
    assert_eq!(list(&owner, "").await["unread"], 1);
    // Another notice is another one.
    start(&desk, &notice(json!({}))).await;
    app.worker.run_operations().await.unwrap();
    assert_eq!(list(&owner, "").await["unread"], 2);
}

#[tokio::test]
async fn a_notice_is_not_wanted_by_all_and_not_everything_is_one() {
    let app = TestApp::start().await;
    let desk = app.admin(Role::Admin).await;
    for (more, field) in [
        (json!({ "notice": null }), "/notice"),
        (json!({ "notice": " " }), "/notice"),
        (json!({ "notice": "x".repeat(501) }), "/notice"),
        (json!({ "notice": "two\nlines" }), "/notice"),
        (json!({ "filter": { "userId": "shop" } }), "/filter"),
        (json!({ "filter": { "queue": "parcelx-orders-queue" } }), "/filter"),
        (json!({ "kind": "review.fail" }), "/notice"),
        (json!({ "force": true }), "/force"),
    ] {
        let refused = desk.post("/operations", &notice(more.clone())).await.problem(422, "validation-failed");
        assert_eq!(refused["errors"][0]["pointer"], field, "{more}");
    }
    app.admin(Role::Operator).await.post("/operations", &notice(json!({}))).await.problem(403, "forbidden");

    let owner = shop(&app).await;
    let none = json!({ "inbox": false, "email": false, "text": false });
    let chosen = prefer(&owner, &json!({ "serviceNotice": none })).await;
    assert_eq!(chosen["serviceNotice"], none);
    app.advance(Duration::from_secs(1));
    start(&desk, &notice(json!({}))).await;
    app.worker.run_operations().await.unwrap();
    assert_eq!(list(&owner, "").await["data"], json!([]), "{OWNER} does not want it");
    app.advance(Duration::from_secs(5 * 60));
    assert_eq!(notify(&app).await, 0);
}
