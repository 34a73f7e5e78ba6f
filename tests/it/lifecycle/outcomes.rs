//! Answers that settle an order, and answers that settle nothing.

use std::time::Duration;

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    provider::{
        carrier::CallOutcome,
        simulator::{Answer, FailureShape, Lookup, Operation, Rule},
    },
};

use crate::support::{Client, TestApp, orders::order};

#[tokio::test]
async fn refusals_fail_the_order_with_the_providers_words_in_every_shape() {
    for shape in [FailureShape::String, FailureShape::List, FailureShape::Object] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.failure_shape = shape);
        app.simulator.script(Rule::refuse("Pincode is not serviceable"));
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!(
            (seen["status"].as_str(), seen["providerSyncStatus"].as_str()),
            (Some("failed"), Some("failed")),
            "{shape:?}"
        );
        assert_eq!(seen["syncReason"], "Pincode is not serviceable", "{shape:?}");
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
            ("failed", Some("Pincode is not serviceable"))
        );
        let again = merchant.post("/orders/create", &order("A-1")).await;
        assert_eq!(again.status, 200);
        assert_eq!(again.json()["data"]["status"], "failed");
    }
}

/// Every answer that proves nothing, over a real socket: never failed, never sent again; the look-up settles
/// it.
#[tokio::test]
async fn an_unclear_answer_is_looked_up_and_never_sent_again() {
    let status = |code| Answer::Status { code, retry_after: None };
    for answer in [
        Answer::LostAfterBooking,
        Answer::CutBody,
        Answer::Html200,
        Answer::Html502,
        Answer::Empty200,
        Answer::TruncatedJson,
        Answer::InvalidUtf8,
        Answer::DuplicateKeys,
        Answer::StatusTrueWithoutAwb,
        Answer::OtherReference,
        status(408),
        status(409),
        status(500),
        status(503),
        status(504),
    ] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        app.simulator.script(Rule::create(answer.clone()).acting(true));
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!(seen["providerSyncStatus"], "reconciling", "{answer:?}");
        assert_eq!(seen["status"], "pending", "{answer:?}");
        assert_eq!(merchant.provider_logs(&id).await[0]["outcome"]["verdict"], "unknown", "{answer:?}");

        app.advance(Duration::from_secs(5));
        app.run_pending_jobs().await;
        app.assert_calls(&[("track", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!(seen["providerSyncStatus"], "success", "{answer:?}");
        assert_eq!(seen["awb"], app.simulator.shipments()[0].awb, "{answer:?}");
        assert_eq!(app.simulator.shipments().len(), 1, "{answer:?}");
        let logs = merchant.provider_logs(&id).await;
        assert_eq!(logs.len(), 2, "{answer:?}");
        assert_eq!(logs[1]["outcome"]["verdict"], "found", "{answer:?}");
    }
}

/// An order whose create was booked and not answered.
async fn unheard(app: &TestApp) -> (Client, String) {
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    (merchant, id)
}

/// Goes to the order's next look-up, which gets `answer` at each of its wire attempts. Gives its time in
/// seconds after `since`, or nothing when there is none.
async fn look(app: &TestApp, merchant: &Client, id: &str, answer: &Rule, since: Timestamp) -> Option<u64> {
    let next = merchant.order(id).await["nextCheckAt"].as_str().map(|at| Timestamp::parse(at).unwrap())?;
    app.advance(next.since(app.clock.now()));
    app.simulator.script(answer.clone());
    app.run_pending_jobs().await;
    Some(next.since(since).as_secs())
}

fn track(code: u16) -> Rule {
    Rule::on(Operation::Track, Answer::Status { code, retry_after: None })
}

#[tokio::test]
async fn a_look_up_that_fails_is_repeated_by_the_schedule() {
    let app = TestApp::start().await;
    let (merchant, id) = unheard(&app).await;
    let ended = app.clock.now();
    let mut offsets = Vec::new();
    // Three wire attempts: the HTTP stack repeats a look-up twice. But not one that was too fast, nor one
    // that will not work.
    for (answer, attempts) in [
        (Rule::on(Operation::Track, Answer::Html502).times(3), 3),
        (track(429), 1),
        (track(405), 1),
        (track(405), 1),
    ] {
        offsets.extend(look(&app, &merchant, &id, &answer, ended).await);
        app.assert_calls(&[("track", attempts)]);
    }
    assert_eq!(offsets, [5, 30, 120, 600]);
    let seen = merchant.order(&id).await;
    assert_eq!(
        (seen["providerSyncStatus"].as_str(), seen["nextCheckAt"].as_str()),
        (Some("needs_review"), None)
    );
    let logs = merchant.provider_logs(&id).await;
    assert_eq!(logs.len(), 7);
    assert!(logs.iter().all(|l| l["outcome"]["verdict"].is_string()));
    assert_eq!(logs[1]["outcome"]["responsePayload"], json!("[redacted]"));
}

#[tokio::test]
async fn an_outage_at_the_last_look_up_is_waited_out_for_a_day() {
    for ends in [true, false] {
        let app = TestApp::start().await;
        let (merchant, id) = unheard(&app).await;
        let (since, mut offsets) = (app.clock.now(), Vec::new());
        while let Some(offset) = look(&app, &merchant, &id, &track(429), since).await {
            offsets.push(offset);
            if ends && offsets.len() == 7 {
                app.simulator.change_faults(|f| f.lookup = Lookup::Works);
                break;
            }
        }
        assert_eq!(offsets[..7], [5, 30, 120, 600, 1080, 1560, 2040]);
        let seen = merchant.order(&id).await;
        if ends {
            let next = Timestamp::parse(seen["nextCheckAt"].as_str().unwrap()).unwrap();
            app.advance(next.since(app.clock.now()));
            app.run_pending_jobs().await;
            assert_eq!(merchant.order(&id).await["providerSyncStatus"], "success");
        } else {
            assert!((86_400..86_400 + 600).contains(offsets.last().unwrap()), "{offsets:?}");
            assert_eq!(
                (seen["providerSyncStatus"].as_str(), seen["syncReason"].as_str()),
                (Some("needs_review"), Some("outcome-unknown"))
            );
        }
        app.assert_calls(&[("track", offsets.len() + usize::from(ends))]);
    }
}

/// Its worker did not live to act on the answer, and somebody else reads it much later: a control look-up
/// must not take it for new.
#[tokio::test]
async fn what_was_answered_is_no_newer_than_its_call() {
    use waybill::features::orders::model::Order;
    use waybill::provider::carrier::Shipment;
    for (minutes, counts) in [(0, true), (30, false)] {
        let app = TestApp::start().await;
        let id = app.merchant("u1").create(&order("A-1")).await;
        let orders = &app.app.state.orders;
        let waiting: Order = app.app.store.get(&id).await.unwrap().unwrap();
        orders.take(&waiting, "plog_1", Duration::from_secs(25), Duration::ZERO).await.unwrap().unwrap();
        app.advance(Duration::from_secs(60) * minutes);
        // Another order's call is in doubt from now on; then the answer of the first is found.
        let unresolved_since = app.clock.now();
        app.advance(Duration::from_secs(1));
        let booking =
            Shipment { awb: "0017".to_owned(), courier_name: None, courier_code: None, order_number: None };
        orders.resolve(&id, "plog_1", &CallOutcome::Done(booking), Duration::ZERO).await.unwrap().unwrap();
        assert_eq!(orders.last_booked(unresolved_since).await.unwrap().is_some(), counts, "{minutes}");
        app.run_pending_jobs().await;
    }
}

/// Look-ups lag, and what they lag behind comes to light between the two of the last pass: the newer booking
/// is found, the unresolved one was not, and is there all the same.
#[tokio::test]
async fn a_lag_that_ends_between_the_last_two_look_ups_proves_nothing() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::After(600_500));
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    for after in [4, 25, 90] {
        app.advance(Duration::from_secs(after));
        app.run_pending_jobs().await;
    }
    app.assert_calls(&[("create", 2), ("track", 3)]);
    // The second look-up of the last pass takes its time.
    app.advance(Duration::from_secs(480));
    app.simulator.script(Rule {
        operation: Some(Operation::Track),
        skip: 1,
        latency_ms: Some(300),
        ..Rule::default()
    });
    let lag_ends = async {
        while merchant.provider_logs(&id).await.len() < 6 {
            tokio::task::yield_now().await;
        }
        app.advance(Duration::from_secs(2));
    };
    tokio::join!(app.run_pending_jobs(), lag_ends);
    app.assert_calls(&[("track", 2)]);
    assert_ne!(merchant.order(&id).await["providerSyncStatus"], "retrying");
    let number = merchant.order(&id).await["orderNumber"].clone();
    for _ in 0..5 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(60));
    }
    assert_eq!(
        app.simulator.shipments().iter().filter(|s| s.live && number == s.reference.as_str()).count(),
        1
    );
}
