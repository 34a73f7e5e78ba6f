//! Relay and sweeper: whatever the queue loses, each order gets its job back, at its own time, once.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    features::orders::{
        model::Order,
        payload::NewOrder,
        request::CreateOrder,
        service::{Created, OrderService},
        status::SyncStatus,
    },
    platform::{
        outbox::{Dispatched, Lease, Report},
        queue::{LeaseState, producer::Producer, retry::Policy},
        store::Store,
    },
    provider::{
        carrier::AccountProblem,
        simulator::{Answer, Rule},
    },
};

use crate::support::{
    Ending, NoQueue, TestApp,
    orders::{order, rewritten},
};

const RELAY_AFTER: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(30);

/// Accepts an order while the queue is away.
async fn accept_without_queue(app: &TestApp, client_order_id: &str) -> String {
    let policy = Policy { attempts: 3, backoff: Duration::from_secs(5) };
    let orders = OrderService::new(
        app.app.store.clone(),
        Producer::new(Arc::new(NoQueue::default())),
        app.clock.clone(),
        app.app.env,
        policy.into(),
    );
    let body: CreateOrder = serde_json::from_value(order(client_order_id)).unwrap();
    match orders.create("u1", NewOrder::from(body)).await.unwrap() {
        Created::New(order) => order.id().to_owned(),
        Created::Replayed(_) => panic!("a replay"),
    }
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get::<Order>(id).await.unwrap().unwrap()
}

async fn pass(app: &TestApp) -> Report {
    app.app.walker().pass().await.unwrap()
}

#[tokio::test]
async fn the_relay_tells_the_queue_what_a_request_could_not() {
    let app = TestApp::start().await;
    let id = accept_without_queue(&app, "A-1").await;
    assert_eq!(app.run_pending_jobs().await, 0);
    app.advance(RELAY_AFTER);
    assert_eq!(
        pass(&app).await,
        Report::default(),
        "an entry of exactly five seconds is still in its request's hands"
    );
    app.advance(Duration::from_millis(1));
    let report = pass(&app).await;
    assert_eq!((report.relayed, report.dispatched), (1, 0));
    assert!(report.lag >= RELAY_AFTER);
    assert_eq!(stored(&app, &id).await.outbox(), []);
    assert_eq!(pass(&app).await, Report::default());
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[("create", 1)]);
}

#[tokio::test]
async fn an_entry_for_a_job_that_only_newer_binaries_know_waits_for_them_in_its_queue() {
    let app = TestApp::start().await;
    let id = accept_without_queue(&app, "A-1").await;
    let order = stored(&app, &id).await;
    let newer = json!({ "id": "event-1", "queue": "later", "name": "later", "job": "later-1", "payload": "{}",
        "at": order.created_at() });
    let both = json!([newer, order.outbox()[0]]);
    assert!(app.app.store.replace(&rewritten(&order, &[("/outbox", both)])).await.unwrap());
    app.advance(RELAY_AFTER * 2);
    assert_eq!(pass(&app).await.relayed, 2);
    assert_eq!(stored(&app, &id).await.outbox(), []);
    assert_eq!(app.run_pending_jobs().await, 1, "its queue is left to those who have a handler");
    app.assert_calls(&[("create", 1)]);
    assert_eq!(app.app.queue.inspect.counts("later").await.unwrap().waiting, 1);
}

/// The file was edited by hand, say.
#[tokio::test]
async fn an_entry_that_no_queue_could_hold_stops_no_other() {
    let app = TestApp::start().await;
    let id = accept_without_queue(&app, "A-1").await;
    let order = stored(&app, &id).await;
    let broken = json!({ "id": "event-1", "queue": "later", "name": "later", "job": "42", "payload": "{}",
        "at": order.created_at() });
    let both = json!([broken, order.outbox()[0]]);
    assert!(app.app.store.replace(&rewritten(&order, &[("/outbox", both)])).await.unwrap());
    app.advance(RELAY_AFTER * 2);
    assert_eq!(pass(&app).await.relayed, 1);
    assert_eq!(pass(&app).await.relayed, 0);
    let left = stored(&app, &id).await;
    assert_eq!(left.outbox().iter().map(|entry| &entry.id).collect::<Vec<_>>(), ["event-1"]);
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[("create", 1)]);
    assert_eq!(stored(&app, &id).await.outbox().len(), 1, "a take leaves the entries of others alone");
}

#[tokio::test]
async fn request_and_relay_may_both_add() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.advance(RELAY_AFTER * 2);
    assert_eq!(pass(&app).await.relayed, 1);
    assert_eq!(app.counts().await.open(), 1);
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}

#[tokio::test]
async fn a_lost_queue_loses_no_order_and_brings_each_back_at_its_own_time() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    // One waits for its first run, one for the provider (900 s), one for a look-up.
    app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: Some("900".to_owned()) }));
    let busy = merchant.create(&order("busy")).await;
    app.run_pending_jobs().await;
    app.simulator.change_faults(|f| f.lookup = waybill::provider::simulator::Lookup::Works);
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let lost = merchant.create(&order("lost")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let fresh = merchant.create(&order("fresh")).await;
    app.advance(RELAY_AFTER * 2);
    pass(&app).await;
    app.backend.lose_queue();

    app.advance(GRACE + Duration::from_secs(1));
    let report = pass(&app).await;
    assert_eq!((report.dispatched, report.given_up), (2, 0), "the one that waits 900 s is not due yet");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&fresh).await["status"], "booked");
    assert_eq!(merchant.order(&lost).await["status"], "booked");
    assert_eq!(merchant.order(&busy).await["providerSyncStatus"], "retrying");

    app.advance(Duration::from_secs(900));
    assert_eq!(pass(&app).await.dispatched, 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&busy).await["status"], "booked");
    assert_eq!(stored(&app, &busy).await.generation(), 2);
    assert_eq!(app.simulator.shipments().len(), 3);
}

#[tokio::test]
async fn a_job_that_merely_waits_is_left_alone_and_looked_at_less_and_less() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.advance(RELAY_AFTER * 2);
    pass(&app).await;
    let mut polls = 0;
    for _ in 0..600 {
        app.advance(Duration::from_secs(1));
        let report = pass(&app).await;
        assert_eq!(report.dispatched, 0);
        polls += report.waiting;
    }
    assert!((2..=6).contains(&polls), "{polls} looks in ten minutes");
    assert_eq!(stored(&app, &id).await.generation(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

/// A lost job behind a long, healthy backlog must not wait for as long as small passes take.
#[tokio::test]
async fn passes_are_small_while_the_queue_has_every_job_and_large_when_they_fall_behind() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for n in 0..40 {
        merchant.create(&order(&format!("A-{n}"))).await;
    }
    let walker = app.app.walker();
    let waiting = async || walker.pass().await.unwrap().waiting;
    app.advance(RELAY_AFTER * 2);
    assert_eq!(walker.pass().await.unwrap().relayed, 40);
    for _ in 0..3 {
        assert_eq!(waiting().await, 0);
    }
    app.advance(GRACE + Duration::from_secs(1));
    assert_eq!((waiting().await, waiting().await, waiting().await), (16, 16, 8));
    app.advance(Duration::from_secs(600));
    assert_eq!((waiting().await, waiting().await), (16, 24), "the second one has caught up");
    assert_eq!(app.run_pending_jobs().await, 40);
    app.assert_calls(&[("create", 40)]);
}

#[tokio::test]
async fn jobs_that_come_to_nothing_three_times_end_with_a_person() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    for generation in 1..=4 {
        app.advance(RELAY_AFTER * 2);
        pass(&app).await;
        // The job fails without its handler having moved the order: as one does whose payload nobody can
        // read.
        let jobs = app
            .app
            .queue
            .broker
            .claim_from("parcelx-orders-queue", 10, Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(jobs.len(), 1, "generation {generation}");
        assert_eq!(app.app.queue.broker.fail(&jobs[0], "unreadable").await.unwrap(), LeaseState::Owned);
        app.advance(GRACE * 2);
        let report = pass(&app).await;
        let expected = if generation <= 3 { (1, 0) } else { (0, 1) };
        assert_eq!((report.dispatched, report.given_up), expected, "generation {generation}");
    }
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "needs_review");
    assert!(seen["syncReason"].as_str().unwrap().starts_with("poison"));
    assert_eq!(seen["status"], "pending");
    app.advance(GRACE * 100);
    assert_eq!(pass(&app).await, Report::default());
}

#[tokio::test]
async fn a_worker_that_vanished_mid_way_is_found_although_its_job_is_gone() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    // Taken, and then nothing more.
    let orders = &app.app.state.orders;
    let seen = orders.load(&id).await.unwrap().unwrap();
    orders.take(&seen, "plog_dead", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
    app.backend.lose_queue();
    app.advance(Duration::from_secs(40) + GRACE + Duration::from_millis(1));
    assert_eq!(pass(&app).await.dispatched, 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(seen["status"], "booked");
    let logs = merchant.provider_logs(&id).await;
    assert_eq!(logs.len(), 2);
    let dead = logs.iter().find(|l| l["id"] == "plog_dead").unwrap();
    assert_eq!((&dead["neverSent"], &dead["outcome"]), (&json!(true), &json!(null)));
}

#[tokio::test]
async fn one_leader_at_a_time() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = Store::open(&format!("sqlite:{}", folder.path().join("s.db").display())).await.unwrap();
    store.prepare::<waybill::platform::outbox::LeaseDocument>().await.unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_000_000));
    let lease = || Lease::new(store.clone(), clock.clone(), "outbox");
    let candidates: Vec<_> = (0..8).map(|_| lease()).collect();
    let held = futures_util::future::join_all(candidates.iter().map(Lease::hold)).await;
    assert_eq!(held.iter().filter(|h| *h.as_ref().unwrap()).count(), 1);
    let leader = held.iter().position(|h| *h.as_ref().unwrap()).unwrap();
    let other = &candidates[(leader + 1) % 8];

    clock.advance(Duration::from_secs(9));
    assert!(candidates[leader].hold().await.unwrap(), "renewed before it ran out");
    clock.advance(Duration::from_secs(9));
    assert!(!other.hold().await.unwrap());
    clock.advance(Duration::from_secs(2));
    assert!(other.hold().await.unwrap(), "a leader that does not renew is replaced");
    assert!(!candidates[leader].hold().await.unwrap());
    other.release().await.unwrap();
    assert!(candidates[leader].hold().await.unwrap(), "given back, it can be taken at once");
    other.release().await.unwrap();
    assert!(candidates[leader].hold().await.unwrap(), "nobody gives back what another holds");
}

/// While the account is held nothing moves an order, so each loss finds it with a job that came to nothing.
#[tokio::test]
async fn losing_the_whole_queue_again_and_again_says_nothing_of_the_orders() {
    Box::pin(losing_again_and_again(TestApp::start().await, 3)).await;
}

#[tokio::test]
async fn a_redis_that_loses_all_again_and_again_says_nothing_of_200_orders() {
    Box::pin(losing_again_and_again(TestApp::builder().on_redis().start().await, 200)).await;
}

async fn losing_again_and_again(app: TestApp, orders: usize) {
    let merchant = app.merchant("u1");
    app.app.accounts.report(AccountProblem::Wallet, "insufficient balance").await.unwrap();
    let mut ids = Vec::new();
    for n in 0..orders {
        ids.push(merchant.create(&order(&format!("A-{n}"))).await);
    }
    for loss in 1..=5 {
        app.advance(RELAY_AFTER * 2);
        pass(&app).await;
        app.backend.lose_queue();
        app.advance(GRACE * 2);
        let report = pass(&app).await;
        assert_eq!((report.dispatched, report.given_up), (orders, 0), "loss {loss}");
        assert_eq!(app.counts().await.open(), u64::try_from(orders).unwrap());
    }
    for id in &ids {
        let stored = stored(&app, id).await;
        assert_eq!((stored.provider_sync_status(), stored.generation()), (SyncStatus::Queued, 6));
    }
    // The probe finds it lifted.
    for _ in 0..3 {
        app.advance(Duration::from_secs(900));
        app.run_pending_jobs().await;
    }
    app.assert_calls(&[("create", orders)]);
    for id in &ids {
        assert_eq!(merchant.order(id).await["status"], "booked");
    }
}

/// As a resume of BullMQ 5 leaves a job: its hash is there, its id is in no list.
#[tokio::test]
async fn an_order_whose_job_is_in_no_state_gets_another_one() {
    let app = TestApp::builder().on_redis().start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.advance(RELAY_AFTER * 2);
    pass(&app).await;
    let job = stored(&app, &id).await.current_job().unwrap().1;
    app.backend.set_adrift("parcelx-orders-queue", &job);
    app.advance(GRACE * 2);
    let report = pass(&app).await;
    assert_eq!((report.dispatched, report.given_up), (1, 0));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}
