//! Calling orders off, and cancelling what of them is booked.

use super::{OrderService, StoreError};
use crate::{
    base::ids,
    features::orders::{
        cancellation::PollSchedule,
        lifecycle::CancelDecision,
        model::{Actor, Order},
    },
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
        let mut came_to = None;
        let order = self.change(id, |order, now| {
            if order.user_id != user_id {
                return false;
            }
            let what = order.request_cancel(Actor::Merchant, reason.map(str::to_owned), now);
            came_to = Some(what);
            what.changes()
        });
        let order = order.await?;
        Ok(order.zip(came_to))
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
    ) -> Result<Option<Order>, StoreError> {
        let (mut order, now) = (seen.clone(), self.clock.now());
        if !order.take_cancel(awb, ids::provider_log(now), times, now) || !self.store.replace(&order).await? {
            return Ok(None);
        }
        order.version += 1;
        Ok(Some(order))
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
        self.change(id, |order, now| order.resolve_cancel(request_log_id, finding, schedule, now)).await
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
        self.change(id, |order, now| order.record_tracking(awb, tracked, schedule, now)).await
    }

    /// Hands what is being cancelled of an order to a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review_cancellations(&self, id: &str, reason: &str) -> Result<Option<Order>, StoreError> {
        self.change(id, |order, now| order.review_cancellations(reason, now)).await
    }
}
