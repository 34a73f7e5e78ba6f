//! The ways in which an answer can go wrong, and the rules that request one for single calls.

use serde::{Deserialize, Serialize};

use super::operation::Operation;

/// How a call is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Answer {
    #[default]
    Normal,
    /// Executes the call, then closes the connection without a byte.
    LostAfterBooking,
    /// Closes the connection without a byte; nothing is done.
    LostBeforeBooking,
    /// Executes the call, waits for `ms`, then closes the connection without a byte or answers normally.
    HangAfterBooking { ms: u64, then: Then },
    /// The full `Content-Length`, half of the body, then the connection is closed.
    CutBody,
    /// An HTML page with code 200.
    Html200,
    /// An HTML page with code 502.
    Html502,
    /// Code 200 without a body.
    Empty200,
    /// Half of the JSON, with the `Content-Length` of that half.
    TruncatedJson,
    /// The correct JSON as `text/html`.
    WrongContentType,
    /// The correct JSON with a byte that is not UTF-8.
    InvalidUtf8,
    /// `status` twice, first the wrong one.
    DuplicateKeys,
    /// Valid gzip: 64 MiB of blanks, then the correct JSON.
    GzipBomb,
    /// 50 MB of JSON, streamed without a `Content-Length`.
    HugeBody,
    /// A success with an empty (create) or missing (track) AWB.
    StatusTrueWithoutAwb,
    /// A success with another order's `client_order_id`.
    OtherReference,
    /// A success with the AWB of another order; with the order's own if there is no other order.
    AwbOfAnother,
    /// 307 to the same path at `to` (`http://host:port`).
    Redirect { to: String },
    /// An HTTP code (300 to 599) with `status:false` and the message of `refuse`; `retry_after` is sent
    /// unchanged, valid or not.
    Status {
        code: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
    },
}

/// What follows the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Then {
    Close,
    Answer,
}

impl Answer {
    /// Whether the call is executed (books, cancels) before this answer. A rule or switch can override it,
    /// for example for a 503 that booked.
    #[must_use]
    pub fn acts(&self) -> bool {
        !matches!(self, Self::LostBeforeBooking | Self::Redirect { .. } | Self::Status { .. })
    }

    pub(super) fn is_normal(&self) -> bool {
        *self == Self::Normal
    }

    /// # Errors
    /// Names the part that cannot be sent.
    pub(super) fn check(&self) -> Result<(), String> {
        let sendable = |text: &str| http::HeaderValue::from_str(text).is_ok();
        match self {
            Self::Status { code, .. } if !(300..600).contains(code) => {
                Err(format!("status.code: {code} is not between 300 and 599"))
            }
            Self::Status { retry_after: Some(text), .. } if !sendable(text) => {
                Err("status.retryAfter: not a header value".to_owned())
            }
            Self::Redirect { to } if !sendable(to) => Err("redirect.to: not a header value".to_owned()),
            _ => Ok(()),
        }
    }
}

/// A behaviour for the next matching calls. The oldest matching rule is used, before the switches.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rule {
    /// Only calls of this operation; `null`: any.
    pub operation: Option<Operation>,
    /// Only calls about this `client_order_id`; `null`: any.
    pub client_order_id: Option<String>,
    /// Only creates with this `invoice_number`; `null`: any.
    pub invoice_number: Option<String>,
    /// The number of matching calls that are left alone first.
    pub skip: u32,
    /// The number of calls it applies to.
    pub times: u32,
    pub answer: Answer,
    /// Overrides [`Answer::acts`].
    pub acts: Option<bool>,
    /// Refuses with this message (create and cancel).
    pub refuse: Option<String>,
    pub latency_ms: Option<u64>,
    pub latency_after_ms: Option<u64>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            operation: None,
            client_order_id: None,
            invoice_number: None,
            skip: 0,
            times: 1,
            answer: Answer::Normal,
            acts: None,
            refuse: None,
            latency_ms: None,
            latency_after_ms: None,
        }
    }
}

impl Rule {
    /// `answer` for the next create.
    #[must_use]
    pub fn create(answer: Answer) -> Self {
        Self::on(Operation::Create, answer)
    }

    /// `answer` for the next call of `operation`.
    #[must_use]
    pub fn on(operation: Operation, answer: Answer) -> Self {
        Self { operation: Some(operation), answer, ..Self::default() }
    }

    /// A refusal of the next create.
    #[must_use]
    pub fn refuse(text: &str) -> Self {
        Self { operation: Some(Operation::Create), refuse: Some(text.to_owned()), ..Self::default() }
    }

    /// Only for this `client_order_id`.
    #[must_use]
    pub fn about(mut self, client_order_id: &str) -> Self {
        self.client_order_id = Some(client_order_id.to_owned());
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Sets whether the call is executed, whatever the answer.
    #[must_use]
    pub fn acting(mut self, acts: bool) -> Self {
        self.acts = Some(acts);
        self
    }

    pub(super) fn matches(
        &self,
        operation: Operation,
        reference: Option<&str>,
        invoice: Option<&str>,
    ) -> bool {
        let is =
            |wanted: &Option<String>, given: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == given);
        self.operation.is_none_or(|o| o == operation)
            && is(&self.client_order_id, reference)
            && is(&self.invoice_number, invoice)
    }
}
