//! Steps that show late, clocks that are set back, passes that end half-way: nothing may fall between two
//! passes of a publisher.

use std::time::Duration;

use http::Method;
use rusqlite::Connection;
use serde_json::{Map, json};
use waybill::{
    admin::rights::Role,
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        events::{Events, NewEvent, publisher::Publisher},
        orders::model::Order,
    },
};

use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

const SECOND: Duration = Duration::from_secs(1);

/// The order `of` under another name, as a write that began at `at` leaves it.
async fn copied(app: &TestApp, of: &str, name: &str, at: Timestamp) -> Order {
    let order: Order = app.app.store.get(of).await.unwrap().unwrap();
    let changes = [
        ("/id", json!(format!("ord_{name}"))),
        ("/orderNumber", json!(format!("ORD-{name}"))),
        ("/clientOrderId", json!(name)),
        ("/createdAt", json!(at)),
        ("/updatedAt", json!(at)),
    ];
    rewritten(&order, &changes)
}

/// The types of the events about this.
async fn told(app: &TestApp, subject: &str) -> Vec<String> {
    let all = Events::new(app.app.store.clone()).after(0, 1000).await.unwrap();
    all.into_iter().filter(|event| event.subject == subject).map(|event| event.kind).collect()
}

/// A write may be under way for seconds, and under load a pass takes them, too.
#[tokio::test]
async fn a_step_that_shows_late_is_told_however_long_passes_take() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let first = shop.create(&order("A-1")).await;
    let mut publisher = app.worker.publisher();
    publisher.pass().await.unwrap();
    app.advance(SECOND * 40);
    publisher.pass().await.unwrap();
    app.advance(SECOND);
    let late = copied(&app, &first, "LATE", app.clock.now()).await;
    app.advance(SECOND * 19);
    let second = shop.create(&order("A-2")).await;
    publisher.pass().await.unwrap();
    assert_eq!(told(&app, &second).await, ["order.queued"], "what was read is noted");
    app.app.store.insert(&late).await.unwrap();
    app.advance(SECOND * 20);
    publisher.pass().await.unwrap();
    assert_eq!(told(&app, late.id()).await, ["order.queued"]);
    // Once, whoever looks.
    publisher.pass().await.unwrap();
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(told(&app, late.id()).await.len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_no_step() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let first = app.merchant("shop").create(&order("A-1")).await;
    app.worker.publisher().pass().await.unwrap();
    let clock = Clock::manual(app.clock.now() - SECOND * 3600);
    let mut publisher = Publisher::new(app.app.store.clone(), clock.clone());
    publisher.pass().await.unwrap();
    clock.advance(SECOND);
    let early = copied(&app, &first, "EARLY", clock.now()).await;
    app.app.store.insert(&early).await.unwrap();
    publisher.pass().await.unwrap();
    assert_eq!(told(&app, early.id()).await, ["order.queued"]);
    assert_eq!(told(&app, &first).await, ["order.queued"], "once");
}

/// Orders move on what is noted as read. What else happened while nobody published must not go with it.
#[tokio::test]
async fn a_pass_that_ends_half_way_after_an_outage_leaves_nothing_out() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.merchant("shop").create(&order("A-1")).await;
    app.worker.publisher().pass().await.unwrap();
    app.advance(SECOND * 60);
    let (admin, queue) = (app.admin(Role::Admin).await, "parcelx-orders-queue");
    let because = json!({ "reason": "a test" });
    let paused = admin.call(Method::POST, &format!("/queues/{queue}/pause"), Some(&because)).await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    app.advance(SECOND * 3600);
    let second = app.merchant("shop").create(&order("A-2")).await;

    let file = Connection::open(app.folder.path().join("waybill.db")).unwrap();
    file.execute_batch("ALTER TABLE threads RENAME TO away").unwrap();
    assert!(app.worker.publisher().pass().await.is_err());
    file.execute_batch("ALTER TABLE away RENAME TO threads").unwrap();
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(told(&app, &second).await, ["order.queued"]);
    let all = Events::new(app.app.store.clone()).after(0, 1000).await.unwrap();
    assert_eq!(all.iter().filter(|event| event.kind == "queue.pause").count(), 1, "{all:?}");
}

/// As where a clock was set back, or orders come from another system: what is an event already must not stand
/// in the way of what is none yet.
#[tokio::test]
async fn orders_of_the_future_hold_up_no_other() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let first = shop.create(&order("A-1")).await;
    let mut ahead = Vec::new();
    for n in 0..30 {
        let made = copied(&app, &first, &format!("AHEAD-{n}"), app.clock.now() + SECOND * 3600).await;
        app.app.store.insert(&made).await.unwrap();
        ahead.push(made);
    }
    app.worker.publisher().pass().await.unwrap();
    app.advance(SECOND);
    let second = shop.create(&order("A-2")).await;
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(told(&app, &second).await, ["order.queued"]);
    for made in ahead {
        assert_eq!(told(&app, made.id()).await, ["order.queued"], "once");
    }
}

/// However many they are: each is left out once, and what is none yet goes on.
#[tokio::test]
async fn what_is_an_event_already_is_left_out_and_no_try() {
    let app = TestApp::start().await;
    let events = Events::new(app.app.store.clone());
    let step = |subject: i64, no: i64| NewEvent {
        at: app.clock.now(),
        kind: "order.queued".to_owned(),
        subject: format!("ord_{subject}"),
        no,
        merchant: None,
        public: None,
        data: Map::new(),
    };
    let steps = |last: i64| (0..20).flat_map(move |of| (1..=last).map(move |no| (of, no)));
    let all = |last: i64| steps(last).map(|(of, no)| step(of, no)).collect::<Vec<_>>();
    assert_eq!(events.publish(all(3), None).await.unwrap(), 60);
    assert_eq!(events.publish(all(4), None).await.unwrap(), 20);
    let told = events.after(0, 100).await.unwrap();
    assert_eq!(told.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
    assert!(told[60..].iter().all(|event| event.no == 4));
    assert_eq!(events.publish(all(4), None).await.unwrap(), 0);
}
