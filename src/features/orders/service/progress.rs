//! How jobs move an order on: taken for a call, settled by what came of it, handed on or given up.

use std::time::Duration;

use super::OrderService;
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Event, Order},
        reason,
    },
    platform::{
        outbox::Dispatched,
        store::{self, Document, Query, StoreError},
    },
    provider::carrier::{CallOutcome, CallTimes, Shipment},
};

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
        paused: Duration,
    ) -> Result<Option<Order>, StoreError> {
        let event = Event::Take { log_id: request_log_id, times: times.into(), paused };
        self.save_after(seen, event, self.clock.now()).await
    }

    /// Applies `event` to the order as it was `seen`, and saves it if it still stands so.
    pub(super) async fn save_after(
        &self,
        seen: &Order,
        event: Event<'_>,
        now: Timestamp,
    ) -> Result<Option<Order>, StoreError> {
        let (mut order, applied) = seen.after(event, now)?;
        if !applied.changed() || !self.store.replace(&order).await? {
            return Ok(None);
        }
        order.set_version(order.version() + 1);
        Ok(Some(order))
    }

    /// Records what became of an attempt, and returns the order as it then stands. An AWB that another order
    /// already has is no booking of this one: such an answer counts as unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve(
        &self,
        id: &str,
        request_log_id: &str,
        outcome: &CallOutcome<Shipment>,
        first_poll: Duration,
    ) -> Result<Option<Order>, StoreError> {
        Box::pin(self.resolve_from(id, None, (request_log_id, outcome, first_poll))).await
    }

    /// The same for the order as its attempt has `taken` it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve_taken(
        &self,
        taken: Order,
        request_log_id: &str,
        outcome: &CallOutcome<Shipment>,
        first_poll: Duration,
    ) -> Result<Option<Order>, StoreError> {
        let id = taken.id().to_owned();
        Box::pin(self.resolve_from(&id, Some(taken), (request_log_id, outcome, first_poll))).await
    }

    async fn resolve_from(
        &self,
        id: &str,
        mut seen: Option<Order>,
        (log_id, outcome, first_poll): (&str, &CallOutcome<Shipment>, Duration),
    ) -> Result<Option<Order>, StoreError> {
        let ended = Event::CallEnded { log_id, outcome, first_poll };
        let unknown = CallOutcome::unanswered(reason::AWB_OF_ANOTHER_ORDER);
        let unknown = Event::CallEnded { log_id, outcome: &unknown, first_poll };
        let mut unheld = false;
        loop {
            match self.try_resolve(id, seen.take(), ended, unheld).await {
                Err(StoreError::Conflict { index }) if index == Order::BY_AWB => {
                    return Ok(self.try_resolve(id, None, unknown, true).await?.0);
                }
                Ok((_, Some(duplicate))) if self.has_awb(&duplicate).await? => {
                    tracing::warn!(
                        order.id = id,
                        "an answer for order {id} named the shipment of another one: it is left alone"
                    );
                    return Ok(self.try_resolve(id, None, unknown, true).await?.0);
                }
                Ok((_, Some(_))) => unheld = true,
                resolved => return Ok(resolved?.0),
            }
        }
    }

    /// Returns a duplicate AWB, and changes nothing, unless it is known that no order has it (`unheld`): it
    /// will be cancelled.
    async fn try_resolve(
        &self,
        id: &str,
        seen: Option<Order>,
        event: Event<'_>,
        unheld: bool,
    ) -> Result<(Option<Order>, Option<String>), StoreError> {
        let mut duplicate = None;
        let decide = |order: &mut Order, now| {
            let known = order.booking().duplicate_awbs().len();
            let changed = order.apply(event, now)?.changed();
            duplicate = order.booking().duplicate_awbs().get(known).filter(|_| !unheld).cloned();
            Ok(changed && duplicate.is_none())
        };
        Ok((self.change(id, seen, decide).await?, duplicate))
    }

    /// Whether an order has the shipment `awb` for its own.
    pub(super) async fn has_awb(&self, awb: &str) -> Result<bool, StoreError> {
        let query = Query::sorted_by("awb", store::Order::Ascending).equal("awb", awb);
        Ok(self.store.count::<Order>(&query, 1).await?.n > 0)
    }

    /// Gives the order that has another one's shipment, as it was `seen`, the shipment `awb` that the
    /// provider shows for it. `false`: it has moved on, or may not be given that one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn shown_as(&self, seen: &Order, awb: &str) -> Result<bool, StoreError> {
        match self.save_after(seen, Event::ShownAs { awb }, self.clock.now()).await {
            Err(StoreError::Conflict { index }) if index == Order::BY_AWB => Ok(false),
            saved => Ok(saved?.is_some()),
        }
    }

    /// Hands an order that the service can do no more for to a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review(&self, id: &str, reason: &str) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::Review { reason }).await
    }

    /// Notes that the database was restored from a backup: what may have been booked since is not sent
    /// without a person and a look-up.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn restored(&self, id: &str, reason: &str) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::Restored { reason }).await
    }

    /// Notes that the provider shows the shipment of an order that waits for a person as cancelled.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seen_cancelled(&self, id: &str) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::SeenCancelled).await
    }

    /// Hands an order whose job has died to a person, unless somebody has gone on with it since it was
    /// `seen`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bury(&self, seen: &Order, reason: &str) -> Result<Option<Order>, StoreError> {
        let stands =
            |order: &Order| (order.generation(), order.provider_sync_status(), order.attempt().map(|a| a.no));
        let at = stands(seen);
        let review = |order: &mut Order, now| {
            Ok(stands(order) == at && order.apply(Event::Review { reason }, now)?.changed())
        };
        self.change(seen.id(), None, review).await
    }

    /// Gives an order that is gone on with a job of the next generation, if `seen` is still the current one:
    /// its own has died.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dispatch_again(&self, seen: &Order) -> Result<Option<Order>, StoreError> {
        self.apply(seen.id(), Event::DispatchAgain { generation: seen.generation() }).await
    }

    /// Hands an order whose unanswered call, the attempt `request_log_id`, could not be settled to a person;
    /// see [`Event::GiveUp`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_up(
        &self,
        id: &str,
        request_log_id: &str,
        found: bool,
        reason: &str,
    ) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::GiveUp { log_id: request_log_id, found, reason }).await
    }

    /// An order that is to be sent has the live shipment `awb` of an earlier call; see
    /// [`Event::FoundFirst`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn found_first(&self, id: &str, awb: &str) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::FoundFirst { awb }).await
    }

    /// Nothing live of an order is found that stands as `seen` and is to be sent; see
    /// [`Event::NothingFirst`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn nothing_first(&self, seen: &Order) -> Result<Option<Order>, StoreError> {
        self.apply(seen.id(), Event::NothingFirst { seen }).await
    }

    /// The unanswered call on the attempt `request_log_id` is proven to have booked nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn absent(&self, id: &str, request_log_id: &str) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::ProvenAbsent { log_id: request_log_id }).await
    }

    /// How many orders that jobs move on are for another provider than this process's, among the 5000 that
    /// are due first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_of_other_env(&self) -> Result<usize, StoreError> {
        let (mut count, mut looked_at) = (0, 0);
        let mut query = Query::sorted_by(Order::OVERDUE, store::Order::Ascending).limit(500);
        loop {
            let page = self.store.find::<Order>(&query).await?;
            looked_at += page.docs.len();
            count += page.docs.iter().filter(|order| order.provider_env() != self.env).count();
            match page.next {
                Some(cursor) if looked_at < 5000 => query = query.after(cursor),
                _ => return Ok(count),
            }
        }
    }

    /// The order that has the shipment `awb` for its own.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn with_awb(&self, awb: &str) -> Result<Option<Order>, StoreError> {
        let query = Query::sorted_by("awb", store::Order::Ascending).equal("awb", awb).limit(1);
        Ok(self.store.find::<Order>(&query).await?.whole()?.into_iter().next())
    }

    /// The order with this order number, or with this AWB.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn by_number_or_awb(&self, what: &str) -> Result<Option<Order>, StoreError> {
        for field in ["orderNumber", "awb"] {
            let query = Query::sorted_by(field, store::Order::Ascending).equal(field, what).limit(1);
            if let Some(order) = self.store.find::<Order>(&query).await?.whole()?.into_iter().next() {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// The order that was booked last, at `since` or later: what a look-up that works must know.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_booked(&self, since: Timestamp) -> Result<Option<Order>, StoreError> {
        let query = Query::sorted_by("bookedAt", store::Order::Descending)
            .equal("providerEnv", self.env.as_str())
            .from(since)
            .limit(10); // some may be a newer binary's, and not be read
        Ok(self.store.find(&query).await?.docs.into_iter().next())
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
        self.apply(id, Event::PollAgain { log_id: request_log_id, at }).await
    }
}
