//! Calling orders off: before, during and after their booking, and what the provider makes of it.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    orders::{
        journey::{Booking, Finding},
        model::{Order, RecallState},
    },
    queue::NewJob,
    simulator::{Answer, Effect, Operation, Rule, SecondCancel, Then},
};

use crate::support::{Client, TestApp, orders::order};

const QUEUE: &str = "parcelx-order-cancellation-queue";

async fn cancel(merchant: &Client, id: &str) -> Value {
    let answer = merchant.post("/orders/cancel", &json!({ "orderId": id, "reason": "Changed their mind" })).await;
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
async fn until_settled(app: &TestApp, id: &str) -> Order {
    for _ in 0..100 {
        app.run_pending_jobs().await;
        let order = stored(app, id).await;
        let Some(due) = order.overdue_at else { return order };
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
    (value["status"].as_str().unwrap(), value["providerSyncStatus"].as_str().unwrap(), value["cancellation"]["state"].as_str().unwrap())
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
        assert_eq!((data["reason"].as_str(), data["clientOrderId"].as_str()), (Some("Changed their mind"), Some("A-1")));
        app.advance(Duration::from_secs(3600));
        app.run_pending_jobs().await;
        app.assert_calls(&[]);
        let job = app.app.queue.inspect.get("parcelx-orders-queue", &format!("create-order-{id}-1")).await.unwrap().unwrap();
        assert_eq!(job.state.name(), "completed", "a job without work ends harmlessly");
    }
}

#[tokio::test]
async fn a_booked_order_is_cancelled_at_the_provider_and_confirmed_by_tracking() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.cancel_effect = Effect::After(30_000));
    let (merchant, id) = booked(&app).await;
    let data = cancel(&merchant, &id).await;
    assert_eq!(words(&data), ("booked", "success", "requested"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(words(&seen), ("cancelled", "success", "done"), "accepted counts at once");
    assert_eq!(seen["cancellation"]["confirmedAt"], json!(null));
    let delayed = app.app.queue.inspect.get(QUEUE, &format!("cancel-order-{id}-2")).await.unwrap().unwrap();
    assert_eq!(delayed.state.name(), "delayed");

    for (after, confirmed) in [(5, false), (55, true)] {
        app.advance(Duration::from_secs(after));
        app.run_pending_jobs().await;
        app.assert_calls(&[("track", 1)]);
        assert_eq!(merchant.order(&id).await["cancellation"]["confirmedAt"].is_string(), confirmed, "after {after} s");
    }
    let job = app.app.queue.inspect.get(QUEUE, &format!("cancel-order-{id}-2")).await.unwrap().unwrap();
    assert_eq!((job.state.name(), job.attempts_made), ("completed", 1));
    let value: Value = serde_json::from_str(&job.return_value.unwrap()).unwrap();
    assert_eq!((value["orderId"].as_str(), value["success"].as_bool()), (Some(id.as_str()), Some(true)));
    assert_eq!(live(&app), 0);
    let reasons: Vec<_> = seen_reasons(&merchant.order(&id).await);
    assert_eq!(reasons, ["", "", "", "cancel requested", "cancel accepted", "cancel confirmed"]);
    // Each call has its pair of logs, and the cancel's own ids are in them.
    let logs = merchant.provider_logs(&id).await;
    let verdicts: Vec<_> = logs.iter().map(|l| (l["operation"].as_str().unwrap(), l["outcome"]["verdict"].as_str().unwrap())).collect();
    assert_eq!(verdicts, [("create_order", "booked"), ("cancel_order", "accepted"), ("track_order", "found"), ("track_order", "found")]);
}

fn seen_reasons(order: &Value) -> Vec<String> {
    order["history"].as_array().unwrap().iter().map(|e| e["reason"].as_str().unwrap_or_default().to_owned()).collect()
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
    assert_eq!(seen_reasons(&merchant.order(&id).await).iter().filter(|r| *r == "cancel requested").count(), 1);
    // A repeat says how it stands, and does nothing.
    let version = order.version;
    assert_eq!(words(&cancel(&merchant, &id).await), ("cancelled", "success", "done"));
    assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 200);
    assert_eq!(stored(&app, &id).await.version, version);
}

#[tokio::test]
async fn a_wish_during_the_call_is_carried_out_after_it() {
    for (rule, ends, calls) in [
        (Rule::create(Answer::HangAfterBooking { ms: 300, then: Then::Answer }), ("cancelled", "success", "done"), 1),
        // The order is sent no more once the provider was busy, and a refusal leaves nothing to cancel.
        (
            Rule { latency_ms: Some(300), ..Rule::create(Answer::Status { code: 429, retry_after: None }) },
            ("cancelled", "cancelled", "done"),
            0,
        ),
        (Rule { latency_ms: Some(300), ..Rule::refuse("Pincode is not served") }, ("failed", "failed", "done"), 0),
    ] {
        let app = TestApp::start().await;
        app.simulator.script(rule);
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        let wish = async {
            loop {
                let data = merchant.order(&id).await;
                if data["providerSyncStatus"] == "processing" {
                    return cancel(&merchant, &id).await;
                }
                tokio::task::yield_now().await;
            }
        };
        let (_, data) = tokio::join!(app.run_pending_jobs(), wish);
        assert_eq!(words(&data), ("pending", "processing", "requested"));
        until_settled(&app, &id).await;
        app.assert_calls(&[("create", 1), ("cancel", calls), ("track", calls)]);
        assert_eq!(words(&merchant.order(&id).await), ends);
        assert_eq!(live(&app), 0);
    }
}

#[tokio::test]
async fn a_wish_while_the_outcome_is_unknown_waits_for_it() {
    for (answer, ends, cancels) in [
        (Answer::LostAfterBooking, ("cancelled", "success", "done"), 1),
        (Answer::LostBeforeBooking, ("cancelled", "cancelled", "done"), 0),
    ] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = waybill::simulator::Lookup::Works);
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
    app.simulator.script(Rule { operation: Some(Operation::Cancel), ..Rule::refuse("Order can not be cancelled at this stage.") });
    cancel(&merchant, &id).await;
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(words(&seen), ("booked", "success", "refused"));
    assert_eq!(seen["cancellation"]["detail"], "Order can not be cancelled at this stage.");
    let job = app.app.queue.inspect.get(QUEUE, &format!("cancel-order-{id}-2")).await.unwrap().unwrap();
    assert_eq!((job.state.name(), job.reason.as_deref()), ("failed", Some("Order can not be cancelled at this stage.")));
    assert_eq!(live(&app), 1);

    assert_eq!(words(&cancel(&merchant, &id).await), ("booked", "success", "requested"));
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
    assert_eq!(live(&app), 0);
}

/// Whatever becomes of the answer, and however tracking lags: what the order says in the end is what the ledger says.
#[tokio::test]
async fn in_every_world_the_end_agrees_with_the_ledger() {
    let status = |code| Answer::Status { code, retry_after: None };
    let answers = [
        (Answer::Normal, None),
        (Answer::LostAfterBooking, None),
        (Answer::LostBeforeBooking, None),
        (Answer::CutBody, None),
        (Answer::Html502, Some(true)),
        (Answer::Html502, Some(false)),
        (Answer::Empty200, Some(true)),
        (status(500), Some(true)),
        (status(503), Some(false)),
        (status(409), Some(true)),
        (status(429), Some(false)),
    ];
    for (answer, acts) in &answers {
        for effect in [Effect::AtOnce, Effect::After(20_000), Effect::After(1_200_000), Effect::Never] {
            for second in [SecondCancel::Refuse, SecondCancel::Succeed] {
                let world = format!("{answer:?} acting {acts:?}, {effect:?}, {second:?}");
                let app = TestApp::start().await;
                let (merchant, id) = booked(&app).await;
                app.simulator.change_faults(|f| (f.cancel_effect, f.second_cancel) = (effect, second));
                app.simulator.script(Rule { acts: *acts, ..Rule::on(Operation::Cancel, answer.clone()) });
                cancel(&merchant, &id).await;
                let order = until_settled(&app, &id).await;
                let cancels = app.simulator.ledger().iter().filter(|e| e.operation == Operation::Cancel).count();
                let tracks = app.simulator.ledger().iter().filter(|e| e.operation == Operation::Track).count();
                app.assert_calls(&[("cancel", cancels), ("track", tracks)]);
                assert!(cancels <= 3, "{world}: {cancels} cancels");
                let seen = merchant.order(&id).await;
                match words(&seen) {
                    ("cancelled", "success", "done") => {
                        assert!(order.cancellation.confirmed_at.is_some(), "{world}: never confirmed");
                        assert_eq!(live(&app), 0, "{world}");
                    }
                    ("booked", "success", "refused") => assert_eq!(live(&app), 1, "{world}"),
                    ("booked", "success", "review") => {
                        assert_eq!(effect, Effect::Never, "{world}: a person is asked though tracking tells");
                        assert!(order.review.is_some() && seen["cancellation"]["detail"].is_string(), "{world}");
                    }
                    other => panic!("{world}: {other:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cancel_that_was_not_heard_waits_and_is_sent_again() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    for code in [429, 425] {
        let answer = Answer::Status { code, retry_after: Some("30".to_owned()) };
        app.simulator.script(Rule::on(Operation::Cancel, answer));
    }
    cancel(&merchant, &id).await;
    for _ in 0..2 {
        app.run_pending_jobs().await;
        app.assert_calls(&[("cancel", 1)]);
        assert_eq!(words(&merchant.order(&id).await), ("booked", "success", "requested"));
        app.advance(Duration::from_secs(29));
        assert_eq!(app.run_pending_jobs().await, 0, "too early");
        app.advance(Duration::from_secs(1));
    }
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
}

#[tokio::test]
async fn a_cancel_whose_worker_vanished_is_closed_before_another_is_sent() {
    for sent in [false, true] {
        let app = TestApp::start().await;
        let (merchant, id) = booked(&app).await;
        cancel(&merchant, &id).await;
        let order = stored(&app, &id).await;
        let awb = order.awb.clone().unwrap();
        let times = Duration::from_secs(25);
        let taken = app.app.state.orders.take_recall(&order, &awb, times).await.unwrap().unwrap();
        let attempt = taken.recalls[0].attempt.clone().unwrap();
        if sent {
            // It wrote its log, and may have sent.
            let now = app.clock.now();
            let log = waybill::parcelx::log::RequestLog::new(
                &attempt.request_log_id,
                "cancel_order",
                &id,
                &order.order_number,
                json!({ "awb": awb }),
                1,
                (now, now),
            );
            app.app.state.logs.begin(&log).await.unwrap();
        }
        // Nobody takes what is taken.
        assert!(app.app.state.orders.take_recall(&taken, &awb, times).await.unwrap().is_none());
        app.run_pending_jobs().await;
        app.assert_calls(&[]);
        assert_eq!(words(&merchant.order(&id).await), ("booked", "success", "sent"));
        let order = until_settled(&app, &id).await;
        // What may have been sent is looked for four times before it is sent again.
        app.assert_calls(&[("cancel", 1), ("track", if sent { 5 } else { 1 })]);
        assert_eq!(order.recalls[0].state, RecallState::Confirmed);
        let logs = merchant.provider_logs(&id).await;
        assert!(logs.iter().all(|l| l["neverSent"] == true || l["outcome"]["verdict"].is_string()));
        assert_eq!(logs.iter().filter(|l| l["neverSent"] == true).count(), usize::from(!sent));
    }
}

#[tokio::test]
async fn a_second_shipment_is_cancelled_and_the_first_stays() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let other = merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    // The shipment of the other order stands in for one that came to light late.
    let mut other = stored(&app, &other).await;
    let surplus = other.awb.take().unwrap();
    assert!(app.app.store.replace(&other).await.unwrap());
    let first = stored(&app, &id).await.attempt.unwrap().request_log_id;
    let booking = Booking { awb: surplus.clone(), courier_name: None, courier_code: None, order_number: None };
    app.app.state.orders.settle(&id, &first, &Finding::Booked(booking), Duration::ZERO).await.unwrap();
    let order = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!((order.surplus_awbs.as_slice(), order.recalls.len()), (&[surplus.clone()][..], 1));
    assert_eq!(words(&merchant.order(&id).await), ("booked", "success", "none"));
    let live: Vec<_> = app.simulator.shipments().into_iter().filter(|s| s.live).map(|s| s.awb).collect();
    assert_eq!(live, [order.awb.unwrap()]);
}

/// Another producer's job carries no generation and is the merchant's wish itself.
#[tokio::test]
async fn a_cancel_job_of_another_producer_cancels() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let job = |id: &str, data: Value| NewJob {
        queue: "parcelx-order-cancellation-queue",
        id: id.to_owned(),
        name: "cancel-order",
        data: data.to_string(),
        attempts: 3,
        backoff: Duration::from_secs(5),
        delay: Duration::ZERO,
    };
    let stranger = job("n-1", json!({ "orderId": id, "userId": "u2", "cancellationReason": "x" }));
    let own = job("n-2", json!({ "orderId": id, "userId": "u1", "clientOrderId": "A-1", "cancellationReason": "Lost", "payload": {} }));
    app.app.queue.broker.add(&[stranger]).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    assert_eq!(app.app.queue.inspect.get(QUEUE, "n-1").await.unwrap().unwrap().reason.as_deref(), Some("no such order"));
    app.app.queue.broker.add(&[own]).await.unwrap();
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(words(&seen), ("cancelled", "success", "done"));
    assert_eq!(seen["cancellation"]["reason"], "Lost");
}

/// Its worker dies before it can say that it is done, and the cancel was refused meanwhile: that was the answer to this very wish.
#[tokio::test]
async fn a_cancel_job_of_another_producer_that_runs_twice_wishes_once() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let data = json!({ "orderId": id, "userId": "u1", "cancellationReason": "Lost" }).to_string();
    let (attempts, backoff, delay) = (3, Duration::from_secs(5), Duration::ZERO);
    let own =
        NewJob { queue: "parcelx-order-cancellation-queue", id: "n-1".to_owned(), name: "cancel-order", data, attempts, backoff, delay };
    app.app.queue.broker.add(&[own]).await.unwrap();
    let leased = app.app.queue.broker.claim(QUEUE, 1, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    assert_eq!(leased.len(), 1);
    app.simulator.script(Rule { operation: Some(Operation::Cancel), ..Rule::refuse("Order can not be cancelled at this stage.") });
    app.app.state.orders.cancel("u1", &id, Some("Lost")).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    app.advance(Duration::from_secs(61));
    assert_eq!(app.app.queue.broker.recover_stalled(QUEUE, 3).await.unwrap().requeued.len(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    assert_eq!(merchant.order(&id).await["cancellation"]["state"], "refused");
}

#[tokio::test]
async fn a_cancel_survives_the_loss_of_the_queue() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    cancel(&merchant, &id).await;
    // The job is told to the queue at once; here the queue forgets it.
    let leased = app.app.queue.broker.claim(QUEUE, 1, Duration::from_secs(60), Duration::ZERO).await.unwrap();
    assert_eq!(leased.len(), 1);
    let _gone = app.app.queue.broker.complete(&leased[0], "null").await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    app.advance(Duration::from_secs(60));
    app.app.walker().pass().await.unwrap();
    app.advance(Duration::from_secs(60));
    app.app.walker().pass().await.unwrap();
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
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
    let body = merchant.post("/orders/cancel", &json!({ "order": id, "reason": "x".repeat(501) })).await.problem(422, "validation-failed");
    let pointers: Vec<_> = body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers.len(), 3, "{pointers:?}");
    for pointer in ["/order", "/orderId", "/reason"] {
        assert!(pointers.contains(&pointer), "{pointers:?}");
    }
    app.anybody().post("/orders/cancel", &json!({ "orderId": id })).await.problem(401, "unauthenticated");
    // Without a body at all.
    let bare = http::Request::post(format!("/v1/orders/{id}/cancel")).body(axum::body::Body::empty()).unwrap();
    assert_eq!(merchant.send(bare).await.status, 202);
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);

    app.simulator.script(Rule::refuse("Pincode is not served"));
    let failed = merchant.create(&order("A-9")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    merchant.post("/orders/cancel", &json!({ "orderId": failed })).await.problem(409, "conflict-state");
}

#[tokio::test]
async fn an_empty_wallet_stops_no_cancel_and_refused_keys_do() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let (_, other) = (merchant.create(&order("A-2")).await, merchant.create(&order("A-3")).await);
    app.simulator.script(Rule::refuse("Insuffiecient Balance"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    cancel(&merchant, &id).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
    // The canary books the other two, and then the keys are refused.
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 1)]);
    app.simulator.script(Rule::on(Operation::Cancel, Answer::Status { code: 401, retry_after: None }));
    cancel(&merchant, &other).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    assert_eq!(words(&merchant.order(&other).await), ("booked", "success", "requested"));
    app.advance(Duration::from_secs(30));
    assert_eq!(app.run_pending_jobs().await, 0, "held");
    app.advance(Duration::from_secs(30));
    until_settled(&app, &other).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(words(&merchant.order(&other).await), ("cancelled", "success", "done"));
}
