//! The two documents of a wire attempt: what was asked, and how it ended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Body, CallResult, Failure},
    redact,
};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, id_and_version},
    provider::carrier::{CallRecord, RecordedEnd},
};

pub(super) const PROVIDER: &str = "parcelx";

/// What was asked, in full. Holds personal data: show it through [`super::redact`] only.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
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
    /// Stands in for an attempt that died before it wrote its log: nothing was sent under this id, and
    /// nothing will be.
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
#[derive(Clone, PartialEq, Serialize, Deserialize)]
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
    const INDEXES: &'static [Index] =
        &[Index::on("order_sent", &[Field::text("orderId"), Field::time("sentAt")])];

    id_and_version!();
}

impl Document for OutcomeLog {
    const COLLECTION: &'static str = "parcelx_response_logs";
    const INDEXES: &'static [Index] =
        &[Index::on("order_received", &[Field::text("orderId"), Field::time("receivedAt")])];

    id_and_version!();
}

impl End {
    #[must_use]
    pub fn new(wire: &CallResult, verdict: &str) -> Self {
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
            CallResult::Answer(answer) => {
                end.status_code = Some(answer.status);
                end.success = answer.succeeded();
                end.retry_after = answer.retry_after;
                end.payload_is_text = matches!(answer.body, Body::Text(_));
                end.response_payload = Some(match &answer.body {
                    Body::Json(value) => value.clone(),
                    Body::Text(text) => text.as_str().into(),
                });
            }
            CallResult::Failure { class, detail } => {
                end.error_code = Some(*class);
                end.error_message = Some(detail.clone());
            }
        }
        end
    }

    /// The facts again, as the verdict table reads them.
    #[must_use]
    pub fn wire(&self) -> CallResult {
        let Some(status) = self.status_code else {
            let class = self.error_code.unwrap_or(Failure::NoAnswerRecorded);
            return CallResult::Failure { class, detail: self.error_message.clone().unwrap_or_default() };
        };
        let body = match &self.response_payload {
            Some(Value::String(text)) if self.payload_is_text => Body::Text(text.clone()),
            Some(value) => Body::Json(value.clone()),
            None => Body::Text(String::new()),
        };
        CallResult::Answer(Answer { status, retry_after: self.retry_after, body })
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

    /// What may be shown of it, and of how it ended.
    #[must_use]
    pub fn shown(self, outcome: Option<OutcomeLog>) -> CallRecord {
        CallRecord {
            id: self.id,
            provider: self.provider,
            operation: self.operation,
            attempt: self.attempt,
            queued_at: self.queued_at,
            sent_at: self.sent_at,
            never_sent: self.never_sent,
            request_payload: redact::redacted(&self.request_payload),
            outcome: outcome.map(|o| RecordedEnd {
                status_code: o.end.status_code,
                success: o.end.success,
                response_payload: o.end.response_payload.as_ref().map(redact::redacted),
                error_code: o.end.error_code.map(Failure::as_str),
                verdict: o.end.verdict,
                received_at: o.received_at,
                duration_ms: o.duration_ms,
                answered_late: o.late.is_some(),
            }),
        }
    }
}

impl OutcomeLog {
    /// What is best known of the attempt: a late answer says more than that none was recorded.
    pub(super) fn best(&self) -> CallResult {
        match &self.late {
            Some(late) if self.end.error_code == Some(Failure::NoAnswerRecorded) => late.end.wire(),
            _ => self.end.wire(),
        }
    }
}
