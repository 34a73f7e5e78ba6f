//! What a queue board sees: payload, reasons, return values, logs. Its readers need not know whom an order is
//! for.

use std::time::Duration;

use serde_json::json;
use waybill::provider::simulator::{Lookup, Operation, Rule};

use super::canaries::{self, assert_clean};
use crate::support::TestApp;

const QUEUE: &str = "parcelx-orders-queue";

/// All that the queue keeps, as its file holds it.
fn kept(app: &TestApp) -> String {
    let files = ["queue.db", "queue.db-wal"]
        .map(|name| std::fs::read(app.folder.path().join(name)).unwrap_or_default());
    String::from_utf8_lossy(&files.concat()).into_owned()
}

#[tokio::test]
async fn jobs_hold_ids_and_words_that_name_nobody() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    let rules: Vec<_> = canaries::quotes()
        .iter()
        .map(|quote| Rule::refuse(quote))
        .chain(canaries::answers().into_iter().map(Rule::create))
        .collect();
    for (number, rule) in rules.into_iter().enumerate() {
        app.simulator.script(rule);
        let id = merchant.create(&canaries::body(&format!("A-{number}"))).await;
        for pause in [0, 5, 30] {
            app.advance(Duration::from_secs(pause));
            app.run_pending_jobs().await;
            if let Some(job) =
                app.app.queue.inspect.get(QUEUE, &format!("create-order-{id}-1")).await.unwrap()
            {
                assert_clean(&format!("{job:?}"), "a job");
            }
        }
    }
    assert_clean(&kept(&app), "the queue's file");
    assert!(kept(&app).contains("create-order-"), "the look was at the wrong file");
    let ledger = app.simulator.ledger();
    let count = |operation| ledger.iter().filter(|e| e.operation == operation).count();
    app.assert_calls(&[("create", count(Operation::Create)), ("track", count(Operation::Track))]);
}

#[tokio::test]
async fn a_refusal_still_says_what_is_wrong() {
    let app = TestApp::start().await;
    app.simulator
        .script(Rule::refuse("Pincode 683147 of Zuqname Zuqsurname is not serviceable, ask 98760 51423."));
    let merchant = app.merchant("u1");
    let id = merchant.create(&canaries::body("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let job = app.app.queue.inspect.get(QUEUE, &format!("create-order-{id}-1")).await.unwrap().unwrap();
    assert_eq!(job.reason.as_deref(), Some("Pincode […] of […] […] is not serviceable, ask […] […]"));
    // The order's own merchant reads all of it.
    assert!(merchant.order(&id).await["syncReason"].as_str().unwrap().contains("Zuqname"));
}

/// Cancels and labels: the merchant's reason, and a refusal that quotes the order.
#[tokio::test]
async fn jobs_that_follow_a_booking_name_nobody_either() {
    let app = TestApp::start().await;
    app.simulator.change_faults(|f| f.lookup = Lookup::Works);
    let merchant = app.merchant("u1");
    for (number, quote) in canaries::quotes().iter().enumerate() {
        let id = merchant.create(&canaries::body(&format!("A-{number}"))).await;
        app.run_pending_jobs().await;
        app.simulator.script(Rule { operation: Some(Operation::Label), ..Rule::refuse(quote) });
        app.simulator.script(Rule { operation: Some(Operation::Cancel), ..Rule::refuse(quote) });
        let path = format!("/v1/orders/{id}/label");
        let (label, ()) = tokio::join!(merchant.get(&path), async {
            while app.run_pending_jobs().await == 0 {
                tokio::task::yield_now().await;
            }
        });
        assert_ne!(label.status, 500, "{}", label.text());
        let reason = "Zuqname Zuqsurname, 9876051423, does not want it";
        assert_eq!(
            merchant.post("/orders/cancel", &json!({ "orderId": id, "reason": reason })).await.status,
            200
        );
        app.run_pending_jobs().await;
        let seen = merchant.order(&id).await;
        assert_eq!(
            (seen["cancellation"]["state"].as_str(), seen["cancellation"]["reason"].as_str()),
            (Some("refused"), Some(reason))
        );
        for (queue, job) in [
            ("parcelx-order-cancellation-queue", format!("cancel-order-{id}-2")),
            ("parcelx-labels-queue", format!("fetch-label-{id}-1")),
        ] {
            let job = app.app.queue.inspect.get(queue, &job).await.unwrap().unwrap();
            assert!(job.state.is_finished(), "{job:?}");
            assert_clean(&format!("{job:?}"), queue);
        }
    }
    assert_clean(&kept(&app), "the queue's file");
    let n = canaries::quotes().len();
    app.assert_calls(&[("create", n), ("label", n), ("cancel", n), ("track", n)]);
}

/// The reason of a hold stands in log lines and in the list of accounts, for people who need not know whose
/// order it was.
#[tokio::test]
async fn an_empty_wallet_is_told_without_the_order_it_was_found_with() {
    let app = TestApp::start().await;
    app.leave_jobs();
    app.simulator.script(Rule::refuse("Insuffiecient Balance to ship to ZUQNAME, 41 Zuqvilla Lane"));
    app.merchant("u1").create(&canaries::body("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let hold = app.app.accounts.hold().unwrap();
    assert_clean(&hold.reason, "the hold");
    assert!(hold.reason.starts_with("Insuffiecient Balance to ship to"), "{}", hold.reason);
}
