//! An account that cannot be used: one call finds it out, everything else waits, and it is over by itself
//! when the account is well again.

mod guard;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use waybill::{
    app::{App, Worker},
    features::{
        audit::{self, Audit, AuditContext, Via},
        provider_accounts::{Account, Hold, LiftError, ProbeResult, Taken, breaker::Breaker, guard::Guard},
    },
    platform::{
        config,
        queue::{
            ActiveJob, NewJob,
            job::{DeathCause, Job, JobError, Outcome, Payload},
            registry::Registry,
            retry::Policy,
            runner::{QueueSettings, Runner},
        },
    },
    provider::{
        carrier::AccountProblem,
        simulator::{Answer, Faults, Operation, Rule},
    },
};

use crate::support::{ADD, Client, TestApp, orders::order};

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
async fn probes_come_ever_later_while_they_are_held_again_and_each_is_one_call() {
    let (app, merchant, ids) = with_orders(8).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let since = app.clock.now();
    for (nth, minutes) in [1, 2, 4, 8, 15, 15].into_iter().enumerate() {
        app.advance(MINUTE * minutes - Duration::from_millis(1));
        assert_eq!(app.run_pending_jobs().await, 0, "probe {nth} is too early");
        app.advance(Duration::from_millis(1));
        assert_eq!(app.run_pending_jobs().await, 1);
        app.assert_calls(&[("create", 1)]);
        let held = hold(&app).await.unwrap();
        assert_eq!((held.since, held.probes, held.probe), (since, u32::try_from(nth).unwrap() + 1, None));
    }
    well_again(&app);
    app.advance(MINUTE * 15);
    resolve_all(&app, &merchant, &ids).await;
    app.assert_calls(&[("create", 8), ("track", 7)]);
}

/// An order that must be looked up before it is sent again tries no more than that, as long as ParcelX gives
/// it nothing to go by.
#[tokio::test]
async fn a_probe_whose_look_up_says_nothing_is_held_again() {
    for (code, kind) in [(405, AccountProblem::Configuration), (401, AccountProblem::Credentials)] {
        let (app, merchant, ids) = with_orders(1).await;
        app.simulator.change_faults(|f| {
            f.answer = status(code);
            f.answer_for = [Operation::Create, Operation::Track].into();
        });
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
        app.advance(MINUTE);
        assert_eq!(app.run_pending_jobs().await, 1);
        app.assert_calls(&[("track", 1)]);
        let held = hold(&app).await.unwrap();
        assert_eq!(
            (held.kind, held.reason, held.probes, held.next_probe_at),
            (kind, format!("HTTP {code}"), 1, app.clock.now() + MINUTE * 2)
        );
        well_again(&app);
        app.advance(MINUTE * 2);
        resolve_all(&app, &merchant, &ids).await;
        app.assert_calls(&[("create", 1), ("track", 1)]);
        assert_eq!(hold(&app).await, None);
    }
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
async fn a_worker_that_vanishes_with_the_probe_does_not_keep_it_for_ever() {
    let (app, merchant, ids) = with_orders(3).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    well_again(&app);
    app.advance(MINUTE);
    let (other, _) = another_process(&app).await;
    let life = MINUTE * 2;
    assert_eq!(other.accounts.begin_probe("vanished", life).await.unwrap(), Taken::Yes);
    assert_eq!(app.app.accounts.begin_probe("second", life).await.unwrap(), Taken::No);
    app.advance(life - Duration::from_millis(1));
    assert_eq!(app.run_pending_jobs().await, 0, "it may still be trying");
    app.advance(Duration::from_millis(1));
    resolve_all(&app, &merchant, &ids).await;
    app.assert_calls(&[("create", 3), ("track", 1)]);
    // It was only slow: what it has to say is no longer asked.
    other
        .accounts
        .end_probe(
            "vanished",
            &ProbeResult::Held { kind: AccountProblem::Credentials, reason: "late".into() },
        )
        .await
        .unwrap();
    assert_eq!(hold(&app).await, None);
}

#[tokio::test]
async fn a_refusal_proves_that_the_keys_are_good_but_not_that_there_is_money() {
    for (kind, lifted) in [(AccountProblem::Credentials, true), (AccountProblem::Wallet, false)] {
        let (app, merchant, ids) = with_orders(3).await;
        match kind {
            AccountProblem::Wallet => app.simulator.script(Rule::refuse("Insuffiecient Balance")),
            _ => app.simulator.script(Rule::create(status(401))),
        }
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", usize::from(!lifted))]);
        app.simulator.script(Rule::refuse("Pincode not serviceable"));
        app.advance(MINUTE);
        let runs = app.run_pending_jobs().await;
        assert_eq!(merchant.order(&ids[1]).await["status"], "failed", "an order that is refused is refused");
        assert_eq!(hold(&app).await.is_none(), lifted, "{kind}");
        assert_eq!(runs, if lifted { 3 } else { 1 });
        if !lifted {
            app.advance(Duration::from_secs(5));
            assert_eq!(app.run_pending_jobs().await, 2, "the next one tries soon");
        }
        app.assert_calls(&[("create", 3), ("track", 1 + usize::from(lifted))]);
        assert_eq!(hold(&app).await, None);
    }
}

#[tokio::test]
async fn a_probe_without_an_answer_settles_nothing_and_the_next_follows_soon() {
    let (app, merchant, ids) = with_orders(4).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    well_again(&app);
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    app.simulator.script(Rule::create(status(429)));
    app.advance(MINUTE);
    for _ in 0..2 {
        assert_eq!(app.run_pending_jobs().await, 1);
        let held = hold(&app).await.unwrap();
        assert_eq!(
            (held.probes, held.probe, held.next_probe_at),
            (0, None, app.clock.now() + Duration::from_secs(5))
        );
        app.advance(Duration::from_secs(5));
    }
    app.assert_calls(&[("create", 3)]);
    resolve_all(&app, &merchant, &ids).await;
    let calls = app.simulator.ledger();
    let count = |op| calls.iter().filter(|e| e.operation == op).count();
    // The first (401), the lost one, the busy one, and each that was not booked by then.
    assert_eq!(count(Operation::Create), 3 + 3);
    app.assert_calls(&[("create", 3), ("track", count(Operation::Track))]);
}

#[tokio::test]
async fn a_job_that_has_nothing_to_ask_is_no_probe() {
    let (app, merchant, ids) = with_orders(2).await;
    answer(&app, status(401));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    well_again(&app);
    // The next job's order is with a person by now.
    app.app.state.orders.review(&ids[1], "by hand").await.unwrap();
    app.advance(MINUTE);
    assert_eq!(app.run_pending_jobs().await, 2, "the one after it tries at once");
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!((hold(&app).await, merchant.order(&ids[0]).await["status"].as_str()), (None, Some("booked")));
}

/// Stands for whatever cancels.
#[derive(Debug, Serialize, Deserialize)]
struct Cancelling {}

impl Payload for Cancelling {
    const NAME: &'static str = "cancel-test";
    const QUEUE: &'static str = "parcelx-order-cancellation-queue";

    fn share(&self) -> Option<&str> {
        None
    }
}

impl Job for Cancelling {
    type Context = ();

    async fn run(&self, (): &(), _job: &ActiveJob) -> Result<Outcome, JobError> {
        Ok(Outcome::Completed(json!({})))
    }

    async fn on_dead(&self, (): &(), _job: &ActiveJob, _why: &DeathCause) -> Result<(), JobError> {
        Ok(())
    }
}

#[tokio::test]
async fn cancelling_goes_on_without_money_but_not_without_keys() {
    for (kind, runs) in
        [(AccountProblem::Wallet, 1), (AccountProblem::Credentials, 0), (AccountProblem::Configuration, 0)]
    {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.app.accounts.report(kind, "why").await.unwrap();
        let guard = Guard::new(
            app.app.accounts.clone(),
            Breaker::new(0, app.clock.clone()),
            app.clock.clone(),
            MINUTE,
            0,
            waybill::app::queues(),
        );
        let settings = QueueSettings {
            name: Cancelling::QUEUE.to_owned(),
            concurrency: 1,
            lease: MINUTE,
            max_stalled: 3,
            policy: Policy { attempts: 1, backoff: MINUTE },
        };
        let registry = Registry::default().with::<Cancelling>();
        let runner = Runner::gated(app.app.queue.clone(), registry, (), vec![settings], Arc::new(guard));
        let policy = Policy { attempts: 1, backoff: MINUTE };
        let job = NewJob::of("c".to_owned(), &Cancelling {}, &policy).unwrap();
        app.app.queue.broker.add(&[job], ADD).await.unwrap();
        assert_eq!(runner.run_pending().await.unwrap(), runs, "{kind}");
    }
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

/// A cancel that `ParcelX` does not know, or may not do for this one parcel, says nothing of creates: they
/// must not be shut with each try.
#[tokio::test]
async fn a_cancel_that_cannot_be_made_holds_nothing() {
    for code in [403, 405, 415] {
        let app = TestApp::start().await;
        app.leave_jobs();
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.simulator.change_faults(|f| {
            (f.answer, f.answer_for) = (status(code), [Operation::Cancel].into());
        });
        assert_eq!(merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await.status, 202);
        app.run_pending_jobs().await;
        assert_eq!(hold(&app).await, None, "{code}");
        let next = merchant.create(&order("A-2")).await;
        app.run_pending_jobs().await;
        // 415 in the envelope is a refusal, and looked up.
        app.assert_calls(&[("create", 2), ("cancel", 1), ("track", usize::from(code == 415))]);
        assert_eq!(merchant.order(&next).await["status"], "booked", "{code}");
    }
}
