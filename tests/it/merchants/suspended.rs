//! A suspended merchant is refused by every process within a second.

use std::time::Duration;

use waybill::features::{
    audit::{Audit, AuditContext, Via},
    merchants::{Merchants, model::State},
};

use super::{key, with_key};
use crate::support::{TestApp, orders};

fn by() -> AuditContext {
    AuditContext::new("asha", Via::Cli, "unpaid").unwrap()
}

#[tokio::test]
async fn a_suspended_merchant_is_refused_everywhere_within_a_second_and_comes_back() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (shop, other) = (app.merchant("shop"), app.merchant("other"));
    let keyed = with_key(&app, &key(&shop, &["orders:read", "orders:write"]).await.0);
    shop.create(&orders::order("A-1")).await;
    assert_eq!(keyed.get("/v1/orders").await.status, 200);

    // Another process does it: this one learns of it from the store.
    let elsewhere = Merchants::new(app.app.store.clone(), app.clock.clone());
    elsewhere.set_state("shop", State::Suspended, &by()).await.unwrap();
    app.advance(Duration::from_secs(1));
    for client in [&shop, &keyed] {
        client.get("/v1/orders").await.problem(403, "merchant-suspended");
        client.post("/orders/create", &orders::order("A-1")).await.problem(403, "merchant-suspended");
        client.get("/v1/api-keys").await.problem(403, "merchant-suspended");
    }
    assert_eq!(other.get("/v1/orders").await.status, 200, "others go on");
    // A document that came by being suspended.
    assert_eq!(app.app.state.merchants.get("shop").await.unwrap().unwrap().name, "shop");

    // In the process that does it, it counts at once.
    app.app.state.merchants.set_state("shop", State::Active, &by()).await.unwrap();
    assert_eq!(shop.get("/v1/orders").await.status, 200);
    assert_eq!(keyed.get("/v1/orders").await.status, 200);

    let lines = Audit::new(app.app.store.clone(), app.clock.clone());
    let lines = lines.list(Some("shop"), None, 9).await.unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line.action.as_str(), line.after.as_deref())).collect();
    assert_eq!(told, [("merchant.resume", Some("active")), ("merchant.suspend", Some("suspended"))]);
}

#[tokio::test]
async fn a_suspended_merchant_that_goes_on_asking_is_limited() {
    let app = TestApp::builder().setting("WAYBILL_LIMITS__MERCHANT", "2").start().await;
    app.app.state.merchants.set_state("shop", State::Suspended, &by()).await.unwrap();
    let shop = app.merchant("shop");
    for _ in 0..2 {
        let refused = shop.get("/v1/orders").await;
        refused.problem(403, "merchant-suspended");
        assert_eq!(refused.header("ratelimit-policy"), Some("\"merchant\";q=2;w=60"));
    }
    shop.get("/v1/orders").await.problem(429, "too-many-requests");
    assert_eq!(app.merchant("other").get("/v1/orders").await.status, 200, "others go on");
    app.advance(Duration::from_secs(30));
    shop.get("/v1/orders").await.problem(403, "merchant-suspended");
}

/// A token that somebody made for the old system needs no document, and none is written for it.
#[tokio::test]
async fn a_merchant_of_the_old_system_needs_no_document() {
    let app = TestApp::start().await;
    let shop = app.merchant("64f0c0ffee");
    assert_eq!(shop.get("/v1/orders").await.status, 200);
    assert!(app.app.state.merchants.get("64f0c0ffee").await.unwrap().is_none());
}
