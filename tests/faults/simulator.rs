//! The `ParcelX` double in a process of its own, over HTTP: its switches, and the ledger of what it really
//! did.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::process::LOOK;

#[derive(Debug, Clone)]
pub(crate) struct Simulator {
    pub(crate) url: String,
    http: reqwest::Client,
}

/// One call, as far as the audit needs it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    /// RFC 3339 in milliseconds: sorts as text.
    pub(crate) received_at: String,
    pub(crate) operation: String,
    pub(crate) reference: Option<String>,
    pub(crate) what: String,
    pub(crate) answered: String,
}

impl Entry {
    pub(crate) fn is_create(&self) -> bool {
        self.operation == "create"
    }

    pub(crate) fn booked(&self) -> bool {
        self.is_create() && self.what == "booked"
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) awb: String,
    pub(crate) reference: String,
    pub(crate) live: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    pub(crate) shipments: Vec<Shipment>,
}

impl Simulator {
    pub(crate) fn at(url: String, http: reqwest::Client) -> Self {
        Self { url, http }
    }

    /// Changes the switches that are named.
    pub(crate) async fn switch(&self, changes: Value) {
        self.ask(self.http.patch(format!("{}/_sim/faults", self.url)).json(&changes)).await;
    }

    /// How long each call waits before its effect, and between effect and answer.
    pub(crate) async fn pace(&self, before: u64, after: u64) {
        self.switch(json!({ "latencyMs": before, "latencyAfterMs": after })).await;
    }

    /// Rules for the next creates.
    pub(crate) async fn script(&self, rules: Value) {
        self.ask(self.http.post(format!("{}/_sim/script", self.url)).json(&rules)).await;
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        self.since(0).await
    }

    pub(crate) async fn since(&self, seq: u64) -> Ledger {
        serde_json::from_value(self.ask(self.http.get(format!("{}/_sim/ledger?since={seq}", self.url))).await)
            .unwrap()
    }

    /// The number of the last entry.
    pub(crate) async fn last(&self) -> u64 {
        self.ledger().await.entries.last().map_or(0, |e| e.seq)
    }

    /// Waits for an entry after `seq` that meets the condition; nothing after `patience`.
    pub(crate) async fn entry(
        &self,
        seq: u64,
        patience: Duration,
        condition: impl Fn(&Entry) -> bool,
    ) -> Option<Entry> {
        let until = Instant::now() + patience;
        loop {
            let found = self.since(seq).await.entries.into_iter().find(&condition);
            if found.is_some() || Instant::now() >= until {
                return found;
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until a booking after `seq` is done and not answered yet.
    pub(crate) async fn booked_unanswered(&self, seq: u64, patience: Duration) -> Option<Entry> {
        self.entry(seq, patience, |e| e.booked() && e.answered == "pending").await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "the simulator says {status}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}
