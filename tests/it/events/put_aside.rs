//! Events that do not read as such, or that nothing can be made of: put aside, so that those behind them go
//! on, and driven again by an operator. That somebody else is faster is no such reason.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use bson::doc;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::events::{
        Event, Events,
        failures::{EventFailure, EventFailures},
        reader::{PASSES, Place, Reader, TRIES, Writes},
    },
    platform::store::{Batch, Store, StoreError},
};

use super::booked;
use crate::{
    admin::people::Browser,
    support::{TestApp, file::edit, mongodb::Lab},
    webhooks::{self, receiver::Receiver},
};

/// Changes a field of a stored document, whatever it then reads as. `lab`: where the documents are, if that
/// is not the backend of the run.
pub(crate) async fn put(
    app: &TestApp,
    lab: Option<&Lab>,
    (collection, id): (&str, &str),
    field: &str,
    value: &Value,
) {
    let Some(lab) = lab.or(app.backend.lab.as_ref()) else {
        let json = format!("json_set(json, '$.{field}', json(?2))");
        let file = app.folder.path().join("waybill.db");
        return edit(&file, collection, &json, rusqlite::params![id, value.to_string()]);
    };
    let mut set = bson::Document::new();
    set.insert(field, bson::serialize_to_bson(value).unwrap());
    let changed =
        lab.documents(collection).update_one(doc! { "_id": id }, doc! { "$set": set }).await.unwrap();
    assert_eq!(changed.matched_count, 1);
}

/// What consumers could not handle.
pub(crate) async fn failures(desk: &Browser) -> Vec<Value> {
    let listed = desk.get("/event-failures").await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text());
    listed.json()["data"].as_array().unwrap().clone()
}

fn retry(event: &Event, consumer: &str) -> String {
    format!("/event-failures/{consumer}-{}/retry", event.id)
}

#[tokio::test]
async fn one_that_does_not_read_is_put_aside_and_driven_again() {
    Box::pin(does_not_read(webhooks::start().await, None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_read_is_put_aside_on_mongodb() {
    let lab = Lab::new().await;
    let app = TestApp::builder().mongodb(&lab.url).setting("WAYBILL_WEBHOOKS__ALLOW_PRIVATE", "yes");
    Box::pin(does_not_read(app.start().await, Some(&lab))).await;
}

async fn does_not_read(app: TestApp, lab: Option<&Lab>) {
    let (shop, receiver) = (app.merchant("shop"), Receiver::start().await);
    webhooks::endpoint(&shop, &receiver.url, &["order.created"]).await;
    let (first, second) = (booked(&app, &shop, "A-1").await, booked(&app, &shop, "A-2").await);
    let all = Events::new(app.app.store.clone()).after(0, 100).await.unwrap();
    let event = all.iter().find(|event| event.subject == first && event.no == 1).unwrap();
    put(&app, lab, ("events", &event.id), "type", &json!(7)).await;

    let sent = async || {
        app.worker.run_webhooks().await.unwrap();
        app.worker.run_notifications().await.unwrap();
        let arrived = receiver.take();
        arrived.iter().map(|one| one.body()["data"]["orderId"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(sent().await, [json!(second)]);
    // Once, by whoever goes on.
    assert_eq!(sent().await, Vec::<Value>::new());
    for consumer in ["webhooks", "notifications"] {
        let place = app.app.store.get::<Place>(consumer).await.unwrap().unwrap();
        assert!(place.seq >= event.seq, "{place:?}");
    }
    let (viewer, operator) = (app.admin(Role::Viewer).await, app.admin(Role::Operator).await);
    let listed = failures(&viewer).await;
    let mut consumers: Vec<_> = listed.iter().map(|one| one["consumer"].as_str().unwrap()).collect();
    consumers.sort_unstable();
    assert_eq!(consumers, ["notifications", "webhooks"]);
    for one in &listed {
        assert_eq!((&one["eventId"], &one["tries"]), (&json!(event.id), &json!(1)));
        assert!(one["why"].as_str().unwrap().contains("does not read") && !one.to_string().contains("A-1"));
    }
    let page = viewer.get("/event-failures?limit=1").await.json();
    let next = format!("/event-failures?limit=1&cursor={}", page["nextCursor"].as_str().unwrap());
    assert_ne!(viewer.get(&next).await.json()["data"][0]["id"], page["data"][0]["id"]);
    viewer.get("/event-failures?cursor=x").await.problem(400, "invalid-cursor");

    let because = json!({ "reason": "it is mended" });
    let retried = async |desk: &Browser, consumer: &str| {
        desk.call(Method::POST, &retry(event, consumer), Some(&because)).await
    };
    retried(&viewer, "webhooks").await.problem(403, "forbidden");
    retried(&operator, "webhooks").await.problem(409, "failed-again");
    let tried = failures(&viewer).await.into_iter().find(|one| one["consumer"] == "webhooks").unwrap();
    assert_eq!(tried["tries"], 2);
    put(&app, lab, ("events", &event.id), "type", &json!(event.kind)).await;
    let handled = retried(&operator, "webhooks").await;
    assert_eq!((handled.status, &handled.json()["data"]["eventId"]), (StatusCode::OK, &json!(event.id)));
    assert_eq!(failures(&viewer).await.len(), 1);
    retried(&operator, "webhooks").await.problem(404, "not-found");
    assert_eq!(sent().await, [json!(first)]);
    assert_eq!(retried(&operator, "notifications").await.status, StatusCode::OK);
    assert_eq!(failures(&viewer).await, Vec::<Value>::new());

    let admin = app.admin(Role::Admin).await;
    let lines = admin.get("/audit?action=event.retry").await.json();
    let mut outcomes: Vec<_> =
        lines["data"].as_array().unwrap().iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["done", "done", "failed"]);
}

/// The event is kept for a week, and what could not handle it for a month.
#[tokio::test]
async fn one_whose_event_is_gone_says_so_until_it_goes_itself() {
    let app = webhooks::start().await;
    let shop = app.merchant("shop");
    booked(&app, &shop, "A-1").await;
    let event = Events::new(app.app.store.clone()).after(0, 1).await.unwrap().remove(0);
    put(&app, None, ("events", &event.id), "type", &json!(7)).await;
    app.worker.run_webhooks().await.unwrap();
    let because = json!({ "reason": "let it be" });
    let day = Duration::from_secs(24 * 3600);
    app.advance(day * 7 + day / 24);
    app.worker.publisher().pass().await.unwrap();
    let operator = app.admin(Role::Operator).await;
    let gone = operator.call(Method::POST, &retry(&event, "webhooks"), Some(&because)).await;
    gone.problem(409, "event-gone");
    app.advance(day * 23);
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(failures(&app.admin(Role::Operator).await).await, Vec::<Value>::new());
}

/// The consumer of the tests below.
const NAME: &str = "tests";

/// What stands in the way of what a consumer writes.
enum Way {
    Nothing,
    /// Somebody who moves the place before each commit.
    Faster,
    /// Somebody who has each time another of what may be there once.
    Moving,
    /// Something that may be there once, and stays.
    Taken,
}

struct Making {
    store: Store,
    way: Way,
    tries: AtomicI64,
}

impl Making {
    fn tries(&self) -> i64 {
        self.tries.load(Ordering::Relaxed)
    }
}

impl Writes<()> for Making {
    async fn add(&self, batch: Batch, _: &[()]) -> Result<Batch, StoreError> {
        let n = self.tries.fetch_add(1, Ordering::Relaxed);
        let other = match self.way {
            Way::Nothing => return Ok(batch),
            Way::Faster => {
                let place = self.store.get::<Place>(NAME).await?.unwrap();
                assert!(self.store.replace(&place).await?);
                return Ok(batch);
            }
            Way::Moving => n,
            Way::Taken => 0,
        };
        // Another event of the same step.
        let known = Events::new(self.store.clone()).after(0, 1).await?.remove(0);
        Ok(batch.insert(&Event { id: format!("evt_other{other}"), seq: -1, ..known }))
    }
}

/// One pass of a consumer, and how many events it has handled.
async fn pass(reader: &mut Reader, limit: usize, making: &Making) -> Result<Option<usize>, StoreError> {
    let passed: Result<usize, StoreError> = async {
        for _ in 0..TRIES {
            let events = reader.next(limit).await?;
            let Some(last) = events.last() else { return Ok(0) };
            if reader.pass(last.seq, &mut vec![()], making).await? {
                return Ok(events.len());
            }
        }
        Err(StoreError::Contended)
    }
    .await;
    reader.judged(passed).await
}

/// Handles what is left, with nothing in the way, and tells how many that were.
async fn rest(reader: &mut Reader, making: &mut Making) -> usize {
    making.way = Way::Nothing;
    let mut handled = 0;
    loop {
        match pass(reader, 100, making).await.unwrap() {
            Some(0) => return handled,
            Some(n) => handled += n,
            None => panic!("nothing is in the way"),
        }
    }
}

async fn put_aside(app: &TestApp) -> Vec<EventFailure> {
    let failures = EventFailures::new(app.app.store.clone(), app.clock.clone());
    failures.list(None, 10).await.unwrap().docs
}

/// A booked order, its events, and a consumer of them.
async fn consumer(app: &TestApp) -> (Vec<Event>, Reader, Making) {
    booked(app, &app.merchant("shop"), "A-1").await;
    let store = app.app.store.clone();
    let all = Events::new(store.clone()).after(0, 100).await.unwrap();
    let reader = Reader::new(store.clone(), app.clock.clone(), NAME);
    (all, reader, Making { store, way: Way::Nothing, tries: AtomicI64::new(0) })
}

#[tokio::test]
async fn one_that_others_come_before_is_tried_until_it_gets_through() {
    let app = TestApp::start().await;
    let (all, mut reader, mut making) = consumer(&app).await;
    assert!(all.len() > 1, "{all:?}");
    for way in [Way::Faster, Way::Moving] {
        making.way = way;
        for n in 0..3 * PASSES {
            let before = making.tries();
            assert_eq!(pass(&mut reader, 100, &making).await.unwrap(), None, "{n}");
            let tries = making.tries();
            assert!(tries > before, "{n}: it is tried after each rest");
            // And not before.
            assert_eq!(pass(&mut reader, 100, &making).await.unwrap(), Some(0), "{n}");
            assert_eq!(making.tries(), tries, "{n}");
            app.advance(Duration::from_secs(5));
        }
    }
    let failed = put_aside(&app).await;
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(rest(&mut reader, &mut making).await, all.len());
    let place = making.store.get::<Place>(NAME).await.unwrap().unwrap();
    assert_eq!(place.seq, all.last().unwrap().seq);
}

/// Else it would hold up those behind it for ever: nobody is at work there who could end.
#[tokio::test]
async fn one_whose_writes_break_the_same_index_each_time_is_put_aside() {
    let app = TestApp::start().await;
    let (all, mut reader, mut making) = consumer(&app).await;
    making.way = Way::Taken;
    for n in 1..PASSES {
        let failed = pass(&mut reader, 1, &making).await;
        assert!(matches!(failed, Err(StoreError::Conflict { .. })), "{n}: {failed:?}");
    }
    assert_eq!(pass(&mut reader, 1, &making).await.unwrap(), None);
    let failed = put_aside(&app).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!((&failed[0].event, failed[0].tries), (&all[0].id, PASSES));
    assert!(failed[0].why.contains("subject_no"), "{failed:?}");
    assert_eq!(rest(&mut reader, &mut making).await, all.len() - 1);
}
