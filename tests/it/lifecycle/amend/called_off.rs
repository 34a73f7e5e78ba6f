//! Calling an amended order off before it is sent.

mod words;

use std::time::Duration;

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Actor, CancellationState, Event, OperatorAction, Order},
        payload::NewOrder,
        reason,
        request::CreateOrder,
        review::Fate,
        status::SyncStatus,
    },
    provider::{
        carrier::{AccountProblem, CallOutcome, Cause, ProviderEnv, Shipment, Told},
        simulator::{Answer, Lookup, Operation, Rule, TakesEffect},
    },
};

use super::{amend_path, corrected, late_booking, refused, refused_but_booked, stored};
use crate::{
    lifecycle::cancel::until_settled,
    support::{
        Client, TestApp,
        orders::{order, rewritten},
    },
};

const CALL: Duration = Duration::from_secs(25);
const REQUEST: Event<'static> = Event::RequestCancel { actor: Actor::Merchant, reason: None };

fn now() -> Timestamp {
    Timestamp::from_millis(1_769_851_800_000)
}

fn cancel_path(id: &str) -> String {
    format!("/v1/orders/{id}/cancel")
}

/// Calls it off, which is not done with that.
async fn call_off(merchant: &Client, id: &str) {
    let answer = merchant.post(&cancel_path(id), &json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn apply(order: &mut Order, event: Event<'_>, now: Timestamp) {
    assert!(order.apply(event, now).unwrap().changed(), "{event:?}");
}

/// The stored order, after `event`.
async fn have(app: &TestApp, id: &str, event: Event<'_>) -> Order {
    let mut order = stored(app, id).await;
    apply(&mut order, event, app.clock.now());
    assert!(app.app.store.replace(&order).await.unwrap());
    order
}

/// What was refused may be booked all the same: that the look-up after it showed nothing proves nothing, and
/// whoever calls the order off wants no parcel.
#[tokio::test]
async fn an_amended_order_is_not_called_cancelled_before_a_look_up_finds_nothing() {
    for booked in [true, false] {
        let app = TestApp::start().await;
        let (merchant, id, awb) = if booked {
            let (merchant, id, awb) = refused_but_booked(&app).await;
            (merchant, id, Some(awb))
        } else {
            let (merchant, id) = refused(&app).await;
            (merchant, id, None)
        };
        app.simulator.change_faults(|f| (f.lookup, f.cancel_effect) = (Lookup::Works, TakesEffect::AtOnce));
        assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);

        let path = cancel_path(&id);
        for _ in 0..2 {
            let answer = merchant.post(&path, &json!({})).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
            let data = answer.json()["data"].clone();
            assert_eq!(
                (&data["status"], &data["providerSyncStatus"], &data["cancellation"]["state"]),
                (&json!("pending"), &json!("queued"), &json!("requested")),
                "{booked}"
            );
        }

        until_settled(&app, &id).await;
        app.assert_calls(if booked { &[("cancel", 1), ("track", 2)] } else { &[("track", 1)] });
        let seen = merchant.order(&id).await;
        let stands = if booked { "success" } else { "cancelled" };
        assert_eq!(
            (&seen["status"], &seen["providerSyncStatus"], &seen["cancellation"]["state"], &seen["awb"]),
            (&json!("cancelled"), &json!(stands), &json!("done"), &json!(awb)),
            "{booked}"
        );
        assert!(app.simulator.shipments().iter().all(|shipment| !shipment.live), "{booked}");
        assert_eq!(merchant.post(&path, &json!({})).await.status, 200, "a repeat is no error");
    }
}

/// A person has given it up without the end of its call: that one look-up shows nothing of that may be
/// because it comes too early.
#[tokio::test]
async fn what_was_failed_without_the_end_of_its_call_is_not_cancelled_by_one_look_up() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    have(&app, &id, Event::Review { reason: reason::OUTCOME_UNKNOWN }).await;
    let action = OperatorAction::Fail { words: "given up" };
    have(&app, &id, Event::Operator { action, audit_id: None }).await;
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    call_off(&merchant, &id).await;

    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("track", 1)]);
    assert_eq!(
        (ended.provider_sync_status(), ended.cancellation().state()),
        (SyncStatus::NeedsReview, CancellationState::Requested)
    );
    assert_eq!(ended.review().unwrap().reason, reason::OUTCOME_UNKNOWN);
    assert!(app.simulator.shipments()[0].live, "or this proves nothing");
    // The first job.
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
}

fn fresh() -> Order {
    let body: CreateOrder = serde_json::from_value(order("A-1")).unwrap();
    Order::new("u1", NewOrder::from(body), ProviderEnv::Simulator, now())
}

/// Its call under `log_id` ends with this.
fn called(order: &mut Order, log_id: &str, outcome: &CallOutcome<Shipment>) {
    apply(order, Event::Take { log_id, times: CALL.into(), paused: Duration::ZERO }, now());
    apply(order, Event::CallEnded { log_id, outcome, first_poll: CALL }, now());
}

fn no_of_the_account() -> CallOutcome<Shipment> {
    let cause = Cause::Account(AccountProblem::Credentials, Told::Status(401));
    CallOutcome::Deferred { after: None, cause }
}

/// Nor where it was sent again and waits: a look-up that found nothing before that proves nothing of the call
/// whose end nobody waited for.
#[test]
fn what_was_failed_without_the_end_of_its_call_and_waits_again_goes_to_a_person() {
    let busy = CallOutcome::Deferred { after: None, cause: Cause::Busy };
    for outcome in [busy, no_of_the_account()] {
        let mut waits = fresh();
        called(&mut waits, "plog_1", &CallOutcome::unanswered("unknown"));
        apply(&mut waits, Event::Review { reason: reason::OUTCOME_UNKNOWN }, now());
        for action in [OperatorAction::Fail { words: "given up" }, OperatorAction::Resend] {
            apply(&mut waits, Event::Operator { action, audit_id: None }, now());
        }
        called(&mut waits, "plog_2", &outcome);
        assert_eq!(waits.provider_sync_status(), SyncStatus::Retrying, "{outcome:?}");
        apply(&mut waits, REQUEST, now());
        assert_eq!(
            (waits.provider_sync_status(), waits.cancellation().state()),
            (SyncStatus::NeedsReview, CancellationState::Requested),
            "{outcome:?}"
        );
    }
}

/// It was looked into to the end: that a call of it is unresolved stays only for what it says of a refusal.
#[test]
fn what_waits_is_cancelled_by_one_look_up_whatever_its_first_call_came_to() {
    let mut waits = fresh();
    called(&mut waits, "plog_1", &CallOutcome::unanswered("unknown"));
    apply(&mut waits, Event::ProvenAbsent { log_id: "plog_1" }, now());
    called(&mut waits, "plog_2", &no_of_the_account());
    assert!(waits.booking().unresolved().is_some() && waits.booking().looks_first());
    apply(&mut waits, REQUEST, now());
    let seen = waits.clone();
    assert_eq!(seen.provider_sync_status(), SyncStatus::Retrying);
    apply(&mut waits, Event::NothingFirst { seen: &seen }, now());
    assert_eq!(
        (waits.provider_sync_status(), waits.cancellation().state()),
        (SyncStatus::Cancelled, CancellationState::Done)
    );
}

/// The order shows the corrected payload, which was never sent: that it is booked with that is told to nobody
/// else.
#[tokio::test]
async fn a_person_is_told_that_the_shipment_of_an_earlier_payload_stays() {
    for amended in [true, false] {
        let app = TestApp::start().await;
        let (merchant, id) = if amended {
            let (merchant, id, _) = refused_but_booked(&app).await;
            assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
            (merchant, id)
        } else {
            let no = Answer::Status { code: 401, retry_after: None };
            app.simulator.script(Rule::create(no).acting(true));
            let merchant = app.merchant("u1");
            let id = merchant.create(&order("A-1")).await;
            app.run_pending_jobs().await;
            app.assert_calls(&[("create", 1)]);
            (merchant, id)
        };
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let refusal = Rule { operation: Some(Operation::Cancel), ..Rule::refuse("Order already picked") };
        app.simulator.script(refusal.times(2));

        // Also when its merchant asks once more.
        for tracks in [2, 1] {
            call_off(&merchant, &id).await;
            assert_eq!(stored(&app, &id).await.review(), None);
            app.advance(Duration::from_secs(60)); // until a refused account is tried again
            let ended = until_settled(&app, &id).await;
            app.assert_calls(&[("cancel", 1), ("track", tracks)]);
            assert_eq!(
                (ended.status().as_str(), ended.cancellation().state()),
                ("booked", CancellationState::Refused),
                "{amended}"
            );
            let review = ended.review().map(|review| review.reason.as_str());
            assert_eq!(review, amended.then_some("cancel-refused"));
        }
        if amended {
            app.advance(Duration::from_secs(60));
            let awb = stored(&app, &id).await.awb().unwrap().to_owned();
            let action = OperatorAction::CancelEnded { awb: &awb, fate: Fate::Live };
            let closed = have(&app, &id, Event::Operator { action, audit_id: None }).await;
            assert_eq!((closed.review(), closed.status().as_str()), (None, "booked"));
        }
    }
}

/// As a worker of an earlier release may have left it that found a shipment before it was sent.
async fn leave_request_open(app: &TestApp, id: &str) {
    let failed = stored(app, id).await;
    assert_eq!(failed.provider_sync_status(), SyncStatus::Failed);
    let request = json!({ "state": "requested", "requestedAt": app.clock.now() });
    let open = rewritten(&failed, &[("/cancellation/request", request)]);
    assert!(app.app.store.replace(&open).await.unwrap());
}

#[tokio::test]
async fn a_request_that_was_left_open_on_a_failed_order_ends_when_it_is_repeated() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    let path = cancel_path(&id);
    merchant.post(&path, &json!({})).await.problem(409, "conflict-state");
    leave_request_open(&app, &id).await;
    let before = stored(&app, &id).await;
    for _ in 0..2 {
        let answer = merchant.post(&path, &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let data = answer.json()["data"].clone();
        assert_eq!((&data["status"], &data["cancellation"]["state"]), (&json!("failed"), &json!("done")));
    }
    let after = stored(&app, &id).await;
    assert_eq!(
        (after.version(), after.history().len()),
        (before.version() + 1, before.history().len() + 1),
        "once"
    );
    assert_eq!(after.history().last().unwrap().cancellation, Some(CancellationState::Done));
}

#[tokio::test]
async fn a_request_that_was_left_open_on_a_failed_order_ends_with_the_cancel_of_its_shipment() {
    let app = TestApp::start().await;
    let (merchant, id, awb) = refused_but_booked(&app).await;
    app.simulator.change_faults(|f| f.cancel_effect = TakesEffect::AtOnce);
    late_booking(&app, &id, &awb).await;
    leave_request_open(&app, &id).await;
    assert_eq!(merchant.order(&id).await["cancellation"]["state"], "requested");
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!((&seen["status"], &seen["cancellation"]["state"]), (&json!("failed"), &json!("done")));
}
