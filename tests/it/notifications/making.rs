//! Which events make one, and that each makes it once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::{
    features::{
        events::Events,
        events::reader::Place,
        notifications::{Inbox, Notification, Watch},
        orders::model::Order,
    },
    platform::store::{Order as Sort, Query},
    provider::simulator::{Operation, Rule},
};

use super::{failed, kinds, list, notify, on_mongodb, shop};
use crate::{
    events::{another, bearer},
    merchants::members::as_person,
    support::{Client, TestApp, mongodb::Lab, orders::order, sse::Stream},
    webhooks,
};

async fn all_of(app: &TestApp) -> Vec<Notification> {
    let query = Query::by_id(Sort::Ascending).limit(1000);
    let mut all = app.app.store.find::<Notification>(&query).await.unwrap().docs;
    all.sort_by_key(|one| one.no);
    all
}

async fn until_settled(app: &TestApp, id: &str) {
    for _ in 0..100 {
        app.run_pending_jobs().await;
        let order: Order = app.app.store.get(id).await.unwrap().unwrap();
        let Some(due) = order.overdue_at() else { return };
        app.advance(due.since(app.clock.now()));
    }
    panic!("the order never settles");
}

async fn cancel_is_refused(app: &TestApp, shop: &Client, name: &str) -> String {
    let id = shop.create(&order(name)).await;
    app.run_pending_jobs().await;
    let words = "Order can not be cancelled at this stage.";
    app.simulator.script(Rule { operation: Some(Operation::Cancel), ..Rule::refuse(words) });
    let asked = shop.post("/orders/cancel", &json!({ "orderId": id, "reason": "Changed" })).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    until_settled(app, &id).await;
    app.assert_calls(&[("create", 1), ("cancel", 1), ("track", 1)]);
    assert_eq!(shop.order(&id).await["cancellation"]["state"], "refused");
    id
}

#[tokio::test]
async fn what_needs_a_person_makes_one_and_nothing_else_does() {
    let app = webhooks::start().await;
    let shop = shop(&app).await;
    let gone = webhooks::receiver::Receiver::start().await;
    gone.always(410);
    let (endpoint, _) = webhooks::endpoint(&shop, &gone.url, &["order.created"]).await;
    // Booked: nobody needs to look.
    let booked = shop.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    notify(&app).await;
    assert_eq!(list(&shop, "").await["data"], json!([]));

    app.worker.run_webhooks().await.unwrap();
    let refused = failed(&app, &shop, "A-2").await;
    let cancelled = cancel_is_refused(&app, &shop, "A-3").await;
    let desk = app.admin(waybill::admin::rights::Role::Operator).await;
    let message = json!({ "text": "Please call us." });
    assert_eq!(desk.post(&format!("/orders/{booked}/messages"), &message).await.status, 201);
    // What the shop writes itself is no news to it.
    assert_eq!(shop.post(&format!("/v1/orders/{booked}/messages"), &message).await.status, 201);
    notify(&app).await;
    let listed = list(&shop, "").await;
    let mut made = kinds(&listed);
    made.sort_unstable();
    assert_eq!(made, ["cancelRefused", "endpointDisabled", "message", "orderFailed"]);
    assert_eq!((&listed["unread"], &listed["hasMore"]), (&json!(4), &json!(false)));
    let of = |kind: &str| {
        let all = listed["data"].as_array().unwrap();
        all.iter().find(|one| one["kind"] == kind).unwrap().clone()
    };
    let one = of("orderFailed");
    assert_eq!((&one["orderId"], &one["clientOrderId"]), (&json!(refused), &json!("A-2")));
    assert_eq!(one["title"], format!("Order {} has failed.", one["orderNumber"].as_str().unwrap()));
    assert_eq!((&one["detail"], &one["read"]), (&json!("Pincode is not served"), &json!(false)));
    assert_eq!(of("cancelRefused")["orderId"], json!(cancelled));
    let one = of("endpointDisabled");
    assert_eq!((&one["endpointId"], &one["orderId"]), (&json!(endpoint), &Value::Null));
    let one = of("message");
    assert_eq!(one["orderId"], json!(booked));
    assert!(one["messageId"].as_str().unwrap().starts_with("msg_"), "{one}");
    for hidden in ["Asha", "9000000001", "call us", "operator", &gone.url] {
        assert!(!listed.to_string().contains(hidden), "{hidden}: {listed}");
    }
}

#[tokio::test]
async fn an_order_that_waits_for_the_desk_is_told_after_an_hour_of_it() {
    let app = TestApp::start().await;
    shop(&app).await;
    let shop = as_person(&app, super::OWNER).await;
    let (stays, leaves) = (shop.create(&order("A-1")).await, shop.create(&order("A-2")).await);
    let orders = &app.app.state.orders;
    for id in [&stays, &leaves] {
        orders.review(id, "provider-unreachable: not-connected").await.unwrap().unwrap();
    }
    app.run_pending_jobs().await;
    notify(&app).await;
    app.advance(Duration::from_secs(3599));
    let desk = app.admin(waybill::admin::rights::Role::Operator).await;
    let given_up = desk.post(&format!("/orders/{leaves}/fail"), &json!({ "reason": "Never sent" })).await;
    assert_eq!(given_up.status, 200, "{}", given_up.text());
    notify(&app).await;
    let shop = as_person(&app, super::OWNER).await;
    assert_eq!(kinds(&list(&shop, "").await), ["orderFailed"], "the other one waits for less than an hour");
    app.advance(Duration::from_secs(1));
    for _ in 0..3 {
        notify(&app).await;
    }
    let listed = list(&shop, "").await;
    assert_eq!(kinds(&listed), ["orderNeedsReview", "orderFailed"]);
    let one = &listed["data"][0];
    assert_eq!((&one["orderId"], &one["detail"]), (&json!(stays), &json!("provider-unreachable")));
    // Both looks are over.
    let watches = app.app.store.find::<Watch>(&Query::by_id(Sort::Ascending)).await.unwrap().docs;
    assert!(watches.len() == 2 && watches.iter().all(|watch| watch.due_at.is_none()), "{watches:?}");
    app.advance(Duration::from_secs(24 * 3600 + 1));
    app.app.state.notifications.remove_old().await.unwrap();
    assert!(app.app.store.find::<Watch>(&Query::by_id(Sort::Ascending)).await.unwrap().docs.is_empty());
}

#[tokio::test]
async fn one_that_comes_back_into_review_has_an_hour_of_its_own() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    let id = shop.create(&order("A-1")).await;
    let orders = &app.app.state.orders;
    orders.review(&id, "provider-unreachable: not-connected").await.unwrap().unwrap();
    app.run_pending_jobs().await;
    notify(&app).await;
    app.advance(Duration::from_secs(1800));
    let desk = app.admin(waybill::admin::rights::Role::Operator).await;
    let rebooked = json!({ "reason": "Try again", "force": true });
    let rebooked = desk.post(&format!("/orders/{id}/rebook"), &rebooked).await;
    assert_eq!(rebooked.status, 200, "{}", rebooked.text());
    orders.review(&id, "provider-unreachable: not-connected").await.unwrap().unwrap();
    app.run_pending_jobs().await;
    notify(&app).await;
    app.advance(Duration::from_secs(1800));
    notify(&app).await;
    let shop = as_person(&app, super::OWNER).await;
    assert_eq!(kinds(&list(&shop, "").await), Vec::<&str>::new());
    app.advance(Duration::from_secs(1800));
    notify(&app).await;
    let shop = as_person(&app, super::OWNER).await;
    assert_eq!(kinds(&list(&shop, "").await), ["orderNeedsReview"]);
}

#[tokio::test]
async fn the_same_events_make_each_once_whoever_goes_over_them() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    Box::pin(made_once(&app, &owner)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_events_make_each_once_on_mongodb() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (app, owner) = on_mongodb(&lab, folder.path()).await;
    Box::pin(made_once(&app, &owner)).await;
}

async fn made_once(app: &TestApp, owner: &Client) {
    let orders = 4;
    for n in 0..orders {
        failed(app, owner, &format!("A-{n}")).await;
    }
    let me = owner.get("/v1/me").await.json();
    let merchant = me["data"]["merchantId"].as_str().unwrap();
    app.worker.publisher().pass().await.unwrap();
    // Two at once, as after a lease that was lost.
    let (one, two) = tokio::join!(app.worker.run_notifications(), app.worker.run_notifications());
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    app.worker.run_notifications().await.unwrap();
    let first = all_of(app).await;
    assert_eq!(first.len(), orders);
    assert!(first.iter().map(|one| one.no).eq(1..=i64::try_from(orders).unwrap()));
    // From the beginning, as when the place was lost.
    let place = app.app.store.get::<Place>("notifications").await.unwrap().unwrap();
    assert!(app.app.store.replace(&Place { seq: 0, ..place }).await.unwrap());
    app.worker.run_notifications().await.unwrap();
    assert_eq!(all_of(app).await, first);
    let inbox = app.app.store.get::<Inbox>(merchant).await.unwrap().unwrap();
    assert_eq!((inbox.last, inbox.latest.as_str()), (4, first[3].id.as_str()));
}

#[tokio::test]
async fn without_people_and_without_news_nothing_is_kept() {
    let app = TestApp::start().await;
    // A merchant of the old system: nobody would read it.
    failed(&app, &app.merchant("legacy"), "A-1").await;
    let shop = shop(&app).await;
    failed(&app, &shop, "A-2").await;
    app.worker.publisher().pass().await.unwrap();
    // The consumer was away for more than a day.
    app.advance(Duration::from_secs(24 * 3600));
    app.worker.run_notifications().await.unwrap();
    assert_eq!(all_of(&app).await, []);
    let last = Events::new(app.app.store.clone()).last().await.unwrap();
    assert!(last >= 6, "{last}");
}

#[tokio::test]
async fn another_process_tells_of_it_within_a_second_and_webhooks_only_where_they_name_it() {
    let app = webhooks::start().await;
    let shop = shop(&app).await;
    let (all, named) =
        (webhooks::receiver::Receiver::start().await, webhooks::receiver::Receiver::start().await);
    webhooks::endpoint(&shop, &all.url, &[]).await;
    webhooks::endpoint(&shop, &named.url, &["notification.created"]).await;
    let other = app.merchant("other");
    let (address, _stop) = another(&app).await;
    let (mine, theirs) = (bearer(&shop), bearer(&other));
    let mut live = Stream::open(address, "/v1/events/stream", &[("Authorization", &mine)]).await;
    let mut foreign = Stream::open(address, "/v1/events/stream", &[("Authorization", &theirs)]).await;
    failed(&app, &shop, "A-1").await;
    failed(&app, &shop, "A-2").await;
    let started = Instant::now();
    notify(&app).await;
    app.worker.publisher().pass().await.unwrap();
    app.worker.publisher().pass().await.unwrap();
    let told = loop {
        let sent = live.next().await;
        if sent.event == "notification.created" {
            break sent;
        }
    };
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    // Two at once are one event.
    let newest = list(&shop, "").await["data"][0].clone();
    assert_eq!(told.data["data"], json!({ "notificationId": newest["id"], "number": 2 }));
    app.worker.run_webhooks().await.unwrap();
    let types = |arrived: Vec<webhooks::receiver::Arrived>| {
        arrived.iter().map(|one| one.body()["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(types(named.take()), ["notification.created"]);
    assert!(types(all.take()).iter().all(|kind| kind.starts_with("order.")));
    let id = other.create(&order("B-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(foreign.next().await.data["data"]["orderId"], json!(id));
}
