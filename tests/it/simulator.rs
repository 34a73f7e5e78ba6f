//! The ParcelX double, over real sockets.

mod admin;
mod answers;
mod cancels;
mod creates;
mod ledger;
mod operations;
mod webhooks;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};
use waybill::{
    base::{clock::Clock, timestamp::Timestamp},
    provider::simulator::{Entry, Faults, Profile, Settings, Simulator},
};

/// A double that is being served, and a client for it. Stops when it is dropped.
struct Double {
    simulator: Simulator,
    clock: Clock,
    base: String,
    client: Client,
    _stop: oneshot::Sender<()>,
}

impl Double {
    async fn friendly() -> Self {
        Self::with(Settings::default()).await
    }

    async fn unpleasant() -> Self {
        Self::with(Settings { profile: Profile::Unpleasant, ..Settings::default() }).await
    }

    async fn with(settings: Settings) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let clock = Clock::manual(Timestamp::parse("2026-11-21T01:05:00Z").unwrap());
        let simulator = Simulator::new(settings, clock.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = simulator.clone();
        tokio::spawn(async move { served.serve(listener, async { drop(stopped.await) }).await });
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { simulator, clock, base, client, _stop: stop }
    }

    fn faults(&self, change: impl FnOnce(&mut Faults)) -> &Self {
        self.simulator.change_faults(change);
        self
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).header("access-token", "dG9rZW4=")
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).header("access-token", "dG9rZW4=").json(body)
    }

    fn create_call(&self, reference: &str) -> RequestBuilder {
        self.post("/api/v3/order/create_order", &order(reference))
    }

    async fn create(&self, reference: &str) -> Value {
        self.send(&order(reference)).await.1
    }

    /// Creates and gives the AWB.
    async fn booked(&self, reference: &str) -> String {
        let answer = self.create(reference).await;
        answer["data"]["awb_number"].as_str().unwrap_or_else(|| panic!("not booked: {answer}")).to_owned()
    }

    async fn send(&self, body: &Value) -> (StatusCode, Value) {
        said(self.post("/api/v3/order/create_order", body)).await
    }

    async fn cancel(&self, awb: &str) -> Value {
        said(self.post("/api/v1/order/cancel_order", &json!({ "awb": awb }))).await.1
    }

    async fn track(&self, awb: &str) -> Value {
        said(self.get(&format!("/api/v1/track_order?awb={awb}"))).await.1
    }

    async fn look_up(&self, reference: &str) -> Value {
        said(self.get(&format!("/api/v1/track_order?channel_order_no={reference}"))).await.1
    }

    /// The last entry, once `condition` is true of it.
    async fn last_entry(&self, condition: impl Fn(&Entry) -> bool) -> Entry {
        let met = self.simulator.wait_for(|entries| entries.last().is_some_and(&condition));
        tokio::time::timeout(Duration::from_secs(20), met)
            .await
            .unwrap_or_else(|_| panic!("the ledger: {:?}", self.simulator.ledger().last()));
        self.simulator.ledger().pop().unwrap()
    }
}

async fn said(call: RequestBuilder) -> (StatusCode, Value) {
    let answer = call.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
}

fn order(reference: &str) -> Value {
    json!({
        "client_order_id": reference, "consignee_name": "Asha Example", "consignee_mobile": "9000000001",
        "consignee_phone": "", "consignee_emailid": "asha@example.test",
        "consignee_address1": "12 Sample Street", "consignee_address2": "", "consignee_pincode": "560001",
        "address_type": "Home", "invoice_number": "INV-1", "express_type": "surface",
        "pick_address_id": "10001", "return_address_id": "", "payment_mode": "Cod", "cod_amount": "749.00",
        "order_amount": "749.00",
        "tax_amount": "0", "extra_charges": "0", "mps": "0", "courier_type": 1, "courier_code": "PXDEL01",
        "products": [{
            "product_sku": "SKU-7", "product_name": "Blue mug", "product_value": "374.50",
            "product_quantity": "2", "product_hsnsac": "",
            "product_taxper": 0, "product_category": "General", "product_description": ""
        }],
        "shipment_length": ["15"], "shipment_width": ["10"], "shipment_height": ["10"],
        "shipment_weight": ["0.5"]
    })
}

/// The same with some fields changed.
fn order_with(reference: &str, changes: Value) -> Value {
    match (order(reference), changes) {
        (Value::Object(mut body), Value::Object(changes)) => {
            body.extend(changes);
            body.into()
        }
        _ => panic!("changes are an object"),
    }
}

/// The words of a refusal, wherever they stand.
fn words(answer: &Value) -> String {
    assert_eq!(answer["status"], false, "{answer}");
    answer["responsemsg"].to_string() + &answer["errors"].to_string() + &answer["message"].to_string()
}
