//! Calling orders off: before, during and after their booking.

mod calls;
mod jobs;

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    features::orders::model::Order,
    provider::simulator::{Answer, Lookup, Operation, Rule, TakesEffect, Then},
};

use crate::support::{Client, TestApp, orders::order};

const QUEUE: &str = "parcelx-order-cancellation-queue";

async fn cancel(merchant: &Client, id: &str) -> Value {
    let answer =
        merchant.post("/orders/cancel", &json!({ "orderId": id, "reason": "Changed their mind" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
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

/// Runs jobs and moves the clock until nothing more happens to the order by itself.
pub(super) async fn until_settled(app: &TestApp, id: &str) -> Order {
    for _ in 0..100 {
        app.run_pending_jobs().await;
        let order = stored(app, id).await;
        let Some(due) = order.overdue_at() else { return order };
        app.advance(due.since(app.clock.now()));
    }
    panic!("the order never settles: {:#?}", stored(app, id).await);
}

fn live(app: &TestApp) -> usize {
    app.simulator.shipments().iter().filter(|s| s.live).count()
}

fn words(value: &Value) -> (&str, &str, &str) {
    let text = |v: &Value| if v.is_string() { "" } else { "no text" };
    assert_eq!(text(&value["status"]), "");
    (
        value["status"].as_str().unwrap(),
        value["providerSyncStatus"].as_str().unwrap(),
        value["cancellation"]["state"].as_str().unwrap(),
    )
}

/// A no about the keys is no proof that it was not booked.
#[tokio::test]
async fn an_order_in_doubt_is_not_called_cancelled_before_a_look_up_finds_nothing() {
    for booked in [true, false] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let no = Answer::Status { code: 401, retry_after: None };
        app.simulator.script(Rule::create(no).acting(booked));
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
        cancel(&merchant, &id).await;
        assert_eq!(words(&merchant.order(&id).await), ("pending", "retrying", "requested"), "{booked}");
        app.advance(Duration::from_secs(60));
        app.run_pending_jobs().await;
        let ended = until_settled(&app, &id).await;
        app.assert_calls(if booked { &[("cancel", 1), ("track", 2)] } else { &[("track", 1)] });
        let stands = if booked { "success" } else { "cancelled" };
        assert_eq!(words(&merchant.order(&id).await), ("cancelled", stands, "done"), "{booked}");
        assert_eq!((live(&app), ended.awb().is_some()), (0, booked));
    }
}

#[tokio::test]
async fn an_order_that_was_not_sent_is_cancelled_at_once() {
    for busy in [false, true] {
        let app = TestApp::start().await;
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        if busy {
            app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: None }));
            app.run_pending_jobs().await;
            app.assert_calls(&[("create", 1)]);
        }
        let data = cancel(&merchant, &id).await;
        assert_eq!(words(&data), ("cancelled", "cancelled", "done"), "{data}");
        assert_eq!(
            (data["reason"].as_str(), data["clientOrderId"].as_str()),
            (Some("Changed their mind"), Some("A-1"))
        );
        app.advance(Duration::from_secs(3600));
        app.run_pending_jobs().await;
        app.assert_calls(&[]);
        let job = app
            .app
            .queue
            .inspect
            .get("parcelx-orders-queue", &format!("create-order-{id}-1"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(job.state.as_str(), "completed", "a job without work ends harmlessly");
    }
}

#[tokio::test]
async fn a_booked_order_is_cancelled_at_the_provider_and_confirmed_by_tracking() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.cancel_effect = TakesEffect::After(30_000));
    let (merchant, id) = booked(&app).await;
    let data = cancel(&merchant, &id).await;
    assert_eq!(words(&data), ("booked", "success", "requested"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(words(&seen), ("cancelled", "success", "done"), "accepted counts at once");
    assert_eq!(seen["cancellation"]["confirmedAt"], json!(null));
    let delayed = app.app.queue.inspect.get(QUEUE, &format!("cancel-order-{id}-2")).await.unwrap().unwrap();
    assert_eq!(delayed.state.as_str(), "delayed");

    for (after, confirmed) in [(5, false), (55, true)] {
        app.advance(Duration::from_secs(after));
        app.run_pending_jobs().await;
        app.assert_calls(&[("track", 1)]);
        assert_eq!(
            merchant.order(&id).await["cancellation"]["confirmedAt"].is_string(),
            confirmed,
            "after {after} s"
        );
    }
    let job = app.app.queue.inspect.get(QUEUE, &format!("cancel-order-{id}-2")).await.unwrap().unwrap();
    assert_eq!((job.state.as_str(), job.attempts_made), ("completed", 1));
    let value: Value = serde_json::from_str(&job.return_value.unwrap()).unwrap();
    assert_eq!((value["orderId"].as_str(), value["success"].as_bool()), (Some(id.as_str()), Some(true)));
    assert_eq!(live(&app), 0);
    let reasons: Vec<_> = seen_reasons(&merchant.order(&id).await);
    assert_eq!(reasons, ["", "", "", "cancel requested", "cancel accepted", "cancel confirmed"]);
    // Each call has its pair of logs, and the cancel's own ids are in them.
    let logs = merchant.provider_logs(&id).await;
    let verdicts: Vec<_> = logs
        .iter()
        .map(|l| (l["operation"].as_str().unwrap(), l["outcome"]["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("create_order", "booked"),
            ("cancel_order", "accepted"),
            ("track_order", "found"),
            ("track_order", "found")
        ]
    );
}

fn seen_reasons(order: &Value) -> Vec<String> {
    order["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["reason"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn many_cancels_at_once_are_one() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let all = (0..8).map(|_| {
        let (merchant, id) = (merchant.clone(), id.clone());
        tokio::spawn(async move { merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await })
    });
    for answer in futures_util::future::join_all(all).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json()["data"]["cancellation"]["state"], "requested");
    }
    let order = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(
        seen_reasons(&merchant.order(&id).await).iter().filter(|r| *r == "cancel requested").count(),
        1
    );
    // A repeat says how it stands, and does nothing.
    let version = order.version();
    assert_eq!(words(&cancel(&merchant, &id).await), ("cancelled", "success", "done"));
    assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 200);
    assert_eq!(stored(&app, &id).await.version(), version);
}

#[tokio::test]
async fn a_wish_during_the_call_is_carried_out_after_it() {
    for (rule, ends, cancels, tracks) in [
        (
            Rule::create(Answer::HangAfterBooking { ms: 300, then: Then::Answer }),
            ("cancelled", "success", "done"),
            1,
            1,
        ),
        // The order is sent no more once the provider was busy, and a refusal leaves nothing to cancel.
        (
            Rule { latency_ms: Some(300), ..Rule::create(Answer::Status { code: 429, retry_after: None }) },
            ("cancelled", "cancelled", "done"),
            0,
            0,
        ),
        (
            Rule { latency_ms: Some(300), ..Rule::refuse("Pincode is not served") },
            ("failed", "failed", "done"),
            0,
            1,
        ),
    ] {
        let app = TestApp::start().await;
        app.simulator.script(rule);
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        let request = async {
            loop {
                let data = merchant.order(&id).await;
                if data["providerSyncStatus"] == "processing" {
                    return cancel(&merchant, &id).await;
                }
                tokio::task::yield_now().await;
            }
        };
        let (_, data) = tokio::join!(app.run_pending_jobs(), request);
        assert_eq!(words(&data), ("pending", "processing", "requested"));
        until_settled(&app, &id).await;
        app.assert_calls(&[("create", 1), ("cancel", cancels), ("track", tracks)]);
        assert_eq!(words(&merchant.order(&id).await), ends);
        assert_eq!(live(&app), 0);
        // A repeat is no error, however it ended.
        assert_eq!(words(&cancel(&merchant, &id).await), ends);
        assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 200);
    }
}

#[tokio::test]
async fn a_wish_while_the_outcome_is_unknown_waits_for_it() {
    for (answer, ends, cancels) in [
        (Answer::LostAfterBooking, ("cancelled", "success", "done"), 1),
        (Answer::LostBeforeBooking, ("cancelled", "cancelled", "done"), 0),
    ] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        app.simulator.script(Rule::create(answer));
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        assert_eq!(words(&cancel(&merchant, &id).await), ("pending", "reconciling", "requested"));
        // Something newer for the control look-up.
        merchant.create(&order("A-2")).await;
        until_settled(&app, &id).await;
        let tracks = if cancels == 1 { 2 } else { 5 };
        app.assert_calls(&[("create", 2), ("cancel", cancels), ("track", tracks)]);
        assert_eq!(words(&merchant.order(&id).await), ends);
        assert_eq!(live(&app), 1, "the other order's");
    }
}

#[tokio::test]
async fn a_refused_cancel_leaves_it_booked_and_may_be_asked_for_again() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    app.simulator.script(Rule {
        operation: Some(Operation::Cancel),
        ..Rule::refuse("Order can not be cancelled at this stage.")
    });
    cancel(&merchant, &id).await;
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(words(&seen), ("booked", "success", "refused"));
    assert_eq!(seen["cancellation"]["detail"], "Order can not be cancelled at this stage.");
    let job = app.app.queue.inspect.get(QUEUE, &format!("cancel-order-{id}-2")).await.unwrap().unwrap();
    assert_eq!(
        (job.state.as_str(), job.reason.as_deref()),
        ("failed", Some("Order can not be cancelled at this stage."))
    );
    assert_eq!(live(&app), 1);

    assert_eq!(words(&cancel(&merchant, &id).await), ("booked", "success", "requested"));
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
    assert_eq!(live(&app), 0);
}

#[tokio::test]
async fn bad_cancels_are_told_what_is_wrong() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let stranger = app.merchant("u2");
    for answer in [
        stranger.post("/orders/cancel", &json!({ "orderId": id })).await,
        stranger.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await,
        merchant.post("/orders/cancel", &json!({ "orderId": "ord_none" })).await,
    ] {
        answer.problem(404, "not-found");
    }
    let body = merchant
        .post("/orders/cancel", &json!({ "order": id, "reason": "x".repeat(501) }))
        .await
        .problem(422, "validation-failed");
    let pointers: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers.len(), 3, "{pointers:?}");
    for pointer in ["/order", "/orderId", "/reason"] {
        assert!(pointers.contains(&pointer), "{pointers:?}");
    }
    app.anybody().post("/orders/cancel", &json!({ "orderId": id })).await.problem(401, "unauthenticated");
    // Without a body at all.
    let bare =
        http::Request::post(format!("/v1/orders/{id}/cancel")).body(axum::body::Body::empty()).unwrap();
    assert_eq!(merchant.send(bare).await.status, 202);
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);

    app.simulator.script(Rule::refuse("Pincode is not served"));
    let failed = merchant.create(&order("A-9")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    merchant.post("/orders/cancel", &json!({ "orderId": failed })).await.problem(409, "conflict-state");
}
