//! Jobs that failed for good, and answers that were written down too late: what may be live is looked for
//! before a person is asked.

use std::{sync::Arc, time::Duration};
use waybill::{
    features::orders::{
        jobs::{CancelOrderJob, Context, CreateOrderJob},
        model::{Order, PollSchedule, ShipmentCancellationState},
        reason,
        status::SyncStatus,
    },
    features::provider_accounts::{breaker::Breaker, guard::Guard},
    platform::queue::{
        ActiveJob,
        job::{DeathCause, Job, JobError},
    },
    provider::{
        carrier::{CallOutcome, CallTimes, Protection, SEND_WITHIN, SETTLE_WITHIN, Shipment},
        parcelx::{
            LabelHosts, ParcelXClient, Settings,
            answer::{Answer, Body, CallResult, Failure},
            log::{OutcomeLog, RequestLog},
        },
        simulator::{Answer as Scripted, Lookup, Rule},
    },
};

use secrecy::SecretString;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::{live, real_awb, stored, until_settled};
use crate::support::{
    Ending, TestApp,
    orders::{order, with},
};

/// What the answer to the order's last create would have been, written down after somebody else wrote that
/// there was none.
pub(super) async fn answer_late(app: &TestApp, id: &str, awb: &str) {
    let log_id = stored(app, id).await.attempt().unwrap().request_log_id.clone();
    answer_to(app, id, &log_id, awb).await;
}

/// The same for the create of this log.
pub(super) async fn answer_to(app: &TestApp, id: &str, log_id: &str, awb: &str) {
    let order = stored(app, id).await;
    let request = app.app.store.get::<RequestLog>(log_id).await.unwrap().unwrap();
    let unheard = CallResult::Failure { class: Failure::NoAnswerRecorded, detail: String::new() };
    let mut outcome = app.app.store.get::<OutcomeLog>(log_id).await.unwrap().unwrap();
    outcome.end = waybill::provider::parcelx::log::End::new(&unheard, "unknown");
    assert!(app.app.store.replace(&outcome).await.unwrap());
    let body = json!({ "status": true, "responsemsg": "Order Created Successfully",
                       "data": { "awb_number": awb, "client_order_id": order.order_number() } });
    let wire = CallResult::Answer(Answer { status: 200, retry_after: None, body: Body::Json(body) });
    app.app.logs.end(&request, &wire, "booked", Duration::from_secs(90)).await.unwrap();
}

fn context(app: &TestApp) -> Context {
    let key = || SecretString::from("key");
    let timeout = Duration::from_secs(25);
    let base_url: url::Url = format!("http://{}", app.provider_address).parse().unwrap();
    let label_hosts = LabelHosts::new(base_url.clone(), &[]);
    let words = Arc::default();
    let (access_key, secret_key, proxy) = (key(), key(), None);
    let settings = Settings { base_url, access_key, secret_key, timeout, proxy, words, label_hosts };
    let (logs, clock) = (app.app.logs.clone(), app.clock.clone());
    Context {
        orders: app.app.state.orders.clone(),
        carrier: Arc::new(ParcelXClient::new(settings, logs, clock, Protection::default()).unwrap()),
        guard: Guard::new(
            app.app.accounts.clone(),
            Breaker::new(0, app.clock.clone()),
            app.clock.clone(),
            timeout,
            0,
            Vec::new(),
        ),
        clock: app.clock.clone(),
        call_times: CallTimes { send_within: SEND_WITHIN, call: timeout, settle_within: SETTLE_WITHIN },
        reconcile: vec![Duration::from_secs(5)],
        schedule: PollSchedule { unclear: Vec::new(), confirm: Vec::new() },
        lookup_trusted: true,
        queue: app.app.queue.clone(),
        calls: TaskTracker::new(),
        worker: Arc::default(),
    }
}

/// Its job of `generation` fails for good.
async fn dies(app: &TestApp, order: &Order, generation: i64) -> Result<(), JobError> {
    let job = CreateOrderJob { generation: Some(generation), ..CreateOrderJob::from(order) };
    job.on_dead(&context(app), &leased(app), &DeathCause::Stalled).await
}

/// A job whose workers vanished too often.
fn leased(app: &TestApp) -> ActiveJob {
    ActiveJob {
        queue: "parcelx-orders-queue".to_owned(),
        id: "j".to_owned(),
        name: "create-order".to_owned(),
        data: String::new(),
        token: String::new(),
        attempts_made: 0,
        attempts: 3,
        backoff: Duration::ZERO.into(),
        stalled: 4,
        added_at: app.clock.now(),
        doomed: None,
    }
}

/// An order that a worker took for a call, as far as that worker came. Its job is away.
async fn taken(app: &TestApp, sent: bool) -> Order {
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let queue = &app.app.queue.broker;
    let leased = queue.claim_from("parcelx-orders-queue", 1, Duration::from_secs(60)).await.unwrap();
    let _gone = queue.fail(&leased[0], "its worker vanished too often").await.unwrap();
    let taken = app
        .app
        .state
        .orders
        .take(&stored(app, &id).await, "plog_1", Duration::from_secs(25), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    if sent {
        let at = (app.clock.now(), app.clock.now());
        let log = RequestLog::new("plog_1", "create_order", &id, taken.order_number(), json!({}), 1, at);
        app.app.logs.begin(&log).await.unwrap();
    }
    taken
}

#[tokio::test]
async fn a_call_that_may_be_under_way_is_not_judged() {
    let app = TestApp::start().await;
    let order = taken(&app, true).await;
    assert!(matches!(dies(&app, &order, 1).await, Err(JobError::Unavailable(_))));
    assert_eq!(stored(&app, order.id()).await, order);
}

#[tokio::test]
async fn a_call_that_may_have_booked_is_looked_for() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let order = taken(&app, true).await;
    app.advance(Duration::from_secs(60));
    dies(&app, &order, 1).await.unwrap();
    let after = stored(&app, order.id()).await;
    assert_eq!(
        (after.provider_sync_status(), after.generation(), after.review()),
        (SyncStatus::Reconciling, 2, None)
    );
    let logs = app.merchant("u1").provider_logs(order.id()).await;
    assert_eq!(logs[0]["outcome"]["errorCode"], "no-answer-recorded");
    // A job of its own goes on at once.
    let ended = until_settled(&app, order.id()).await;
    let tracks = app.simulator.ledger().len();
    app.assert_calls(&[("track", tracks)]);
    assert_eq!(ended.sync_reason(), Some(reason::OUTCOME_UNKNOWN), "nothing newer was booked in a day");
}

#[tokio::test]
async fn a_call_that_never_went_out_is_shut_out_and_given_to_a_person() {
    let app = TestApp::start().await;
    let order = taken(&app, false).await;
    app.advance(Duration::from_secs(60));
    dies(&app, &order, 1).await.unwrap();
    let after = stored(&app, order.id()).await;
    assert_eq!(after.review().unwrap().reason, reason::INTERNAL_ERROR);
    assert_eq!(after.booking().unresolved(), None);
    assert_eq!(app.merchant("u1").provider_logs(order.id()).await[0]["neverSent"], true);
}

#[tokio::test]
async fn the_death_of_an_older_dispatch_is_nothing_to_a_newer_one() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let before = stored(&app, &id).await;
    app.app.state.orders.dispatch_again(&before).await.unwrap();
    let newer = stored(&app, &id).await;
    assert_eq!(newer.generation(), 2);
    dies(&app, &newer, 1).await.unwrap();
    assert_eq!(stored(&app, &id).await, newer);
    // What was seen before another dispatch is too old to bury it.
    app.app.state.orders.bury(&before, reason::INTERNAL_ERROR).await.unwrap();
    assert_eq!(stored(&app, &id).await, newer);
    dies(&app, &newer, 2).await.unwrap();
    assert_eq!(stored(&app, &id).await.review().unwrap().reason, reason::INTERNAL_ERROR);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
}

#[tokio::test]
async fn an_answer_that_was_written_down_late_is_read_before_anybody_is_asked() {
    for own in [true, false] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Never);
        let merchant = app.merchant("u1");
        app.simulator.script(Rule::create(Scripted::LostAfterBooking));
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        let awb = real_awb(&app, &id).await;
        answer_late(&app, &id, &awb).await;
        if !own {
            // A second call on the same reference, unanswered as well.
            let first = stored(&app, &id).await.attempt().unwrap().request_log_id.clone();
            app.app.state.orders.absent(&id, &first).await.unwrap();
            app.simulator.script(Rule::create(Scripted::LostBeforeBooking));
            app.advance(Duration::from_secs(5)); // until its job is due
        }
        let ended = until_settled(&app, &id).await;
        app.assert_calls(&[("create", if own { 1 } else { 2 })]);
        assert_eq!((ended.provider_sync_status(), ended.awb()), (SyncStatus::Success, Some(awb.as_str())));
        assert_eq!(live(&app, ended.order_number()), 1);
    }
}

/// A day of look-ups must not bury what the one create was answered.
#[tokio::test]
async fn an_answer_on_record_is_found_behind_hundreds_of_look_ups() {
    let app = TestApp::start().await;
    let (_, id) = super::unclear(&app, true).await;
    let awb = real_awb(&app, &id).await;
    answer_late(&app, &id, &awb).await;
    let unheard = CallResult::Failure { class: Failure::TimedOut, detail: String::new() };
    for n in 0..210 {
        app.advance(Duration::from_millis(1));
        let now = app.clock.now();
        let log =
            RequestLog::new(&format!("plog_{n:03}"), "track_order", &id, "ORD-X", json!({}), n, (now, now));
        app.app.logs.begin(&log).await.unwrap();
        app.app.logs.end(&log, &unheard, "failed", Duration::ZERO).await.unwrap();
    }
    assert_eq!(super::refusal(super::reviewer(&app).fail(&id).await), super::Refusal::BookedAfterAll(awb));
    app.assert_calls(&[]);
}

/// What is on record and cannot be the order's own must not keep it from being looked for.
#[tokio::test]
async fn an_answer_with_another_orders_awb_does_not_stop_the_look_ups() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    let other = merchant.create(&order("A-0")).await;
    app.run_pending_jobs().await;
    app.simulator.script(Rule::create(Scripted::LostAfterBooking));
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    answer_late(&app, &id, &real_awb(&app, &other).await).await;
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("create", 2), ("track", 1)]);
    assert_eq!(ended.awb(), Some(real_awb(&app, &id).await.as_str()));
}

/// An older call's shipment is on record too: it was cancelled, and must not hide the newer one's.
#[tokio::test]
async fn a_recalled_shipment_on_record_does_not_hide_a_later_one() {
    let app = TestApp::start().await;
    let (merchant, id) = super::unclear(&app, true).await;
    let first = real_awb(&app, &id).await;
    super::reviewer(&app).fail(&id).await.unwrap();
    answer_late(&app, &id, &first).await;
    let log_id = stored(&app, &id).await.attempt().unwrap().request_log_id.clone();
    let booking = Shipment { awb: first.clone(), courier_name: None, courier_code: None, order_number: None };
    app.app.state.orders.resolve(&id, &log_id, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap();
    let order = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!((order.provider_sync_status(), live(&app, order.order_number())), (SyncStatus::Failed, 0));

    let corrected = with(crate::support::orders::order("unclear"), "/consignee/pincode", json!("560002"));
    assert_eq!(merchant.post(&format!("/v1/orders/{id}/amend"), &corrected).await.status, 202);
    app.simulator.script(Rule::create(Scripted::LostAfterBooking));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let second = app
        .simulator
        .shipments()
        .into_iter()
        .find(|s| s.live && s.reference == order.order_number())
        .unwrap()
        .awb;
    answer_late(&app, &id, &second).await;
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[]);
    assert_eq!((ended.provider_sync_status(), ended.awb()), (SyncStatus::Success, Some(second.as_str())));
}

/// The order was settled by a late answer while the worker that looked for it was dead: its look-up has an
/// end all the same.
#[tokio::test]
async fn the_look_up_of_a_vanished_worker_gets_its_end_also_when_the_order_needs_none_any_more() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Scripted::LostAfterBooking));
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    app.advance(Duration::from_secs(5));
    let (queue, name) = (&app.app.queue.broker, "parcelx-orders-queue");
    let leased = queue.claim_from(name, 1, Duration::from_secs(60)).await.unwrap();
    assert_eq!(leased.len(), 1);
    let waiting = stored(&app, &id).await;
    let at = (app.clock.now(), app.clock.now());
    let log = RequestLog::new("plog_look", "track_order", &id, waiting.order_number(), json!({}), 1, at);
    app.app.logs.begin(&log).await.unwrap();
    let attempt = waiting.attempt().unwrap();
    let booking = Shipment {
        awb: real_awb(&app, &id).await,
        courier_name: None,
        courier_code: None,
        order_number: None,
    };
    app.app
        .state
        .orders
        .resolve(&id, &attempt.request_log_id, &CallOutcome::Done(booking), Duration::ZERO)
        .await
        .unwrap();
    app.advance(Duration::from_secs(61));
    assert_eq!(queue.recover(name, 3).await.len(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let outcome =
        app.app.store.get::<OutcomeLog>("plog_look").await.unwrap().expect("the look-up has no end");
    assert_eq!(outcome.end.error_code, Some(Failure::NoAnswerRecorded));
}

/// The same for a cancel: what may have been sent gets its outcome, and tracking is asked before a person is.
#[tokio::test]
async fn a_cancel_whose_job_died_is_closed_and_gone_on_with() {
    const QUEUE: &str = "parcelx-order-cancellation-queue";
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.post("/orders/cancel", &json!({ "orderId": id })).await.status, 200);
    let queue = &app.app.queue.broker;
    let claimed = queue.claim_from(QUEUE, 1, Duration::from_secs(60)).await.unwrap();
    let _gone = queue.fail(&claimed[0], "its worker vanished too often").await.unwrap();
    let booked = stored(&app, &id).await;
    let awb = booked.awb().map(str::to_owned).unwrap();
    let taken = app
        .app
        .state
        .orders
        .take_cancel(&booked, &awb, Duration::from_secs(25), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    let attempt = taken.cancellation().shipments()[0].attempt.clone().unwrap();
    let at = (app.clock.now(), app.clock.now());
    let log = RequestLog::new(
        &attempt.request_log_id,
        "cancel_order",
        &id,
        taken.order_number(),
        json!({ "awb": awb }),
        1,
        at,
    );
    app.app.logs.begin(&log).await.unwrap();

    let job = CancelOrderJob::from(&taken);
    let dies = async || job.on_dead(&context(&app), &leased(&app), &DeathCause::Stalled).await;
    assert!(matches!(dies().await, Err(JobError::Unavailable(_))), "its call may be under way");
    app.advance(attempt.settle_after.since(app.clock.now()));
    dies().await.unwrap();
    let order = stored(&app, &id).await;
    assert_eq!(
        (order.review().is_none(), order.cancellation().shipments()[0].unresolved_calls, order.generation()),
        (true, 1, taken.generation() + 1)
    );
    let logs = merchant.provider_logs(&id).await;
    assert!(logs.iter().all(|log| log["outcome"]["verdict"].is_string()), "{logs:?}");
    dies().await.unwrap();
    assert_eq!(stored(&app, &id).await, order, "an older generation's death says nothing");
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 5)]);
    assert_eq!(ended.cancellation().shipments()[0].state, ShipmentCancellationState::Confirmed);
}
