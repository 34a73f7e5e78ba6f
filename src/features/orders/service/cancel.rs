//! Calling orders off, and cancelling what of them is booked.

use std::time::Duration;

use super::{OrderService, StoreError};
use crate::{
    base::ids,
    features::orders::model::{Actor, Applied, CancelDecision, Event, Order, PollSchedule},
    provider::carrier::{CallOutcome, CallTimes, Tracking},
};

impl OrderService {
    /// A merchant cancels their order. Nothing: they have no such order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cancel(
        &self,
        user_id: &str,
        id: &str,
        reason: Option<&str>,
    ) -> Result<Option<(Order, CancelDecision)>, StoreError> {
        let request = Event::RequestCancel { actor: Actor::Merchant, reason };
        Ok(match self.apply_own(user_id, id, request).await? {
            Some((order, Applied::Cancel(what))) => Some((order, what)),
            _ => None,
        })
    }

    /// Takes the cancellation of `awb` for one call under a request log id that is given back, if `seen` is
    /// still how the order stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take_cancel(
        &self,
        seen: &Order,
        awb: &str,
        times: impl Into<CallTimes>,
        paused: Duration,
    ) -> Result<Option<Order>, StoreError> {
        let now = self.clock.now();
        let (log_id, times) = (ids::provider_log(now), times.into());
        self.save_after(seen, Event::TakeCancel { awb, log_id: &log_id, times, paused }, now).await
    }

    /// Writes down what became of the cancel under `request_log_id`, and gives the order as it then stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve_cancel(
        &self,
        id: &str,
        request_log_id: &str,
        finding: &CallOutcome<()>,
        schedule: &PollSchedule,
    ) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::CancelEnded { log_id: request_log_id, outcome: finding, schedule }).await
    }

    /// Takes in what a look-up shows of a shipment that is being cancelled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record_tracking(
        &self,
        id: &str,
        awb: &str,
        tracked: &CallOutcome<Tracking>,
        schedule: &PollSchedule,
    ) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::TrackingSeen { awb, tracked, schedule }).await
    }

    /// Hands what is being cancelled of an order to a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review_cancellations(&self, id: &str, reason: &str) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::ReviewCancellations { reason }).await
    }
}
