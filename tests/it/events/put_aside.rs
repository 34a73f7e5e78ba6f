//! Events that do not read as such: put aside, so that those behind them go on, and driven again by an
//! operator.

use bson::doc;
use http::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::events::{Event, Events, reader::Place},
};

use super::booked;
use crate::{
    admin::people::Browser,
    support::{TestApp, mongodb::Lab},
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
        let conn = Connection::open(app.folder.path().join("waybill.db")).unwrap();
        let sql = format!("UPDATE {collection} SET doc = json_set(doc, '$.{field}', json(?2)) WHERE id = ?1");
        assert_eq!(conn.execute(&sql, rusqlite::params![id, value.to_string()]).unwrap(), 1);
        return;
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
    let day = std::time::Duration::from_secs(24 * 3600);
    app.advance(day * 7 + day / 24);
    app.worker.publisher().pass().await.unwrap();
    let operator = app.admin(Role::Operator).await;
    let gone = operator.call(Method::POST, &retry(&event, "webhooks"), Some(&because)).await;
    gone.problem(409, "event-gone");
    app.advance(day * 23);
    app.worker.publisher().pass().await.unwrap();
    assert_eq!(failures(&app.admin(Role::Operator).await).await, Vec::<Value>::new());
}
