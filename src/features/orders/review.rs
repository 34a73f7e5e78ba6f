//! Why an action of a person is refused. What an action makes of the order stands in `model/operator.rs`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::SyncStatus;
use crate::{base::timestamp::Timestamp, provider::carrier::ProviderEnv};

/// Longest AWB that is taken, in characters.
const LONGEST_AWB: usize = 64;

/// Why an action is not right for an order. The texts name AWBs, which are the operator's business, and
/// nobody's person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it does not wait for a person: it is {}", .0.as_str())]
    NotInReview(SyncStatus),
    #[error("only a failed order is amended or sent again: it is {}", .0.as_str())]
    NotFailed(SyncStatus),
    #[error("both orders have the shipments that ParcelX shows for them")]
    NothingToExchange,
    #[error("it is one and the same order: name two")]
    SameOrder,
    #[error("a shipment of it may be live")]
    ShipmentLive,
    #[error("its call may still be under way until {0}")]
    UnderWay(Timestamp),
    #[error("it was changed by others meanwhile: look again")]
    MovedOn,
    #[error("its merchant has requested its cancellation: fail it instead")]
    CancelRequested,
    #[error("it belongs to the {} provider, and this installation talks to another", .0.as_str())]
    OtherEnvironment(ProviderEnv),
    #[error("an AWB is 1 to {LONGEST_AWB} letters and digits")]
    BadAwb,
    #[error("another order has this AWB")]
    AwbOfAnother,
    #[error("the shipment {0} is being cancelled for this order, or was")]
    BeingCancelled(String),
    #[error("ParcelX shows the shipment as cancelled")]
    ShipmentCancelled,
    #[error("ParcelX has our reference under another AWB: {0}")]
    NotOurs(String),
    #[error("ParcelX knows the AWB, but nothing ties it to our reference")]
    Untied,
    #[error("ParcelX does not know the AWB")]
    UnknownAwb,
    #[error("ParcelX cannot be asked ({0})")]
    CannotAsk(String),
    #[error("ParcelX has the order as AWB {0}: adopt it")]
    FoundAs(String),
    #[error("ParcelX has the order, but does not tell its AWB")]
    FoundWithoutAwb,
    /// Of a failed order, whose merchant was told that there is no shipment.
    #[error("ParcelX has booked it all the same, as AWB {0}: that is cancelled first, then send it again")]
    BookedThoughFailed(String),
    /// The same, where the service cannot cancel it; in words, what is odd about it.
    #[error("ParcelX has booked it all the same, {0}: it goes to review instead")]
    BookedOddly(String),
    #[error("ParcelX does not find our reference")]
    NotFound,
    #[error("its call was answered after all: it is booked as AWB {0}")]
    BookedAfterAll(String),
    #[error("no shipment of it waits for a person")]
    NothingToCancel,
    #[error("several shipments of it wait for a person, name one: {0}")]
    SeveralShipments(String),
    #[error("its cancellation was requested before")]
    CancelledBefore,
    #[error("ParcelX refused it: there is nothing to cancel")]
    NeverBooked,
    #[error("the payload is for another clientOrderId")]
    OtherClientOrderId,
    #[error("it has not ended: what is still to be done needs its consignee")]
    NotEnded,
    #[error("the data of its consignee was erased")]
    Erased,
    #[error("it waits for no time: there is nothing to try sooner")]
    NothingToTry,
}

impl Refusal {
    /// In one word, to count by.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotInReview(_) => "not-in-review",
            Self::NotFailed(_) => "not-failed",
            Self::NothingToExchange => "nothing-to-exchange",
            Self::SameOrder => "same-order",
            Self::ShipmentLive => "shipment-live",
            Self::UnderWay(_) => "under-way",
            Self::MovedOn => "moved-on",
            Self::CancelRequested => "cancel-requested",
            Self::OtherEnvironment(_) => "other-environment",
            Self::BadAwb => "bad-awb",
            Self::AwbOfAnother => "awb-of-another-order",
            Self::BeingCancelled(_) => "being-cancelled",
            Self::ShipmentCancelled => "shipment-cancelled",
            Self::NotOurs(_) => "not-ours",
            Self::Untied => "untied",
            Self::UnknownAwb => "unknown-awb",
            Self::CannotAsk(_) => "cannot-ask",
            Self::FoundAs(_) | Self::FoundWithoutAwb => "found-at-parcelx",
            Self::BookedThoughFailed(_) | Self::BookedOddly(_) => "booked-though-failed",
            Self::NotFound => "not-found",
            Self::BookedAfterAll(_) => "booked-after-all",
            Self::NothingToCancel => "nothing-to-cancel",
            Self::SeveralShipments(_) => "several-shipments",
            Self::CancelledBefore => "cancelled-before",
            Self::NeverBooked => "never-booked",
            Self::OtherClientOrderId => "other-client-order-id",
            Self::NotEnded => "not-ended",
            Self::Erased => "erased",
            Self::NothingToTry => "nothing-to-try",
        }
    }
}

/// What became of a shipment that a person was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    Cancelled,
    Live,
}

/// An AWB as people type it, or why it is none.
///
/// # Errors
/// [`Refusal::BadAwb`].
pub fn awb(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    let fine = (1..=LONGEST_AWB).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine { Ok(text) } else { Err(Refusal::BadAwb) }
}
