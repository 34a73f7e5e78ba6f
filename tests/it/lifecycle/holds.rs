//! An account that cannot be used: one call finds it out, everything else waits, and it is over by itself
//! when the account is well again.

mod cancelling;
mod guard;
mod probes;

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use url::Url;
use waybill::{
    app::{App, Worker},
    features::{
        audit::{self, Audit, AuditContext, Via},
        provider_accounts::{Account, Hold, LiftError},
    },
    platform::config,
    provider::{
        carrier::AccountProblem,
        simulator::{Answer, Faults},
    },
};

use crate::support::{Client, TestApp, orders::order};

const MINUTE: Duration = Duration::from_secs(60);

fn status(code: u16) -> Answer {
    Answer::Status { code, retry_after: None }
}

/// An app with `count` orders that all wait.
async fn with_orders(count: usize) -> (TestApp, Client, Vec<String>) {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(merchant.create(&order(&format!("A-{n}"))).await);
    }
    (app, merchant, ids)
}

/// Every answer to a create, from now on.
fn answer(app: &TestApp, answer: Answer) {
    app.simulator.change_faults(|f| f.answer = answer);
}

fn refuse(app: &TestApp, words: &str) {
    app.simulator.change_faults(|f: &mut Faults| f.refuse = Some(words.to_owned()));
}

fn well_again(app: &TestApp) {
    app.simulator.change_faults(|f| {
        f.refuse = None;
        f.answer = Answer::Normal;
    });
}

async fn hold(app: &TestApp) -> Option<Hold> {
    app.app.store.get::<Account>("parcelx-simulator").await.unwrap().unwrap().hold
}

async fn ready(app: &TestApp) -> Value {
    let answer = app.anybody().get("/readyz").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.json()["checks"]["account"].clone()
}

/// A worker in a process of its own, as far as that goes: it shares the database and the queue and nothing
/// else.
async fn another_process(app: &TestApp) -> (App, Worker) {
    let other = App::open((*app.app.config).clone(), app.app.env, app.clock.clone()).await.unwrap();
    let key = || SecretString::from("key");
    let base_url = Url::parse(&format!("http://{}", app.provider_address)).unwrap();
    let worker = other.worker(config::Account { base_url, access_key: key(), secret_key: key() }).unwrap();
    (other, worker)
}

async fn resolve_all(app: &TestApp, merchant: &Client, ids: &[String]) {
    for _ in 0..4 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(5));
    }
    for id in ids {
        assert_eq!(merchant.order(id).await["status"], "booked");
    }
}

#[tokio::test]
async fn one_call_is_enough_for_fifty_orders_and_none_of_them_fails() {
    let redirect = Answer::Redirect { to: "http://127.0.0.1:9/x".to_owned() };
    for (trouble, count) in [
        (Some((status(401), AccountProblem::Credentials)), 50),
        (Some((status(405), AccountProblem::Configuration)), 3),
        (Some((redirect, AccountProblem::Configuration)), 3),
        (None, 50),
    ] {
        let (app, merchant, ids) = with_orders(count).await;
        let kind = match trouble {
            Some((what, kind)) => {
                answer(&app, what);
                kind
            }
            None => {
                refuse(&app, "Insuffiecient Balance");
                AccountProblem::Wallet
            }
        };
        assert_eq!(ready(&app).await, "ok");
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", usize::from(kind == AccountProblem::Wallet))]);
        let held = hold(&app).await.unwrap();
        assert_eq!(
            (held.kind, held.since, held.next_probe_at),
            (kind, app.clock.now(), app.clock.now() + MINUTE)
        );
        assert_eq!(ready(&app).await, format!("held: {kind}"));
        let first = merchant.order(&ids[0]).await;
        assert_eq!(first["providerSyncStatus"], "retrying");
        assert!(first["syncReason"].as_str().unwrap().starts_with(kind.as_str()), "{}", first["syncReason"]);
        for id in &ids[1..] {
            assert_eq!(merchant.order(id).await["providerSyncStatus"], "queued");
        }
        app.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(app.run_pending_jobs().await, 0, "the queue is left alone");

        well_again(&app);
        app.advance(Duration::from_millis(1));
        assert_eq!(app.run_pending_jobs().await, count, "one tries, then all others follow");
        // What was answered with a no about the keys or the address is looked up before it is sent again.
        app.assert_calls(&[("create", count), ("track", usize::from(kind != AccountProblem::Wallet))]);
        assert_eq!((hold(&app).await, ready(&app).await), (None, "ok".into()));
        for id in &ids {
            assert_eq!(merchant.order(id).await["status"], "booked");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_at_work_knows_at_once_what_its_own_call_found_out() {
    let app = TestApp::builder().setting("WAYBILL_QUEUE__CONCURRENCY", "3").start().await;
    let merchant = app.merchant("u1");
    for n in 0..40 {
        merchant.create(&order(&format!("A-{n}"))).await;
    }
    answer(&app, status(401));
    let stop = tokio_util::sync::CancellationToken::new();
    let (worker, told) = (app.worker.clone(), stop.clone());
    let work = tokio::spawn(async move { worker.run(&told).await });
    app.simulator.wait_for(|ledger| !ledger.is_empty()).await;
    let held = async || {
        app.app.store.get::<Account>("parcelx-simulator").await.unwrap().is_some_and(|a| a.hold.is_some())
    };
    while !held().await || app.counts().await.active > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    work.await.unwrap();
    let calls = app.simulator.ledger().len();
    assert!(calls <= 3, "as many as were in hand, and no more: {calls}");
    app.assert_calls(&[("create", calls)]);
    app.leave_jobs();
}

#[tokio::test]
async fn an_operator_lifts_a_hold_and_is_told_when_there_is_none() {
    let (app, merchant, ids) = with_orders(3).await;
    refuse(&app, "Insuffiecient Balance of 9000000001");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    well_again(&app);
    // Somebody in another process.
    let (other, _) = another_process(&app).await;
    let by = AuditContext::new("asha", Via::Cli, "topped up").unwrap();
    let lift = async |id: &str| other.accounts.lift(id, &by).await;
    let lifted = lift("parcelx-simulator").await.unwrap();
    assert_eq!(
        (lifted.kind, lifted.reason.as_str()),
        (AccountProblem::Wallet, "Insuffiecient Balance of […]")
    );
    assert!(matches!(lift("parcelx-simulator").await, Err(LiftError::NotHeld(_))));
    let unknown = lift("parcelx-live").await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no account `parcelx-live`; there are: parcelx-simulator");
    let lines = Audit::new(app.app.store.clone(), app.clock.clone())
        .list(Some("parcelx-simulator"), None, 9)
        .await
        .unwrap();
    let told: Vec<_> = lines
        .iter()
        .map(|l| (l.actor.name.as_str(), l.reason.as_str(), l.outcome, l.before.as_deref()))
        .collect();
    let line = |outcome, before| ("asha", "topped up", outcome, Some(before));
    assert_eq!(
        told,
        [line(audit::Outcome::Refused, "ok"), line(audit::Outcome::Done, "held: wallet")],
        "newest first"
    );
    resolve_all(&app, &merchant, &ids).await;
    app.assert_calls(&[("create", 3)]);
}

#[tokio::test]
async fn of_two_processes_both_keep_off_and_one_tries() {
    let (app, merchant, ids) = with_orders(6).await;
    let (_other, worker) = another_process(&app).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(worker.run_pending().await.unwrap(), 0, "the other one knows");
    app.advance(MINUTE);
    let (one, two) = tokio::join!(app.worker.run_pending(), worker.run_pending());
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    app.assert_calls(&[("create", 1)]);
    well_again(&app);
    app.advance(MINUTE * 2);
    let (_, _) = tokio::join!(app.worker.run_pending(), worker.run_pending());
    resolve_all(&app, &merchant, &ids).await;
    app.assert_calls(&[("create", 6), ("track", 2)]);
}

#[tokio::test]
async fn what_is_graver_takes_its_place_and_a_worker_process_tells_of_it_too() {
    let app = TestApp::start().await;
    let report = async |kind| app.app.accounts.report(kind, "why").await.unwrap();
    report(AccountProblem::Wallet).await;
    assert_eq!(app.app.accounts.hold().map(|h| h.kind), Some(AccountProblem::Wallet), "known at once");
    report(AccountProblem::Credentials).await;
    report(AccountProblem::Wallet).await;
    assert_eq!(ready(&app).await, "held: credentials");
    let health =
        Client { router: app.app.health_router(tokio_util::sync::CancellationToken::new()), token: None };
    assert_eq!(health.get("/readyz").await.json()["checks"]["account"], "held: credentials");
    waybill::platform::telemetry::install();
    assert_eq!(ready(&app).await, "held: credentials");
    let metrics = app.anybody().get("/metrics").await.text();
    for kind in ["wallet", "configuration", "credentials"] {
        assert!(metrics.contains(&format!("waybill_account_held{{kind=\"{kind}\"}} ")), "{metrics}");
    }
}
