//! A merchant's system: it sends an order again until it is told 2xx, as the API's documentation says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

/// How long one order is tried. Longer than any outage that a test makes.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Merchant {
    token: String,
    http: reqwest::Client,
    /// The APIs that were started, newest last.
    apis: Mutex<Vec<String>>,
    /// `clientOrderId` and the id that the 2xx told.
    accepted: Mutex<BTreeMap<String, String>>,
    cancelled: Mutex<BTreeSet<String>>,
}

impl Merchant {
    pub(crate) fn new(token: String, http: reqwest::Client) -> Self {
        Self { token, http, apis: Mutex::default(), accepted: Mutex::default(), cancelled: Mutex::default() }
    }

    pub(crate) fn knows(&self, url: String) {
        self.apis.lock().unwrap().push(url);
    }

    pub(crate) fn accepted(&self) -> BTreeMap<String, String> {
        self.accepted.lock().unwrap().clone()
    }

    /// Sends an order until it is accepted, to the newest API first and then to those before it.
    pub(crate) async fn create(&self, client_order_id: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            let apis = self.apis.lock().unwrap().clone();
            let url = &apis[apis.len() - 1 - tries % apis.len().min(2)];
            tries += 1;
            if let Some(id) = self.try_create(url, client_order_id).await {
                let before = self.accepted.lock().unwrap().insert(client_order_id.to_owned(), id.clone());
                assert!(
                    before.is_none_or(|before| before == id),
                    "{client_order_id} was accepted twice, as two orders"
                );
                return id;
            }
            assert!(Instant::now() < until, "{client_order_id} is not accepted by any of {apis:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn try_create(&self, url: &str, client_order_id: &str) -> Option<String> {
        let request = self
            .http
            .post(format!("{url}/orders/create"))
            .bearer_auth(&self.token)
            .json(&order(client_order_id));
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        assert!(status.is_success() || status.is_server_error(), "{client_order_id}: {status} {body}");
        let id = body.pointer("/data/id");
        status
            .is_success()
            .then(|| id.and_then(Value::as_str).unwrap_or_else(|| panic!("no id in {body}")).to_owned())
    }

    /// Sends an order once, to the n-th API, and gives the status and the id, if there was an answer.
    pub(crate) async fn create_once(&self, api: usize, client_order_id: &str) -> Option<(u16, String)> {
        let url = self.apis.lock().unwrap()[api].clone();
        let request = self.http.post(format!("{url}/orders/create")).bearer_auth(&self.token);
        let answer = request.json(&order(client_order_id)).send().await.ok()?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.ok()?;
        let id = body.pointer("/data/id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if matches!(status, 200 | 201) {
            let before = self.accepted.lock().unwrap().insert(client_order_id.to_owned(), id.clone());
            assert!(before.is_none_or(|before| before == id), "{client_order_id} was accepted as two orders");
        }
        Some((status, id))
    }

    /// Calls an order off, until that is heard.
    pub(crate) async fn cancel(&self, id: &str) {
        let until = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            let apis = self.apis.lock().unwrap().clone();
            let url = &apis[apis.len() - 1 - tries % apis.len().min(2)];
            tries += 1;
            let request = self
                .http
                .post(format!("{url}/orders/cancel"))
                .bearer_auth(&self.token)
                .json(&json!({ "orderId": id }));
            if let Ok(answer) = request.send().await {
                let status = answer.status();
                assert!(status.is_success() || status.is_server_error(), "{id}: {status}");
                if status.is_success() {
                    self.cancelled.lock().unwrap().insert(id.to_owned());
                    return;
                }
            }
            assert!(Instant::now() < until, "the cancel of {id} is not heard by any of {apis:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the newest API answers; it must be a 2xx.
    pub(crate) async fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let url = self.apis.lock().unwrap().last().unwrap().clone();
        let request = self.http.request(method, format!("{url}{path}")).bearer_auth(&self.token);
        let request = body.into_iter().fold(request, reqwest::RequestBuilder::json);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// The orders whose cancel was heard.
    pub(crate) fn cancelled(&self) -> BTreeSet<String> {
        self.cancelled.lock().unwrap().clone()
    }

    /// The orders of this merchant with that number, as the API lists them.
    pub(crate) async fn listed(&self, client_order_id: &str) -> Vec<Value> {
        let url = self.apis.lock().unwrap().last().unwrap().clone();
        let request = self
            .http
            .get(format!("{url}/v1/orders"))
            .query(&[("clientOrderId", client_order_id)])
            .bearer_auth(&self.token);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["data"].as_array().unwrap_or_else(|| panic!("no list: {body}")).clone()
    }
}

fn order(client_order_id: &str) -> Value {
    json!({
        "clientOrderId": client_order_id, "invoiceNumber": "INV-1", "paymentMethod": "PREPAID",
            "expressType": "surface",
        "pickAddressId": "10001",
        "consignee": { "name": "Ravi Example", "mobile": "9000000002", "pincode": "560002",
            "address1": "4 Sample Road",
                       "city": "Bengaluru", "state": "Karnataka" },
        "items": [{ "sku": "CUP-1", "name": "Cup", "quantity": 1, "unitPrice": 99 }],
        "charges": { "orderAmount": 99 },
        "shipment": { "width": [10], "height": [10], "length": [10], "weight": [0.4] }
    })
}
