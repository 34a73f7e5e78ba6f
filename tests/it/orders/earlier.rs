//! Orders that an earlier release wrote, after `waybill migrate`.

use serde_json::{Map, Value, json};
use waybill::{
    app::migrations::STEPS,
    features::orders::model::Order,
    platform::store::{Decision, StoreError, Updated},
    provider::simulator::Rule,
};

use crate::support::{TestApp, orders::order, raw::Raw};

async fn change(app: &TestApp, id: &str, change: impl Fn(&mut Map<String, Value>)) {
    let changed = app.app.store.update::<Raw<Order>, (), StoreError>(id, |raw| {
        change(&mut raw.rest);
        Ok(Decision::Save(()))
    });
    assert!(matches!(changed.await.unwrap(), Updated::Done(..)));
}

async fn raw(app: &TestApp, id: &str) -> Map<String, Value> {
    app.app.store.get::<Raw<Order>>(id).await.unwrap().unwrap().rest
}

fn last(raw: &Map<String, Value>) -> &Value {
    raw["history"].as_array().unwrap().last().unwrap()
}

#[tokio::test]
async fn they_learn_since_when_they_are_failed_and_how_far_a_cancellation_was() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    app.simulator.script(Rule::refuse("Pincode is not served"));
    let failed = shop.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let cancelling = shop.create(&order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    app.leave_jobs();
    assert!(shop.post(&format!("/v1/orders/{cancelling}/cancel"), &json!({})).await.status.is_success());
    let untouched = shop.create(&order("A-3")).await;
    let broken = shop.create(&order("A-4")).await;

    let (was_failed, was_cancelling) = (raw(&app, &failed).await, raw(&app, &cancelling).await);
    assert_eq!(last(&was_cancelling)["cancellation"], "requested");
    change(&app, &failed, |rest| drop(rest.remove("failedAt"))).await;
    change(&app, &cancelling, |rest| {
        let steps = rest["history"].as_array_mut().unwrap();
        steps.last_mut().unwrap().as_object_mut().unwrap().remove("cancellation");
    })
    .await;
    change(&app, &broken, |rest| drop(rest.insert("createdAt".to_owned(), json!("yesterday")))).await;
    let version = app.app.store.get::<Raw<Order>>(&untouched).await.unwrap().unwrap().version;

    let step = STEPS.iter().find(|step| step.number == 2).unwrap();
    assert_eq!((step.make)(&app.app.store).await.unwrap(), 2);
    assert_eq!((step.make)(&app.app.store).await.unwrap(), 0, "once");
    let failed = raw(&app, &failed).await;
    assert_eq!(failed["failedAt"], last(&was_failed)["at"]);
    assert_eq!(raw(&app, &cancelling).await["history"], was_cancelling["history"]);
    assert_eq!(app.app.store.get::<Raw<Order>>(&untouched).await.unwrap().unwrap().version, version);
    assert_eq!(raw(&app, &broken).await["createdAt"], "yesterday", "left as it is");
}
