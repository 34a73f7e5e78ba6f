//! Shipments whose cancelling waits for a person, many at once: cancelled again, and closed.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::{
        audit::{Audit, AuditContext, Origin, Outcome, Via},
        operations::model::Operation,
        orders::{
            model::{CancellationState, Order, ReviewOf, ShipmentCancellationState},
            reason,
            review::Fate,
            service::review::ReviewService,
        },
    },
};

use super::operations::{body, items, preview, shown, start};
use crate::support::{
    TestApp,
    orders::{order, rewritten},
};

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

fn shipment(order: &Order) -> ShipmentCancellationState {
    order.cancellation().shipments()[0].state
}

/// A booked order that its merchant cancelled; the cancel is not sent.
async fn to_be_cancelled(app: &TestApp, number: &str) -> String {
    let merchant = app.merchant("shop-a");
    let id = merchant.create(&order(number)).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    merchant.post(&format!("/v1/orders/{id}/cancel"), &json!({})).await;
    id
}

async fn to_a_person(app: &TestApp, id: &str) {
    app.app.state.orders.review_cancellations(id, reason::CANCEL_UNCLEAR).await.unwrap();
    app.advance(Duration::from_secs(1));
}

/// Orders whose cancel waits for a person, those that wait longest first.
async fn unclear(app: &TestApp, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let id = to_be_cancelled(app, &format!("C-{n}")).await;
        to_a_person(app, &id).await;
        ids.push(id);
    }
    // The jobs of what a person has now find nothing to do.
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    ids
}

/// The same of one whose last cancel may still be under way.
async fn under_way(app: &TestApp) -> String {
    let id = to_be_cancelled(app, "U-1").await;
    let wanted = stored(app, &id).await;
    let awb = wanted.awb().unwrap().to_owned();
    let taken = app.app.state.orders.take_cancel(&wanted, &awb, Duration::from_secs(25), Duration::ZERO);
    taken.await.unwrap().unwrap();
    to_a_person(app, &id).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    id
}

async fn rewrite(app: &TestApp, id: &str, pointer: &str, value: Value) {
    let changed = rewritten(&stored(app, id).await, &[(pointer, value)]);
    assert!(app.app.store.replace(&changed).await.unwrap());
}

/// A second shipment of the order waits for a person, too.
async fn second_shipment(app: &TestApp, id: &str) {
    let document = serde_json::to_value(stored(app, id).await).unwrap();
    let mut all = document["cancellation"]["shipments"].as_array().unwrap().clone();
    let mut second = all[0].clone();
    second["awb"] = json!("1Z-SECOND");
    all.push(second);
    rewrite(app, id, "/cancellation/shipments", json!(all)).await;
}

/// What the audit log has of an order that an operation was at, as action and outcome.
async fn lines(app: &TestApp, id: &str, operation: &str) -> Vec<(String, Outcome)> {
    let lines = Audit::new(app.app.store.clone(), app.clock.clone()).list(Some(id), None, 10).await.unwrap();
    let own = lines.into_iter().filter(|line| line.origin.request_id.as_deref() == Some(operation));
    own.map(|line| (line.action, line.outcome)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cancels_of_many_shipments_are_sent_again() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let ids = unclear(&app, 5).await;
    second_shipment(&app, &ids[3]).await;
    rewrite(&app, &ids[4], "/providerEnv", json!("live")).await;
    // What waits with its booking is none of them.
    let booking = app.merchant("shop-a").create(&order("B-1")).await;
    app.app.state.orders.review(&booking, reason::INTERNAL_ERROR).await.unwrap();
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));

    let wanted = body("review.cancel-shipment", json!({}));
    let seen = preview(&admin, &wanted).await;
    assert_eq!((&seen["matches"], &seen["costs"]), (&json!(5), &json!(false)));
    assert_eq!(
        seen["refusals"],
        json!([{ "code": "other-environment", "count": 1 }, { "code": "several-shipments", "count": 1 }])
    );
    assert_eq!(seen["sample"], json!(ids));
    assert!(seen["effect"].as_str().unwrap().contains("is sent to ParcelX again"), "{seen}");
    assert_eq!(shipment(&stored(&app, &ids[0]).await), ShipmentCancellationState::Review);

    let id = start(&admin, &wanted).await;
    assert_eq!(shown(&admin, &id).await["filter"], json!({ "of": "cancellation" }));
    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["done"], &ended["refused"], &ended["failed"]], [3, 2, 0], "{ended}");
    assert_eq!(ended["refusals"], seen["refusals"]);
    let refused = items(&admin, &id, "&result=refused").await;
    assert_eq!(refused.iter().map(|item| &item["target"]).collect::<Vec<_>>(), [&ids[3], &ids[4]]);
    for order in &ids[..3] {
        let again = stored(&app, order).await;
        assert_eq!((shipment(&again), again.review()), (ShipmentCancellationState::Wanted, None));
        let line = ("order.cancel-shipment".to_owned(), Outcome::Done);
        assert_eq!(lines(&app, order, &id).await, [line]);
    }
    assert_eq!(stored(&app, &booking).await.review().unwrap().of, ReviewOf::Booking);
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 3)]);
    app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_shipments_are_closed_as_they_ended() {
    for (fate, effect, state) in [
        ("cancelled", "written down as cancelled", CancellationState::Done),
        ("live", "written down as live", CancellationState::Refused),
    ] {
        let app = TestApp::start().await;
        let admin = app.admin(Role::Admin).await;
        let mut ids = unclear(&app, 3).await;
        // Nothing is sent, so it need not be this installation's ParcelX.
        rewrite(&app, &ids[2], "/providerEnv", json!("live")).await;
        ids.push(under_way(&app).await);
        let filter = json!({ "filter": { "code": "cancel-*", "of": "cancellation" }, "fate": fate });
        let wanted = body("review.close-shipment", filter);
        let seen = preview(&admin, &wanted).await;
        assert_eq!((&seen["matches"], &seen["costs"]), (&json!(4), &json!(false)));
        assert_eq!(seen["refusals"], json!([{ "code": "under-way", "count": 1 }]));
        assert!(seen["effect"].as_str().unwrap().contains(effect), "{seen}");

        let id = start(&admin, &wanted).await;
        app.worker.run_operations().await.unwrap();
        let ended = shown(&admin, &id).await;
        assert_eq!([&ended["done"], &ended["refused"], &ended["failed"]], [3, 1, 0], "{ended}");
        assert_eq!((&ended["fate"], &ended["refusals"]), (&json!(fate), &seen["refusals"]));
        for order in &ids[..3] {
            let closed = stored(&app, order).await;
            assert_eq!((closed.cancellation().state(), closed.review()), (state, None));
            let line = ("order.close-cancellation".to_owned(), Outcome::Done);
            assert_eq!(lines(&app, order, &id).await, [line]);
        }
        assert_eq!(shipment(&stored(&app, &ids[3]).await), ShipmentCancellationState::Review);
        app.run_pending_jobs().await;
        app.assert_calls(&[]);
    }
}

#[tokio::test]
async fn orders_are_named_and_each_is_decided_on_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let ids = unclear(&app, 2).await;
    let booked = app.merchant("shop-a").create(&order("N-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let named = json!({ "ids": [&ids[0], &booked, "ord_none"], "fate": "live" });
    let wanted = body("review.close-shipment", named);
    let expected =
        json!([{ "code": "no-such-order", "count": 1 }, { "code": "nothing-to-cancel", "count": 1 }]);
    assert_eq!(preview(&admin, &wanted).await["refusals"], expected);
    let id = start(&admin, &wanted).await;
    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!((&ended["done"], &ended["refusals"]), (&json!(1), &expected), "{ended}");
    assert_eq!(shipment(&stored(&app, &ids[1]).await), ShipmentCancellationState::Review);
}

#[tokio::test]
async fn what_cannot_be_meant_of_shipments_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    for (wrong, pointer) in [
        (body("review.cancel-shipment", json!({ "filter": { "of": "booking" } })), "/filter/of"),
        (
            body("review.close-shipment", json!({ "filter": { "of": "booking" }, "fate": "live" })),
            "/filter/of",
        ),
        (body("review.cancel-shipment", json!({ "filter": { "cause": "x" } })), "/filter"),
        (body("review.close-shipment", json!({})), "/fate"),
        (body("review.cancel-shipment", json!({ "fate": "live" })), "/fate"),
        (body("review.fail", json!({ "fate": "cancelled" })), "/fate"),
        (body("review.cancel-shipment", json!({ "force": true })), "/force"),
    ] {
        for path in ["/operations/preview", "/operations"] {
            let problem = admin.post(path, &wrong).await.problem(422, "validation-failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{wrong}");
        }
    }
    let lost = body("review.close-shipment", json!({ "fate": "lost" }));
    admin.post("/operations", &lost).await.problem(422, "validation-failed");
    assert_eq!(admin.get("/operations").await.json()["data"], json!([]), "none of them was started");
}

/// What was said of shipments was said of those that waited then.
#[tokio::test]
async fn a_shipment_that_came_to_a_person_after_the_start_is_left_alone() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let ids = unclear(&app, 2).await;
    let id = start(&admin, &body("review.close-shipment", json!({ "ids": ids, "fate": "cancelled" }))).await;
    app.advance(Duration::from_secs(1));
    // Somebody has it cancelled again, and it comes back.
    let by = AuditContext::new("asha", Via::Http, "a second look").unwrap();
    let review = app.app.state.orders.review_service(app.app.carrier(app.account()).unwrap(), by);
    review.cancel_shipment(&ids[1], None).await.unwrap();
    to_a_person(&app, &ids[1]).await;

    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["done"], &ended["refused"]], [1, 1], "{ended}");
    assert_eq!(ended["refusals"], json!([{ "code": "moved-on", "count": 1 }]));
    assert_eq!(stored(&app, &ids[0]).await.cancellation().state(), CancellationState::Done);
    assert_eq!(shipment(&stored(&app, &ids[1]).await), ShipmentCancellationState::Review);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
}

/// Has an operation's worker die with `order` in hand, and gives what that worker acts as.
async fn died_with(app: &TestApp, id: &str, order: &str) -> ReviewService {
    let operation: Operation = app.app.store.get(id).await.unwrap().unwrap();
    let mut stored = serde_json::to_value(&operation).unwrap();
    stored["state"] = json!("running");
    stored["inHand"] = json!({ "ids": [order], "next": null });
    let operation: Operation = serde_json::from_value(stored).unwrap();
    assert!(app.app.store.replace(&operation).await.unwrap());
    let origin = Origin { request_id: Some(id.to_owned()), ..Origin::default() };
    let by = AuditContext::new("admin", Via::Http, "the outage is over").unwrap().from(origin);
    app.app.state.orders.review_service(app.app.carrier(app.account()).unwrap(), by)
}

/// What the dead worker did is in the order's history, wherever the order has come to: it is not cancelled a
/// second time, though it waits for a person again.
#[tokio::test]
async fn a_shipment_that_a_dead_worker_cancelled_is_not_cancelled_again() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let order = unclear(&app, 1).await.remove(0);
    let id = start(&admin, &body("review.cancel-shipment", json!({}))).await;
    died_with(&app, &id, &order).await.cancel_shipment(&order, None).await.unwrap();
    to_a_person(&app, &order).await;
    let before = stored(&app, &order).await.generation();

    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["state"], &ended["done"]], [&json!("done"), &json!(1)], "{ended}");
    let stands = stored(&app, &order).await;
    assert_eq!((shipment(&stands), stands.generation()), (ShipmentCancellationState::Review, before));
    assert_eq!(lines(&app, &order, &id).await.len(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
}

#[tokio::test]
async fn a_shipment_that_a_dead_worker_closed_counts_as_done() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let order = unclear(&app, 1).await.remove(0);
    let id = start(&admin, &body("review.close-shipment", json!({ "fate": "live" }))).await;
    died_with(&app, &id, &order).await.close(&order, None, Fate::Live).await.unwrap();

    app.worker.run_operations().await.unwrap();
    let ended = shown(&admin, &id).await;
    assert_eq!([&ended["done"], &ended["refused"]], [1, 0], "{ended}");
    assert_eq!(lines(&app, &order, &id).await.len(), 1);
    assert_eq!(stored(&app, &order).await.cancellation().state(), CancellationState::Refused);
}
