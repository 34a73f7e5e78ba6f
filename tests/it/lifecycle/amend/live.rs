//! Shipments of the refused call that come to light beside an amended order.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    features::orders::model::Order,
    provider::simulator::{Answer, Duplicate, Lookup, Operation, Rule, TakesEffect},
};

use super::{amend_path, corrected, late_booking, refused, refused_but_booked, stored};
use crate::support::{TestApp, orders::rewritten};

#[tokio::test]
async fn a_late_shipment_of_the_refused_attempt_is_cancelled_and_the_corrected_one_stays() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    late_booking(&app, &id, "77000000000001").await;
    let seen = stored(&app, &id).await;
    assert_eq!(
        (seen.booking().duplicate_awbs(), seen.awb()),
        (["77000000000001".to_owned()].as_slice(), None)
    );
    app.run_pending_jobs().await;
    // The double does not know that shipment, so its cancel is refused, looked into, and ends with a person.
    let seen = stored(&app, &id).await;
    assert!(seen.awb().is_some_and(|awb| awb != "77000000000001"));
    for _ in 0..20 {
        let Some(due) = stored(&app, &id).await.overdue_at() else { break };
        app.advance(due.since(app.clock.now()));
        app.run_pending_jobs().await;
    }
    let ledger = app.simulator.ledger();
    let cancelled: Vec<_> =
        ledger.iter().filter(|e| e.path.contains("cancel")).map(|e| e.awb.clone().unwrap()).collect();
    assert_eq!(cancelled, ["77000000000001"], "only the duplicate one");
    assert_eq!(app.simulator.shipments().iter().filter(|s| s.live).count(), 1);
    assert_eq!(merchant.order(&id).await["status"], "booked");
    // But for the one of the refusal, which was counted.
    let tracks = ledger.iter().filter(|e| e.path.contains("track")).count() - 1;
    app.assert_calls(&[("create", 1), ("cancel", 1), ("track", tracks)]);
}

#[tokio::test]
async fn while_a_late_shipment_is_live_the_order_cannot_be_amended() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    late_booking(&app, &id, "77000000000002").await;
    let problem = merchant.post(&amend_path(&id), &corrected()).await.problem(409, "conflict-state");
    assert!(problem["detail"].as_str().unwrap().contains("not cancelled yet"), "{problem}");
    app.leave_jobs();
}

/// The look-up after the refusal came too early. The one before the corrected order is sent does not.
#[tokio::test]
async fn what_was_booked_all_the_same_is_found_before_the_corrected_one_is_sent() {
    let app = TestApp::start().await;
    let (merchant, id, awb) = refused_but_booked(&app).await;
    app.simulator.change_faults(|f| {
        f.lookup = Lookup::Works;
        f.cancel_effect = TakesEffect::AtOnce;
    });
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.run_pending_jobs().await;
    assert_eq!(app.simulator.shipments().len(), 1, "nothing is sent beside it");
    let seen = merchant.order(&id).await;
    assert_eq!((&seen["providerSyncStatus"], &seen["awb"]), (&json!("failed"), &Value::Null));
    assert!(seen["syncReason"].as_str().unwrap().contains("is being cancelled"), "{seen}");
    assert_eq!(stored(&app, &id).await.booking().duplicate_awbs(), [awb]);
    for _ in 0..20 {
        let Some(due) = stored(&app, &id).await.overdue_at() else { break };
        app.advance(due.since(app.clock.now()));
        app.run_pending_jobs().await;
    }
    assert!(app.simulator.shipments().iter().all(|s| !s.live), "it was cancelled");

    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&id).await["status"], "booked");
    assert_eq!(app.simulator.shipments().iter().filter(|s| s.live).count(), 1);
    let count = |path: &str| app.simulator.ledger().iter().filter(|e| e.path.contains(path)).count();
    // But for the refusal and its look-up, which were counted.
    app.assert_calls(&[("create", 1), ("cancel", count("cancel")), ("track", count("track") - 1)]);
}

#[tokio::test]
async fn an_amended_order_is_not_sent_before_its_look_up_was_answered() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.simulator.script(Rule::on(Operation::Track, Answer::Html502).times(3));
    app.run_pending_jobs().await;
    app.assert_calls(&[("track", 3)]);
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "queued");
    app.advance(Duration::from_secs(30));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}

#[tokio::test]
async fn an_answer_that_repeats_a_cancelled_shipment_is_not_shown_as_booked() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.duplicate = Duplicate::SameAwb);
    let (merchant, id, awb) = refused_but_booked(&app).await;
    late_booking(&app, &id, &awb).await;
    for _ in 0..20 {
        app.run_pending_jobs().await;
        let Some(due) = stored(&app, &id).await.overdue_at() else { break };
        app.advance(due.since(app.clock.now()));
    }
    assert!(app.simulator.shipments().iter().all(|s| !s.live), "it was cancelled");
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.run_pending_jobs().await;
    let seen = merchant.order(&id).await;
    assert_eq!(app.simulator.shipments().len(), 1, "the double repeats its answer");
    assert_eq!(
        (&seen["status"], &seen["awb"], &seen["cancellation"]["state"]),
        (&json!("cancelled"), &json!(awb), &json!("done"))
    );
    let count = |path: &str| app.simulator.ledger().iter().filter(|e| e.path.contains(path)).count();
    // But for the look-up of the refusal, which was counted.
    app.assert_calls(&[("create", 1), ("cancel", count("cancel")), ("track", count("track") - 1)]);
}

#[tokio::test]
async fn an_attempt_whose_end_nobody_knows_is_shut_out_before_the_corrected_one_is_sent() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    // As a person may fail an order whose worker vanished: taken, and nothing learnt of it.
    let taken = app.app.store.update::<Order, (), waybill::platform::store::StoreError>(&id, |order| {
        let later = json!(app.clock.now() + Duration::from_secs(40));
        let changes = [
            ("/booking/attempt/requestLogId", json!("plog_vanished")),
            ("/booking/attempt/settleAfter", later),
        ];
        *order = rewritten(order, &changes);
        Ok(waybill::platform::store::Decision::Save(()))
    });
    taken.await.unwrap();
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    app.advance(Duration::from_secs(41));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let logs = merchant.provider_logs(&id).await;
    assert!(logs.iter().any(|log| log["id"] == "plog_vanished" && log["neverSent"] == true), "{logs:#?}");
    assert_eq!(merchant.order(&id).await["status"], "booked");
}

/// The reference stays, so a look-up may show the shipment of the old payload: that is being cancelled, and
/// says nothing of the new call.
#[tokio::test]
async fn a_look_up_that_shows_the_recalled_shipment_does_not_settle_the_new_call() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.change_faults(|f| {
        f.lookup = Lookup::Works;
        f.cancel_effect = TakesEffect::After(86_400_000);
    });
    let (merchant, id, awb) = refused_but_booked(&app).await;
    late_booking(&app, &id, &awb).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);

    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    app.run_pending_jobs().await;
    for pause in [5, 25, 90, 480] {
        assert_eq!(merchant.order(&id).await["providerSyncStatus"], "reconciling");
        app.advance(Duration::from_secs(pause));
        app.run_pending_jobs().await;
    }
    // One before the new call and four after it, and one for the old shipment, whose cancel goes on once the
    // order rests.
    app.assert_calls(&[("create", 1), ("track", 6)]);
    let seen = merchant.order(&id).await;
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
        (Some("needs_review"), Some("outcome-unknown"))
    );
    assert_eq!(
        (seen["status"].as_str(), seen["awb"].as_str()),
        (Some("pending"), None),
        "not cancelled: the new call may be live"
    );
}
