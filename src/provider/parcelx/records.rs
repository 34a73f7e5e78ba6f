//! The two documents of a wire attempt: what was asked, and how it ended.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Body, CallResult, Failure},
    kept::kept,
    redact,
};
use crate::{
    base::{
        payload::{PayloadIs, StoredPayload},
        timestamp::Timestamp,
    },
    platform::store::{Document, Field, Index, id_and_version},
    provider::carrier::{CallRecord, JobRun, RecordedEnd},
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
    /// Null where nothing was asked; not every database stores a null.
    #[serde(default)]
    pub request_payload: Value,
    #[serde(default, skip_serializing_if = "PayloadIs::is_json")]
    pub payload_is: PayloadIs,
    pub attempt: i64,
    pub queued_at: Timestamp,
    pub sent_at: Timestamp,
    /// Stands in for an attempt that died before it wrote its log: nothing was sent under this id, and
    /// nothing will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_sent: bool,
    /// The run of a job that made it; absent when a person did, and in logs of older releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobRun>,
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
    /// JSON as it came, where every database keeps it so; otherwise a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_payload: Option<Value>,
    #[serde(default, skip_serializing_if = "PayloadIs::is_json")]
    pub payload_is: PayloadIs,
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
    const INDEXES: &'static [Index] = &[
        Index::on("order_received", &[Field::text("orderId"), Field::time("receivedAt")]),
        Index::on(
            "operation_verdict",
            &[Field::text("operation"), Field::text("verdict"), Field::time("receivedAt")],
        ),
    ];

    id_and_version!();
}

impl End {
    #[must_use]
    pub fn new(wire: &CallResult, verdict: &str) -> Self {
        let mut end = Self {
            status_code: None,
            success: None,
            response_payload: None,
            payload_is: PayloadIs::Json,
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
                let stored = match &answer.body {
                    Body::Json(value) => StoredPayload::json(kept(value)),
                    Body::Text(text) => StoredPayload::raw(text),
                };
                (end.response_payload, end.payload_is) = (Some(stored.kept), stored.is);
            }
            CallResult::Failure { class, detail } => {
                end.error_code = Some(*class);
                end.error_message = Some(detail.clone());
            }
        }
        end
    }

    /// The JSON of the answer, if it was JSON.
    fn answered(&self) -> Option<Cow<'_, Value>> {
        StoredPayload::read(self.response_payload.as_ref()?, self.payload_is)
    }

    fn shown(&self, show: fn(&Value) -> Value) -> Option<Value> {
        let json = self.answered();
        json.as_deref().or(self.response_payload.as_ref()).map(show)
    }

    /// The facts again, as the verdict table reads them.
    #[must_use]
    pub fn wire(&self) -> CallResult {
        let Some(status) = self.status_code else {
            let class = self.error_code.unwrap_or(Failure::NoAnswerRecorded);
            return CallResult::Failure { class, detail: self.error_message.clone().unwrap_or_default() };
        };
        let body = match (self.answered(), &self.response_payload) {
            (Some(json), _) => Body::Json(json.into_owned()),
            (None, Some(Value::String(text))) => Body::Text(text.clone()),
            (None, _) => Body::Text(String::new()),
        };
        CallResult::Answer(Answer { status, retry_after: self.retry_after, body })
    }
}

impl End {
    /// Leaves of the answer what may be shown to all.
    fn erase(&mut self) {
        if let Some(shown) = self.shown(redact::redacted) {
            let kept = match self.payload_is {
                PayloadIs::Raw => StoredPayload::raw(shown.as_str().unwrap_or_default()),
                PayloadIs::Json | PayloadIs::Text => StoredPayload::json(shown),
            };
            (self.response_payload, self.payload_is) = (Some(kept.kept), kept.is);
        }
    }
}

impl OutcomeLog {
    /// Leaves of it what may be shown to all. The verdict stays the same.
    pub(super) fn erase(&mut self) {
        self.end.erase();
        if let Some(late) = &mut self.late {
            late.end.erase();
        }
    }
}

impl RequestLog {
    /// Leaves of it what may be shown to all.
    pub(super) fn erase(&mut self) {
        let kept = StoredPayload::json(redact::redacted(&self.payload()));
        (self.request_payload, self.payload_is) = (kept.kept, kept.is);
    }

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
        let payload = StoredPayload::json(payload);
        Self {
            id: id.to_owned(),
            version: 1,
            provider: PROVIDER.to_owned(),
            operation: operation.to_owned(),
            order_id: order_id.to_owned(),
            idempotency_key: reference.to_owned(),
            request_payload: payload.kept,
            payload_is: payload.is,
            attempt,
            queued_at: at.0,
            sent_at: at.1,
            never_sent: false,
            job: None,
            extra: Map::new(),
        }
    }

    /// The same, made by this run of a job.
    #[must_use]
    pub fn made_by(self, job: Option<JobRun>) -> Self {
        Self { job, ..self }
    }

    /// What was asked.
    #[must_use]
    pub fn payload(&self) -> Cow<'_, Value> {
        StoredPayload::read(&self.request_payload, self.payload_is)
            .unwrap_or(Cow::Borrowed(&self.request_payload))
    }

    /// What may be shown of it, and of how it ended.
    #[must_use]
    pub fn shown(self, outcome: Option<OutcomeLog>) -> CallRecord {
        self.into_record(outcome, redact::redacted)
    }

    /// All of it, for those who may see personal data.
    #[must_use]
    pub fn revealed(self, outcome: Option<OutcomeLog>) -> CallRecord {
        self.into_record(outcome, Value::clone)
    }

    fn into_record(self, outcome: Option<OutcomeLog>, show: fn(&Value) -> Value) -> CallRecord {
        let request_payload = show(&self.payload());
        CallRecord {
            id: self.id,
            provider: self.provider,
            operation: self.operation,
            attempt: self.attempt,
            queued_at: self.queued_at,
            sent_at: self.sent_at,
            never_sent: self.never_sent,
            job: self.job,
            request_payload,
            outcome: outcome.map(|o| RecordedEnd {
                status_code: o.end.status_code,
                success: o.end.success,
                response_payload: o.end.shown(show),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(body: Body) -> CallResult {
        CallResult::Answer(Answer { status: 200, retry_after: None, body })
    }

    fn outcome(end: End) -> OutcomeLog {
        OutcomeLog {
            id: "plog_1".to_owned(),
            version: 1,
            request_ref_id: "plog_1".to_owned(),
            provider: PROVIDER.to_owned(),
            operation: "create".to_owned(),
            order_id: "ord_1".to_owned(),
            late: Some(Late { end: end.clone(), received_at: Timestamp::from_millis(5) }),
            end,
            received_at: Timestamp::from_millis(0),
            duration_ms: 1,
            extra: Map::new(),
        }
    }

    /// Whatever form an answer is kept in, it is the same answer when it is read again.
    #[test]
    fn an_answer_that_no_database_would_keep_is_the_same_again() {
        let booked = |odd: Value| {
            let data = json!({"awb_number": "1Z5", "client_order_id": "ORD-1", "odd": odd});
            json!({"status": true, "data": data})
        };
        for (body, is) in [
            (Body::Json(booked(json!(1.5))), None),
            (Body::Json(booked(json!(u64::MAX))), Some("text")),
            (Body::Json(booked(json!({"$oid": "zz", "a\u{0}": 1}))), Some("text")),
            (Body::Text("<html>".to_owned()), Some("raw")),
            (Body::Text("{\"status\":true}".to_owned()), Some("raw")),
        ] {
            let wire = answer(body);
            let log = outcome(End::new(&wire, "unknown"));
            let json = serde_json::to_value(&log).unwrap();
            assert_eq!(json.get("payloadIs").and_then(Value::as_str), is);
            let again: OutcomeLog = serde_json::from_value(json).unwrap();
            let bson = bson::serialize_to_vec(&log).unwrap();
            let from_bson: OutcomeLog = bson::deserialize_from_slice(&bson).unwrap();
            for read in [again, from_bson] {
                assert_eq!(read.end.wire(), wire);
                assert_eq!(read.late.map(|late| late.end.wire()), Some(wire.clone()));
            }
        }
    }

    #[test]
    fn what_was_asked_is_the_same_again() {
        let odd = json!({"client_order_id": "ORD-1", "n": u64::MAX});
        let at = Timestamp::from_millis(0);
        let log = RequestLog::new("plog_1", "create", "ord_1", "ORD-1", odd.clone(), 1, (at, at));
        let bson = bson::serialize_to_vec(&log).unwrap();
        let again: RequestLog = bson::deserialize_from_slice(&bson).unwrap();
        assert_eq!(*again.payload(), odd);
        let shown = serde_json::to_value(again.shown(None).request_payload).unwrap();
        assert_eq!(shown["client_order_id"], "ORD-1", "shown as JSON");
    }
}
