//! The demo's client for the API and the simulator's ledger.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::serve::SIMULATOR;

pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// The program that listens on the address.
pub(super) enum Instance {
    Simulator,
    Live,
    /// Not Waybill.
    Foreign,
    Absent,
}

/// The response to a create.
pub(super) enum Reply {
    Created { id: String },
    Replayed { id: String },
    Refused { status: u16, code: String },
}

/// An AWB in the simulator's ledger.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Booked {
    pub(super) times: u32,
    pub(super) live: bool,
}

pub(super) struct Order {
    pub(super) state: String,
    pub(super) cancelled: bool,
    pub(super) awb: Option<String>,
    pub(super) courier: Option<String>,
    pub(super) reason: Option<String>,
}

impl Client {
    pub(super) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        crate::app::install_crypto();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build()?;
        Ok(Self { http, url: url.to_owned(), token: token.to_owned() })
    }

    pub(super) async fn instance(&self) -> Instance {
        let Ok(response) = self.http.get(format!("{}/version", self.url)).send().await else {
            return Instance::Absent;
        };
        let about = response.json::<Value>().await.unwrap_or_default();
        match (about.get("name").and_then(Value::as_str), about.get("providerEnv").and_then(Value::as_str)) {
            (Some("waybill"), Some("simulator")) => Instance::Simulator,
            (Some("waybill"), _) => Instance::Live,
            _ => Instance::Foreign,
        }
    }

    pub(super) async fn create(&self, order: &Value) -> anyhow::Result<Reply> {
        let request =
            self.http.post(format!("{}/orders/create", self.url)).bearer_auth(&self.token).json(order);
        let response = request.send().await.context("an order could not be sent")?;
        let status = response.status().as_u16();
        let body: Value = response.json().await.context("the response to a create is not JSON")?;
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Ok(match (status, text("/data/id")) {
            (201, Some(id)) => Reply::Created { id },
            (200, Some(id)) => Reply::Replayed { id },
            (401, _) => bail!(
                "the instance refuses our token: it runs with another auth.jwt_secret or another data \
                 directory"
            ),
            _ => Reply::Refused { status, code: text("/code").unwrap_or_default() },
        })
    }

    pub(super) async fn order(&self, id: &str) -> anyhow::Result<Order> {
        let body = self.get(&format!("/v1/orders/{id}")).await?;
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Ok(Order {
            state: text("/data/providerSyncStatus").unwrap_or_default(),
            cancelled: text("/data/status").is_some_and(|status| status == "cancelled"),
            awb: text("/data/awb"),
            courier: text("/data/courierName"),
            reason: text("/data/syncReason"),
        })
    }

    pub(super) async fn cancel(&self, id: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({ "reason": "cancelled by the demo" });
        let url = format!("{}/v1/orders/{id}/cancel", self.url);
        let request = self.http.post(url).bearer_auth(&self.token).json(&body);
        request.send().await?.error_for_status().context("the cancel was refused")?;
        Ok(())
    }

    /// Tells the simulator to book the order with this invoice number and lose the answer.
    pub(super) async fn lose_answer(&self, invoice: Option<&Value>) -> anyhow::Result<()> {
        let rule = serde_json::json!({
            "operation": "create", "invoiceNumber": invoice, "answer": "lostAfterBooking"
        });
        let request = self.http.post(format!("{}{SIMULATOR}/_sim/script", self.url)).json(&rule);
        request.send().await?.error_for_status().context("the simulator refused the demo's script")?;
        Ok(())
    }

    /// The shipments in the simulator's ledger, by AWB.
    pub(super) async fn booked(&self) -> anyhow::Result<BTreeMap<String, Booked>> {
        let body = self.get(&format!("{SIMULATOR}/_sim/ledger")).await?;
        let shipments = body
            .get("shipments")
            .and_then(Value::as_array)
            .context("the simulator's ledger has no shipments")?;
        let mut awbs: BTreeMap<String, Booked> = BTreeMap::new();
        for shipment in shipments {
            let Some(awb) = shipment.get("awb").and_then(Value::as_str) else { continue };
            let known = awbs.entry(awb.to_owned()).or_default();
            known.times += 1;
            known.live = shipment.get("live").and_then(Value::as_bool).unwrap_or_default();
        }
        Ok(awbs)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await?;
        let response = response.error_for_status()?;
        response.json().await.with_context(|| format!("the response of {path} is not JSON"))
    }
}
