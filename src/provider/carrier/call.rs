//! The calls that features make, and what is on record of them.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Attempt, CallOutcome, CallPermit, OrderPayload, Shipment, Throttled};
use crate::{base::timestamp::Timestamp, platform::store::StoreError};

/// What is asked of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    CreateOrder,
    CancelOrder,
    TrackOrder,
    Label,
}

impl Operation {
    /// As in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateOrder => "create_order",
            Self::CancelOrder => "cancel_order",
            Self::TrackOrder => "track_order",
            Self::Label => "label",
        }
    }
}

/// For whom a call is made.
#[derive(Debug, Clone)]
pub struct Call {
    pub order_id: String,
    /// Our reference.
    pub reference: String,
    pub attempt: i64,
    pub queued_at: Timestamp,
    /// The run of a job that makes it; nothing when a person does.
    pub job: Option<JobRun>,
}

/// One run of a job: what the queue knows it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobRun {
    #[schema(example = "parcelx-orders-queue")]
    pub queue: String,
    /// The job's id.
    pub id: String,
    /// The token under which the job was claimed for this run: no other run of any job has it.
    pub run: String,
    /// Which of the job's counted tries it belongs to; runs that only had to wait do not count.
    #[serde(rename = "try")]
    pub no: u32,
    /// What the worker is called, and its program's version; absent in logs of older releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// By what a shipment is looked up.
#[derive(Debug, Clone)]
pub enum By {
    Awb(String),
    Reference(String),
}

/// What a look-up shows of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracking {
    /// Not cancelled. By reference, the AWB is not always told.
    Live {
        awb: Option<String>,
    },
    Cancelled {
        awb: Option<String>,
    },
    /// The provider says that it does not know it; true or not.
    NotFound,
}

/// Where a label is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelUrl {
    /// On a host of the provider's.
    Usable(String),
    /// Elsewhere: it is not handed out.
    Unusable,
}

/// Why a call was not made, or its end not written down.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The attempt's id is taken: somebody gave it up for dead. Nothing was sent.
    #[error("the attempt was shut out")]
    ShutOut,
    /// The logs could not be written: nothing was sent, or how it ended is not on record.
    #[error("the provider logs could not be written: {0}")]
    Store(StoreError),
    /// Nothing was sent or written: other calls had the turn.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    #[error("{0}")]
    Internal(String),
}

/// Whoever carries the parcels, through one account. Each call has a log that is written before anything is
/// sent, and one of how it ended.
#[async_trait]
pub trait Carrier: fmt::Debug + Send + Sync {
    /// The turn of one call, waited for for a few seconds at most. A create or a cancel needs it before it is
    /// taken, since its time to send runs from there; other operations get theirs by themselves.
    ///
    /// # Errors
    /// [`Throttled`].
    async fn permit(&self) -> Result<CallPermit, Throttled>;

    /// Books `payload` under the ids of the attempt, which must have been stored with the order before.
    ///
    /// # Errors
    /// [`CallError`]; after `ShutOut` nothing was sent, after `Store` it is for [`Carrier::close_create`] to
    /// find out.
    async fn create(
        &self,
        call: &Call,
        payload: &OrderPayload,
        turn: (&Attempt, CallPermit),
    ) -> Result<CallOutcome<Shipment>, CallError>;

    /// Cancels the shipment `awb`, as [`Carrier::create`] books. A success says no more than that it was
    /// accepted; a refusal may say that it is done already ([`CallOutcome::RefusedAsDone`]).
    ///
    /// # Errors
    /// As [`Carrier::create`].
    async fn cancel(
        &self,
        call: &Call,
        awb: &str,
        turn: (&Attempt, CallPermit),
    ) -> Result<CallOutcome<()>, CallError>;

    /// Looks a shipment up.
    ///
    /// # Errors
    /// [`CallError`].
    async fn track(&self, call: &Call, by: &By) -> Result<CallOutcome<Tracking>, CallError>;

    /// Asks where the label of the shipment `awb` is.
    ///
    /// # Errors
    /// [`CallError`].
    async fn label(&self, call: &Call, awb: &str) -> Result<CallOutcome<LabelUrl>, CallError>;

    /// Shuts an earlier create out of sending ([`CallOutcome::NotSent`]: it never will), or finds what it
    /// came to. Only for an attempt that has had its time.
    ///
    /// # Errors
    /// When the store fails.
    async fn close_create(&self, call: &Call, attempt: &Attempt)
    -> Result<CallOutcome<Shipment>, StoreError>;

    /// The same for a cancel.
    ///
    /// # Errors
    /// When the store fails.
    async fn close_cancel(&self, call: &Call, attempt: &Attempt) -> Result<CallOutcome<()>, StoreError>;

    /// A booking that an answer on record tells of, also a late one, with the id of the log it stands in; not
    /// one of the shipments `known`, which the order has cancelled, or will.
    ///
    /// # Errors
    /// When the store fails.
    async fn booking_on_record(
        &self,
        order_id: &str,
        reference: &str,
        known: &[String],
    ) -> Result<Option<(String, Shipment)>, StoreError>;

    /// Gives the look-ups of workers that vanished their outcome: nobody else will. Should one of them be
    /// alive after all, its answer becomes the late one; look-ups change nothing at the provider, so nothing
    /// hangs on it.
    ///
    /// # Errors
    /// When the store fails.
    async fn close_look_ups(&self, order_id: &str) -> Result<(), StoreError>;

    /// The same for calls for a label.
    ///
    /// # Errors
    /// When the store fails.
    async fn close_label_calls(&self, order_id: &str) -> Result<(), StoreError>;

    /// Takes personal data out of all that was kept of the order's calls. May be done again.
    ///
    /// # Errors
    /// When the store fails; then some of it may be left.
    async fn erase_records(&self, order_id: &str) -> Result<(), StoreError>;
}

/// The calls that were made, as they may be shown.
#[async_trait]
pub trait CallRecords: fmt::Debug + Send + Sync {
    /// The newest 200 calls for an order, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    async fn of_order(&self, order_id: &str) -> Result<Vec<CallRecord>, StoreError>;

    /// At most `limit` calls for an order that were sent at `from` or later, oldest first, without what was
    /// asked and answered.
    ///
    /// # Errors
    /// When the store fails.
    async fn briefs(
        &self,
        order_id: &str,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<CallBrief>, StoreError>;

    /// One call for an order. `full`: with everything that was asked and answered, for those who may see
    /// personal data.
    ///
    /// # Errors
    /// When the store fails.
    async fn call(&self, order_id: &str, id: &str, full: bool) -> Result<Option<CallRecord>, StoreError>;

    /// The newest call of `operation` that came to a success, for whatever order, and that order's id.
    ///
    /// # Errors
    /// When the store fails.
    async fn last_good(&self, operation: &str) -> Result<Option<(String, CallRecord)>, StoreError>;
}

/// A call, without what was asked and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBrief {
    pub id: String,
    pub operation: String,
    pub attempt: i64,
    pub sent_at: Timestamp,
    pub never_sent: bool,
    pub job: Option<JobRun>,
    /// Absent while it is under way.
    pub end: Option<EndBrief>,
}

/// How it ended; as [`RecordedEnd`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndBrief {
    pub status_code: Option<u16>,
    pub error_code: Option<&'static str>,
    pub verdict: String,
    pub received_at: Timestamp,
    pub duration_ms: i64,
    pub answered_late: bool,
}

/// One call. Payloads show listed fields only; everything else reads `[redacted]`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProviderLogView)]
pub struct CallRecord {
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
    /// The run of a job that made it; absent when a person did.
    #[serde(skip)]
    #[schema(ignore)]
    pub job: Option<JobRun>,
    /// Nothing when `neverSent`.
    #[schema(value_type = Option<Object>)]
    pub request_payload: Value,
    /// Absent while the call is under way.
    pub outcome: Option<RecordedEnd>,
}

/// How it ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OutcomeView)]
pub struct RecordedEnd {
    pub status_code: Option<u16>,
    pub success: Option<bool>,
    /// The JSON that came; an answer that was none reads `[redacted]`.
    #[schema(value_type = Value)]
    pub response_payload: Option<Value>,
    #[schema(example = "timed-out")]
    pub error_code: Option<&'static str>,
    /// `refused`, `wallet`, `credentials`, `configuration`, `declined`, `busy`, `not-sent` or `unknown`, or
    /// the success: `booked`, `accepted` (a cancel), `found` or `not-found` (a look-up), `fetched` (a label).
    /// More may come.
    #[schema(example = "booked")]
    pub verdict: String,
    pub received_at: Timestamp,
    pub duration_ms: i64,
    /// An answer came after the call had been given up.
    pub answered_late: bool,
}
