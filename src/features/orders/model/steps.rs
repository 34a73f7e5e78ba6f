//! The parts of an order that tell of its lifecycle: calls, unresolved_calls, cancels, labels, steps.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{base::timestamp::Timestamp, features::orders::status::SyncStatus, provider::carrier::Attempt};

/// An unanswered call that is being looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnresolvedCall {
    /// When the call ended; look-ups are counted from here.
    pub since: Timestamp,
    /// How many calls on this reference have ended so.
    pub calls: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancellationState {
    #[default]
    None,
    Requested,
    Sent,
    Done,
    Refused,
    Review,
}

/// The merchant's request to call the order off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    pub state: CancellationState,
    /// The merchant's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// When `ParcelX` accepted it; of an order that was not booked, when it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// When `ParcelX` first showed the shipment as cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// Why it stands where it stands: the provider's words of a refusal, why a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How far the cancelling of one shipment at the provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentCancellationState {
    /// To be sent.
    Wanted,
    /// A call may be under way.
    Sending,
    /// A call ended without an answer, or was refused: what `ParcelX` shows of the shipment decides.
    Unclear,
    /// Accepted; `ParcelX` does not show it yet.
    Accepted,
    /// `ParcelX` shows the shipment as cancelled.
    Confirmed,
    /// `ParcelX` said no, and the shipment is live.
    Refused,
    /// Cannot be settled without a person.
    Review,
}

/// The cancelling of one shipment. An order has one for its own AWB when its merchant wants that, and one for
/// each shipment too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancellation {
    pub awb: String,
    pub state: ShipmentCancellationState,
    pub wanted_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// From when the present looks are counted: the end of the call.
    pub since: Timestamp,
    /// Not before this time, in the states that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Timestamp>,
    /// How many calls ended without an answer.
    #[serde(default)]
    pub unresolved_calls: u32,
    /// How often in a row it had to wait for the provider.
    #[serde(default)]
    pub waits: u32,
    /// The provider's words of a refusal, or why a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A person has seen that the shipment stays live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_live: bool,
}

/// What a person must look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOf {
    /// Whether it is booked, or why it cannot be.
    Booking,
    /// Whether a shipment is cancelled.
    Cancellation,
}

/// A person must look. Derived from the rest of the order, so that those orders can be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    pub of: ReviewOf,
    pub since: Timestamp,
    /// One of [`crate::features::orders::lifecycle::reason`], without its detail.
    pub reason: String,
}

/// Who moved an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    Merchant,
    Worker,
    Operator,
}

/// One step of the lifecycle. `seq` only grows, also when older entries are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    pub seq: i64,
    pub at: Timestamp,
    pub actor: Actor,
    pub status: SyncStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which attempt it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// The line in the audit log of the action that this step is. Not shown to merchants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub audit_id: Option<String>,
}

/// The request for a label, and how the last one ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// Counts the requests. Each has a job of its own, so that a finished one that the queue keeps never
    /// blocks the next.
    pub request: u32,
    /// The last request that was answered; the fields from `url` on say how.
    #[serde(default)]
    pub answered: u32,
    /// When something should be done for the request.
    pub due_at: Timestamp,
    /// Its calls that came to nothing so far.
    #[serde(default)]
    pub tries: u32,
    /// Where the label is. May give access to personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<LabelFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

/// Why a request was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "words", rename_all = "snake_case")]
pub enum LabelFailure {
    /// The provider said no, in these words.
    Refused(String),
    /// It gave an address that must not be handed out.
    Unusable,
    /// No answer to go by, for this reason, at every try.
    Unreachable(String),
}
