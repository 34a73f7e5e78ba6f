//! Queues and jobs: looked at, found, moved.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::audit::{Audit, Outcome},
    platform::queue::{Claim, End, NewJob, retry::Backoff},
};

use super::people::Browser;
use crate::support::{TestApp, orders::order};

const QUEUE: &str = "parcelx-orders-queue";
const FOREIGN: &str = "of-others";

fn because() -> Value {
    json!({ "reason": "a test" })
}

async fn jobs(browser: &Browser, query: &str) -> Value {
    let answer = browser.get(&format!("/queues/{FOREIGN}/jobs?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// Jobs of another program, of which every third fails.
async fn with_jobs(app: &TestApp, n: usize) {
    let new = |i: usize| NewJob {
        queue: FOREIGN.into(),
        id: format!("job-{i:03}"),
        name: if i.is_multiple_of(2) { "even".into() } else { "odd".into() },
        data: json!({ "orderId": format!("ord_{i}"), "name": "Asha Example", "mobile": "9000000001" })
            .to_string(),
        share: None,
        attempts: 3,
        backoff: Backoff::Fixed { delay: 0 },
        delay: Duration::ZERO,
    };
    let all: Vec<_> = (0..n).map(new).collect();
    let broker = &app.app.queue.broker;
    broker.add(&all, Duration::from_secs(5)).await.unwrap();
    for _ in 0..n / 3 {
        let claim = Claim { queue: FOREIGN, max: 1, lease: Duration::from_secs(60) };
        let job = broker.claim(claim).await.unwrap().remove(0);
        let end = End::Fail(format!("mobile 9000000001 of {} is bad", job.id));
        broker.end(&[(job, end)], None).await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_says_how_it_stands_and_who_paused_it() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.merchant("shop").create(&order("A-1")).await;
    let (admin, viewer) = (app.admin(Role::Admin).await, app.admin(Role::Viewer).await);
    let queue = || async { viewer.get(&format!("/queues/{QUEUE}")).await.json()["data"].clone() };
    let before = queue().await;
    assert_eq!((&before["ours"], &before["counts"]["waiting"]), (&json!(true), &json!(1)), "{before}");
    assert_eq!(
        (&before["consumed"], &before["workers"], &before["paused"]),
        (&json!(false), &json!(0), &json!(false))
    );
    assert_eq!(before["oldestWaitingAt"], json!(app.clock.now()));
    assert_eq!(before["pausedBy"], Value::Null);

    let (pause, resume) = (format!("/queues/{QUEUE}/pause"), format!("/queues/{QUEUE}/resume"));
    let paused = admin.post(&pause, &because()).await.json()["data"].clone();
    assert_eq!(paused["pausedBy"], json!({ "actor": "admin", "at": app.clock.now(), "reason": "a test" }));
    assert_eq!(queue().await, paused);
    admin.post(&pause, &because()).await.problem(409, "already-paused");
    assert_eq!(queue().await["pausedBy"], paused["pausedBy"], "a refused pause is nobody's");
    assert_eq!(admin.post(&resume, &because()).await.json()["data"]["paused"], false);
    admin.post(&resume, &because()).await.problem(409, "not-paused");
    admin.post("/queues/parcelx-order-queue/pause", &because()).await.problem(404, "not-found");
    admin.post(&pause, &json!({})).await.problem(422, "validation-failed");

    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(queue().await["perMinute"], json!({ "completed": 0.2, "failed": 0.0 }));
    let names: Vec<_> = viewer.get("/queues").await.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|queue| queue["name"].as_str().unwrap().to_owned())
        .collect();
    let all =
        ["emails-queue", "parcelx-labels-queue", "parcelx-order-cancellation-queue", QUEUE, "texts-queue"];
    assert_eq!(names, all);

    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    let lines = audit.list(Some(QUEUE), None, 9).await.unwrap();
    let told: Vec<_> = lines.iter().rev().map(|line| (line.action.as_str(), line.outcome)).collect();
    let (done, refused) = (Outcome::Done, Outcome::Refused);
    assert_eq!(
        told,
        [("queue.pause", done), ("queue.pause", refused), ("queue.resume", done), ("queue.resume", refused)]
    );
    assert_eq!(lines[0].origin.role.as_deref(), Some("admin"));
    assert!(lines[0].origin.session.is_some() && lines[0].origin.request_id.is_some());
}

#[tokio::test]
async fn jobs_are_found_and_pages_hold_each_of_them_once() {
    let app = TestApp::start().await;
    with_jobs(&app, 60).await;
    let viewer = app.admin(Role::Viewer).await;
    for (query, expected) in [
        ("", 60),
        ("state=failed", 20),
        ("state=waiting", 40),
        ("name=odd", 30),
        ("state=failed&name=even", 10),
        ("q=JOB-01", 10),
        ("q=is+bad", 20),
        ("order=ord_17", 1),
        ("q=nothing", 0),
        ("from=2026-01-31T09:30:00Z", 60),
        ("to=2026-01-31T09:30:00Z", 0),
    ] {
        let (mut all, mut cursor, mut searched) = (Vec::new(), String::new(), 0);
        loop {
            let page = jobs(&viewer, &format!("{query}&limit=7{cursor}")).await;
            assert!(ids(&page).len() <= 7 && page["stopped"] == false, "{page}");
            searched += page["searched"].as_u64().unwrap();
            all.extend(ids(&page));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (expected, expected), "{query}");
        assert!(searched >= u64::try_from(expected).unwrap() && searched <= 60, "{query}: {searched}");
    }
    let failed = jobs(&viewer, "state=failed&limit=1").await;
    assert_eq!(failed["data"][0]["reason"], "mobile […] of job-019 is bad");
    assert_eq!(failed["data"][0]["orderId"], "ord_19");
}

#[tokio::test]
async fn bad_queries_of_jobs_are_refused() {
    let app = TestApp::start().await;
    with_jobs(&app, 6).await;
    let viewer = app.admin(Role::Viewer).await;
    let asks = &viewer;
    let get = |query: String| async move { asks.get(&format!("/queues/{FOREIGN}/jobs?{query}")).await };
    for query in
        ["colour=red", "state=lost", "limit=many", "from=yesterday", "limit=1&limit=2", "limit=0&x=1"]
    {
        get(query.to_owned()).await.problem(400, "invalid-query");
    }
    for query in ["limit=0", "limit=201", "limit=99999999"] {
        get(query.to_owned()).await.problem(422, "validation-failed");
    }
    let next = jobs(&viewer, "limit=2").await["nextCursor"].as_str().unwrap().to_owned();
    let mut changed = next.clone();
    changed.replace_range(20..21, if next.as_bytes()[20] == b'A' { "B" } else { "A" });
    for query in [
        format!("cursor={changed}"),
        format!("state=failed&cursor={next}"),
        "cursor=".into(),
        "cursor=%F0%9F".into(),
    ] {
        let code = if query.ends_with("%F0%9F") { "invalid-query" } else { "invalid-cursor" };
        get(query).await.problem(400, code);
    }
    viewer.get("/queues/none/jobs").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_job_shows_what_it_carries_without_personal_data_and_what_each_action_would_do() {
    let app = TestApp::start().await;
    app.leave_jobs();
    with_jobs(&app, 3).await;
    let id = app.merchant("shop").create(&order("A-1")).await;
    let viewer = app.admin(Role::Viewer).await;
    let other = viewer.get(&format!("/queues/{FOREIGN}/jobs/job-000")).await.json()["data"].clone();
    assert_eq!(other["data"], json!({ "orderId": "ord_0", "name": "******", "mobile": "******" }));
    let allowed = |job: &Value| -> Vec<String> {
        let all = job["actions"].as_array().unwrap().iter().filter(|action| action["allowed"] == true);
        all.map(|action| action["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(allowed(&other), ["retry", "remove", "edit"]);

    let path = format!("/queues/{QUEUE}/jobs/create-order-{id}-1");
    let job = viewer.get(&path).await.json()["data"].clone();
    assert_eq!(
        (&job["state"], &job["readable"], &job["order"]["id"]),
        (&json!("waiting"), &json!(true), &json!(id))
    );
    assert_eq!((&job["options"]["attempts"], &other["options"]["attempts"]), (&json!(3), &json!(3)));
    assert_eq!(other["options"]["backoff"], json!({ "type": "fixed", "delay": 0 }));
    assert_eq!(job["options"]["backoff"]["type"], "exponential");
    let books = &job["actions"][0];
    assert_eq!(
        (&books["effect"], &books["costs"]),
        (&json!("It books: the order is sent to ParcelX."), &json!(true))
    );
    assert_eq!(books["why"], "the job is waiting, not failed");
    let edit = job["actions"].as_array().unwrap().iter().find(|action| action["name"] == "edit").unwrap();
    assert!(edit["allowed"] == false && edit["why"].as_str().unwrap().contains("amended"), "{edit}");

    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let job = viewer.get(&path).await.json()["data"].clone();
    assert_eq!(job["actions"][0]["effect"], "Nothing: the order is booked.");
    assert_eq!(job["returnValue"]["success"], true, "{job}");
    let text = job.to_string();
    assert!(!text.contains("Asha") && !text.contains("9000000001"), "{text}");
    viewer.get(&format!("/queues/{QUEUE}/jobs/none")).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_job_that_no_worker_understands_is_listed_and_can_be_removed() {
    let app = TestApp::start().await;
    let new = |id: &str, data: &str| NewJob {
        queue: FOREIGN.into(),
        id: id.to_owned(),
        name: "odd".into(),
        data: data.to_owned(),
        share: None,
        attempts: 1,
        backoff: Backoff::Fixed { delay: 0 },
        delay: Duration::ZERO,
    };
    let long = format!("\"{}\"", "x".repeat(1_000_000));
    let all = [new("list", "[1, 2]"), new("long", &long), new("fine", "{}")];
    app.app.queue.broker.add(&all, Duration::from_secs(5)).await.unwrap();
    let admin = app.admin(Role::Admin).await;
    let page = jobs(&admin, "").await;
    let readable: Vec<_> = page["data"].as_array().unwrap().iter().map(|job| &job["readable"]).collect();
    assert_eq!(readable, [&json!(false), &json!(false), &json!(true)]);
    for (id, begins) in [("list", "[1, 2]"), ("long", "[…]")] {
        let path = format!("/queues/{FOREIGN}/jobs/{id}");
        let answer = admin.get(&path).await;
        assert!(answer.text().len() < 10_000, "{}", answer.text().len());
        let job = answer.json()["data"].clone();
        assert!(job["data"].is_null() && job["dataText"].as_str().unwrap().starts_with(begins), "{job}");
        let removed = admin.post(&format!("{path}/remove"), &because()).await;
        assert_eq!(removed.json()["data"]["state"], Value::Null);
    }
    assert_eq!(ids(&jobs(&admin, "").await), ["fine"]);
}

#[tokio::test]
async fn jobs_are_retried_promoted_and_removed() {
    let app = TestApp::start().await;
    with_jobs(&app, 3).await;
    let operator = app.admin(Role::Operator).await;
    let act = |id: &str, action: &str| {
        let path = format!("/queues/{FOREIGN}/jobs/{id}/{action}");
        let operator = operator.clone();
        async move { operator.call(Method::POST, &path, Some(&because())).await }
    };
    act("job-001", "retry").await.problem(409, "job-state");
    act("job-000", "promote").await.problem(409, "job-state");
    act("none", "retry").await.problem(404, "not-found");
    assert_eq!(act("job-000", "retry").await.json()["data"], json!({ "state": "waiting" }));
    assert_eq!(act("job-000", "remove").await.json()["data"], json!({ "state": null }));
    act("job-000", "remove").await.problem(404, "not-found");
    assert_eq!(ids(&jobs(&operator, "").await), ["job-001", "job-002"]);
}
