//! Fingerprints of other versions, in orders that are stored.

use serde_json::{Value, json};
use waybill::features::orders::{
    fingerprint::Fingerprint, model::Order, payload::NewOrder, request::CreateOrder,
};

use crate::support::{
    TestApp,
    orders::{order, rewritten, with},
};

/// An order that was stored with this fingerprint.
async fn stored_with(app: &TestApp, fingerprint: Value) -> String {
    let id = app.merchant("u1").create(&order("A-1")).await;
    let stored = app.app.store.get::<Order>(&id).await.unwrap().unwrap();
    let stored = rewritten(&stored, &[("/fingerprint", fingerprint)]);
    assert!(app.app.store.replace(&stored).await.unwrap());
    id
}

#[cfg(feature = "fault-points")] // there is an older version with it alone
#[tokio::test]
async fn an_order_of_an_older_version_is_replayed_and_no_other_order() {
    let app = TestApp::start().await;
    let (merchant, new) = (app.merchant("u1"), serde_json::from_value::<CreateOrder>(order("A-1")).unwrap());
    let new = NewOrder::from(new);
    let old = Fingerprint::in_version(0, &new).unwrap();
    assert_ne!(old, Fingerprint::of(&new));
    let id = stored_with(&app, json!(old)).await;
    let again = merchant.post("/orders/create", &order("A-1")).await;
    assert_eq!((again.status.as_u16(), &again.json()["data"]["id"]), (200, &json!(id)));
    let other = with(order("A-1"), "/items/0/name", json!("Red mug"));
    assert_eq!(merchant.post("/orders/create", &other).await.status, 422);
    let stored = app.app.store.get::<Order>(&id).await.unwrap().unwrap();
    assert_eq!(stored.fingerprint(), &old, "what is stored stays as it is");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

/// What a newer binary wrote cannot be compared: refused, which can be repeated, and nothing ships.
#[tokio::test]
async fn an_order_of_an_unknown_version_is_never_taken_for_the_same() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = stored_with(&app, json!({ "v": 200, "sha256": "00" })).await;
    let again = merchant.post("/orders/create", &order("A-1")).await;
    assert_eq!((again.status.as_u16(), &again.json()["code"]), (422, &json!("idempotency-payload-mismatch")));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}
