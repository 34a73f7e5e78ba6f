//! A program's HTTP side, asked from outside.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use waybill::{
    base::clock::Clock,
    platform::queue::{Counts, Keep, Queue},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A caller of one instance, with a token or without.
#[derive(Clone)]
pub(super) struct Web {
    http: Client,
    pub(super) url: String,
    token: Option<String>,
}

impl Web {
    pub(super) fn new(url: &str) -> Self {
        waybill::provider::parcelx::client::install_crypto();
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned(), token: None }
    }

    pub(super) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.trim().to_owned());
        self
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    /// The text at `path`.
    pub(super) async fn text(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, None).await
    }

    /// The status of `path`, if anybody answers.
    pub(super) async fn status(&self, path: &str) -> Option<u16> {
        self.http.get(format!("{}{path}", self.url)).send().await.ok().map(|answer| answer.status().as_u16())
    }

    /// Creates an order and gives its id.
    pub(super) async fn create(&self, order: &Value) -> String {
        let (status, body) = self.send(Method::POST, "/orders/create", Some(order)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["data"]["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn order(&self, id: &str) -> Value {
        let (status, body) = self.get(&format!("/v1/orders/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["data"].clone()
    }

    /// Waits until the order has this `providerSyncStatus`.
    pub(super) async fn order_becomes(&self, id: &str, status: &str) -> Value {
        until(&format!("order {id} is {status}"), async || {
            let order = self.order(id).await;
            (order["providerSyncStatus"] == status).then_some(order)
        })
        .await
    }

    /// Changes switches of the simulator at this URL.
    pub(super) async fn faults(&self, change: &Value) {
        let (status, body) = self.send(Method::PATCH, "/_sim/faults", Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    /// The AWBs in the ledger of the simulator at this URL, by reference.
    pub(super) async fn shipments(&self) -> Vec<(String, String)> {
        let (_, body) = self.get("/_sim/ledger").await;
        let text = |shipment: &Value, key: &str| shipment[key].as_str().unwrap().to_owned();
        body["shipments"].as_array().unwrap().iter().map(|s| (text(s, "reference"), text(s, "awb"))).collect()
    }
}

/// Asks until there is something.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < limit, "it never came that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the queue in a folder holds.
pub(super) async fn counts(folder: &Path) -> Counts {
    let url = format!("sqlite:{}", folder.join("data/queue.db").display());
    let queue = Queue::open(&url, Clock::system(), Keep { completed: 1000, failed: 1000 }).await.unwrap();
    queue.inspect.counts("parcelx-orders-queue").await.unwrap()
}
