//! How jobs move an order on: taken for a call, settled by what came of it, handed on or given up.

use crate::{
    base::timestamp::Timestamp,
    features::orders::{lifecycle::reason, model::Order},
    platform::store::{self, Query, StoreError},
    provider::carrier::{CallOutcome, CallTimes, Shipment},
};
use std::time::Duration;

use super::OrderService;

impl OrderService {
    /// The order as a job sees it: whoever it belongs to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(&self, id: &str) -> Result<Option<Order>, StoreError> {
        self.store.get(id).await
    }

    /// Takes the order for one call under `request_log_id`, if it still stands as `seen` does. Gives the
    /// order as it was taken, or nothing when somebody else was faster.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take(
        &self,
        seen: &Order,
        request_log_id: &str,
        times: impl Into<CallTimes>,
    ) -> Result<Option<Order>, StoreError> {
        let mut order = seen.clone();
        order.take(request_log_id.to_owned(), times, self.clock.now());
        if !self.store.replace(&order).await? {
            return Ok(None);
        }
        order.version += 1;
        Ok(Some(order))
    }

    /// Writes down what became of an attempt, and gives the order as it then stands. An AWB that another
    /// order already has is no booking of this one: such an answer counts as unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve(
        &self,
        id: &str,
        request_log_id: &str,
        finding: &CallOutcome<Shipment>,
        first_poll: Duration,
    ) -> Result<Option<Order>, StoreError> {
        let unknown = CallOutcome::unanswered(reason::AWB_OF_ANOTHER_ORDER);
        let mut unheld = false;
        loop {
            match self.try_resolve(id, request_log_id, finding, first_poll, unheld).await {
                Err(StoreError::Conflict { index }) if index == Order::BY_AWB => {
                    return Ok(self.try_resolve(id, request_log_id, &unknown, first_poll, true).await?.0);
                }
                Ok((_, Some(duplicate))) if self.has_awb(&duplicate).await? => {
                    tracing::warn!(
                        order.id = id,
                        "an answer for order {id} named the shipment of another one: it is left alone"
                    );
                    return Ok(self.try_resolve(id, request_log_id, &unknown, first_poll, true).await?.0);
                }
                Ok((_, Some(_))) => unheld = true,
                settled => return Ok(settled?.0),
            }
        }
    }

    /// Gives an AWB too many back, and changes nothing, unless it is known that no order has it: it will be
    /// cancelled.
    async fn try_resolve(
        &self,
        id: &str,
        request_log_id: &str,
        finding: &CallOutcome<Shipment>,
        first_poll: Duration,
        unheld: bool,
    ) -> Result<(Option<Order>, Option<String>), StoreError> {
        let mut duplicate = None;
        let settled = self.change(id, |order, now| {
            let known = order.duplicate_awbs.len();
            let changed = order.resolve(request_log_id, finding, first_poll, now);
            duplicate = order.duplicate_awbs.get(known).filter(|_| !unheld).cloned();
            changed && duplicate.is_none()
        });
        Ok((settled.await?, duplicate))
    }

    /// Whether an order has the shipment `awb` for its own.
    async fn has_awb(&self, awb: &str) -> Result<bool, StoreError> {
        let query = Query::sorted_by("awb", store::Order::Ascending).equal("awb", awb).limit(1);
        Ok(!self.store.find::<Order>(&query).await?.is_empty())
    }

    /// Hands an order that the service can do no more for to a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review(&self, id: &str, reason: &str) -> Result<Option<Order>, StoreError> {
        self.change(id, |order, now| order.review(reason, now)).await
    }

    /// Hands an order whose job has died to a person, unless somebody has gone on with it since it was
    /// `seen`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bury(&self, seen: &Order, reason: &str) -> Result<Option<Order>, StoreError> {
        let stands = |order: &Order| {
            (order.generation, order.provider_sync_status, order.attempt.as_ref().map(|a| a.no))
        };
        let at = stands(seen);
        self.change(&seen.id, |order, now| stands(order) == at && order.review(reason, now)).await
    }

    /// Gives an order that is gone on with a job of the next generation, if `seen` is still the current one:
    /// its own has died.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dispatch_again(&self, seen: &Order) -> Result<Option<Order>, StoreError> {
        let dispatch = |order: &mut Order, now| {
            let open = order.provider_sync_status.is_open() || order.cancellations_open();
            let again = open && order.generation == seen.generation;
            if again {
                order.dispatch(now);
            }
            again
        };
        self.change(&seen.id, dispatch).await
    }

    /// Hands an order whose unanswered call, the attempt `request_log_id`, could not be settled to a person;
    /// see [`Order::give_up`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_up(
        &self,
        id: &str,
        request_log_id: &str,
        shipped: bool,
        reason: &str,
    ) -> Result<Option<Order>, StoreError> {
        self.change(id, |order, now| order.give_up(request_log_id, shipped, reason, now)).await
    }

    /// The unanswered call on the attempt `request_log_id` is proven to have booked nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn absent(&self, id: &str, request_log_id: &str) -> Result<Option<Order>, StoreError> {
        self.change(id, |order, now| order.absent(request_log_id, now)).await
    }

    /// The order that was booked last, at `since` or later: what a look-up that works must know.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_booked(&self, since: Timestamp) -> Result<Option<Order>, StoreError> {
        let query = Query::sorted_by("bookedAt", store::Order::Descending)
            .equal("providerEnv", self.env.as_str())
            .from(since)
            .limit(1);
        Ok(self.store.find(&query).await?.pop())
    }

    /// Has an order that waits for the end of the attempt `request_log_id` looked at again at `at`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn poll_again(
        &self,
        id: &str,
        request_log_id: &str,
        at: Timestamp,
    ) -> Result<Option<Order>, StoreError> {
        let put_off = |order: &mut Order, now| {
            let waits = order.awaits(request_log_id);
            if waits {
                order.poll_again(at, now);
            }
            waits
        };
        self.change(id, put_off).await
    }
}
