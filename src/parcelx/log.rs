//! One record of what was asked and one of what came back, for every wire attempt; both under the same id, and linked from the order.
//!
//! The request log is inserted *before* anything is sent, so an attempt whose id is already taken can never send: that is how a dead attempt
//! is shut out (its id is taken with a tombstone). The outcome log says how it ended, exactly once; what comes after that goes
//! into its `late` field and is evidence, never dropped.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{Answer, Body, Failure, Wire};
use crate::{
    clock::Clock,
    store::{Decision, Document, Index, Order as Sort, Query, Store, StoreError, Updated},
    timestamp::Timestamp,
};

const PROVIDER: &str = "parcelx";

/// What was asked, in full. Holds personal data: show it through [`super::redact`] only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestLog {
    pub id: String,
    pub version: i64,
    pub provider: String,
    pub operation: String,
    pub order_id: String,
    /// Our reference.
    pub idempotency_key: String,
    pub request_payload: Value,
    pub attempt: i64,
    pub queued_at: Timestamp,
    pub sent_at: Timestamp,
    /// Stands in for an attempt that died before it wrote its log: nothing was sent under this id, and nothing will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_sent: bool,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How it ended. Its id is the request log's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeLog {
    pub id: String,
    pub version: i64,
    pub request_ref_id: String,
    pub provider: String,
    pub operation: String,
    pub order_id: String,
    #[serde(flatten)]
    pub end: End,
    pub received_at: Timestamp,
    pub duration_ms: i64,
    /// What came after somebody else had written the end down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An end that came late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    #[serde(flatten)]
    pub end: End,
    pub received_at: Timestamp,
}

/// The facts, in the form they are stored in, and the verdict's word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// The envelope's `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// JSON as it came; a text when it was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_payload: Option<Value>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub payload_is_text: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    pub verdict: String,
}

impl Document for RequestLog {
    const COLLECTION: &'static str = "parcelx_request_logs";
    const INDEXES: &'static [Index] = &[Index::on("order_sent", &["orderId", "sentAt"])];

    fn id(&self) -> &str {
        &self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_version(&mut self, version: i64) {
        self.version = version;
    }
}

impl Document for OutcomeLog {
    const COLLECTION: &'static str = "parcelx_response_logs";
    const INDEXES: &'static [Index] = &[Index::on("order_received", &["orderId", "receivedAt"])];

    fn id(&self) -> &str {
        &self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_version(&mut self, version: i64) {
        self.version = version;
    }
}

impl End {
    #[must_use]
    pub fn new(wire: &Wire, verdict: &str) -> Self {
        let mut end = Self {
            status_code: None,
            success: None,
            response_payload: None,
            payload_is_text: false,
            retry_after: None,
            error_code: None,
            error_message: None,
            verdict: verdict.to_owned(),
        };
        match wire {
            Wire::Answer(answer) => {
                end.status_code = Some(answer.status);
                end.success = answer.succeeded();
                end.retry_after = answer.retry_after;
                end.payload_is_text = matches!(answer.body, Body::Other(_));
                end.response_payload = Some(match &answer.body {
                    Body::Json(value) => value.clone(),
                    Body::Other(text) => text.as_str().into(),
                });
            }
            Wire::Failure { class, detail } => {
                end.error_code = Some(*class);
                end.error_message = Some(detail.clone());
            }
        }
        end
    }

    /// The facts again, as the verdict table reads them.
    #[must_use]
    pub fn wire(&self) -> Wire {
        let Some(status) = self.status_code else {
            let class = self.error_code.unwrap_or(Failure::NoAnswerRecorded);
            return Wire::Failure { class, detail: self.error_message.clone().unwrap_or_default() };
        };
        let body = match &self.response_payload {
            Some(Value::String(text)) if self.payload_is_text => Body::Other(text.clone()),
            Some(value) => Body::Json(value.clone()),
            None => Body::Other(String::new()),
        };
        Wire::Answer(Answer { status, retry_after: self.retry_after, body })
    }
}

impl RequestLog {
    /// The log of a call that is about to be made.
    #[must_use]
    pub fn new(
        id: &str,
        operation: &str,
        order_id: &str,
        reference: &str,
        payload: Value,
        attempt: i64,
        at: (Timestamp, Timestamp),
    ) -> Self {
        Self {
            id: id.to_owned(),
            version: 1,
            provider: PROVIDER.to_owned(),
            operation: operation.to_owned(),
            order_id: order_id.to_owned(),
            idempotency_key: reference.to_owned(),
            request_payload: payload,
            attempt,
            queued_at: at.0,
            sent_at: at.1,
            never_sent: false,
            extra: Map::new(),
        }
    }
}

/// What became of an attempt whose worker is gone.
#[derive(Debug, Clone, PartialEq)]
pub enum Closed {
    /// It never sent, and now it never will.
    NeverSent,
    /// It sent, and this is how that ended; unanswered counts as a failure of its own kind.
    Ended(Wire),
}

/// The two collections.
#[derive(Debug, Clone)]
pub struct ProviderLogs {
    store: Store,
    clock: Clock,
}

/// How often the end of a call is tried to be written down. It cannot be had again.
const END_TRIES: u32 = 6;

impl ProviderLogs {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Writes the request log. `Conflict` on the id: the attempt was shut out and must not send.
    ///
    /// # Errors
    /// When the store fails; then nothing may be sent either.
    pub async fn begin(&self, log: &RequestLog) -> Result<(), StoreError> {
        self.store.insert(log).await
    }

    /// Writes down how the attempt of `request` ended. When somebody else has done so, it goes into the `late` field.
    ///
    /// # Errors
    /// When the store fails at every try.
    pub async fn end(&self, request: &RequestLog, wire: &Wire, verdict: &str, took: Duration) -> Result<(), StoreError> {
        let log = OutcomeLog {
            id: request.id.clone(),
            version: 1,
            request_ref_id: request.id.clone(),
            provider: PROVIDER.to_owned(),
            operation: request.operation.clone(),
            order_id: request.order_id.clone(),
            end: End::new(wire, verdict),
            received_at: self.clock.now(),
            duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            late: None,
            extra: Map::new(),
        };
        let mut pause = Duration::from_millis(50);
        for _ in 1..END_TRIES {
            match self.try_end(&log).await {
                Err(StoreError::Unavailable(_) | StoreError::Contended) => tokio::time::sleep(pause).await,
                ended => return ended,
            }
            pause *= 2;
        }
        self.try_end(&log).await
    }

    async fn try_end(&self, log: &OutcomeLog) -> Result<(), StoreError> {
        match self.store.insert(log).await {
            Err(StoreError::Conflict { .. }) => {}
            written => return written,
        }
        let late = Late { end: log.end.clone(), received_at: log.received_at };
        let updated = self.store.update::<OutcomeLog, _, StoreError>(&log.id, |stored| {
            // Our own insert may have been done although we were told otherwise.
            if stored.end == late.end || stored.late.is_some() {
                return Ok(Decision::Leave(()));
            }
            stored.late = Some(late.clone());
            Ok(Decision::Save(()))
        });
        updated.await.map(|_: Updated<OutcomeLog, ()>| ())
    }

    /// Shuts an attempt out, or finds what it did. Only for an attempt that has had its time to settle: what has no outcome by then
    /// never gets one from its worker, and is written down as unanswered.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close(&self, tombstone: &RequestLog) -> Result<Closed, StoreError> {
        let tombstone = RequestLog { never_sent: true, ..tombstone.clone() };
        match self.store.insert(&tombstone).await {
            Ok(()) => return Ok(Closed::NeverSent),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let request = self.store.get::<RequestLog>(&tombstone.id).await?;
        let Some(request) = request.filter(|r| !r.never_sent) else { return Ok(Closed::NeverSent) };
        if let Some(outcome) = self.store.get::<OutcomeLog>(&request.id).await? {
            return Ok(Closed::Ended(outcome.best()));
        }
        self.end(&request, &unanswered(), "unknown", Duration::ZERO).await?;
        // Between the look and the write the worker may have come back after all.
        let outcome = self.store.get::<OutcomeLog>(&request.id).await?;
        Ok(Closed::Ended(outcome.map_or_else(unanswered, |o| o.best())))
    }

    /// Writes down that the calls of `operation` for an order that were sent before `before` and have no outcome got no answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_unanswered(&self, order_id: &str, operation: &str, before: Timestamp) -> Result<(), StoreError> {
        for (request, outcome) in self.of_order(order_id).await? {
            if outcome.is_none() && !request.never_sent && request.operation == operation && request.sent_at < before {
                self.end(&request, &unanswered(), "failed", Duration::ZERO).await?;
            }
        }
        Ok(())
    }

    /// Every attempt of an order, oldest first, each with its outcome if it has one yet. At most 200.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_order(&self, order_id: &str) -> Result<Vec<(RequestLog, Option<OutcomeLog>)>, StoreError> {
        let requests = Query::sorted_by("sentAt", Sort::Ascending).equal("orderId", order_id).limit(200);
        let outcomes = Query::sorted_by("receivedAt", Sort::Ascending).equal("orderId", order_id).limit(200);
        let requests = self.store.find::<RequestLog>(&requests).await?;
        let outcomes = self.store.find::<OutcomeLog>(&outcomes).await?;
        let mut outcomes: std::collections::BTreeMap<_, _> = outcomes.into_iter().map(|o| (o.id.clone(), o)).collect();
        Ok(requests
            .into_iter()
            .map(|r| {
                let o = outcomes.remove(&r.id);
                (r, o)
            })
            .collect())
    }
}

fn unanswered() -> Wire {
    Wire::Failure { class: Failure::NoAnswerRecorded, detail: "its worker vanished".to_owned() }
}

impl OutcomeLog {
    /// What is best known of the attempt: a late answer says more than that none was recorded.
    fn best(&self) -> Wire {
        match &self.late {
            Some(late) if self.end.error_code == Some(Failure::NoAnswerRecorded) => late.end.wire(),
            _ => self.end.wire(),
        }
    }
}
