//! The documents: an operation, and what became of one order or job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::targets::Place;
use crate::{
    base::timestamp::Timestamp,
    features::{
        audit::Origin,
        orders::{model::ReviewOf, review::Fate},
    },
    platform::store::{Document, Field, Index, id_and_version},
};

/// What is done with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    #[serde(rename = "review.rebook")]
    ReviewRebook,
    #[serde(rename = "review.adopt-found")]
    ReviewAdoptFound,
    #[serde(rename = "review.fail")]
    ReviewFail,
    /// The cancel of the shipment that waits for a person is sent again.
    #[serde(rename = "review.cancel-shipment")]
    ReviewCancelShipment,
    /// What became of the shipment that waits for a person is written down.
    #[serde(rename = "review.close-shipment")]
    ReviewCloseShipment,
    #[serde(rename = "orders.resend")]
    OrdersResend,
    #[serde(rename = "jobs.retry")]
    JobsRetry,
    #[serde(rename = "jobs.promote")]
    JobsPromote,
    #[serde(rename = "jobs.remove")]
    JobsRemove,
    /// Not about an order or a job: the people of each merchant are told something.
    #[serde(rename = "merchants.notice")]
    MerchantsNotice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No worker has begun.
    Waiting,
    Running,
    Paused,
    Done,
    /// By a person.
    Cancelled,
    /// By its own rule: `stopped` says why.
    Stopped,
}

/// Which orders or jobs. What is not named does not count; each kind knows some of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Of a review: a code, or the beginning of one and a `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ReviewOf>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// In review, or failed, since this time or later. Of jobs: finished, or else added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub from: Option<Timestamp>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub before: Option<Timestamp>,
    /// Of failed orders: their cause, as the list of failures shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Of failed orders: words that the cause contains, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Of jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Of jobs: `waiting`, `delayed`, `completed` or `failed`; to remove them also several, with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Of jobs: what kind they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Bulk work, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub id: String,
    pub version: i64,
    /// Whose, and by what name they asked for it: the same starts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub kind: Kind,
    pub state: State,
    pub filter: Filter,
    /// What merchants are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What became of the shipments that are closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// In the place of a filter: orders, jobs or merchants by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Of a rebook: also where ParcelX shows a shipment or cannot be asked.
    #[serde(default)]
    pub force: bool,
    pub rate_per_minute: u32,
    /// So many failures in a row stop it.
    pub stop_after: u32,
    pub actor: String,
    pub reason: String,
    #[serde(default)]
    pub origin: Origin,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How many there were when it was asked for.
    pub total: u64,
    pub capped: bool,
    pub done: u64,
    pub refused: u64,
    pub failed: u64,
    #[serde(default)]
    pub failed_in_a_row: u32,
    /// Refusals and failures, by code.
    #[serde(default)]
    pub refusals: BTreeMap<String, u64>,
    /// Why it stopped by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Those that are being acted on: whoever takes over begins with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) in_hand: Option<InHand>,
    /// Behind which order or job it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Place>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Some targets, and where the next ones are: written down before any of them is acted on, since an order
/// that was acted on is in no list any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InHand {
    pub(super) ids: Vec<String>,
    /// Nothing: they are the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ItemResult {
    Done,
    /// It is not right for this one.
    Refused,
    /// It could not be decided: ParcelX, the database or the queue does not answer.
    Failed,
}

/// What became of one order or job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The operation's and the target's.
    pub id: String,
    pub version: i64,
    pub operation: String,
    /// An order's id, a job's, or a merchant's.
    pub target: String,
    pub result: ItemResult,
    /// Why not, in one word and in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    pub at: Timestamp,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::ReviewRebook,
        Self::ReviewAdoptFound,
        Self::ReviewFail,
        Self::ReviewCancelShipment,
        Self::ReviewCloseShipment,
        Self::OrdersResend,
        Self::JobsRetry,
        Self::JobsPromote,
        Self::JobsRemove,
        Self::MerchantsNotice,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReviewRebook => "review.rebook",
            Self::ReviewAdoptFound => "review.adopt-found",
            Self::ReviewFail => "review.fail",
            Self::ReviewCancelShipment => "review.cancel-shipment",
            Self::ReviewCloseShipment => "review.close-shipment",
            Self::OrdersResend => "orders.resend",
            Self::JobsRetry => "jobs.retry",
            Self::JobsPromote => "jobs.promote",
            Self::JobsRemove => "jobs.remove",
            Self::MerchantsNotice => "merchants.notice",
        }
    }

    #[must_use]
    pub fn is_of_jobs(self) -> bool {
        matches!(self, Self::JobsRetry | Self::JobsPromote | Self::JobsRemove)
    }

    #[must_use]
    pub fn is_of_orders(self) -> bool {
        !self.is_of_jobs() && self != Self::MerchantsNotice
    }

    /// Whether it is about shipments whose cancelling waits for a person, and not about bookings.
    #[must_use]
    pub fn is_of_shipments(self) -> bool {
        matches!(self, Self::ReviewCancelShipment | Self::ReviewCloseShipment)
    }

    /// What its orders are in review of, where they are.
    #[must_use]
    pub fn reviews(self) -> ReviewOf {
        if self.is_of_shipments() { ReviewOf::Cancellation } else { ReviewOf::Booking }
    }

    /// Whether it may book shipments, which are paid for.
    #[must_use]
    pub fn costs(self) -> bool {
        matches!(self, Self::ReviewRebook | Self::OrdersResend)
    }
}

impl State {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
        }
    }

    /// Whether a worker has something to do with it.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }

    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Stopped)
    }
}

impl ItemResult {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl Operation {
    /// Unique where one was given.
    pub const BY_KEY: &'static str = "key";

    /// How many it has passed.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.done + self.refused + self.failed
    }

    pub(super) fn end(&mut self, state: State, now: Timestamp) {
        (self.state, self.ended_at) = (state, Some(now));
    }

    /// Counts what became of one, and stops after too many failures in a row.
    pub(super) fn count(&mut self, item: &Item) {
        match item.result {
            ItemResult::Done => self.done += 1,
            ItemResult::Refused => self.refused += 1,
            ItemResult::Failed => self.failed += 1,
        }
        if let Some(code) = &item.code {
            *self.refusals.entry(code.clone()).or_default() += 1;
        }
        self.failed_in_a_row =
            if item.result == ItemResult::Failed { self.failed_in_a_row.saturating_add(1) } else { 0 };
    }
}

impl Item {
    pub(super) fn id_of(operation: &str, target: &str) -> String {
        format!("{operation}-{target}")
    }
}

impl Document for Operation {
    const COLLECTION: &'static str = "operations";
    const INDEXES: &'static [Index] = &[
        Index::on(Self::BY_KEY, &[Field::text("key")]).unique().partial(),
        Index::on("created", &[Field::time("createdAt")]),
        Index::on("state", &[Field::text("state"), Field::time("createdAt")]),
        Index::on("ended", &[Field::time("endedAt")]).partial(),
    ];

    id_and_version!();
}

impl Document for Item {
    const COLLECTION: &'static str = "operation_items";
    const INDEXES: &'static [Index] = &[
        Index::on("operation", &[Field::text("operation"), Field::time("at")]),
        Index::on("operation_result", &[Field::text("operation"), Field::text("result"), Field::time("at")]),
        Index::on("at", &[Field::time("at")]),
    ];

    id_and_version!();
}
