//! The job behind a cancel: made by another producer, run twice, lost with its queue.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    platform::queue::NewJob,
    provider::simulator::{Operation, Rule},
};

use super::{QUEUE, booked, cancel, until_settled, words};
use crate::support::{ADD, Ending, TestApp};

/// Another producer's job carries no generation and is the merchant's request itself.
#[tokio::test]
async fn a_cancel_job_of_another_producer_cancels() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let job = |id: &str, data: Value| NewJob {
        queue: "parcelx-order-cancellation-queue".into(),
        id: id.to_owned(),
        name: "cancel-order".into(),
        data: data.to_string(),
        attempts: 3,
        backoff: Duration::from_secs(5).into(),
        share: None,
        delay: Duration::ZERO,
    };
    let stranger = job("n-1", json!({ "orderId": id, "userId": "u2", "cancellationReason": "x" }));
    let own = job(
        "n-2",
        json!({ "orderId": id, "userId": "u1", "clientOrderId": "A-1", "cancellationReason": "Lost",
            "payload": {} }),
    );
    app.app.queue.broker.add(&[stranger], ADD).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    assert_eq!(
        app.app.queue.inspect.get(QUEUE, "n-1").await.unwrap().unwrap().reason.as_deref(),
        Some("no such order")
    );
    app.app.queue.broker.add(&[own], ADD).await.unwrap();
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!(words(&seen), ("cancelled", "success", "done"));
    assert_eq!(seen["cancellation"]["reason"], "Lost");
}

/// Its worker dies before it can say that it is done, and the cancel was refused meanwhile: that was the
/// answer to this very request.
#[tokio::test]
async fn a_cancel_job_of_another_producer_that_runs_twice_wishes_once() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    let data = json!({ "orderId": id, "userId": "u1", "cancellationReason": "Lost" }).to_string();
    let (attempts, backoff, delay) = (3, Duration::from_secs(5), Duration::ZERO);
    let own = NewJob {
        queue: "parcelx-order-cancellation-queue".into(),
        id: "n-1".to_owned(),
        name: "cancel-order".into(),
        data,
        attempts,
        backoff: backoff.into(),
        share: None,
        delay,
    };
    app.app.queue.broker.add(&[own], ADD).await.unwrap();
    let leased = app.app.queue.broker.claim_from(QUEUE, 1, Duration::from_secs(60)).await.unwrap();
    assert_eq!(leased.len(), 1);
    app.simulator.script(Rule {
        operation: Some(Operation::Cancel),
        ..Rule::refuse("Order can not be cancelled at this stage.")
    });
    app.app.state.orders.cancel("u1", &id, Some("Lost")).await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    app.advance(Duration::from_secs(61));
    assert_eq!(app.app.queue.broker.recover(QUEUE, 3).await.len(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    assert_eq!(merchant.order(&id).await["cancellation"]["state"], "refused");
}

#[tokio::test]
async fn a_cancel_survives_the_loss_of_the_queue() {
    let app = TestApp::start().await;
    let (merchant, id) = booked(&app).await;
    cancel(&merchant, &id).await;
    // The job is told to the queue at once; here the queue forgets it.
    let leased = app.app.queue.broker.claim_from(QUEUE, 1, Duration::from_secs(60)).await.unwrap();
    assert_eq!(leased.len(), 1);
    let _gone = app.app.queue.broker.complete(&leased[0], "null").await.unwrap();
    app.run_pending_jobs().await;
    app.assert_calls(&[]);
    app.advance(Duration::from_secs(60));
    app.app.walker().pass().await.unwrap();
    app.advance(Duration::from_secs(60));
    app.app.walker().pass().await.unwrap();
    until_settled(&app, &id).await;
    app.assert_calls(&[("cancel", 1), ("track", 1)]);
    assert_eq!(words(&merchant.order(&id).await), ("cancelled", "success", "done"));
}
