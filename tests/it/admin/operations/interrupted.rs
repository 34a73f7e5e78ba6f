//! Work that does not go through at one go: its worker dies, a person pauses or cancels it, or it stops by
//! itself. Whatever comes, nothing is done twice.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::{
        audit::{Audit, AuditContext, Origin, Outcome, Via},
        operations::model::Operation,
        orders::{model::Order, reason, status::SyncStatus},
    },
};

use super::{body, called_off, items, outage, shown, start, status};
use crate::{admin::people::Browser, support::TestApp};

async fn change(admin: &Browser, id: &str, what: &str) -> Value {
    let answer = admin.post(&format!("/operations/{id}/{what}"), &json!({ "reason": "a test" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["data"].clone()
}

/// Lines of the audit log of these orders that say something was done, by order.
async fn done_lines(app: &TestApp, ids: &[String]) -> BTreeMap<String, usize> {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    let mut counted = BTreeMap::new();
    for id in ids {
        let lines = audit.list(Some(id), None, 100).await.unwrap();
        counted.insert(id.clone(), lines.iter().filter(|line| line.outcome == Outcome::Done).count());
    }
    counted
}

/// Its worker is dropped again and again, wherever it is: what it had done and not written down is known
/// again, and no order is acted on twice.
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_worker_dies_goes_on_where_it_was() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let ids = outage(&app, 120).await;
    called_off(&app, &ids[..7]).await;
    let id = start(&admin, &body("review.rebook", json!({}))).await;
    let mut deaths = 0;
    while shown(&admin, &id).await["state"] != "done" {
        let work = app.worker.run_operations();
        if tokio::time::timeout(Duration::from_millis(15 + deaths * 3), work).await.is_err() {
            deaths += 1;
        }
        assert!(deaths < 500, "{}", shown(&admin, &id).await);
    }
    assert!(deaths > 2, "it was never interrupted");
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["done"], &ended["refused"], &ended["failed"]], [113, 7, 0], "{ended}");
    assert_eq!(items(&admin, &id, "").await.len(), 120);
    let done = done_lines(&app, &ids).await;
    assert!(done.values().all(|lines| *lines <= 1), "{done:?}");
    for order in &ids[7..] {
        assert_eq!(status(&app, order).await, SyncStatus::Retrying);
        let order: Order = app.app.store.get(order).await.unwrap().unwrap();
        assert_eq!(order.generation(), 2, "sent once");
    }
    app.leave_jobs();
}

/// What a dead worker did and did not write down is in the order's history, wherever the order has come to.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_came_back_meanwhile_is_not_acted_on_twice() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let order = outage(&app, 1).await.remove(0);
    let id = start(&admin, &body("review.rebook", json!({ "force": true }))).await;
    let operation: Operation = app.app.store.get(&id).await.unwrap().unwrap();
    let mut stored = serde_json::to_value(&operation).unwrap();
    stored["state"] = json!("running");
    stored["inHand"] = json!({ "ids": [order], "next": null });
    let operation: Operation = serde_json::from_value(stored).unwrap();
    assert!(app.app.store.replace(&operation).await.unwrap());
    let origin = Origin { request_id: Some(id.clone()), ..Origin::default() };
    let by = AuditContext::new("admin", Via::Http, "the outage is over").unwrap().from(origin);
    let carrier = app.app.carrier(app.account()).unwrap();
    app.app.state.orders.review_service(carrier, by).rebook(&order, true).await.unwrap();
    let why = format!("{}: not-connected", reason::PROVIDER_UNREACHABLE);
    app.app.state.orders.review(&order, &why).await.unwrap();

    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["state"], &ended["done"]], [&json!("done"), &json!(1)], "{ended}");
    let stands: Order = app.app.store.get(&order).await.unwrap().unwrap();
    assert_eq!((stands.provider_sync_status(), stands.generation()), (SyncStatus::NeedsReview, 2));
    app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_paused_and_cancelled_half_way_within_a_second() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let ids = outage(&app, 100).await;
    let id = start(&admin, &body("review.fail", json!({ "ratePerMinute": 1200 }))).await;
    let worker = app.worker.clone();
    let work = tokio::spawn(async move { worker.run_operations().await });
    let passed = async |atleast: u64| loop {
        let now = shown(&admin, &id).await;
        let passed = now["done"].as_u64().unwrap();
        if passed >= atleast {
            return passed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let before = passed(5).await;
    assert_eq!(change(&admin, &id, "pause").await["state"], "paused");
    let asked = std::time::Instant::now();
    work.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let paused = shown(&admin, &id).await;
    assert!(paused["done"].as_u64().unwrap() < 90, "{before} {paused}");
    assert_eq!(app.worker.run_operations().await.unwrap(), 0, "nobody works on it");
    admin
        .post(&format!("/operations/{id}/pause"), &json!({ "reason": "r" }))
        .await
        .problem(409, "operation-state");

    assert_eq!(change(&admin, &id, "resume").await["state"], "waiting");
    let worker = app.worker.clone();
    let work = tokio::spawn(async move { worker.run_operations().await });
    let more = passed(paused["done"].as_u64().unwrap() + 3).await;
    change(&admin, &id, "cancel").await;
    work.await.unwrap().unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!(ended["state"], "cancelled");
    let done = ended["done"].as_u64().unwrap();
    assert!(done >= more && done < 100, "{ended}");
    assert_eq!(
        u64::try_from(items(&admin, &id, "").await.len()).unwrap(),
        done,
        "what was done is in the list"
    );
    let mut failed = 0;
    for order in &ids {
        failed += u64::from(status(&app, order).await == SyncStatus::Failed);
    }
    assert_eq!(failed, done, "and nothing else");
    admin
        .post(&format!("/operations/{id}/resume"), &json!({ "reason": "r" }))
        .await
        .problem(409, "operation-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_by_itself_when_the_provider_cannot_be_asked() {
    let app = TestApp::builder().provider("http://127.0.0.1:9").start().await;
    let admin = app.admin(Role::Admin).await;
    outage(&app, 40).await;
    let id = start(&admin, &body("review.adopt-found", json!({ "stopAfter": 5 }))).await;
    app.worker.run_operations().await.unwrap();
    let stopped = shown(&admin, &id).await;
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    assert!(stopped["stopped"].as_str().unwrap().contains("failed in a row"), "{stopped}");
    let failed = stopped["failed"].as_u64().unwrap();
    assert!((5..=21).contains(&failed), "{stopped}");
    assert_eq!(stopped["refusals"][0]["code"], "cannot-ask");
    assert_eq!(change(&admin, &id, "resume").await["state"], "waiting", "a person may go on with it");
}
