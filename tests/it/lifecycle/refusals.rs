//! A refusal is final only when a look-up by our reference has found no live shipment.

use std::time::Duration;

use serde_json::json;
use waybill::provider::simulator::{Answer, FailureShape, Lookup, Operation, Rule};

use crate::support::{
    TestApp,
    orders::{order, with},
};

fn refused_but_booked() -> Rule {
    Rule::create(Answer::Status { code: 422, retry_after: None }).acting(true)
}

/// A proxy that repeats a request gives back the second answer: the first one has booked.
#[tokio::test]
async fn an_order_that_is_booked_is_not_failed_whatever_the_answer_says() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    app.simulator.script(refused_but_booked());
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "success");
    assert_eq!(seen["awb"], json!(app.simulator.shipments()[0].awb));
    let corrected = with(order("A-1"), "/consignee/pincode", json!("560002"));
    let amend = merchant.post(&format!("/v1/orders/{id}/amend"), &corrected).await;
    assert_eq!(amend.status, 409, "nothing is sent beside what is live");
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    assert_eq!(app.simulator.shipments().len(), 1);
}

/// The first of the two may have spent the last of the money: what waits for more must not be sent again.
#[tokio::test]
async fn a_booked_order_does_not_wait_for_money_or_for_the_account() {
    for words in ["Insufficient Balance", "Your account is inactive"] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| f.lookup = Lookup::Works);
        app.simulator.script(Rule { refuse: Some(words.to_owned()), ..refused_but_booked() });
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!(seen["providerSyncStatus"], "success", "{words}");
        assert_eq!(seen["awb"], json!(app.simulator.shipments()[0].awb));
    }
}

/// The second of the two was answered with something about keys, an address or the account. It is not known
/// when these are well again; but what waits for that is looked up before it is sent.
#[tokio::test]
async fn what_waits_for_keys_or_an_address_is_not_booked_twice() {
    let status = |code| Answer::Status { code, retry_after: None };
    let redirect = Answer::Redirect { to: "http://127.0.0.1:9/x".to_owned() };
    for (answer, words, shape) in [
        (status(401), None, FailureShape::String),
        (status(405), None, FailureShape::String),
        (redirect, None, FailureShape::String),
        // Not in ParcelX's own envelope.
        (status(403), None, FailureShape::Errors),
        (status(404), None, FailureShape::Errors),
        (status(422), Some("Invalid token"), FailureShape::String),
    ] {
        let about = format!("{answer:?} {words:?}");
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| (f.lookup, f.failure_shape) = (Lookup::Works, shape));
        let rule = Rule::create(answer).acting(true);
        app.simulator.script(Rule { refuse: words.map(str::to_owned), ..rule });
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
        assert_eq!(merchant.order(&id).await["providerSyncStatus"], "retrying", "{about}");
        app.advance(Duration::from_secs(60));
        app.run_pending_jobs().await;
        app.assert_calls(&[("track", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!(seen["providerSyncStatus"], "success", "{about}");
        assert_eq!(seen["awb"], json!(app.simulator.shipments()[0].awb), "{about}");
        assert_eq!(app.simulator.shipments().len(), 1, "{about}");
    }
}

/// Money says nothing of look-ups; an account that is switched off may not be told anything.
#[tokio::test]
async fn what_waits_for_money_and_was_not_looked_up_may_be_booked() {
    for (words, status) in [("Insufficient Balance", "reconciling"), ("Your account is inactive", "retrying")]
    {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.simulator.script(Rule::refuse(words));
        app.simulator.script(Rule::on(Operation::Track, Answer::Html502).times(3));
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", 3)]);
        assert_eq!(merchant.order(&id).await["providerSyncStatus"], status, "{words}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_when_nothing_is_found() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| {
        f.lookup = Lookup::Works;
        f.refuse = Some("Pincode not serviceable".to_owned());
    });
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!((&seen["status"], &seen["syncReason"]), (&json!("failed"), &json!("Pincode not serviceable")));
}

/// In whatever words: the reference is ours alone, so that speaks for a booking.
#[tokio::test]
async fn words_that_say_the_order_is_known_are_no_refusal() {
    for words in [
        "Order id already exists",
        "Client order number has already been used",
        "Order already booked",
        "Duplicate client order id",
        "Client order id exists",
        "client_order_id must be unique",
        "Order number has been used",
        "This order reference is in use",
        "Order reference is taken",
        "Same order id received twice",
        "Violation of UNIQUE KEY constraint 'client_order_id'",
    ] {
        let app = TestApp::start().await;
        app.leave_jobs();
        app.simulator.change_faults(|f| {
            f.lookup = Lookup::Works;
            f.refuse = Some(words.to_owned());
        });
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!(seen["providerSyncStatus"], "reconciling", "{words}");
    }
}

#[tokio::test]
async fn that_something_else_is_used_up_is_a_refusal_like_any_other() {
    for words in ["COD limit already exceeded for this consignee", "Pickup slot already full"] {
        let app = TestApp::start().await;
        app.simulator.change_faults(|f| {
            f.lookup = Lookup::Works;
            f.refuse = Some(words.to_owned());
        });
        let merchant = app.merchant("u1");
        let id = merchant.create(&order("A-1")).await;
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", 1)]);
        let seen = merchant.order(&id).await;
        assert_eq!((&seen["status"], &seen["syncReason"]), (&json!("failed"), &json!(words)));
    }
}

/// What a merchant calls their goods is not the provider's word.
#[tokio::test]
async fn a_quote_of_the_order_does_not_say_that_it_is_known() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| {
        f.lookup = Lookup::Works;
        f.refuse = Some("Cannot carry: Duplicate key cutter".to_owned());
    });
    let merchant = app.merchant("u1");
    let mut body = order("A-1");
    body["items"][0]["name"] = json!("Duplicate key cutter");
    let id = merchant.create(&body).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "failed");
}

#[tokio::test]
async fn a_refusal_that_cannot_be_looked_up_is_not_known_to_be_one() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.change_faults(|f| f.refuse = Some("Pincode not serviceable".to_owned()));
    app.simulator.script(Rule::on(Operation::Track, Answer::Html502).times(3));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "reconciling");
    assert_eq!(seen["syncReason"], "refused, and not looked up: Pincode not serviceable");
    app.assert_calls(&[("create", 1), ("track", 3)]);
}

#[tokio::test]
async fn where_look_ups_are_not_believed_a_refusal_is() {
    let app = TestApp::builder().setting("WAYBILL_PARCELX__LOOKUP", "untrusted").start().await;
    app.simulator.change_faults(|f| f.refuse = Some("Pincode not serviceable".to_owned()));
    app.simulator.script(Rule::on(Operation::Track, Answer::Html502).times(3));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    assert_eq!(merchant.order(&id).await["status"], "failed");
    app.assert_calls(&[("create", 1), ("track", 3)]);
}
