//! What merchants read while the account is held, and when the courier does not cancel: true words and times.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    features::{
        audit::{AuditContext, Via},
        orders::{model::Order, review::Fate},
    },
    provider::simulator::{Answer, Operation, Rule},
};

use crate::support::{Client, TestApp, orders::order};

const WAITS: &str =
    "wallet: the service's ParcelX account cannot be used just now; the order is sent when it can";

fn calls(app: &TestApp, operation: Operation) -> usize {
    app.simulator.ledger().iter().filter(|entry| entry.operation == operation).count()
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

/// Runs jobs and moves the clock until nothing more happens to the order by itself.
async fn settle(app: &TestApp, id: &str) {
    for _ in 0..100 {
        app.run_pending_jobs().await;
        let Some(due) = stored(app, id).await.overdue_at() else { return };
        app.advance(due.since(app.clock.now()));
    }
    panic!("the order never settles: {:#?}", stored(app, id).await);
}

/// The same order as it is read alone and in the list.
async fn seen(merchant: &Client, id: &str) -> (Value, Value) {
    let order = merchant.order(id).await;
    let list = merchant.get("/v1/orders").await.json();
    let listed = list["data"].as_array().unwrap().iter().find(|order| order["id"] == id).unwrap();
    for field in ["syncReason", "nextCheckAt"] {
        assert_eq!(listed[field], order[field], "{field}");
    }
    (order["syncReason"].clone(), order["nextCheckAt"].clone())
}

#[tokio::test]
async fn under_a_hold_each_order_says_why_it_waits_and_when_it_is_next_tried() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    app.simulator.script(Rule::create(Answer::LostAfterBooking));
    let unclear = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    let (own_words, own_time) = seen(&merchant, &unclear).await;
    app.simulator.script(Rule::refuse("Insuffiecient Balance"));
    let (first, second) = (merchant.create(&order("A-2")).await, merchant.create(&order("A-3")).await);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 1)]);

    // One has found it out, and one waits without having been tried.
    let probe = json!(app.app.accounts.hold().unwrap().next_probe_at);
    assert_eq!(probe, json!(app.clock.now() + Duration::from_secs(60)));
    for (id, status) in [(&first, "retrying"), (&second, "queued")] {
        assert_eq!(merchant.order(id).await["providerSyncStatus"], status);
        assert_eq!(seen(&merchant, id).await, (json!(WAITS), probe.clone()), "{status}");
        assert!(!merchant.order(id).await.to_string().contains("Insuff"), "what is wrong is the operator's");
    }
    assert_eq!(stored(&app, &second).await.sync_reason(), None, "nothing was written for it");
    // What is looked up keeps its own words, and is not called for before that either.
    assert_ne!(own_time, probe);
    assert_eq!(seen(&merchant, &unclear).await, (own_words, probe));

    // The time has come, and nobody has tried so far: no time that is past is told.
    app.advance(Duration::from_secs(90));
    for id in [&unclear, &first, &second] {
        assert_eq!(seen(&merchant, id).await.1, json!(app.clock.now()));
    }
    for _ in 0..4 {
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(5));
    }
    app.assert_calls(&[("create", 2), ("track", calls(&app, Operation::Track) - 1)]);
    for id in [&unclear, &first, &second] {
        assert_eq!(merchant.order(id).await["status"], "booked");
        assert_eq!(seen(&merchant, id).await, (Value::Null, Value::Null));
    }
}

/// A booked order whose cancel ParcelX has refused with these words, as far as that goes by itself.
async fn refused(words: &str) -> (TestApp, Client, String) {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.simulator.script(Rule { operation: Some(Operation::Cancel), ..Rule::refuse(words) });
    let answer = merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    settle(&app, &id).await;
    let tracks = calls(&app, Operation::Track);
    app.assert_calls(&[("create", 1), ("cancel", 1), ("track", tracks)]);
    assert_eq!(app.simulator.shipments().iter().filter(|shipment| shipment.live).count(), 1);
    (app, merchant, id)
}

/// Whoever has the parcel does not give it back: that is no doubt.
#[tokio::test]
async fn a_cancel_that_comes_too_late_is_refused_in_the_words_of_parcelx_whatever_has_already_happened() {
    for words in [
        "Order already picked",
        "Shipment already dispatched",
        "Already delivered. It can not be cancelled",
        "Pickup has already been done",
        "Cannot cancel already picked order",
        "Order already shipped cannot cancel",
        "Shipment can not be cancelled already picked up",
        "already picked - cancel not allowed",
    ] {
        let (app, merchant, id) = refused(words).await;
        assert_eq!(calls(&app, Operation::Track), 1, "one look is enough: {words}");
        let seen = merchant.order(&id).await;
        assert_eq!((&seen["status"], &seen["providerSyncStatus"]), (&json!("booked"), &json!("success")));
        let cancellation = &seen["cancellation"];
        assert_eq!(
            (&cancellation["state"], &cancellation["detail"]),
            (&json!("refused"), &json!(words)),
            "{cancellation}"
        );
        assert_eq!(stored(&app, &id).await.review(), None, "no person is needed");
    }
}

/// That it is cancelled already is not plain, and is not so. A person sees it live; the merchant still reads
/// what ParcelX said.
#[tokio::test]
async fn a_cancel_that_is_said_to_be_done_already_goes_to_a_person_and_ends_in_the_words_of_parcelx() {
    let words = "Order is already cancelled";
    let (app, merchant, id) = refused(words).await;
    assert_eq!(merchant.order(&id).await["cancellation"]["state"], "review");
    let by = AuditContext::new("asha", Via::Cli, "the courier has it").unwrap();
    let carrier = app.app.carrier(app.account()).unwrap();
    app.app.state.orders.review_service(carrier, by).close(&id, None, Fate::Live).await.unwrap();
    let cancellation = merchant.order(&id).await["cancellation"].clone();
    assert_eq!(
        (&cancellation["state"], &cancellation["detail"]),
        (&json!("refused"), &json!(words)),
        "{cancellation}"
    );
    app.assert_calls(&[]);
}
