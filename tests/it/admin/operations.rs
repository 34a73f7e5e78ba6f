//! Bulk work: previewed, done, stopped, gone on with.

mod interrupted;

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    base::timestamp::Timestamp,
    features::{
        audit::Audit,
        operations::State,
        orders::{model::Order, reason, status::SyncStatus},
    },
    platform::queue::JobState,
    provider::simulator::Rule,
};

use super::people::Browser;
use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

const QUEUE: &str = "parcelx-orders-queue";

/// Orders that wait for a person because ParcelX could not be reached, one a second.
async fn outage(app: &TestApp, count: usize) -> Vec<String> {
    let id = app.merchant("shop-a").create(&order("first")).await;
    let why = format!("{}: not-connected", reason::PROVIDER_UNREACHABLE);
    app.app.state.orders.review(&id, &why).await.unwrap();
    app.run_pending_jobs().await;
    let template: Order = app.app.store.get(&id).await.unwrap().unwrap();
    let mut copies = Vec::new();
    for n in 1..count {
        let since = template.created_at().as_millis() + i64::try_from(n).unwrap() * 1000;
        copies.push(rewritten(
            &template,
            &[
                ("/id", format!("ord_{n:08}").into()),
                ("/clientOrderId", json!(null)),
                ("/orderNumber", format!("ORD-{n:013}").into()),
                ("/review/since", json!(Timestamp::from_millis(since))),
            ],
        ));
    }
    assert!(app.app.store.insert_all(&copies).await.into_iter().all(|done| done.is_ok()));
    app.advance(Duration::from_secs(u64::try_from(count).unwrap()));
    std::iter::once(id).chain(copies.iter().map(|copy| copy.id().to_owned())).collect()
}

/// Has their merchant call some of them off, so that they cannot be booked again.
async fn called_off(app: &TestApp, ids: &[String]) {
    for id in ids {
        let order: Order = app.app.store.get(id).await.unwrap().unwrap();
        let changed = rewritten(&order, &[("/cancellation/request/state", "requested".into())]);
        assert!(app.app.store.replace(&changed).await.unwrap());
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is always made on the spot")]
pub(super) fn body(kind: &str, more: Value) -> Value {
    let mut body = json!({ "kind": kind, "reason": "the outage is over", "ratePerMinute": 6000 });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

pub(super) async fn preview(admin: &Browser, body: &Value) -> Value {
    let answer = admin.post("/operations/preview", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["data"].clone()
}

pub(super) async fn start(admin: &Browser, body: &Value) -> String {
    let answer = admin.post("/operations", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let started = answer.json()["data"].clone();
    assert_eq!(started["state"], "waiting");
    started["id"].as_str().unwrap().to_owned()
}

pub(super) async fn shown(admin: &Browser, id: &str) -> Value {
    admin.get(&format!("/operations/{id}")).await.json()["data"].clone()
}

/// Every result, over all pages.
pub(super) async fn items(admin: &Browser, id: &str, filter: &str) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/operations/{id}/items?limit=30{filter}{next}")).await.json();
        all.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { return all };
        next = format!("&cursor={cursor}");
    }
}

async fn status(app: &TestApp, id: &str) -> SyncStatus {
    app.app.store.get::<Order>(id).await.unwrap().unwrap().provider_sync_status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_does_what_its_preview_said() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let ids = outage(&app, 60).await;
    called_off(&app, &ids[10..15]).await;
    let wanted = body("review.rebook", json!({ "filter": { "code": "provider-*" } }));
    let seen = preview(&admin, &wanted).await;
    assert_eq!(
        (&seen["matches"], &seen["capped"], &seen["costs"]),
        (&json!(60), &json!(false), &json!(true))
    );
    assert_eq!(seen["refusals"], json!([{ "code": "cancel-requested", "count": 5 }]));
    assert_eq!(seen["sample"].as_array().unwrap()[0], ids[0]);
    assert_eq!(status(&app, &ids[0]).await, SyncStatus::NeedsReview, "a preview changes nothing");

    let id = start(&admin, &wanted).await;
    // What comes to wait after the start is left alone.
    app.advance(Duration::from_secs(1));
    let later = app.merchant("shop-a").create(&order("later")).await;
    app.app.state.orders.review(&later, reason::PROVIDER_UNREACHABLE).await.unwrap();
    assert_eq!(app.worker.run_operations().await.unwrap(), 1);
    let ended = shown(&admin, &id).await;
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!([&ended["total"], &ended["done"], &ended["refused"], &ended["failed"]], [60, 55, 5, 0]);
    assert_eq!(ended["refusals"], seen["refusals"]);
    assert_eq!(items(&admin, &id, "").await.len(), 60);
    let refused: Vec<_> = items(&admin, &id, "&result=refused").await;
    let targets: Vec<_> = refused.iter().map(|item| item["target"].as_str().unwrap().to_owned()).collect();
    assert_eq!(targets, ids[10..15]);
    assert_eq!(status(&app, &ids[20]).await, SyncStatus::Retrying);
    assert_eq!(status(&app, &later).await, SyncStatus::NeedsReview);
    let line =
        Audit::new(app.app.store.clone(), app.clock.clone()).list(Some(&ids[20]), None, 1).await.unwrap();
    assert_eq!(
        (line[0].actor.name.as_str(), line[0].origin.request_id.as_deref()),
        ("admin", Some(id.as_str()))
    );
    app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_one_cause_is_sent_again() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let from = app.clock.now();
    let mut ids = Vec::new();
    for n in 0..6 {
        let words =
            if n < 4 { format!("Pick address {n} is not active") } else { "Weight is too much".to_owned() };
        app.simulator.script(Rule::refuse(&words));
        ids.push(app.merchant("shop-a").create(&order(&format!("S-{n}"))).await);
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(1));
    }
    app.assert_calls(&[("create", 6), ("track", 6)]);
    let groups = admin.get("/failures").await.json()["data"].clone();
    assert_eq!(groups[0]["cause"], "Pick address # is not active");
    let filter = json!({ "filter": { "from": from, "cause": groups[0]["cause"] } });
    let wanted = body("orders.resend", filter);
    assert_eq!(preview(&admin, &wanted).await["matches"], 4);
    let id = start(&admin, &wanted).await;
    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["done"], &ended["refused"]], [4, 0], "{ended}");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 4), ("track", 8)]); // each is looked up again before it is sent
    for (n, id) in ids.iter().enumerate() {
        let expected = if n < 4 { SyncStatus::Success } else { SyncStatus::Failed };
        assert_eq!(status(&app, id).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_retried_and_removed_by_their_state() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    for n in 0..3 {
        app.simulator.script(Rule::refuse("Weight is too much"));
        app.merchant("shop-a").create(&order(&format!("J-{n}"))).await;
        app.run_pending_jobs().await;
    }
    app.assert_calls(&[("create", 3), ("track", 3)]);
    let count = async |state| app.app.queue.inspect.list(QUEUE, state, None, 100).await.unwrap().jobs.len();
    assert_eq!(count(JobState::Failed).await, 3);
    let retry = body("jobs.retry", json!({ "filter": { "queue": QUEUE, "name": "create-order" } }));
    assert_eq!(preview(&admin, &retry).await["matches"], 3);
    let id = start(&admin, &retry).await;
    app.worker.run_operations().await.unwrap();
    assert_eq!(shown(&admin, &id).await["done"], 3);
    assert_eq!((count(JobState::Failed).await, count(JobState::Waiting).await), (0, 3));
    // Their orders have their end: nothing is sent.
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let remove = body("jobs.remove", json!({ "filter": { "queue": QUEUE, "state": "failed" } }));
    let id = start(&admin, &remove).await;
    app.worker.run_operations().await.unwrap();
    assert_eq!(shown(&admin, &id).await["done"], 3);
    assert_eq!(count(JobState::Failed).await, 0);
    // One that stands for an order is not removed, whoever names it.
    let order = app.merchant("shop-a").create(&order("J-9")).await;
    let named = json!({ "filter": { "queue": QUEUE }, "ids": [format!("create-order-{order}-1"), "none"] });
    let id = start(&admin, &body("jobs.remove", named)).await;
    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!((&ended["done"], &ended["refused"]), (&json!(0), &json!(2)), "{ended}");
    assert_eq!(count(JobState::Waiting).await, 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let many: Vec<_> = (0..1001).map(|n| format!("ord_{n}")).collect();
    for (wrong, pointer) in [
        (body("review.rebook", json!({ "ratePerMinute": 0 })), "/ratePerMinute"),
        (body("review.rebook", json!({ "ratePerMinute": 6001 })), "/ratePerMinute"),
        (body("review.rebook", json!({ "stopAfter": 0 })), "/stopAfter"),
        (body("review.fail", json!({ "force": true })), "/force"),
        (body("review.fail", json!({ "ids": many })), "/ids"),
        (body("review.fail", json!({ "ids": ["a", "a"] })), "/ids"),
        (body("review.fail", json!({ "ids": ["a"], "filter": { "code": "poison" } })), "/filter"),
        (body("review.fail", json!({ "filter": { "queue": QUEUE } })), "/filter"),
        (body("review.fail", json!({ "filter": { "cause": "x" } })), "/filter"),
        (body("review.fail", json!({ "filter": { "of": "cancellation" } })), "/filter/of"),
        (body("orders.resend", json!({})), "/filter"),
        (body("orders.resend", json!({ "filter": { "text": "x" } })), "/filter"),
        (body("jobs.retry", json!({})), "/filter/queue"),
        (body("jobs.retry", json!({ "filter": { "queue": QUEUE, "state": "waiting" } })), "/filter/state"),
        (body("jobs.remove", json!({ "filter": { "queue": QUEUE } })), "/filter/state"),
        (body("jobs.remove", json!({ "filter": { "queue": QUEUE, "state": "delayed" } })), "/filter/state"),
        (body("jobs.remove", json!({ "filter": { "queue": QUEUE, "state": "active" } })), "/filter/state"),
    ] {
        for path in ["/operations/preview", "/operations"] {
            let problem = admin.post(path, &wrong).await.problem(422, "validation-failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{wrong}");
        }
    }
    for wrong in [
        body("review.burn", json!({})),
        body("review.fail", json!({ "filter": { "colour": "red" } })),
        json!({ "kind": "review.fail" }),
    ] {
        admin.post("/operations", &wrong).await.problem(422, "validation-failed");
    }
    assert_eq!(admin.get("/operations").await.json()["data"], json!([]), "none of them was started");
    admin.get("/operations/opn_none").await.problem(404, "not-found");
    admin.get("/operations/opn_none/items").await.problem(404, "not-found");
    admin.get("/operations?state=done").await.problem(400, "invalid-query");
    admin.get("/operations?cursor=AAAA").await.problem(400, "invalid-cursor");
}

#[tokio::test]
async fn the_same_key_of_the_same_user_starts_it_once() {
    let app = TestApp::start().await;
    let (admin, chief) = (app.admin(Role::Admin).await, app.admin(Role::SuperAdmin).await);
    let wanted = body("review.fail", json!({}));
    let with_key = async |browser: &Browser| {
        let request = http::Request::builder().method(Method::POST).uri("/admin/api/operations");
        let request = request.header("content-type", "application/json").header("idempotency-key", "k1");
        let answer = browser.send(request.body(wanted.to_string().into()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()["data"]["id"].as_str().unwrap().to_owned()
    };
    let first = with_key(&admin).await;
    assert_eq!(with_key(&admin).await, first);
    assert_ne!(with_key(&chief).await, first, "another user's key is another one");
    let all = admin.get("/operations").await.json();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert!(all["data"].as_array().unwrap().iter().all(|o| o["state"] == State::Waiting.as_str()));
}
