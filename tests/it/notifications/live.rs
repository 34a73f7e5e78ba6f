//! How many are unread, live: told to the streams of the person who reads, and to nobody else.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use super::{failed, list, mark, notify, on_mongodb, shop};
use crate::{
    events::{another, bearer},
    merchants::members::{as_person, call, invite},
    support::{Client, TestApp, mongodb::Lab, sse::Stream},
};

async fn merchant_of(app: &TestApp, person: &Client) -> Client {
    app.merchant(person.get("/v1/me").await.json()["data"]["merchantId"].as_str().unwrap())
}

#[tokio::test]
async fn what_a_member_reads_is_told_to_the_streams_of_that_member_alone() {
    let app = TestApp::start().await;
    let owner = shop(&app).await;
    invite(&app, &owner, "staff@example.com", "staff").await;
    let others = [as_person(&app, "staff@example.com").await, merchant_of(&app, &owner).await];
    Box::pin(told_alone(&app, &owner, &others)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_reads_is_told_on_mongodb() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (app, owner) = on_mongodb(&lab, folder.path()).await;
    let others = [merchant_of(&app, &owner).await];
    Box::pin(told_alone(&app, &owner, &others)).await;
}

async fn told_alone(app: &TestApp, owner: &Client, others: &[Client]) {
    let id = failed(app, owner, "A-0").await;
    for n in 1..3 {
        failed(app, owner, &format!("A-{n}")).await;
    }
    notify(app).await;
    app.worker.publisher().pass().await.unwrap();
    // At another process than the one where it is read.
    let (address, _stop) = another(app).await;
    let open = async |who: &Client, path: &str| {
        let (token, accept) = (bearer(who), ("Accept", "text/event-stream"));
        let mut stream = Stream::open(address, path, &[("Authorization", &token), accept]).await;
        stream.passing = true;
        stream
    };
    let mut mine = open(owner, "/v1/events/stream").await;
    let mut quiet = vec![open(owner, &format!("/v1/orders/{id}/events")).await];
    for who in others {
        quiet.push(open(who, "/v1/events/stream").await);
    }

    let all = list(owner, "").await;
    let started = Instant::now();
    mark(owner, &all["data"][0]).await;
    let told = mine.next().await;
    assert_eq!((told.event.as_str(), &told.id), ("notification.read", &None));
    assert_eq!(
        (&told.data["type"], &told.data["data"]),
        (&json!("notification.read"), &json!({ "unread": 2 }))
    );
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    // What was read before is no news.
    mark(owner, &all["data"][0]).await;
    assert_eq!(call(owner, Method::POST, "/v1/notifications/read-all", json!({})).await.status, 204);
    let told = mine.next().await;
    assert_eq!((told.event.as_str(), &told.data["data"]), ("notification.read", &json!({ "unread": 0 })));

    // Once; and nobody else has heard of it: the next that all hear is this.
    let said = owner.post(&format!("/v1/orders/{id}/messages"), &json!({ "text": "Where is it?" })).await;
    assert_eq!(said.status, 201, "{}", said.text());
    app.worker.publisher().pass().await.unwrap();
    for stream in quiet.iter_mut().chain([&mut mine]) {
        assert_eq!(stream.next().await.event, "order.message");
    }
}
