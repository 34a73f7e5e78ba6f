//! What becomes of a call that ended without an answer, in every world the provider may turn out to be.

use std::time::Duration;

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    provider::{
        carrier::CallOutcome,
        simulator::{Answer, Duplicate, Lookup, Rule},
    },
};

use crate::support::{Client, TestApp, orders::order};

/// Runs jobs and moves the clock from one due time to the next until the order waits for nothing any more;
/// gives it as it ended.
async fn until_settled(app: &TestApp, merchant: &Client, id: &str) -> serde_json::Value {
    for _ in 0..400 {
        app.run_pending_jobs().await;
        let seen = merchant.order(id).await;
        let Some(next) = seen["nextCheckAt"].as_str() else { return seen };
        app.advance(Timestamp::parse(next).unwrap().since(app.clock.now()));
    }
    panic!("order {id} never settles");
}

/// An order whose create ended with `answer`, and another one that was booked a little later: what a control
/// look-up needs.
async fn unresolved(app: &TestApp, answer: Answer) -> (Client, String) {
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(answer));
    let id = merchant.create(&order("unresolved")).await;
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "reconciling");
    app.advance(Duration::from_secs(1));
    let other = merchant.create(&order("later")).await;
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&other).await["status"], "booked");
    app.assert_calls(&[("create", 2)]);
    (merchant, id)
}

/// Live shipments of an order.
fn live(app: &TestApp, seen: &serde_json::Value) -> Vec<String> {
    app.simulator
        .shipments()
        .into_iter()
        .filter(|s| s.live && s.reference == seen["orderNumber"])
        .map(|s| s.awb)
        .collect()
}

#[tokio::test]
async fn a_booking_is_adopted_wherever_look_ups_find_it_in_time() {
    for lookup in [Lookup::Works, Lookup::After(20_000), Lookup::After(500_000)] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = lookup);
        let (merchant, id) = unresolved(&app, Answer::LostAfterBooking).await;
        let seen = until_settled(&app, &merchant, &id).await;
        assert_eq!(seen["providerSyncStatus"], "success", "{lookup:?}");
        assert_eq!(live(&app, &seen), [seen["awb"].as_str().unwrap()], "{lookup:?}");
        let schedule = app.simulator.ledger().len() - 2;
        app.assert_calls(&[("track", schedule)]);
    }
}

#[tokio::test]
async fn what_was_never_booked_is_booked_once_when_look_ups_prove_it() {
    for duplicate in [Duplicate::NewAwb, Duplicate::Refuse, Duplicate::SameAwb] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| {
            f.lookup = Lookup::After(1000);
            f.duplicate = duplicate;
        });
        let (merchant, id) = unresolved(&app, Answer::LostBeforeBooking).await;
        let seen = until_settled(&app, &merchant, &id).await;
        // Four schedule, the control look-up in the pass of the last one, and one more create.
        app.assert_calls(&[("track", 5), ("create", 1)]);
        assert_eq!(seen["providerSyncStatus"], "success");
        assert_eq!(live(&app, &seen), [seen["awb"].as_str().unwrap()]);
        assert_eq!(merchant.provider_logs(&id).await.len(), 7);
    }
}

#[tokio::test]
async fn look_ups_that_do_not_work_prove_nothing() {
    for answer in [Answer::LostAfterBooking, Answer::LostBeforeBooking] {
        for lookup in [Lookup::Never, Lookup::After(3_600_000)] {
            let app = TestApp::start().await;
            app.simulator.change_faults(|f| f.lookup = lookup);
            let (merchant, id) = unresolved(&app, answer.clone()).await;
            let seen = until_settled(&app, &merchant, &id).await;
            app.assert_calls(&[("track", 5)]);
            assert_eq!(
                (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
                (Some("needs_review"), Some("outcome-unknown"))
            );
            assert_eq!(seen["status"], "pending");
            assert!(live(&app, &seen).len() <= 1);
            let job = app
                .app
                .queue
                .inspect
                .get("parcelx-orders-queue", &format!("create-order-{id}-1"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                (job.state.as_str(), job.reason.as_deref()),
                ("failed", Some("needs_review: outcome-unknown"))
            );
        }
    }
}

#[tokio::test]
async fn a_booking_without_its_awb_ends_with_a_person_at_once() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::WithoutAwb);
    let (merchant, id) = unresolved(&app, Answer::LostAfterBooking).await;
    let seen = until_settled(&app, &merchant, &id).await;
    app.assert_calls(&[("track", 1)]);
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
        (Some("needs_review"), Some("booked-awb-unknown"))
    );
}

#[tokio::test]
async fn a_control_look_up_works_without_awbs_too() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::WithoutAwb);
    let (merchant, id) = unresolved(&app, Answer::LostBeforeBooking).await;
    let seen = until_settled(&app, &merchant, &id).await;
    app.assert_calls(&[("track", 5), ("create", 1)]);
    assert_eq!(seen["providerSyncStatus"], "success");
}

#[tokio::test]
async fn untrusted_look_ups_adopt_but_never_prove_absence() {
    for (answer, ended) in
        [(Answer::LostAfterBooking, "success"), (Answer::LostBeforeBooking, "needs_review")]
    {
        let app = TestApp::builder().setting("WAYBILL_PARCELX__LOOKUP", "untrusted").start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        let (merchant, id) = unresolved(&app, answer).await;
        let seen = until_settled(&app, &merchant, &id).await;
        assert_eq!(seen["providerSyncStatus"], ended);
        let schedule = app.simulator.ledger().len() - 2;
        app.assert_calls(&[("track", schedule)]);
    }
}

#[tokio::test]
async fn without_a_newer_booking_the_proof_is_waited_for_up_to_a_day() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    // Booked before the unresolved call: proves nothing of what came later.
    merchant.create(&order("before")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    let id = merchant.create(&order("unresolved")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let from = app.clock.now();
    let seen = until_settled(&app, &merchant, &id).await;
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
        (Some("needs_review"), Some("outcome-unknown"))
    );
    let waited = app.clock.now().since(from).as_secs();
    assert!((86_400..86_400 + 600).contains(&waited), "{waited}");
    let schedule = app.simulator.ledger().len() - 2;
    app.assert_calls(&[("track", schedule)]);
}

/// In a quiet time: nothing is booked that a look-up could be tried on, and what was booked long ago is not
/// even found.
#[tokio::test]
async fn look_ups_that_do_not_find_an_older_booking_are_not_waited_for() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    let merchant = app.merchant("u1");
    merchant.create(&order("before")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(3600));
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let id = merchant.create(&order("unresolved")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let from = app.clock.now();
    let seen = until_settled(&app, &merchant, &id).await;
    assert_eq!(seen["syncReason"], "outcome-unknown");
    let waited = app.clock.now().since(from).as_secs();
    assert!(waited <= 600, "{waited}");
    let tracks = app.simulator.ledger().len() - 2;
    app.assert_calls(&[("track", tracks)]);
}

#[tokio::test]
async fn a_booking_that_comes_meanwhile_ends_the_wait() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    let id = merchant.create(&order("unresolved")).await;
    for _ in 0..6 {
        app.run_pending_jobs().await;
        let next = merchant.order(&id).await["nextCheckAt"].as_str().map(str::to_owned).unwrap();
        app.advance(Timestamp::parse(&next).unwrap().since(app.clock.now()));
    }
    merchant.create(&order("later")).await;
    let seen = until_settled(&app, &merchant, &id).await;
    assert_eq!(seen["providerSyncStatus"], "success");
    let tracks = app.simulator.ledger().len() - 3;
    app.assert_calls(&[("create", 3), ("track", tracks)]);
    assert_eq!(live(&app, &seen).len(), 1);
}

#[tokio::test]
async fn a_refusal_after_an_unanswered_call_is_not_believed_and_nothing_goes_on_for_ever() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let (merchant, id) = unresolved(&app, Answer::LostBeforeBooking).await;
    let number = merchant.order(&id).await["orderNumber"].as_str().unwrap().to_owned();
    app.simulator.script(Rule::refuse("Duplicate client_order_id").about(&number).times(10));
    let mut others = 0;
    let seen = loop {
        app.run_pending_jobs().await;
        let seen = merchant.order(&id).await;
        let Some(next) = seen["nextCheckAt"].as_str() else { break seen };
        app.advance(Timestamp::parse(next).unwrap().since(app.clock.now()));
        // There is always a newer booking for the control look-up.
        others += 1;
        merchant.create(&order(&format!("later-{others}"))).await;
    };
    let states: Vec<_> = seen["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["status"].as_str().unwrap().to_owned())
        .collect();
    assert!(!states.contains(&"failed".to_owned()), "{states:?}");
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
        (Some("needs_review"), Some("outcome-unknown"))
    );
    // Two more creates for it, each after four looks and a control look-up had proved absence.
    app.assert_calls(&[("create", 2 + others), ("track", 15)]);
}

#[tokio::test]
async fn an_awb_that_comes_late_is_adopted_or_kept_as_surplus() {
    use waybill::{features::orders::model::Order, provider::carrier::Shipment};
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    let (merchant, id) = unresolved(&app, Answer::LostAfterBooking).await;
    let first =
        app.app.store.get::<Order>(&id).await.unwrap().unwrap().attempt().unwrap().request_log_id.clone();
    let seen = until_settled(&app, &merchant, &id).await;
    assert_eq!(seen["providerSyncStatus"], "needs_review");
    app.assert_calls(&[("track", 5)]);
    let settle = async |awb: &str| {
        let booking =
            Shipment { awb: awb.to_owned(), courier_name: None, courier_code: None, order_number: None };
        app.app
            .state
            .orders
            .resolve(&id, &first, &CallOutcome::Done(booking), Duration::ZERO)
            .await
            .unwrap()
            .unwrap()
    };
    let order = settle("00000000000001").await;
    assert_eq!(order.awb(), Some("00000000000001"));
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "success");
    // The same again is nothing new; another one is a second live shipment, and is not lost from sight.
    assert_eq!(settle("00000000000001").await.version(), order.version());
    let order = settle("00000000000002").await;
    assert_eq!(
        (order.awb(), order.booking().duplicate_awbs()),
        (Some("00000000000001"), &["00000000000002".to_owned()][..])
    );
    let seen = merchant.order(&id).await;
    assert_eq!(seen["history"].as_array().unwrap().last().unwrap()["reason"], json!("second-shipment"));
    assert_eq!(order.cancellation().shipments()[0].awb, "00000000000002", "it is to be cancelled");
    app.leave_jobs();
}

#[tokio::test]
async fn a_shipment_that_is_found_cancelled_is_not_adopted() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let (merchant, id) = unresolved(&app, Answer::LostAfterBooking).await;
    let number = merchant.order(&id).await["orderNumber"].as_str().unwrap().to_owned();
    let awb = app.simulator.shipments().into_iter().find(|s| s.reference == number).unwrap().awb;
    assert!(app.simulator.move_to(&awb, 227));
    let seen = until_settled(&app, &merchant, &id).await;
    let moved = app.simulator.ledger().len() - 3;
    app.assert_calls(&[("track", 1), ("status", moved)]);
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
        (Some("needs_review"), Some("found-cancelled"))
    );
    assert_eq!(seen["awb"], json!(null));
}

/// A worker that vanished in a look-up leaves a request log; the next look-up gives it its outcome.
#[tokio::test]
async fn a_look_up_that_nobody_ended_gets_its_outcome() {
    use waybill::provider::parcelx::log::RequestLog;
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let (merchant, id) = unresolved(&app, Answer::LostAfterBooking).await;
    let (from, payload) = (app.clock.now(), json!({}));
    let lost = RequestLog::new("plog_lost", "track_order", &id, "ORD-X", payload, 1, (from, from));
    app.app.logs.begin(&lost).await.unwrap();
    app.advance(Duration::from_secs(60));
    let seen = until_settled(&app, &merchant, &id).await;
    app.assert_calls(&[("track", 1)]);
    assert_eq!(seen["providerSyncStatus"], "success");
    let logs = merchant.provider_logs(&id).await;
    let lost = logs.iter().find(|l| l["id"] == "plog_lost").unwrap();
    assert_eq!(
        (lost["outcome"]["errorCode"].as_str(), lost["outcome"]["verdict"].as_str()),
        (Some("no-answer-recorded"), Some("unknown"))
    );
}

/// Look-ups proved absence, wrongly, and the order waits to be sent again: the AWB that comes now is all it
/// needs.
#[tokio::test]
async fn an_awb_that_comes_before_the_next_call_takes_its_place() {
    use waybill::{features::orders::model::Order, provider::carrier::Shipment};
    let app = TestApp::start().await;
    let (merchant, id) = unresolved(&app, Answer::LostAfterBooking).await;
    let first =
        app.app.store.get::<Order>(&id).await.unwrap().unwrap().attempt().unwrap().request_log_id.clone();
    let orders = &app.app.state.orders;
    assert_eq!(
        orders.absent(&id, &first).await.unwrap().unwrap().provider_sync_status().as_str(),
        "retrying"
    );
    let awb = app.simulator.shipments()[0].awb.clone();
    let booking = Shipment { awb: awb.clone(), courier_name: None, courier_code: None, order_number: None };
    orders.resolve(&id, &first, &CallOutcome::Done(booking), Duration::ZERO).await.unwrap().unwrap();
    app.advance(Duration::from_secs(3600));
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let seen = merchant.order(&id).await;
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["awb"].as_str()),
        (Some("success"), Some(awb.as_str()))
    );
    assert_eq!(live(&app, &seen), [awb]);
}

/// A shipment that a look-up has found was booked by an earlier call: that look-ups know it says nothing of
/// later calls.
#[tokio::test]
async fn what_was_found_is_no_newer_than_the_call_that_booked_it() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    let mut ids = Vec::new();
    for (number, answer) in [("A-1", Answer::LostAfterBooking), ("A-2", Answer::LostBeforeBooking)] {
        app.simulator.script(Rule::create(answer));
        ids.push(merchant.create(&order(number)).await);
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(1));
    }
    app.assert_calls(&[("create", 2)]);
    for _ in 0..4 {
        let next = merchant.order(&ids[1]).await["nextCheckAt"]
            .as_str()
            .map(|at| Timestamp::parse(at).unwrap())
            .unwrap();
        app.advance(next.since(app.clock.now()));
        app.run_pending_jobs().await;
    }
    // The first one at its first look; the second one at all four, and no control look-up could be tried on
    // anything.
    app.assert_calls(&[("track", 6)]);
    assert_eq!(merchant.order(&ids[0]).await["providerSyncStatus"], "success");
    assert_eq!(merchant.order(&ids[1]).await["providerSyncStatus"], "reconciling");
    app.leave_jobs();
}
