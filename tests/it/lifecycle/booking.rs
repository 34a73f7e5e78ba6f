use std::time::Duration;
use waybill::{
    features::orders::model::Order,
    provider::{
        carrier::ProviderEnv,
        simulator::{Answer, Rule},
    },
};

use serde_json::json;

use crate::support::{
    ADD, TestApp,
    orders::{order, rewritten},
};

#[tokio::test]
async fn an_order_is_booked_and_linked_to_its_logs() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[("create", 1)]);

    let seen = merchant.order(&id).await;
    let shipment = app.simulator.shipments().pop().unwrap();
    assert_eq!(seen["providerSyncStatus"], "success");
    assert_eq!(seen["status"], "booked");
    assert_eq!(seen["awb"], shipment.awb);
    assert_eq!(seen["orderNumber"], shipment.reference);
    assert_eq!(seen["providerEnv"], "simulator");
    assert_eq!(seen["syncReason"], json!(null));
    let steps: Vec<_> = seen["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| (h["seq"].as_i64().unwrap(), h["status"].as_str().unwrap()))
        .collect();
    assert_eq!(steps, [(1, "queued"), (2, "processing"), (3, "success")]);

    let logs = merchant.provider_logs(&id).await;
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0]["id"], seen["parcelxRequestRefId"]);
    assert_eq!(logs[0]["id"], seen["parcelxResponseRefId"]);
    assert_eq!(logs[0]["outcome"]["verdict"], "booked");
    assert_eq!(logs[0]["outcome"]["responsePayload"]["data"]["awb_number"], shipment.awb);
    assert_eq!(logs[0]["requestPayload"]["client_order_id"], seen["orderNumber"]);
    assert_eq!(logs[0]["requestPayload"]["consignee_mobile"], "[redacted]");

    let job = app
        .app
        .queue
        .inspect
        .get("parcelx-orders-queue", &format!("create-order-{id}-1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.state.as_str(), "completed");
    let value: serde_json::Value = serde_json::from_str(&job.return_value.unwrap()).unwrap();
    assert_eq!(value["orderId"], id);
    assert_eq!(value["success"], true);
    assert_eq!(value["parcelX"]["awb"], shipment.awb);
    assert!(value["message"].is_string());
}

#[tokio::test]
async fn the_outbox_entry_goes_with_the_take() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let stored = app.app.store.get::<Order>(&id).await.unwrap().unwrap();
    assert_eq!(stored.outbox()[0].job, format!("create-order-{id}-1"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let stored = app.app.store.get::<Order>(&id).await.unwrap().unwrap();
    assert_eq!((stored.outbox(), stored.outbox_at()), (&[][..], None));
    let attempt = stored.attempt().unwrap();
    assert_eq!(attempt.settle_after, attempt.send_by + Duration::from_secs(30));
}

#[tokio::test]
async fn a_job_of_a_settled_order_changes_nothing() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let before = merchant.order(&id).await;
    // As another producer would add it: with an id of its own and without a generation.
    add_job(&app, "elsewhere", &json!({ "orderId": id, "userId": "u1" })).await;
    assert_eq!(app.run_pending_jobs().await, 1);
    app.assert_calls(&[]);
    assert_eq!(merchant.order(&id).await, before);
}

#[tokio::test]
async fn a_job_without_a_generation_books() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    add_job(&app, "elsewhere", &json!({ "orderId": id, "userId": "u1", "clientOrderId": "A-1" })).await;
    assert_eq!(app.run_pending_jobs().await, 2);
    app.assert_calls(&[("create", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}

#[tokio::test]
async fn jobs_that_cannot_be_run_fail_in_sight() {
    let app = TestApp::start().await;
    add_job(&app, "no-order", &json!({ "orderId": "ord_none", "userId": "u1" })).await;
    add_job(&app, "no-payload", &json!({ "order": 7 })).await;
    assert_eq!(app.run_pending_jobs().await, 2);
    for (id, says) in [("no-order", "no such order"), ("no-payload", "does not read")] {
        let job = app.app.queue.inspect.get("parcelx-orders-queue", id).await.unwrap().unwrap();
        assert_eq!(job.state.as_str(), "failed", "{id}");
        assert!(job.reason.unwrap().contains(says), "{id}");
    }
}

#[tokio::test]
async fn a_worker_leaves_the_other_environments_orders_alone() {
    let app = TestApp::builder().env(ProviderEnv::Live).start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let updated = app.app.store.update::<Order, _, waybill::platform::store::StoreError>(&id, |order| {
        *order = rewritten(order, &[("/providerEnv", json!(ProviderEnv::Simulator))]);
        Ok(waybill::platform::store::Decision::Save(()))
    });
    updated.await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "queued", "a worker of its own may yet come");
    assert_eq!(app.app.state.orders.open_of_other_env().await.unwrap(), 1);
    app.advance(Duration::from_secs(24 * 3600));
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "needs_review");
    assert_eq!(seen["syncReason"], "other-provider-environment");
}

#[tokio::test]
async fn two_orders_never_share_an_awb() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let first = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.simulator.script(Rule::create(Answer::AwbOfAnother));
    let second = merchant.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    assert_eq!(merchant.order(&first).await["status"], "booked");
    let seen = merchant.order(&second).await;
    assert_eq!(seen["providerSyncStatus"], "reconciling");
    assert_eq!(seen["syncReason"], "awb-of-another-order");
    assert_eq!(seen["awb"], json!(null));

    // Nor does a look-up give one away that is another's.
    app.simulator.change_faults(|f| f.lookup = waybill::provider::simulator::Lookup::Works);
    app.simulator.script(Rule::on(waybill::provider::simulator::Operation::Track, Answer::AwbOfAnother));
    app.advance(Duration::from_secs(5));
    app.run_pending_jobs().await;
    // The other one's own reference is looked up as well: it shows the same shipment.
    app.assert_calls(&[("track", 2)]);
    let seen = merchant.order(&second).await;
    assert_eq!((seen["providerSyncStatus"].as_str(), seen["awb"].is_null()), (Some("needs_review"), true));
    assert_eq!(seen["syncReason"], "awb-of-another-order");
}

async fn add_job(app: &TestApp, id: &str, data: &serde_json::Value) {
    let job = waybill::platform::queue::NewJob {
        queue: "parcelx-orders-queue".into(),
        id: id.to_owned(),
        name: "create-order".into(),
        data: data.to_string(),
        attempts: 3,
        backoff: Duration::from_secs(5).into(),
        share: None,
        delay: Duration::ZERO,
    };
    app.app.queue.broker.add(&[job], ADD).await.unwrap();
}
