//! What a job of another program carries is changed by hand; what a job of ours carries is not.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waybill::{admin::rights::Role, features::audit::Outcome};

use super::{
    foreign::{FOREIGN, QUEUE, action, add, claim_one, job, last_line},
    people::Browser,
};
use crate::support::{Answer, TestApp, orders::order};

async fn data(app: &TestApp, queue: &str, id: &str) -> String {
    app.app.queue.inspect.get(queue, id).await.unwrap().unwrap().data
}

async fn set(browser: &Browser, queue: &str, id: &str, text: &str) -> Answer {
    let body = json!({ "data": text, "reason": "a wrong status" });
    browser.call(Method::PUT, &format!("/queues/{queue}/jobs/{id}/data"), Some(&body)).await
}

const CARRIED: &str =
    r#"{"status":"new", "mobile":9000000001,"consignee":{"name":"Asha","reason":"call 9000000001"}}"#;

#[tokio::test]
async fn what_a_job_of_others_carries_is_changed_and_what_is_hidden_stays() {
    let app = TestApp::start().await;
    add(&app, &[job("a", CARRIED, Duration::ZERO), job("b", "[1]", Duration::ZERO)]).await;
    let operator = app.admin(Role::Operator).await;
    let before = operator.get(&format!("/queues/{FOREIGN}/jobs/a")).await.json()["data"].clone();
    let edit = action(&before, "edit");
    assert_eq!((&edit["allowed"], &edit["right"]), (&json!(true), &json!("job.manage")), "{edit}");
    let mut wanted = before["data"].clone();
    assert_eq!(wanted["mobile"], "******");
    wanted["status"] = "old".into();
    wanted["more"] = json!([1]);
    let answer = set(&operator, FOREIGN, "a", &wanted.to_string()).await;
    assert_eq!(answer.json()["data"], json!({ "state": "waiting" }), "{}", answer.text());
    let carries: Value = serde_json::from_str(&data(&app, FOREIGN, "a").await).unwrap();
    let consignee = json!({ "name": "Asha", "reason": "call 9000000001" });
    let expected =
        json!({ "status": "old", "mobile": 9_000_000_001_u64, "consignee": consignee, "more": [1] });
    assert_eq!(carries, expected);
    let line = last_line(&app, "of-others/a").await;
    assert_eq!(
        (line.action.as_str(), line.outcome, line.reason.as_str()),
        ("job.edit", Outcome::Done, "a wrong status")
    );
    assert_eq!(line.before.as_deref(), Some(r#"{"status":"new"}"#));
    assert_eq!(line.after.as_deref(), Some(r#"{"more":["******"],"status":"old"}"#));

    // Whoever has seen it as it was before does not overwrite that.
    let put = async |seen: &Value| {
        let body = json!({ "data": "{}", "seen": seen.to_string(), "reason": "a wrong status" });
        operator.call(Method::PUT, &format!("/queues/{FOREIGN}/jobs/a/data"), Some(&body)).await
    };
    put(&before["data"]).await.problem(409, "job-changed");
    assert_ne!(data(&app, FOREIGN, "a").await, "{}");
    let now = operator.get(&format!("/queues/{FOREIGN}/jobs/a")).await.json()["data"]["data"].clone();
    assert_eq!(put(&now).await.status, 200);
    assert_eq!(data(&app, FOREIGN, "a").await, "{}");

    // Where nothing is hidden, it is kept to the letter.
    let text = "{ \"b\": 1.50,\n\"a\": 123456789012345678901234567890 }";
    set(&operator, FOREIGN, "b", text).await;
    assert_eq!(data(&app, FOREIGN, "b").await, text);
}

#[tokio::test]
async fn data_that_cannot_be_or_may_not_be_changed_stays() {
    let app = TestApp::start().await;
    app.leave_jobs();
    add(&app, &[job("runs", CARRIED, Duration::ZERO), job("a", CARRIED, Duration::ZERO)]).await;
    let order = app.merchant("shop").create(&order("A-1")).await;
    let own = format!("create-order-{order}-1");
    claim_one(&app, FOREIGN).await;
    let (operator, viewer) = (app.admin(Role::Operator).await, app.admin(Role::Viewer).await);
    let all =
        [data(&app, FOREIGN, "a").await, data(&app, FOREIGN, "runs").await, data(&app, QUEUE, &own).await];

    set(&viewer, FOREIGN, "a", "{}").await.problem(403, "forbidden");
    set(&operator, FOREIGN, "runs", "{}").await.problem(409, "job-state");
    set(&operator, FOREIGN, "none", "{}").await.problem(404, "not-found");
    set(&operator, "no-queue", "a", "{}").await.problem(404, "not-found");
    for no_data in ["{", "", r#"{"name":"******"}"#, r#"{"consignee":{"reason":"call […] again"}}"#] {
        let problem = set(&operator, FOREIGN, "a", no_data).await.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["pointer"], "/data", "{no_data}: {problem}");
    }
    let path = format!("/queues/{FOREIGN}/jobs/a/data");
    for (body, pointer) in [
        (json!({ "reason": "r" }), "/data"),
        (json!({ "data": "{}" }), "/reason"),
        (json!({ "data": {}, "reason": "r" }), "/data"),
    ] {
        let problem = operator.call(Method::PUT, &path, Some(&body)).await.problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }

    let refused = set(&operator, QUEUE, &own, "{}").await.problem(409, "own-queue");
    assert!(refused["detail"].as_str().unwrap().contains("amended"), "{refused}");
    let line = last_line(&app, &format!("{QUEUE}/{own}")).await;
    assert_eq!((line.action.as_str(), line.outcome), ("job.edit", Outcome::Refused));
    assert_eq!(
        [data(&app, FOREIGN, "a").await, data(&app, FOREIGN, "runs").await, data(&app, QUEUE, &own).await],
        all
    );
}
