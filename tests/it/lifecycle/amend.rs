//! Correcting an order that ParcelX refused, under its own `clientOrderId`.

mod called_off;
mod live;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use waybill::{
    features::orders::model::{NextAction, Order},
    platform::queue::NewJob,
    provider::{
        carrier::{CallOutcome, Shipment},
        simulator::{Answer, Lookup, Rule},
    },
};

use crate::support::{
    ADD, Client, TestApp,
    orders::{order, with},
};

const REFUSED: &str = "Pincode is not served";

fn corrected() -> Value {
    with(order("A-1"), "/consignee/pincode", json!("560002"))
}

fn amend_path(id: &str) -> String {
    format!("/v1/orders/{id}/amend")
}

async fn refused(app: &TestApp) -> (Client, String) {
    app.simulator.script(Rule::refuse(REFUSED));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "failed");
    (merchant, id)
}

/// Refused, and booked all the same: its AWB comes late. Gives that too.
async fn refused_but_booked(app: &TestApp) -> (Client, String, String) {
    let lookup = app.simulator.faults().lookup;
    // Look-ups lag, else it would be adopted at once.
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    app.simulator.script(Rule::create(Answer::Status { code: 422, retry_after: None }).acting(true));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "failed");
    app.simulator.change_faults(|f| f.lookup = lookup);
    (merchant, id, app.simulator.shipments()[0].awb.clone())
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

/// Writes what a late answer of the order's last attempt would.
async fn late_booking(app: &TestApp, id: &str, awb: &str) {
    let attempt = stored(app, id).await.attempt().cloned().unwrap();
    let booking =
        Shipment { awb: awb.to_owned(), courier_name: None, courier_code: None, order_number: None };
    let orders = &app.app.state.orders;
    orders
        .resolve(id, &attempt.request_log_id, &CallOutcome::Done(booking), Duration::from_secs(5))
        .await
        .unwrap();
}

/// What it shows is of the first payload, as far as anybody knows.
#[tokio::test]
async fn what_comes_to_light_while_an_amended_order_waits_is_for_a_person() {
    let app = TestApp::start().await;
    let (merchant, id, _) = refused_but_booked(&app).await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    app.simulator.script(Rule::create(Answer::Status { code: 401, retry_after: None }));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["providerSyncStatus"], "retrying");
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    app.assert_calls(&[("track", 1)]);
    let waiting = stored(&app, &id).await;
    assert_eq!(waiting.review().unwrap().reason, "outcome-unknown");
    assert_eq!(waiting.awb(), None);
    assert!(waiting.booking().unresolved().is_some(), "who books it again is to ask first");
    assert_eq!(app.simulator.shipments().len(), 1);
}

#[tokio::test]
async fn a_refused_order_is_corrected_under_its_own_number_and_booked_once() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    let before = stored(&app, &id).await;
    app.advance(Duration::from_secs(30 * 3600));

    let answer = merchant.post(&amend_path(&id), &corrected()).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let data = answer.json()["data"].clone();
    assert_eq!(
        (data["id"].as_str(), &data["orderNumber"]),
        (Some(id.as_str()), &json!(before.order_number()))
    );
    assert_eq!(
        (&data["providerSyncStatus"], &data["status"], &data["syncReason"]),
        (&json!("queued"), &json!("pending"), &Value::Null)
    );
    assert_eq!(data["consignee"]["pincode"], "560002");
    let step = data["history"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&step["actor"], &step["status"], &step["reason"]),
        (&json!("merchant"), &json!("queued"), &json!("amended"))
    );
    let amended = stored(&app, &id).await;
    assert_eq!((amended.generation(), amended.created_at()), (before.generation() + 1, before.created_at()));
    assert_eq!(
        amended.booking().trying_since(),
        Some(app.clock.now()),
        "the day to reach ParcelX in begins anew"
    );

    // The same create now means the corrected order; what was refused is another payload.
    let replay = merchant.post("/orders/create", &corrected()).await;
    assert_eq!((replay.status.as_u16(), &replay.json()["data"]["id"]), (200, &json!(id)));
    merchant.post("/orders/create", &order("A-1")).await.problem(422, "idempotency-payload-mismatch");

    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(
        (&seen["status"], &seen["history"].as_array().unwrap().last().unwrap()["attempt"]),
        (&json!("booked"), &json!(2))
    );
    let sent = app.simulator.ledger().last().unwrap().request.as_ref().unwrap().get().to_owned();
    assert!(
        sent.contains("560002") && !sent.contains("560001") && sent.contains(before.order_number()),
        "{sent}"
    );
    assert_eq!(app.simulator.shipments().iter().filter(|s| s.live).count(), 1);
}

#[tokio::test]
async fn a_repeat_changes_nothing_and_another_payload_is_told_where_the_order_stands() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    let mut version = stored(&app, &id).await.version();
    for (state, words) in [("queued", "on its way"), ("success", "booked")] {
        let again = merchant.post(&amend_path(&id), &corrected()).await;
        assert_eq!(
            (again.status.as_u16(), again.json()["data"]["providerSyncStatus"].as_str()),
            (200, Some(state))
        );
        let mut unnamed = corrected();
        unnamed.as_object_mut().unwrap().remove("clientOrderId");
        assert_eq!(
            merchant.post(&amend_path(&id), &unnamed).await.status,
            200,
            "the order's own clientOrderId may be left out"
        );
        let problem = merchant.post(&amend_path(&id), &order("A-1")).await.problem(409, "conflict-state");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(state) && detail.contains(words), "{detail}");
        assert_eq!(stored(&app, &id).await.version(), version);
        if state == "queued" {
            app.run_pending_jobs().await;
            app.assert_calls(&[("create", 1), ("track", 1)]);
            version = stored(&app, &id).await.version();
        }
    }
}

#[tokio::test]
async fn an_order_that_fails_again_may_be_amended_again_also_with_the_same_payload() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    for _ in 0..3 {
        app.simulator.script(Rule::refuse(REFUSED));
        assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
        app.run_pending_jobs().await;
        app.assert_calls(&[("create", 1), ("track", 2)]);
        assert_eq!(merchant.order(&id).await["syncReason"], REFUSED);
    }
    assert_eq!(stored(&app, &id).await.attempt().unwrap().no, 4);
}

#[tokio::test]
async fn of_many_amends_at_once_one_wins() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    let bodies: Vec<_> = (0..12)
        .map(|n| with(order("A-1"), "/consignee/pincode", json!(format!("56000{}", n % 3 + 2))))
        .collect();
    let all = bodies.into_iter().map(|body| {
        let (merchant, path) = (merchant.clone(), amend_path(&id));
        tokio::spawn(async move { (body.clone(), merchant.post(&path, &body).await) })
    });
    let answers: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
    let (winner, _) = answers.iter().find(|(_, answer)| answer.status == 202).unwrap();
    for (body, answer) in &answers {
        let expected: &[u16] = if body == winner { &[200, 202] } else { &[409] };
        assert!(expected.contains(&answer.status.as_u16()), "{}", answer.text());
    }
    assert_eq!(answers.iter().filter(|(_, answer)| answer.status == 202).count(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["consignee"]["pincode"], winner["consignee"]["pincode"]);
}

#[tokio::test]
async fn what_may_not_be_amended_is_refused_and_left_alone() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    let version = stored(&app, &id).await.version();
    app.merchant("u2").post(&amend_path(&id), &corrected()).await.problem(404, "not-found");
    merchant.post(&amend_path("ord_none"), &corrected()).await.problem(404, "not-found");
    app.anybody().post(&amend_path(&id), &corrected()).await.problem(401, "unauthenticated");
    let problem = merchant.post(&amend_path(&id), &order("A-2")).await.problem(422, "validation-failed");
    assert_eq!(problem["errors"][0]["pointer"], "/clientOrderId");
    let bad = with(with(corrected(), "/consignee/mobile", json!("12")), "/items/0/quantity", json!(0));
    let problem = merchant.post(&amend_path(&id), &bad).await.problem(422, "validation-failed");
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert!(
        pointers.contains(&"/consignee/mobile") && pointers.contains(&"/items/0/quantity"),
        "{pointers:?}"
    );
    assert_eq!(stored(&app, &id).await.version(), version);

    // The mismatch of a create names the way.
    let detail = merchant
        .post("/orders/create", &corrected())
        .await
        .problem(422, "idempotency-payload-mismatch")["detail"]
        .clone();
    assert!(detail.as_str().unwrap().contains(&amend_path(&id)), "{detail}");
    // An order without a clientOrderId gets none.
    let mut unnamed = order("x");
    unnamed.as_object_mut().unwrap().remove("clientOrderId");
    app.simulator.script(Rule::refuse(REFUSED));
    let other = merchant.create(&unnamed).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    merchant.post(&amend_path(&other), &order("A-9")).await.problem(422, "validation-failed");
}

#[tokio::test]
async fn a_stale_job_of_an_earlier_generation_does_nothing() {
    let app = TestApp::start().await;
    let (merchant, id) = refused(&app).await;
    assert_eq!(merchant.post(&amend_path(&id), &corrected()).await.status, 202);
    let amended = stored(&app, &id).await;
    assert_eq!(amended.next_action(Some(1), app.clock.now()), NextAction::Done);
    assert_eq!(amended.next_action(Some(2), app.clock.now()), NextAction::Take);
    // One that is told to the queue once more, besides: an id of its own keeps it from being a no-op there.
    let stale = NewJob {
        queue: "parcelx-orders-queue".into(),
        id: "stale".to_owned(),
        name: "create-order".into(),
        data: json!({ "orderId": id, "userId": "u1", "generation": 1 }).to_string(),
        attempts: 3,
        share: None,
        backoff: Duration::from_secs(5).into(),
        delay: Duration::ZERO,
    };
    app.app.queue.broker.add(&[stale], ADD).await.unwrap();
    assert_eq!(app.run_pending_jobs().await, 2);
    app.assert_calls(&[("create", 1), ("track", 1)]);
}

#[tokio::test]
async fn amending_undoes_the_wish_to_cancel_that_the_refusal_fulfilled() {
    let app = TestApp::start().await;
    app.simulator.script(Rule { latency_ms: Some(300), ..Rule::refuse(REFUSED) });
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let request = async {
        while merchant.order(&id).await["providerSyncStatus"] != "processing" {
            tokio::task::yield_now().await;
        }
        merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await
    };
    tokio::join!(app.run_pending_jobs(), request);
    assert_eq!(merchant.order(&id).await["cancellation"]["state"], "done");
    let amended = merchant.post(&amend_path(&id), &corrected()).await;
    assert_eq!(amended.json()["data"]["cancellation"], json!({ "state": "none" }));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 2)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}
