//! What the guard of a worker lets through while an account is held, asked without a worker.

use std::time::Duration;

use serde_json::json;
use waybill::{
    features::provider_accounts::{Trier, breaker::Breaker, guard::Guard},
    platform::queue::{
        ActiveJob,
        runner::gate::{Admission, Gate},
    },
    provider::carrier::{self, AccountProblem, CallEnd, CallOutcome, Observer},
};

use super::MINUTE;
use crate::support::TestApp;

const QUEUE: &str = "parcelx-orders-queue";

fn guard(app: &TestApp) -> Guard {
    let (accounts, clock) = (app.app.accounts.clone(), app.clock.clone());
    let breaker = Breaker::new(0, clock.clone());
    Guard::new(accounts, breaker, clock, MINUTE, 0, waybill::app::queues())
}

fn job(app: &TestApp, token: &str, merchant: &str) -> ActiveJob {
    ActiveJob {
        queue: QUEUE.to_owned(),
        id: "j".to_owned(),
        name: "create-order".to_owned(),
        data: json!({ "orderId": "ord_1", "userId": merchant }).to_string(),
        token: token.to_owned(),
        attempts_made: 0,
        attempts: 3,
        backoff: MINUTE.into(),
        stalled: 0,
        added_at: app.clock.now(),
        doomed: None,
    }
}

/// Another job, or a person, may call for the same order meanwhile.
#[tokio::test]
async fn only_the_calls_of_the_probes_own_job_count() {
    for (token, lifted) in [(Some("its own"), true), (Some("another's"), false), (None, false)] {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.app.accounts.report(AccountProblem::Wallet, "why").await.unwrap();
        app.advance(MINUTE);
        let guard = guard(&app);
        let Admission::Probe(mut probe) = guard.admit(QUEUE) else { panic!("no probe is due") };
        let job = job(&app, "its own", "u1");
        assert!(probe.begin(&job).await);
        let outcome = CallOutcome::Done(());
        let operation = carrier::Operation::CreateOrder;
        let took = Duration::ZERO;
        guard.ended(&CallEnd { operation, order_id: "ord_1", token, took, outcome: &outcome }).await;
        probe.end().await;
        assert_eq!(app.app.accounts.hold().is_none(), lifted, "{token:?}");
    }
}

/// Else its jobs would be claimed and given back every second.
#[tokio::test]
async fn a_queue_without_anybody_who_may_try_is_left_alone_for_a_while() {
    let app = TestApp::start().await;
    let of = |merchant: &str| job(&app, merchant, merchant);
    let tried = Trier { merchant: "u1".to_owned(), pick_address: None };
    app.app.accounts.report_by(AccountProblem::Wallet, "why", Some(&tried)).await.unwrap();
    let guard = guard(&app);
    let chosen = async |jobs: &[ActiveJob]| match guard.admit(QUEUE) {
        Admission::Probe(mut probe) => Some(probe.choose(jobs).await),
        _ => None,
    };
    assert_eq!(chosen(&[of("u1")]).await, Some(None));
    assert_eq!(chosen(&[of("u2")]).await, None, "it is shut");
    app.advance(Duration::from_millis(4999));
    assert_eq!(chosen(&[of("u2")]).await, None);
    app.advance(Duration::from_millis(1));
    assert_eq!(chosen(&[of("u1"), of("u2")]).await, Some(Some(1)));
    // When anybody's is due, nothing is left alone.
    app.advance(Duration::from_secs(54));
    assert_eq!(chosen(&[of("u1")]).await, Some(None));
    app.advance(Duration::from_secs(1));
    assert_eq!(chosen(&[of("u1")]).await, Some(Some(0)));
}
