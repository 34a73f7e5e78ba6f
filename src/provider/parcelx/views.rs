//! What a merchant may see of the calls made for an order.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    log::{OutcomeLog, RequestLog},
    redact,
};
use crate::base::timestamp::Timestamp;

/// Every call, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderLogList {
    pub success: bool,
    pub data: Vec<ProviderLogView>,
}

/// One call. Payloads show listed fields only; everything else reads `[redacted]`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderLogView {
    /// What `parcelxRequestRefId` and `parcelxResponseRefId` of the order refer to.
    pub id: String,
    pub provider: String,
    #[schema(example = "create_order")]
    pub operation: String,
    pub attempt: i64,
    pub queued_at: Timestamp,
    pub sent_at: Timestamp,
    /// Given up before anything was sent.
    pub never_sent: bool,
    /// Nothing when `neverSent`.
    #[schema(value_type = Option<Object>)]
    pub request_payload: Value,
    /// Absent while the call is under way.
    pub outcome: Option<OutcomeView>,
}

/// How it ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeView {
    pub status_code: Option<u16>,
    pub success: Option<bool>,
    /// The JSON that came; an answer that was none reads `[redacted]`.
    #[schema(value_type = Value)]
    pub response_payload: Option<Value>,
    #[schema(example = "timed-out")]
    pub error_code: Option<&'static str>,
    /// `booked`, `refused`, `wallet`, `credentials`, `configuration`, `busy`, `not-sent` or `unknown`; of a
    /// look-up `found`, `not-found` or `failed`; of a label `fetched`, `refused` or `failed`. More may come.
    #[schema(example = "booked")]
    pub verdict: String,
    pub received_at: Timestamp,
    pub duration_ms: i64,
    /// An answer came after the call had been given up.
    pub answered_late: bool,
}

impl ProviderLogView {
    #[must_use]
    pub fn new(request: RequestLog, outcome: Option<OutcomeLog>) -> Self {
        Self {
            id: request.id,
            provider: request.provider,
            operation: request.operation,
            attempt: request.attempt,
            queued_at: request.queued_at,
            sent_at: request.sent_at,
            never_sent: request.never_sent,
            request_payload: redact::redacted(&request.request_payload),
            outcome: outcome.map(OutcomeView::from),
        }
    }
}

impl From<OutcomeLog> for OutcomeView {
    fn from(o: OutcomeLog) -> Self {
        Self {
            status_code: o.end.status_code,
            success: o.end.success,
            response_payload: o.end.response_payload.as_ref().map(redact::redacted),
            error_code: o.end.error_code.map(super::answer::Failure::as_str),
            verdict: o.end.verdict,
            received_at: o.received_at,
            duration_ms: o.duration_ms,
            answered_late: o.late.is_some(),
        }
    }
}
