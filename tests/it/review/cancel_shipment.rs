//! Cancels that could not be settled.

use std::time::Duration;
use waybill::{
    features::{
        audit::Outcome,
        orders::{
            model::{CancellationState, Order, PollSchedule, ReviewOf, ShipmentCancellationState},
            review::{Fate, Refusal},
            service::review::ReviewFilter,
        },
    },
    provider::{
        carrier::{CallOutcome, Shipment},
        parcelx::log::RequestLog,
        simulator::{Operation, Rule, TakesEffect},
    },
};

use serde_json::json;

use super::{last_reason, line, refusal, reviewer, stored, until_settled};
use crate::support::{
    Client, TestApp,
    orders::{order, rewritten},
};

async fn booked(app: &TestApp) -> (Client, String) {
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    (merchant, id)
}

/// A booked order whose cancel was accepted and never shown.
async fn unconfirmed(app: &TestApp) -> (Client, String) {
    let (merchant, id) = booked(app).await;
    app.simulator.change_faults(|f| f.cancel_effect = TakesEffect::Never);
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    let order = until_settled(app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 5)]);
    assert_eq!(order.cancellation().state(), CancellationState::Review);
    (merchant, id)
}

async fn in_review(app: &TestApp) -> Vec<String> {
    let filter = ReviewFilter { of: Some(ReviewOf::Cancellation), ..ReviewFilter::default() };
    app.app
        .state
        .orders
        .in_review(&filter, None, 10)
        .await
        .unwrap()
        .orders
        .into_iter()
        .map(|order| order.id().to_owned())
        .collect()
}

#[tokio::test]
async fn a_cancel_is_sent_anew() {
    let app = TestApp::start().await;
    let (merchant, id) = unconfirmed(&app).await;
    assert_eq!(in_review(&app).await, std::slice::from_ref(&id));
    // ParcelX has mended what it did with the first one, and refuses a second.
    assert!(app.simulator.move_to(stored(&app, &id).await.awb().unwrap(), 227));
    let cancelled = reviewer(&app).cancel_shipment(&id, None).await.unwrap();
    assert_eq!((cancelled.cancellation().state(), cancelled.review()), (CancellationState::Requested, None));
    assert_eq!(last_reason(&merchant.order(&id).await), Some("cancelled again by an operator"));
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("status", 1), ("cancel", 1), ("track", 1)]);
    assert_eq!(
        (ended.cancellation().state(), ended.cancellation().shipments()[0].state),
        (CancellationState::Done, ShipmentCancellationState::Confirmed)
    );
    assert_eq!(ended.cancellation().shipments()[0].attempt.as_ref().unwrap().no, 2);
    assert_eq!(line(&app, &id).await, ("order.cancel-shipment".to_owned(), Outcome::Done, None));
    assert_eq!(refusal(reviewer(&app).cancel_shipment(&id, None).await), Refusal::NothingToCancel);
}

#[tokio::test]
async fn what_a_person_found_out_closes_the_case() {
    for (fate, state, status) in [
        (Fate::Cancelled, CancellationState::Done, "cancelled"),
        (Fate::Live, CancellationState::Refused, "booked"),
    ] {
        let app = TestApp::start().await;
        let (merchant, id) = unconfirmed(&app).await;
        assert_eq!(refusal(reviewer(&app).close(&id, Some("0"), fate).await), Refusal::NothingToCancel);
        let awb = stored(&app, &id).await.awb().unwrap().to_owned();
        let closed = reviewer(&app).close(&id, Some(&awb), fate).await.unwrap();
        assert_eq!(
            (closed.cancellation().state(), closed.status().as_str(), closed.review()),
            (state, status, None)
        );
        assert_eq!(closed.cancellation().request().confirmed_at.is_some(), fate == Fate::Cancelled);
        assert!(in_review(&app).await.is_empty());
        assert_eq!(
            merchant.order(&id).await["history"].as_array().unwrap().last().unwrap()["actor"],
            "operator"
        );
        assert_eq!(app.run_pending_jobs().await, 0);
    }
}

/// A worker that slept wakes up with the answer.
#[tokio::test]
async fn a_late_yes_is_evidence_also_after_a_person_saw_the_shipment_live() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    let wanted = stored(&app, &id).await;
    let (awb, orders) = (wanted.awb().map(str::to_owned).unwrap(), &app.app.state.orders);
    let taken =
        orders.take_cancel(&wanted, &awb, Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
    let attempt = taken.cancellation().shipments()[0].attempt.clone().unwrap();
    orders.review_cancellations(&id, "poison").await.unwrap();
    app.advance(attempt.settle_after.since(app.clock.now()));
    let closed = reviewer(&app).close(&id, None, Fate::Live).await.unwrap();
    assert_eq!(closed.cancellation().state(), CancellationState::Refused);
    assert!(app.simulator.move_to(&awb, 227));
    let schedule = PollSchedule { unclear: Vec::new(), confirm: vec![Duration::from_secs(5)] };
    orders.resolve_cancel(&id, &attempt.request_log_id, &CallOutcome::Done(()), &schedule).await.unwrap();
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("status", 1), ("track", 1)]);
    assert_eq!(
        (ended.cancellation().shipments()[0].state, ended.status().as_str()),
        (ShipmentCancellationState::Confirmed, "cancelled")
    );
}

/// The first shipment's order, and the one whose shipment stands in for a second one of the first.
async fn second_shipment(app: &TestApp) -> (Client, Order, String) {
    let (merchant, id) = booked(app).await;
    let other = merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let other = stored(app, &other).await;
    let duplicate = other.awb().unwrap().to_owned();
    assert!(app.app.store.replace(&rewritten(&other, &[("/awb", json!(null))])).await.unwrap());
    let first = stored(app, &id).await.attempt().unwrap().request_log_id.clone();
    let booking =
        Shipment { awb: duplicate.clone(), courier_name: None, courier_code: None, order_number: None };
    app.simulator.script(Rule {
        operation: Some(Operation::Cancel),
        ..Rule::refuse("Order can not be cancelled at this stage.")
    });
    app.app.state.orders.resolve(&id, &first, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap();
    let order = until_settled(app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    (merchant, order, duplicate)
}

#[tokio::test]
async fn a_second_shipment_that_stays_leaves_the_list() {
    let app = TestApp::start().await;
    let (_, order, duplicate) = second_shipment(&app).await;
    assert_eq!(order.cancellation().shipments()[0].state, ShipmentCancellationState::Refused);
    assert_eq!(order.review().unwrap().reason, "cancel-refused");
    assert_eq!(refusal(reviewer(&app).close(order.id(), None, Fate::Live).await), {
        // Its cancel was sent a moment ago.
        Refusal::UnderWay(order.cancellation().shipments()[0].attempt.as_ref().unwrap().settle_after)
    });
    app.advance(Duration::from_secs(60));
    let closed = reviewer(&app).close(order.id(), None, Fate::Live).await.unwrap();
    assert_eq!((closed.review(), closed.cancellation().shipments()[0].left_live), (None, true));
    assert_eq!(closed.cancellation().state(), CancellationState::None, "its own shipment is another matter");
    assert!(in_review(&app).await.is_empty());
    assert_eq!(
        refusal(reviewer(&app).cancel_shipment(order.id(), Some(&duplicate)).await),
        Refusal::NothingToCancel
    );
}

#[tokio::test]
async fn a_second_shipment_can_be_cancelled_later() {
    let app = TestApp::start().await;
    let (_, order, duplicate) = second_shipment(&app).await;
    app.advance(Duration::from_secs(60));
    reviewer(&app).cancel_shipment(order.id(), None).await.unwrap();
    let ended = until_settled(&app, order.id()).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(
        (ended.cancellation().shipments()[0].awb.as_str(), ended.cancellation().shipments()[0].state),
        (duplicate.as_str(), ShipmentCancellationState::Confirmed)
    );
    assert_eq!((ended.review(), ended.status().as_str()), (None, "booked"));
}

#[tokio::test]
async fn of_several_shipments_one_must_be_named() {
    let app = TestApp::start().await;
    let (merchant, order, duplicate) = second_shipment(&app).await;
    app.simulator.change_faults(|f| f.cancel_effect = TakesEffect::Never);
    merchant.post(&format!("/v1/orders/{}/cancel", order.id()), &json!({})).await;
    let order = until_settled(&app, order.id()).await;
    app.assert_calls(&[("cancel", 1), ("track", 5)]);
    assert!(matches!(
        refusal(reviewer(&app).cancel_shipment(order.id(), None).await),
        Refusal::SeveralShipments(_)
    ));
    let closed = reviewer(&app).close(order.id(), Some(&duplicate), Fate::Cancelled).await.unwrap();
    assert_eq!(closed.review().unwrap().reason, "cancel-unconfirmed", "the other one still waits");
    assert_eq!(reviewer(&app).close(order.id(), None, Fate::Cancelled).await.unwrap().review(), None);
}

/// Whose worker vanished in the cancel, and which was given to a person before anybody closed it.
#[tokio::test]
async fn the_last_cancel_is_closed_before_another_is_sent() {
    for sent in [false, true] {
        let app = TestApp::start().await;
        let (merchant, id) = booked(&app).await;
        merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
        let wanted = stored(&app, &id).await;
        let awb = wanted.awb().map(str::to_owned).unwrap();
        let orders = &app.app.state.orders;
        let taken = orders
            .take_cancel(&wanted, &awb, Duration::from_secs(25), Duration::ZERO)
            .await
            .unwrap()
            .unwrap();
        let attempt = taken.cancellation().shipments()[0].attempt.clone().unwrap();
        if sent {
            let (at, payload) = ((app.clock.now(), app.clock.now()), json!({ "awb": awb }));
            let log = RequestLog::new(
                &attempt.request_log_id,
                "cancel_order",
                &id,
                wanted.order_number(),
                payload,
                1,
                at,
            );
            app.app.logs.begin(&log).await.unwrap();
        }
        orders.review_cancellations(&id, "poison").await.unwrap();
        assert_eq!(
            refusal(reviewer(&app).cancel_shipment(&id, None).await),
            Refusal::UnderWay(attempt.settle_after)
        );
        let reviewed = stored(&app, &id).await;
        assert_eq!(
            reviewed.ended_cancellation(None, app.clock.now()),
            Err(Refusal::UnderWay(attempt.settle_after)),
            "before it is closed"
        );
        app.advance(attempt.settle_after.since(app.clock.now()));
        reviewer(&app).cancel_shipment(&id, None).await.unwrap();
        let ended = until_settled(&app, &id).await;
        app.assert_calls(&[("cancel", 1), ("track", 1)]);
        assert_eq!(ended.cancellation().shipments()[0].state, ShipmentCancellationState::Confirmed);
        let logs = merchant.provider_logs(&id).await;
        let dead = logs.iter().find(|log| log["id"] == attempt.request_log_id.as_str()).unwrap();
        assert_eq!(
            (dead["neverSent"] == true, dead["outcome"]["verdict"].as_str()),
            (!sent, sent.then_some("unknown")),
            "{dead}"
        );
    }
}

/// The first cancel was accepted and takes effect late: that a second is refused while tracking lags says
/// nothing of the first.
#[tokio::test]
async fn a_refusal_of_the_second_cancel_is_not_believed_while_the_first_may_yet_take_effect() {
    let app = TestApp::start().await;
    let (_, id) = unconfirmed(&app).await;
    app.simulator.script(Rule {
        operation: Some(Operation::Cancel),
        ..Rule::refuse("Order can not be cancelled at this stage.")
    });
    reviewer(&app).cancel_shipment(&id, None).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    let order = stored(&app, &id).await;
    assert_eq!(order.cancellation().shipments()[0].state, ShipmentCancellationState::Unclear);
    assert!(app.simulator.move_to(order.awb().unwrap(), 227));
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("status", 1), ("track", 1)]);
    assert_eq!(
        (ended.cancellation().state(), ended.cancellation().shipments()[0].state),
        (CancellationState::Done, ShipmentCancellationState::Confirmed)
    );
}

/// A late answer that names another order's shipment, which is live and wanted.
#[tokio::test]
async fn a_late_answer_with_another_orders_shipment_does_not_cancel_that() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let other = merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let before = stored(&app, &id).await;
    let awb = stored(&app, &other).await.awb().unwrap().to_owned();
    let log_id = before.attempt().cloned().unwrap().request_log_id;
    let booking = Shipment { awb, courier_name: None, courier_code: None, order_number: None };
    let after = app
        .app
        .state
        .orders
        .resolve(&id, &log_id, &CallOutcome::Done(booking), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(after, before);
    until_settled(&app, &id).await;
    app.assert_calls(&[]);
    assert_eq!(app.simulator.shipments().iter().filter(|s| s.live).count(), 2);
}
