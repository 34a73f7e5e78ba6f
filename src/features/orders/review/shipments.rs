//! What a person's actions ask of the provider and of the calls on record, and what they learn.

use crate::{
    features::orders::model::Order,
    platform::store::StoreError,
    provider::carrier::{Attempt, Shipment},
};
use std::fmt;

use async_trait::async_trait;

/// What the provider shows of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Not cancelled. By reference, the AWB is not always told.
    Live(Option<String>),
    Cancelled(Option<String>),
    /// The provider says that it does not know it; true or not.
    Unknown,
    /// Nothing was learnt, and why.
    Failed(String),
}

/// What is on record of a call that had its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It, or an earlier call of the order, was answered with this booking, by the log of this id. The order
    /// need not show it: a worker may have written the answer down and not lived to act on it.
    Booked(String, Shipment),
    /// It was never sent and never will be, or was answered with something else than a booking.
    NotBooked,
    Unclear,
}

/// What a person's actions need to know of the provider and of the calls on record. Sends nothing that
/// changes anything.
#[async_trait]
pub trait Shipments: fmt::Debug + Send + Sync {
    /// PollSchedule for the order's reference.
    ///
    /// # Errors
    /// When the store fails.
    async fn by_reference(&self, order: &Order) -> Result<Seen, StoreError>;

    /// PollSchedule for an AWB.
    ///
    /// # Errors
    /// When the store fails.
    async fn by_awb(&self, order: &Order, awb: &str) -> Result<Seen, StoreError>;

    /// Shuts `attempt` out of sending, or says what it and the calls before it came to. Only for one that has
    /// had its time.
    ///
    /// # Errors
    /// When the store fails.
    async fn close_booking(&self, order: &Order, attempt: &Attempt) -> Result<Evidence, StoreError>;

    /// Shuts the cancel `attempt` out of sending, or gives it its outcome. Only for one that has had its
    /// time.
    ///
    /// # Errors
    /// When the store fails.
    async fn close_cancel(&self, order: &Order, attempt: &Attempt) -> Result<(), StoreError>;
}
