//! What waits for a queue that nobody works, or that is shut, does not wait for ever.

use std::time::Duration;

use serde_json::json;
use waybill::{
    features::orders::model::{CancellationState, Order},
    platform::outbox::Report,
    provider::{
        carrier::AccountProblem,
        simulator::{Answer, Rule},
    },
};

use crate::support::{TestApp, orders::order};

const QUEUE: &str = "parcelx-orders-queue";

const DAY: Duration = Duration::from_secs(24 * 3600);

fn status(code: u16) -> Answer {
    Answer::Status { code, retry_after: None }
}

async fn pass(app: &TestApp) -> Report {
    app.app.walker().pass().await.unwrap()
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

/// How an order stands, and why.
async fn stands(app: &TestApp, id: &str) -> (String, String) {
    let order = stored(app, id).await;
    (order.provider_sync_status().as_str().to_owned(), order.sync_reason().unwrap_or_default().to_owned())
}

fn given_up(count: usize) -> Report {
    Report { given_up: count, ..Report::default() }
}

fn unreachable() -> (String, String) {
    ("needs_review".to_owned(), "provider-unreachable: no call was made in time".to_owned())
}

fn held() -> (String, String) {
    ("needs_review".to_owned(), "account-held: credentials: nothing could be sent in time".to_owned())
}

#[tokio::test]
async fn a_day_under_a_hold_brings_orders_to_a_person_and_none_is_sent_afterwards() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    let unresolved = merchant.create(&order("unresolved")).await;
    app.run_pending_jobs().await;
    app.simulator.change_faults(|f| f.answer = status(401));
    let tried = merchant.create(&order("tried")).await;
    let untried = merchant.create(&order("untried")).await;
    app.run_pending_jobs().await;
    assert_eq!(app.app.accounts.hold().unwrap().kind, AccountProblem::Credentials);
    app.assert_calls(&[("create", 2)]);

    app.advance(DAY - Duration::from_millis(1));
    assert_eq!(pass(&app).await.given_up, 0, "not yet");
    for (id, state) in [(&unresolved, "reconciling"), (&tried, "retrying"), (&untried, "queued")] {
        assert_eq!(stands(&app, id).await.0, state);
    }
    // Looked at just now, so not again for a while; then each is found to have waited for too long.
    app.advance(DAY);
    assert_eq!(pass(&app).await, given_up(3));
    assert_eq!(
        stands(&app, &unresolved).await,
        ("needs_review".to_owned(), "outcome-unknown".to_owned()),
        "it may be booked"
    );
    assert_eq!((stands(&app, &tried).await, stands(&app, &untried).await), (held(), held()));

    app.simulator.change_faults(|f| f.answer = Answer::Normal);
    for _ in 0..3 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(900));
    }
    app.assert_calls(&[]);
    assert_eq!(app.counts().await.open(), 0);
    let next = merchant.create(&order("next")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(stands(&app, &next).await.0, "success", "nobody had to lift the hold");
}

/// ParcelX answers: that it refuses our keys is no trouble with reaching it.
#[tokio::test]
async fn an_order_that_tries_a_held_account_for_a_day_says_that_it_was_held() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.change_faults(|f| f.answer = status(401));
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    assert_eq!(stands(&app, &id).await.0, "retrying");
    app.advance(DAY);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 1)]);
    assert_eq!(stands(&app, &id).await, held());
    let review = stored(&app, &id).await.review().cloned();
    assert_eq!(review.map(|review| review.reason).as_deref(), Some("account-held"));
}

#[tokio::test]
async fn a_queue_that_nobody_works_for_a_day_is_seen() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.advance(DAY);
    assert_eq!(pass(&app).await.relayed, 1, "its job is put back first, should it be missing");
    app.advance(Duration::from_secs(31));
    assert_eq!(pass(&app).await, given_up(1));
    assert_eq!(stands(&app, &id).await, unreachable());
    assert_eq!(merchant.order(&id).await["nextCheckAt"], json!(null));
}

#[tokio::test]
async fn a_cancel_that_cannot_be_sent_for_a_day_comes_to_a_person() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.app.accounts.report(AccountProblem::Credentials, "HTTP 401").await.unwrap();
    assert_eq!(merchant.post("/orders/cancel", &json!({ "orderId": id })).await.status, 200);
    assert_eq!(app.run_pending_jobs().await, 0, "shut");
    app.advance(DAY - Duration::from_millis(1));
    assert_eq!(pass(&app).await.given_up, 0);
    assert_eq!(stored(&app, &id).await.cancellation().state(), CancellationState::Requested);

    app.advance(Duration::from_secs(3600));
    assert_eq!(pass(&app).await, given_up(1));
    let request = stored(&app, &id).await.cancellation().request().clone();
    assert_eq!((request.state, request.detail), (CancellationState::Review, Some(held().1)));
    app.app.accounts.refresh().await.unwrap();
    for _ in 0..3 {
        app.advance(Duration::from_secs(900));
        app.run_pending_jobs().await;
    }
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked", "it still is");
}

/// Somebody paused the queue over a weekend: no order is to come to a person for that.
#[tokio::test]
async fn the_time_that_a_queue_is_paused_does_not_count() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    let unresolved = merchant.create(&order("unresolved")).await;
    app.run_pending_jobs().await;
    app.simulator.script(Rule::create(status(429)));
    let tried = merchant.create(&order("tried")).await;
    app.run_pending_jobs().await;
    let untried = merchant.create(&order("untried")).await;
    app.assert_calls(&[("create", 2)]);
    assert!(app.app.queue.manage.pause(QUEUE).await.unwrap());

    for _ in 0..30 {
        app.advance(DAY / 10);
        assert_eq!(pass(&app).await.given_up, 0);
        assert_eq!(app.run_pending_jobs().await, 0);
    }
    app.assert_calls(&[]);
    // Resumed while the provider is busy: what was tried before goes on waiting for it, as long as ever.
    app.simulator.change_faults(|f| f.answer = status(429));
    assert!(app.app.queue.manage.resume(QUEUE).await.unwrap());
    app.run_pending_jobs().await;
    for (id, state) in [(&tried, "retrying"), (&untried, "retrying"), (&unresolved, "reconciling")] {
        assert_eq!(stands(&app, id).await.0, state);
    }
    app.assert_calls(&[("create", 2), ("track", 1)]);
    app.simulator.change_faults(|f| f.answer = Answer::Normal);
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    assert_eq!(
        (stands(&app, &tried).await.0, stands(&app, &untried).await.0),
        ("success".into(), "success".into())
    );
    app.leave_jobs(); // the look-ups of the one that is reconciled go on
}
