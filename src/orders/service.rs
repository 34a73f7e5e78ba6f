//! The use cases of orders. Knows no HTTP and no provider.

mod amend;
mod cancel;
mod label;
pub mod review;

use std::time::Duration;

use super::{
    draft::Draft,
    journey::{CallTimes, Finding, reason},
    model::{Order, ProviderEnv},
    status::{OrderStatus, SyncStatus},
};
use crate::{
    clock::Clock,
    fault,
    outbox::Dispatched,
    queue::{producer::Producer, retry::Policies},
    store::{self, Cursor, Decision, Query, Store, StoreError, Updated},
    timestamp::Timestamp,
};

pub use label::{LabelAnswer, Labels};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct OrderService {
    store: Store,
    producer: Producer,
    clock: Clock,
    env: ProviderEnv,
    /// How jobs are retried.
    policies: Policies,
}

/// What became of a create.
#[derive(Debug)]
pub enum Created {
    New(Box<Order>),
    /// The same merchant, the same `clientOrderId`, the same payload: the order as it stands.
    Replayed(Box<Order>),
}

#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The `clientOrderId` belongs to an order with another payload.
    #[error("clientOrderId belongs to another order")]
    Mismatch(Box<Order>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which of a merchant's orders to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub client_order_id: Option<String>,
    pub status: Option<OrderStatus>,
    pub provider_sync_status: Option<SyncStatus>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

impl OrderService {
    #[must_use]
    pub fn new(store: Store, producer: Producer, clock: Clock, env: ProviderEnv, policies: Policies) -> Self {
        Self { store, producer, clock, env, policies }
    }

    /// Accepts an order, once for each `clientOrderId`: the unique index decides, not a look before the insert. One durable write, one
    /// offer to the queue; whether the queue takes it does not matter here, since the order carries its job in its outbox.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, user_id: &str, draft: Draft) -> Result<Created, CreateError> {
        let order = Order::new(user_id, draft, self.env, self.clock.now());
        fault::reach("create:before-insert");
        match self.store.insert(&order).await {
            Ok(()) => {
                fault::reach("create:after-insert");
                self.offer(&order).await;
                fault::reach("create:before-answer");
                Ok(Created::New(Box::new(order)))
            }
            Err(StoreError::Conflict { index }) if index == Order::BY_CLIENT_ORDER_ID => {
                let client_order_id = order.client_order_id.as_deref().unwrap_or_default();
                let existing = self.by_client_order_id(user_id, client_order_id).await?;
                let existing = existing.ok_or(StoreError::Contended)?;
                if existing.fingerprint == order.fingerprint {
                    Ok(Created::Replayed(Box::new(existing)))
                } else {
                    Err(CreateError::Mismatch(Box::new(existing)))
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the queue of the job in the order's outbox; the relay does, if this comes to nothing.
    async fn offer(&self, order: &Order) {
        match order.job(&self.policies, self.clock.now()) {
            Some(job) => {
                fault::reach("create:before-add");
                self.producer.offer(job).await;
                fault::reach("create:after-add");
            }
            None => tracing::error!(order.id = order.id, "the job of order {} does not serialise", order.id),
        }
    }

    /// Load, decide, save. `true` from `decide`: the order was changed. A job that is in the outbox then is offered to the queue at once.
    async fn change(&self, id: &str, mut decide: impl FnMut(&mut Order, Timestamp) -> bool) -> Result<Option<Order>, StoreError> {
        let updated = self.store.update::<Order, bool, StoreError>(id, |order| {
            Ok(if decide(order, self.clock.now()) { Decision::Save(true) } else { Decision::Leave(false) })
        });
        let Updated::Done(order, changed) = updated.await? else { return Ok(None) };
        if changed && order.outbox.is_some() {
            self.offer(&order).await;
        }
        Ok(Some(order))
    }

    async fn by_client_order_id(&self, user_id: &str, client_order_id: &str) -> Result<Option<Order>, StoreError> {
        let query = Query::sorted_by("clientOrderId", store::Order::Ascending)
            .equal("userId", user_id)
            .equal("clientOrderId", client_order_id)
            .limit(1);
        Ok(self.store.find(&query).await?.pop())
    }

    /// An order of this merchant. Another's is as absent as one that does not exist.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_user(&self, user_id: &str, id: &str) -> Result<Option<Order>, StoreError> {
        Ok(self.store.get::<Order>(id).await?.filter(|order| order.user_id == user_id))
    }

    /// A page of a merchant's orders, newest first; at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, user_id: &str, filter: &Filter, after: Option<Cursor>, limit: usize) -> Result<Vec<Order>, StoreError> {
        let mut query = Query::sorted_by("createdAt", store::Order::Descending).equal("userId", user_id).limit(limit);
        if let Some(id) = &filter.client_order_id {
            query = query.equal("clientOrderId", id.as_str());
        }
        if let Some(status) = filter.status {
            query = query.equal("status", status.word());
        }
        if let Some(status) = filter.provider_sync_status {
            query = query.equal("providerSyncStatus", status.word());
        }
        if let Some(at) = filter.created_after {
            query = query.from(at);
        }
        if let Some(at) = filter.created_before {
            query = query.before(at);
        }
        if let Some(cursor) = after {
            query = query.after(cursor);
        }
        self.store.find(&query).await
    }

    /// The order as a job sees it: whoever it belongs to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(&self, id: &str) -> Result<Option<Order>, StoreError> {
        self.store.get(id).await
    }

    /// Takes the order for one call under `request_log_id`, if it still stands as `seen` does. Gives the order as it was taken,
    /// or nothing when somebody else was faster.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take(&self, seen: &Order, request_log_id: &str, times: impl Into<CallTimes>) -> Result<Option<Order>, StoreError> {
        let mut order = seen.clone();
        order.take(request_log_id.to_owned(), times, self.clock.now());
        if !self.store.replace(&order).await? {
            return Ok(None);
        }
        order.version += 1;
        Ok(Some(order))
    }

    /// Writes down what became of an attempt, and gives the order as it then stands. An AWB that another order already has
    /// is no booking of this one: such an answer counts as unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle(
        &self,
        id: &str,
        request_log_id: &str,
        finding: &Finding,
        first_look: Duration,
    ) -> Result<Option<Order>, StoreError> {
        let unknown = Finding::Unknown(reason::AWB_OF_ANOTHER_ORDER.to_owned());
        let mut unheld = false;
        loop {
            match self.try_settle(id, request_log_id, finding, first_look, unheld).await {
                Err(StoreError::Conflict { index }) if index == Order::BY_AWB => {
                    return Ok(self.try_settle(id, request_log_id, &unknown, first_look, true).await?.0);
                }
                Ok((_, Some(surplus))) if self.has_awb(&surplus).await? => {
                    tracing::warn!(order.id = id, "an answer for order {id} named the shipment of another one: it is left alone");
                    return Ok(self.try_settle(id, request_log_id, &unknown, first_look, true).await?.0);
                }
                Ok((_, Some(_))) => unheld = true,
                settled => return Ok(settled?.0),
            }
        }
    }

    /// Gives an AWB too many back, and changes nothing, unless it is known that no order has it: it will be cancelled.
    async fn try_settle(
        &self,
        id: &str,
        request_log_id: &str,
        finding: &Finding,
        first_look: Duration,
        unheld: bool,
    ) -> Result<(Option<Order>, Option<String>), StoreError> {
        let mut surplus = None;
        let settled = self.change(id, |order, now| {
            let known = order.surplus_awbs.len();
            let changed = order.settle(request_log_id, finding, first_look, now);
            surplus = order.surplus_awbs.get(known).filter(|_| !unheld).cloned();
            changed && surplus.is_none()
        });
        Ok((settled.await?, surplus))
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

    /// Hands an order whose job has died to a person, unless somebody has gone on with it since it was `seen`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bury(&self, seen: &Order, reason: &str) -> Result<Option<Order>, StoreError> {
        let stands = |order: &Order| (order.generation, order.provider_sync_status, order.attempt.as_ref().map(|a| a.no));
        let at = stands(seen);
        self.change(&seen.id, |order, now| stands(order) == at && order.review(reason, now)).await
    }

    /// Gives an order that is gone on with a job of the next generation, if `seen` is still the current one: its own has died.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dispatch_again(&self, seen: &Order) -> Result<Option<Order>, StoreError> {
        let dispatch = |order: &mut Order, now| {
            let open = order.provider_sync_status.is_open() || order.recalls_open();
            let again = open && order.generation == seen.generation;
            if again {
                order.dispatch(now);
            }
            again
        };
        self.change(&seen.id, dispatch).await
    }

    /// Hands an order whose unanswered call, the attempt `request_log_id`, could not be settled to a person; see [`Order::give_up`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_up(&self, id: &str, request_log_id: &str, shipped: bool, reason: &str) -> Result<Option<Order>, StoreError> {
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
        let query = Query::sorted_by("bookedAt", store::Order::Descending).equal("providerEnv", self.env.word()).from(since).limit(1);
        Ok(self.store.find(&query).await?.pop())
    }

    /// Has an order that waits for the end of the attempt `request_log_id` looked at again at `at`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_again(&self, id: &str, request_log_id: &str, at: Timestamp) -> Result<Option<Order>, StoreError> {
        let put_off = |order: &mut Order, now| {
            let waits = order.awaits(request_log_id);
            if waits {
                order.look_again(at, now);
            }
            waits
        };
        self.change(id, put_off).await
    }

    #[must_use]
    pub fn env(&self) -> ProviderEnv {
        self.env
    }
}
