//! Each run of a job, also the one that completed it, with the calls that it made.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::runs::Runs,
    provider::simulator::{Answer, Rule},
};

use super::people::Browser;
use crate::support::{TestApp, orders::order};

const QUEUE: &str = "parcelx-orders-queue";

async fn ok(admin: &Browser, path: &str) -> Value {
    let answer = admin.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn job(admin: &Browser, order: &str) -> Value {
    ok(admin, &format!("/queues/{QUEUE}/jobs/create-order-{order}-1")).await["data"].clone()
}

/// The whole line of time, as one page and as many give it.
async fn timeline(admin: &Browser, order: &str) -> Vec<Value> {
    let whole = ok(admin, &format!("/orders/{order}/timeline")).await["data"].as_array().unwrap().clone();
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = ok(admin, &format!("/orders/{order}/timeline?limit=2{next}")).await;
        paged.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(paged, whole);
    whole
}

fn titled<'a>(entries: &'a [Value], title: &str) -> &'a Value {
    entries.iter().find(|entry| entry["title"] == title).unwrap_or_else(|| panic!("{entries:?}"))
}

#[tokio::test]
async fn the_run_that_completed_a_job_is_told_like_the_others() {
    let app = TestApp::start().await;
    app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: None }));
    let id = app.merchant("shop-a").create(&order("T-1")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(3600));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);

    let viewer = app.admin(Role::Viewer).await;
    let shown = job(&viewer, &id).await;
    let tries = shown["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 2, "{shown}");
    for (run, (outcome, verdict)) in tries.iter().zip([("delayed", "busy"), ("completed", "booked")]) {
        assert_eq!(run["outcome"], outcome);
        let calls = run["calls"].as_array().unwrap();
        assert_eq!(calls.len(), 1, "{run}");
        assert_eq!((&calls[0]["operation"], &calls[0]["verdict"]), (&json!("create_order"), &json!(verdict)));
        assert_eq!((&run["try"], &run["version"]), (&json!(1), &json!(env!("CARGO_PKG_VERSION"))));
        assert!(run["worker"].is_string() && run["worker"] == tries[0]["worker"], "{run}");
    }
    let completed = &tries[1];
    assert_eq!(completed["endedAt"], shown["finishedAt"]);
    assert_eq!(completed["startedAt"], completed["calls"][0]["sentAt"]);
    assert_ne!(completed["run"], tries[0]["run"]);
    let kept = Runs::new(app.app.store.clone()).of_job(&format!("create-order-{id}-1")).await.unwrap();
    assert_eq!(kept.len(), 1, "nothing is written down for it");

    let entries = timeline(&viewer, &id).await;
    let run = titled(&entries, "Run of create-order: completed");
    for (name, field) in [("at", "startedAt"), ("actor", "worker"), ("version", "version"), ("run", "run")] {
        assert_eq!(run[name], completed[field], "{name}");
    }
    assert_eq!((&run["tone"], &run["attempt"]), (&json!("ok"), &json!(1)));
    let booked = entries.iter().find(|entry| entry["verdict"] == "booked").unwrap();
    assert_eq!(booked["run"], run["run"], "the call names its run");
    let delayed = titled(&entries, "Run of create-order: delayed");
    assert_eq!(delayed["version"], env!("CARGO_PKG_VERSION"));
}

/// What neither the queue nor a call tells is not made up.
#[tokio::test]
async fn a_run_that_had_nothing_to_do_has_no_calls() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let merchant = app.merchant("shop-a");
    let id = merchant.create(&order("T-2")).await;
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!(job(&viewer, &id).await["tries"], json!([]), "it has not run");
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let shown = job(&viewer, &id).await;
    let tries = shown["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 1, "{shown}");
    let run = &tries[0];
    assert_eq!((&run["outcome"], &run["endedAt"]), (&json!("completed"), &shown["finishedAt"]));
    assert_eq!((&run["run"], &run["calls"]), (&Value::Null, &json!([])));
    assert_eq!(run["worker"].is_null(), run["startedAt"].is_null(), "as far as the queue knows");
    titled(&timeline(&viewer, &id).await, "Run of create-order: completed");
}
