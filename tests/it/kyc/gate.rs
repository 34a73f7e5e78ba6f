//! Live orders wait for an approval where the settings say so.

use std::time::Duration;

use http::Method;
use serde_json::json;
use waybill::{admin::rights::Role, app::App, provider::carrier::ProviderEnv};

use super::hand_in;
use crate::{
    merchants::{key, with_key},
    support::{TestApp, orders},
};

async fn app(required: bool, env: ProviderEnv) -> TestApp {
    let app =
        TestApp::builder().env(env).setting("WAYBILL_KYC__REQUIRED", &required.to_string()).start().await;
    app.leave_jobs();
    app
}

/// Where the dossier of `shop` is decided on.
async fn decide(app: &TestApp, verdict: &str) {
    let desk = app.admin(Role::Admin).await;
    let version = desk.get("/kyc/shop").await.json()["data"]["version"].clone();
    let body = json!({ "version": version, "reason": "looked at" });
    let decided = desk.call(Method::POST, &format!("/kyc/shop/{verdict}"), Some(&body)).await;
    assert_eq!(decided.status, 200, "{}", decided.text());
}

#[tokio::test]
async fn live_orders_of_an_unapproved_merchant_are_refused_until_it_is_approved() {
    let app = app(true, ProviderEnv::Live).await;
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let keyed = with_key(&app, &key(&shop, &["orders:read", "orders:write"]).await.0);
    let create =
        async |client: &crate::support::Client, path: &str| client.post(path, &orders::order("A-1")).await;
    for client in [&shop, &keyed, &other] {
        for path in ["/orders/create", "/orders/create/", "/v1/orders", "/v1/orders/ord_none/amend"] {
            let problem = create(client, path).await.problem(403, "kyc-required");
            assert_eq!(
                (&problem["type"], &problem["retryable"]),
                (&json!("/problems/kyc-required"), &json!(false))
            );
        }
        // Before the body is looked at, and nothing else is refused.
        client.post("/v1/orders", &json!([])).await.problem(403, "kyc-required");
        assert_eq!(client.get("/v1/orders").await.json()["data"], json!([]));
    }
    assert_eq!(shop.get("/v1/kyc").await.json()["data"]["required"], true);
    hand_in(&shop).await;
    create(&shop, "/v1/orders").await.problem(403, "kyc-required");
    decide(&app, "approve").await;
    // In the process that decides, at once.
    assert_eq!(create(&keyed, "/v1/orders").await.status, 201);
    assert_eq!(create(&shop, "/orders/create").await.status, 200, "the same order");
    create(&other, "/v1/orders").await.problem(403, "kyc-required");
    decide(&app, "reject").await;
    create(&keyed, "/v1/orders").await.problem(403, "kyc-required");
    assert_eq!(keyed.get("/v1/orders").await.json()["data"].as_array().unwrap().len(), 1);
}

/// What another process decides counts within a second, and costs no look more than a suspension does.
#[tokio::test]
async fn an_approval_elsewhere_counts_within_a_second() {
    let app = app(true, ProviderEnv::Live).await;
    let shop = app.merchant("shop");
    hand_in(&shop).await;
    let elsewhere = App::open((*app.app.config).clone(), ProviderEnv::Live, app.clock.clone()).await.unwrap();
    shop.post("/v1/orders", &orders::order("A-1")).await.problem(403, "kyc-required");
    let by = waybill::features::audit::AuditContext::new("asha", waybill::features::audit::Via::Cli, "fits")
        .unwrap();
    let version = elsewhere.state.kyc.existing("shop").await.unwrap().version;
    let verdict = waybill::features::kyc::model::Verdict::Approved;
    elsewhere.state.kyc.decide("shop", verdict, version, &by).await.unwrap();
    app.advance(Duration::from_secs(1));
    assert_eq!(shop.post("/v1/orders", &orders::order("A-1")).await.status, 201);
    // One document says both: a suspension leaves the approval as it is.
    let merchant = app.app.state.merchants.get("shop").await.unwrap().unwrap();
    assert!(merchant.kyc_approved_at.is_some());
    let suspended = waybill::features::merchants::model::State::Suspended;
    app.app.state.merchants.set_state("shop", suspended, &by).await.unwrap();
    shop.post("/v1/orders", &orders::order("A-2")).await.problem(403, "merchant-suspended");
    let active = waybill::features::merchants::model::State::Active;
    app.app.state.merchants.set_state("shop", active, &by).await.unwrap();
    assert_eq!(shop.post("/v1/orders", &orders::order("A-2")).await.status, 201);
}

#[tokio::test]
async fn without_the_setting_and_for_the_simulator_nobody_waits() {
    for (required, env) in
        [(false, ProviderEnv::Live), (true, ProviderEnv::Simulator), (false, ProviderEnv::Simulator)]
    {
        let app = app(required, env).await;
        let shop = app.merchant("shop");
        assert_eq!(shop.post("/v1/orders", &orders::order("A-1")).await.status, 201, "{required} {env:?}");
        assert_eq!(shop.get("/v1/kyc").await.json()["data"]["required"], false);
    }
}
