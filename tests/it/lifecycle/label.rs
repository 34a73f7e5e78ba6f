//! Labels: asked for by a merchant, fetched by a worker, and handed out only from where ParcelX keeps them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use waybill::{
    features::orders::model::Order,
    provider::{
        carrier::ProviderEnv,
        parcelx::log::RequestLog,
        simulator::{self, Operation, Rule},
    },
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, Client, Ending, TestApp,
    orders::{order, rewritten},
};

const QUEUE: &str = "parcelx-labels-queue";

/// How long a failure is told again.
const FAILURE_TTL: Duration = Duration::from_secs(30);

fn path(id: &str) -> String {
    format!("/v1/orders/{id}/label")
}

/// An app whose double gives addresses of its own, and whose requests wait as long as they may.
async fn start() -> TestApp {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__LABEL_WAIT", "5s").start().await;
    app.simulator.change_faults(|f| f.label_url = None);
    app
}

/// One whose requests do not wait for a worker.
async fn hasty() -> TestApp {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__LABEL_WAIT", "1ms").start().await;
    app.simulator.change_faults(|f| f.label_url = None);
    app
}

async fn booked(app: &TestApp) -> (Client, String) {
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    (merchant, id)
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

/// Lets the worker work until `asking` has its answer.
async fn while_working<T>(app: &TestApp, asking: impl Future<Output = T>) -> T {
    let done = AtomicBool::new(false);
    let ask = async {
        let answer = asking.await;
        done.store(true, Ordering::SeqCst);
        answer
    };
    let work = async {
        while !done.load(Ordering::SeqCst) {
            app.run_pending_jobs().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::join!(ask, work).0
}

/// Asks until there is something else than "not yet": the machine may be slow.
async fn ask(app: &TestApp, merchant: &Client, id: &str) -> Answer {
    let asking = async {
        loop {
            let answer = merchant.get(&path(id)).await;
            if answer.status != 202 {
                return answer;
            }
        }
    };
    while_working(app, asking).await
}

/// What says nothing of the label, and that the HTTP stack does not repeat.
fn forbidden() -> Rule {
    Rule::on(Operation::Label, simulator::Answer::Status { code: 403, retry_after: None })
}

#[tokio::test]
async fn the_label_is_fetched_once_by_a_worker_and_handed_out_until_it_is_old() {
    let app = start().await;
    let (merchant, id) = booked(&app).await;
    let awb = merchant.order(&id).await["awb"].clone();
    let before = merchant.order(&id).await;
    let answer = ask(&app, &merchant, &id).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = format!("http://{}/_sim/label/{}.pdf", app.provider_address, awb.as_str().unwrap());
    let expected =
        json!({ "success": true, "data": { "awb": awb, "labelUrl": url, "fetchedAt": app.clock.now() } });
    assert_eq!(answer.json(), expected);
    app.assert_calls(&[("label", 1)]);

    app.advance(Duration::from_secs(3599));
    assert_eq!(merchant.get(&path(&id)).await.json(), expected, "from the store, without a worker");
    assert_eq!(app.run_pending_jobs().await, 0);
    app.advance(Duration::from_secs(1));
    let renewed = ask(&app, &merchant, &id).await.json();
    assert_eq!(renewed["data"]["fetchedAt"], json!(app.clock.now()));
    app.assert_calls(&[("label", 1)]);
    assert_eq!(
        merchant.order(&id).await,
        before,
        "a label changes nothing of the order that its merchant reads"
    );

    let logs = merchant.provider_logs(&id).await;
    let labels: Vec<_> = logs.iter().filter(|log| log["operation"] == "label").collect();
    assert_eq!(labels.len(), 2);
    for log in labels {
        assert_eq!(
            (&log["outcome"]["verdict"], &log["outcome"]["responsePayload"]["label_url"]),
            (&json!("fetched"), &json!("[redacted]"))
        );
    }
}

#[tokio::test]
async fn many_requests_at_once_are_one_call() {
    let app = start().await;
    let (merchant, id) = booked(&app).await;
    let all = join_all((0..10).map(|_| async { merchant.get(&path(&id)).await.status.as_u16() }));
    let statuses = while_working(&app, all).await;
    assert!(statuses.iter().all(|status| [200, 202].contains(status)), "{statuses:?}");
    assert_eq!(ask(&app, &merchant, &id).await.status, 200);
    app.assert_calls(&[("label", 1)]);
}

#[tokio::test]
async fn without_a_worker_the_merchant_is_told_to_ask_again_and_one_job_waits() {
    let app = hasty().await;
    let (merchant, id) = booked(&app).await;
    for _ in 0..3 {
        let answer = merchant.get(&path(&id)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (202, Some("2")),
            "{}",
            answer.text()
        );
        assert_eq!(
            (&answer.json()["success"], &answer.json()["data"]["labelUrl"]),
            (&json!(true), &Value::Null)
        );
    }
    assert_eq!(app.app.queue.inspect.counts(QUEUE).await.unwrap().open(), 1);
    let job = app.app.queue.inspect.get(QUEUE, &format!("fetch-label-{id}-1")).await.unwrap().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&job.data).unwrap(),
        json!({ "orderId": id, "userId": "u1", "request": 1 }),
        "ids alone"
    );
    app.run_pending_jobs().await;
    assert_eq!(merchant.get(&path(&id)).await.status, 200);
    app.assert_calls(&[("label", 1)]);
}

#[tokio::test]
async fn a_wish_whose_job_was_lost_is_made_again() {
    let app = hasty().await;
    let (merchant, id) = booked(&app).await;
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    let claimed = app.app.queue.broker.claim_from(QUEUE, 1, Duration::from_secs(60)).await.unwrap();
    let _held = app.app.queue.broker.fail(&claimed[0], "lost").await.unwrap();
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    assert_eq!(app.run_pending_jobs().await, 0, "it is still waited for");
    app.advance(Duration::from_secs(10));
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    assert_eq!(app.run_pending_jobs().await, 1);
    assert_eq!(merchant.get(&path(&id)).await.status, 200);
    app.assert_calls(&[("label", 1)]);
}

#[tokio::test]
async fn only_a_booked_order_that_is_to_go_out_has_a_label() {
    let app = hasty().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let problem = merchant.get(&path(&id)).await.problem(409, "conflict-state");
    assert!(problem["detail"].as_str().unwrap().contains("queued"), "{problem}");
    app.merchant("u2").get(&path(&id)).await.problem(404, "not-found");
    merchant.get(&path("ord_none")).await.problem(404, "not-found");
    app.anybody().get(&path(&id)).await.problem(401, "unauthenticated");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);

    // A label that is known is not handed out either once the order is cancelled.
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    app.run_pending_jobs().await;
    assert_eq!(merchant.get(&path(&id)).await.status, 200);
    assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 202);
    merchant.get(&path(&id)).await.problem(409, "conflict-state");
    app.run_pending_jobs().await;
    let problem = merchant.get(&path(&id)).await.problem(409, "conflict-state");
    assert!(problem["detail"].as_str().unwrap().contains("cancelled"), "{problem}");
    app.assert_calls(&[("label", 1), ("cancel", 1)]);
    app.leave_jobs(); // the cancel waits to be confirmed

    app.simulator.script(Rule::refuse("Pincode is not served"));
    let refused = merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let problem = merchant.get(&path(&refused)).await.problem(409, "conflict-state");
    assert!(problem["detail"].as_str().unwrap().contains("failed"), "{problem}");
}

#[tokio::test]
async fn a_job_whose_order_was_called_off_meanwhile_asks_nobody() {
    let app = hasty().await;
    let (merchant, id) = booked(&app).await;
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    app.leave_jobs();
}

#[tokio::test]
async fn a_refusal_is_told_in_the_providers_words_and_asked_for_anew_after_a_while() {
    let app = start().await;
    let (merchant, id) = booked(&app).await;
    app.simulator
        .script(Rule::on(Operation::Label, simulator::Answer::Status { code: 422, retry_after: None }));
    let problem = ask(&app, &merchant, &id).await.problem(409, "provider-refused");
    let words = problem["detail"].as_str().unwrap().to_owned();
    assert!(words.starts_with("ParcelX gives no label for this order: ") && words.len() > 45, "{words}");
    app.assert_calls(&[("label", 1)]);
    let job = app.app.queue.inspect.get(QUEUE, &format!("fetch-label-{id}-1")).await.unwrap().unwrap();
    assert_eq!(job.state.as_str(), "failed");
    app.advance(FAILURE_TTL - Duration::from_millis(1));
    let again = merchant.get(&path(&id)).await.problem(409, "provider-refused");
    assert_eq!(again["detail"], words, "told again, and nobody was asked");
    app.assert_calls(&[]);
    app.advance(Duration::from_millis(1));
    assert_eq!(ask(&app, &merchant, &id).await.status, 200);
    app.assert_calls(&[("label", 1)]);
}

#[tokio::test]
async fn a_label_that_is_not_there_yet_is_asked_for_again() {
    let app = hasty().await;
    let (merchant, id) = booked(&app).await;
    let rule = Rule::on(Operation::Label, simulator::Answer::Status { code: 422, retry_after: None });
    let words = Some("Label is being generated, try again later".to_owned());
    app.simulator.script(Rule { refuse: words, ..rule });
    for _ in 0..2 {
        assert_eq!(merchant.get(&path(&id)).await.status, 202, "that is no refusal");
        app.run_pending_jobs().await;
        app.assert_calls(&[("label", 1)]);
        app.advance(Duration::from_secs(8));
    }
    assert_eq!(merchant.get(&path(&id)).await.status, 200);
}

#[tokio::test]
async fn an_address_elsewhere_is_never_handed_out() {
    for url in [
        "https://files.example.test/label/{awb}.pdf",
        "https://parcelx.in@evil.test/{awb}",
        "http://127.0.0.1:1/{awb}.pdf",
        "nonsense",
    ] {
        let app = start().await;
        app.simulator.change_faults(|f| f.label_url = Some(url.to_owned()));
        let (merchant, id) = booked(&app).await;
        let answer = ask(&app, &merchant, &id).await;
        answer.problem(502, "provider-answer");
        app.assert_calls(&[("label", 1)]);
        let shown =
            format!("{}{:?}{}", answer.text(), merchant.provider_logs(&id).await, merchant.order(&id).await);
        assert!(!shown.contains("example.test") && !shown.contains("evil"), "{shown}");
        assert!(stored(&app, &id).await.label().unwrap().url.is_none());
    }
    let app = TestApp::builder().setting("WAYBILL_PARCELX__LABEL_HOSTS", "files.example.test").start().await;
    let (merchant, id) = booked(&app).await;
    let url = ask(&app, &merchant, &id).await.json()["data"]["labelUrl"].clone();
    assert!(url.as_str().unwrap().starts_with("https://files.example.test/label/"), "{url}");
    app.assert_calls(&[("label", 1)]);
}

#[tokio::test]
async fn what_tells_nothing_is_tried_a_few_times_and_never_touches_the_booking() {
    let app = hasty().await;
    let (merchant, id) = booked(&app).await;
    let before = merchant.order(&id).await;
    app.simulator.script(forbidden().times(4));
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    for tries in 1..=4 {
        assert_eq!(app.run_pending_jobs().await, 1, "try {tries}");
        app.assert_calls(&[("label", 1)]);
        if tries < 4 {
            assert_eq!(merchant.get(&path(&id)).await.status, 202, "the request is still under way");
            assert_eq!(app.run_pending_jobs().await, 0, "and waits");
            app.advance(Duration::from_secs(8));
        }
    }
    let job = app.app.queue.inspect.get(QUEUE, &format!("fetch-label-{id}-1")).await.unwrap().unwrap();
    assert_eq!(
        (job.state.as_str(), job.attempts_made),
        ("failed", 1),
        "the tries used up no attempt, only the end did"
    );
    assert!(job.reason.unwrap().contains("credentials"));
    assert_eq!(merchant.order(&id).await, before);
    merchant.get(&path(&id)).await.problem(503, "temporarily-unavailable");
    app.advance(FAILURE_TTL);
    assert_eq!(merchant.get(&path(&id)).await.status, 202, "a new request");
    app.run_pending_jobs().await;
    assert_eq!(merchant.get(&path(&id)).await.status, 200);
    app.assert_calls(&[("label", 1)]);
}

#[tokio::test]
async fn whoever_waits_is_told_when_nothing_can_be_learnt() {
    let app = start().await;
    let (merchant, id) = booked(&app).await;
    app.simulator.script(forbidden().times(4));
    let asking = async { merchant.get(&path(&id)).await };
    let moving = async {
        loop {
            app.advance(Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer =
        tokio::select! { answer = while_working(&app, asking) => answer, () = moving => unreachable!() };
    let problem = answer.problem(503, "temporarily-unavailable");
    assert!(answer.header("retry-after").is_some(), "{problem}");
    app.assert_calls(&[("label", 4)]);
}

#[tokio::test]
async fn the_call_of_a_worker_that_vanished_gets_its_outcome() {
    let app = start().await;
    let (merchant, id) = booked(&app).await;
    let now = app.clock.now();
    let log = RequestLog::new("plog_vanished", "label", &id, "ORD-1", json!({ "awb": "1" }), 1, (now, now));
    app.app.store.insert(&log).await.unwrap();
    assert_eq!(ask(&app, &merchant, &id).await.status, 200);
    app.assert_calls(&[("label", 1)]);
    let logs = merchant.provider_logs(&id).await;
    let vanished = logs.iter().find(|log| log["id"] == "plog_vanished").unwrap();
    assert_eq!(vanished["outcome"]["errorCode"], "no-answer-recorded");
}

#[tokio::test]
async fn a_worker_of_another_provider_fetches_nothing() {
    let app = hasty().await;
    let (merchant, id) = booked(&app).await;
    let moved = app.app.store.update::<Order, (), waybill::platform::store::StoreError>(&id, |order| {
        *order = rewritten(order, &[("/providerEnv", json!(ProviderEnv::Live))]);
        Ok(waybill::platform::store::Decision::Save(()))
    });
    moved.await.unwrap();
    assert_eq!(merchant.get(&path(&id)).await.status, 202);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let job = app.app.queue.inspect.get(QUEUE, &format!("fetch-label-{id}-1")).await.unwrap().unwrap();
    assert_eq!(job.reason.as_deref(), Some("other-provider-environment"));
}
