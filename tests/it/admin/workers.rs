//! The list of worker processes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use waybill::{
    admin::rights::Role,
    features::workers::{AtWork, WorkedQueue, Workers},
};

use super::people::Browser;
use crate::support::TestApp;

async fn list(viewer: &Browser) -> Vec<Value> {
    let answer = viewer.get("/workers").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_worker_is_shown_while_it_runs() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let stop = CancellationToken::new();
    let (worker, stopping) = (app.worker.clone(), stop.clone());
    let runs = tokio::spawn(async move { worker.run(&stopping).await });
    let shown = loop {
        match list(&viewer).await.pop() {
            Some(worker) => break worker,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(shown["pid"], std::process::id());
    assert_eq!((&shown["version"], &shown["stale"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(false)));
    assert!(!shown["host"].as_str().unwrap().is_empty());
    let queue = json!({ "name": "parcelx-orders-queue", "concurrency": 5, "inHand": 0 });
    assert!(shown["queues"].as_array().unwrap().contains(&queue), "{shown}");
    stop.cancel();
    runs.await.unwrap();
    assert_eq!(list(&viewer).await, Vec::<Value>::new());
}

#[tokio::test]
async fn one_that_vanished_is_said_to_have() {
    let app = TestApp::start().await;
    let workers = Workers::new(app.app.store.clone(), app.clock.clone());
    let queue = |in_hand| WorkedQueue { name: "q".to_owned(), concurrency: 5, in_hand };
    let hand = |in_hand| AtWork { queues: vec![queue(in_hand)], breaker: None };
    let viewer = app.admin(Role::Viewer).await;
    workers.seen("one", hand(0)).await.unwrap();
    app.advance(Duration::from_secs(10));
    workers.seen("one", hand(3)).await.unwrap();
    let shown = list(&viewer).await.remove(0);
    assert_eq!((&shown["queues"][0]["inHand"], &shown["stale"]), (&json!(3), &json!(false)));
    assert_ne!(shown["since"], shown["seenAt"]);
    app.advance(Duration::from_secs(36));
    assert_eq!(list(&viewer).await.remove(0)["stale"], true);
}
