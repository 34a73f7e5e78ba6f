//! What becomes of the cancel's own call: lost, unheard, without an answer, stopped by a hold.

use std::time::Duration;
use waybill::{
    features::orders::model::ShipmentCancellationState,
    provider::{
        carrier::{CallOutcome, Shipment},
        simulator::{Answer, Operation, Rule, SecondCancel, TakesEffect},
    },
};

use serde_json::json;

use super::{booked, cancel, live, stored, until_settled, words};
use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

/// Whatever becomes of the answer, and however tracking lags: what the order says in the end is what the
/// ledger says.
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
        for effect in [
            TakesEffect::AtOnce,
            TakesEffect::After(20_000),
            TakesEffect::After(1_200_000),
            TakesEffect::Never,
        ] {
            for second in [SecondCancel::Refuse, SecondCancel::Succeed] {
                let world = format!("{answer:?} acting {acts:?}, {effect:?}, {second:?}");
                let app = TestApp::start().await;
                let (merchant, id) = booked(&app).await;
                app.simulator.change_faults(|f| (f.cancel_effect, f.second_cancel) = (effect, second));
                app.simulator.script(Rule { acts: *acts, ..Rule::on(Operation::Cancel, answer.clone()) });
                cancel(&merchant, &id).await;
                let order = until_settled(&app, &id).await;
                let cancels =
                    app.simulator.ledger().iter().filter(|e| e.operation == Operation::Cancel).count();
                let tracks =
                    app.simulator.ledger().iter().filter(|e| e.operation == Operation::Track).count();
                app.assert_calls(&[("cancel", cancels), ("track", tracks)]);
                assert!(cancels <= 3, "{world}: {cancels} cancels");
                let seen = merchant.order(&id).await;
                match words(&seen) {
                    ("cancelled", "success", "done") => {
                        assert!(
                            order.cancellation().request().confirmed_at.is_some(),
                            "{world}: never confirmed"
                        );
                        assert_eq!(live(&app), 0, "{world}");
                    }
                    ("booked", "success", "refused") => assert_eq!(live(&app), 1, "{world}"),
                    ("booked", "success", "review") => {
                        assert_eq!(
                            effect,
                            TakesEffect::Never,
                            "{world}: a person is asked though tracking tells"
                        );
                        assert!(
                            order.review().is_some() && seen["cancellation"]["detail"].is_string(),
                            "{world}"
                        );
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
        let awb = order.awb().map(str::to_owned).unwrap();
        let times = Duration::from_secs(25);
        let taken =
            app.app.state.orders.take_cancel(&order, &awb, times, Duration::ZERO).await.unwrap().unwrap();
        let attempt = taken.cancellation().shipments()[0].attempt.clone().unwrap();
        if sent {
            // It wrote its log, and may have sent.
            let now = app.clock.now();
            let log = waybill::provider::parcelx::log::RequestLog::new(
                &attempt.request_log_id,
                "cancel_order",
                &id,
                order.order_number(),
                json!({ "awb": awb }),
                1,
                (now, now),
            );
            app.app.logs.begin(&log).await.unwrap();
        }
        // Nobody takes what is taken.
        assert!(
            app.app.state.orders.take_cancel(&taken, &awb, times, Duration::ZERO).await.unwrap().is_none()
        );
        app.run_pending_jobs().await;
        app.assert_calls(&[]);
        assert_eq!(words(&merchant.order(&id).await), ("booked", "success", "sent"));
        let order = until_settled(&app, &id).await;
        // What may have been sent is looked for four times before it is sent again.
        app.assert_calls(&[("cancel", 1), ("track", if sent { 5 } else { 1 })]);
        assert_eq!(order.cancellation().shipments()[0].state, ShipmentCancellationState::Confirmed);
        let logs = merchant.provider_logs(&id).await;
        assert!(logs.iter().all(|l| l["neverSent"] == true || l["outcome"]["verdict"].is_string()));
        assert_eq!(logs.iter().filter(|l| l["neverSent"] == true).count(), usize::from(!sent));
    }
}

#[tokio::test]
async fn an_empty_wallet_stops_no_cancel_and_refused_keys_do() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let (_, other) = (merchant.create(&order("A-2")).await, merchant.create(&order("A-3")).await);
    app.simulator.script(Rule::refuse("Insuffiecient Balance"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    cancel(&merchant, &id).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
    // The probe books the other two, and then the keys are refused.
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

#[tokio::test]
async fn a_second_shipment_is_cancelled_and_the_first_stays() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let other = merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    // The shipment of the other order stands in for one that came to light late.
    let other = stored(&app, &other).await;
    let duplicate = other.awb().unwrap().to_owned();
    assert!(app.app.store.replace(&rewritten(&other, &[("/awb", json!(null))])).await.unwrap());
    let first = stored(&app, &id).await.attempt().unwrap().request_log_id.clone();
    let booking =
        Shipment { awb: duplicate.clone(), courier_name: None, courier_code: None, order_number: None };
    app.app.state.orders.resolve(&id, &first, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap();
    let order = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(
        (order.booking().duplicate_awbs(), order.cancellation().shipments().len()),
        (&[duplicate.clone()][..], 1)
    );
    assert_eq!(words(&merchant.order(&id).await), ("booked", "success", "none"));
    let live: Vec<_> = app.simulator.shipments().into_iter().filter(|s| s.live).map(|s| s.awb).collect();
    assert_eq!(live, [order.awb().unwrap()]);
}

/// What went wrong for a moment is no refusal: the cancel is sent again, or looked into where it may have
/// been done.
#[tokio::test]
async fn words_about_this_moment_refuse_no_cancel() {
    for (said, state, cancels) in [
        ("Something went wrong, try again later", "requested", 2),
        ("Courier API is down", "requested", 2),
        ("Invalid token", "requested", 2),
        ("Internal server error", "sent", 1),
        ("Request timeout from courier partner", "sent", 1),
    ] {
        let app = TestApp::start().await;
        let (merchant, id) = booked(&app).await;
        let answer = Answer::Status { code: 422, retry_after: None };
        let rule = Rule::on(Operation::Cancel, answer).acting(cancels == 1);
        app.simulator.script(Rule { refuse: Some(said.to_owned()), ..rule });
        cancel(&merchant, &id).await;
        app.run_pending_jobs().await;
        assert_eq!(words(&merchant.order(&id).await), ("booked", "success", state), "{said}");
        until_settled(&app, &id).await;
        app.assert_calls(&[("cancel", cancels), ("track", 1)]);
        assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"), "{said}");
        assert_eq!(live(&app), 0, "{said}");
    }
}
