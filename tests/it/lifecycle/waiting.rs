//! Answers after which the order certainly is not booked and waits, without using up an attempt.

use std::time::Duration;

use serde_json::json;
use waybill::provider::simulator::{Answer, Rule};

use crate::support::{TestApp, orders::order};

/// An order that got `answer`, once; and the app.
async fn after(answer: Answer) -> (TestApp, crate::support::Client, String) {
    let app = TestApp::start().await;
    app.simulator.script(Rule::create(answer));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    (app, merchant, id)
}

#[tokio::test]
async fn held_and_busy_orders_wait_and_are_booked_later() {
    for (code, retry_after, wait, says) in [
        (429, Some("30"), 30, "busy"),
        (429, Some("86400"), 900, "busy"),
        (425, None, 5, "busy"),
        (401, None, 60, "credentials"),
        (405, None, 60, "configuration"),
    ] {
        let (app, merchant, id) =
            after(Answer::Status { code, retry_after: retry_after.map(str::to_owned) }).await;
        let seen = merchant.order(&id).await;
        assert_eq!(seen["providerSyncStatus"], "retrying", "{code}");
        assert_eq!(seen["status"], "pending", "{code}");
        assert!(seen["syncReason"].as_str().unwrap().contains(says), "{code}: {}", seen["syncReason"]);
        assert!(seen["nextCheckAt"].is_string(), "{code}");
        let counts = app.counts().await;
        assert_eq!((counts.delayed, counts.open()), (1, 1), "{code}");

        // A default wait may be up to a fifth shorter.
        app.advance(Duration::from_secs(wait) * 3 / 4);
        assert_eq!(app.run_pending_jobs().await, 0, "{code}: too early");
        app.advance(Duration::from_secs(wait) / 4);
        app.run_pending_jobs().await;
        // Busy is busy: a look-up would only be one more call.
        app.assert_calls(&[("create", 1), ("track", usize::from(says != "busy"))]);
        let seen = merchant.order(&id).await;
        assert_eq!(
            (seen["providerSyncStatus"].as_str(), seen["nextCheckAt"].is_null()),
            (Some("success"), true),
            "{code}"
        );
        let job = app
            .app
            .queue
            .inspect
            .get("parcelx-orders-queue", &format!("create-order-{id}-1"))
            .await
            .unwrap()
            .unwrap();
        // A board counts the run that ended it, and no wait.
        assert_eq!(job.attempts_made, 1, "{code}: a wait used up an attempt");
    }
}

#[tokio::test]
async fn an_empty_wallet_holds_the_order() {
    let app = TestApp::start().await;
    app.simulator.script(Rule::refuse("Insuffiecient Balance"));
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "retrying");
    // What is wrong with the account is its operator's business.
    let waits =
        "wallet: the service's ParcelX account cannot be used just now; the order is sent when it can";
    assert_eq!(seen["syncReason"], waits);
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["status"], "booked");
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_waited_for_a_day_and_then_a_person_looks() {
    // A port that was free a moment ago and that nobody listens on.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // Without the breaker, so that the order's own waits show.
    let app = TestApp::builder()
        .provider(&format!("http://{free}"))
        .setting("WAYBILL_PARCELX__BREAKER_AFTER", "0")
        .start()
        .await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    let started = app.clock.now();
    let mut waits = Vec::new();
    loop {
        app.run_pending_jobs().await;
        let seen = merchant.order(&id).await;
        let Some(next) = seen["nextCheckAt"].as_str() else { break };
        assert_eq!(seen["providerSyncStatus"], "retrying");
        assert!(seen["syncReason"].as_str().unwrap().contains("could not be reached"));
        let wait = waybill::base::timestamp::Timestamp::parse(next).unwrap().since(app.clock.now());
        waits.push(wait.as_secs());
        app.advance(wait);
    }
    assert!((4..=5).contains(&waits[0]), "{waits:?}");
    assert!(waits.iter().all(|w| *w <= 300), "{waits:?}");
    assert!(waits.last().unwrap() >= &240, "{waits:?}");
    let seen = merchant.order(&id).await;
    assert_eq!(seen["providerSyncStatus"], "needs_review");
    assert!(
        seen["syncReason"].as_str().unwrap().starts_with("provider-unreachable"),
        "{}",
        seen["syncReason"]
    );
    assert_eq!(seen["status"], "pending");
    let waited = app.clock.now().since(started).as_secs();
    assert!((86_400..86_400 + 300).contains(&waited), "{waited}");
    // Each wire attempt has its pair of logs.
    let logs = merchant.provider_logs(&id).await;
    assert!(
        logs.iter().all(
            |l| l["outcome"]["errorCode"] == "not-connected" && l["outcome"]["statusCode"] == json!(null)
        )
    );
    let seqs: Vec<_> =
        seen["history"].as_array().unwrap().iter().map(|h| h["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs.len(), 200);
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1));
}
