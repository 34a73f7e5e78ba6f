//! Giving an order up.

use std::time::Duration;
use waybill::{
    features::{
        audit::Outcome,
        orders::{reason, review::Refusal, service::review::ReviewError, status::SyncStatus},
    },
    provider::{
        carrier::{CallOutcome, Shipment},
        parcelx::log::RequestLog,
        simulator::{Answer, Rule},
    },
};

use serde_json::json;

use super::{last_reason, line, live, real_awb, refusal, reviewer, stored, unclear, unsent, until_settled};
use crate::support::{
    TestApp,
    orders::{order, with},
};

#[tokio::test]
async fn the_merchant_reads_the_operators_words() {
    let app = TestApp::start().await;
    let (merchant, id) = unsent(&app).await;
    let failed = reviewer(&app).fail(&id).await.unwrap();
    assert_eq!(failed.review(), None);
    let seen = merchant.order(&id).await;
    assert_eq!(
        (seen["status"].as_str(), seen["syncReason"].as_str()),
        (Some("failed"), Some("She has looked"))
    );
    assert_eq!(last_reason(&seen), Some("She has looked"));
    assert_eq!(line(&app, &id).await, ("order.fail".to_owned(), Outcome::Done, None));
    assert_eq!(refusal(reviewer(&app).fail(&id).await), Refusal::NotInReview(SyncStatus::Failed));
    assert!(matches!(reviewer(&app).fail("ord_none").await, Err(ReviewError::NoSuchOrder)));
    let queued = merchant.create(&order("A-2")).await;
    assert_eq!(refusal(reviewer(&app).fail(&queued).await), Refusal::NotInReview(SyncStatus::Queued));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

#[tokio::test]
async fn a_shipment_that_comes_to_light_later_is_cancelled_and_a_wish_is_fulfilled() {
    let app = TestApp::start().await;
    let (merchant, id) = unclear(&app, true).await;
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    let failed = reviewer(&app).fail(&id).await.unwrap();
    assert_eq!(serde_json::to_value(failed.cancellation().state()).unwrap(), "done");
    let log_id = stored(&app, &id).await.attempt().unwrap().request_log_id.clone();
    let booking = Shipment {
        awb: real_awb(&app, &id).await,
        courier_name: None,
        courier_code: None,
        order_number: None,
    };
    app.app.state.orders.resolve(&id, &log_id, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap();
    let ended = until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!((ended.provider_sync_status(), live(&app, ended.order_number())), (SyncStatus::Failed, 0));
}

/// A worker vanished in its call, and a person failed the order: that the corrected one is refused proves
/// nothing of that call.
#[tokio::test]
async fn an_unanswered_call_stays_a_doubt_when_the_order_is_amended() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let taken = app
        .app
        .state
        .orders
        .take(&stored(&app, &id).await, "plog_1", Duration::from_secs(25), Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    let at = (app.clock.now(), app.clock.now());
    let log = RequestLog::new("plog_1", "create_order", &id, taken.order_number(), json!({}), 1, at);
    app.app.logs.begin(&log).await.unwrap();
    app.app.state.orders.review(&id, reason::POISON).await.unwrap();
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(60));
    reviewer(&app).fail(&id).await.unwrap();
    app.simulator.script(Rule::refuse("Order id already exists."));
    let corrected = with(order("A-1"), "/consignee/pincode", json!("560002"));
    assert_eq!(merchant.post(&format!("/v1/orders/{id}/amend"), &corrected).await.status, 202);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(stored(&app, &id).await.provider_sync_status(), SyncStatus::Reconciling);
    app.leave_jobs();
}

/// The answer to the first of two calls was written down by a worker that did not live to act on it.
#[tokio::test]
async fn what_an_earlier_call_booked_is_not_called_failed() {
    let app = TestApp::start().await;
    let (_, id) = unclear(&app, true).await;
    let awb = real_awb(&app, &id).await;
    let first = stored(&app, &id).await.attempt().unwrap().request_log_id.clone();
    reviewer(&app).rebook(&id, true).await.unwrap();
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    app.merchant("u1").create(&order("later still")).await;
    assert_eq!(until_settled(&app, &id).await.provider_sync_status(), SyncStatus::NeedsReview);
    app.assert_calls(&[("create", 2), ("track", 5)]);

    super::dead::answer_to(&app, &id, &first, &awb).await;
    assert_eq!(refusal(reviewer(&app).fail(&id).await), Refusal::BookedAfterAll(awb.clone()));
    let booked = until_settled(&app, &id).await;
    assert_eq!((booked.provider_sync_status(), booked.awb()), (SyncStatus::Success, Some(awb.as_str())));
    assert_eq!(
        (booked.parcelx_response_ref_id(), live(&app, booked.order_number())),
        (Some(first.as_str()), 1)
    );
    app.assert_calls(&[]);
}
