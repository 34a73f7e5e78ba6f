//! The use cases of orders. Knows no HTTP and no provider.

use std::time::Duration;

use super::{
    draft::Draft,
    jobs::CreateOrderJob,
    journey::{self, CallTimes, Finding, reason},
    model::{Order, ProviderEnv},
    status::{OrderStatus, SyncStatus},
};
use crate::{
    clock::Clock,
    fault,
    queue::{NewJob, producer::Producer, retry::Policy},
    store::{self, Cursor, Decision, Query, Store, StoreError, Updated},
    timestamp::Timestamp,
};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct OrderService {
    store: Store,
    producer: Producer,
    clock: Clock,
    env: ProviderEnv,
    /// How create jobs are retried.
    policy: Policy,
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
    pub fn new(store: Store, producer: Producer, clock: Clock, env: ProviderEnv, policy: Policy) -> Self {
        Self { store, producer, clock, env, policy }
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

    async fn offer(&self, order: &Order) {
        let id = journey::job_id(&order.id, order.generation);
        match NewJob::of(id, &CreateOrderJob::from(order), &self.policy) {
            Ok(job) => {
                fault::reach("create:before-add");
                self.producer.offer(job).await;
                fault::reach("create:after-add");
            }
            Err(error) => tracing::error!(order.id = order.id, %error, "the job of order {} does not serialise", order.id),
        }
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
        match self.try_settle(id, request_log_id, finding, first_look).await {
            Err(StoreError::Conflict { index }) if index == Order::BY_AWB => {
                let unknown = Finding::Unknown(reason::AWB_OF_ANOTHER_ORDER.to_owned());
                self.try_settle(id, request_log_id, &unknown, first_look).await
            }
            settled => settled,
        }
    }

    async fn try_settle(
        &self,
        id: &str,
        request_log_id: &str,
        finding: &Finding,
        first_look: Duration,
    ) -> Result<Option<Order>, StoreError> {
        let settled = self.store.update::<Order, _, StoreError>(id, |order| {
            let changed = order.settle(request_log_id, finding, first_look, self.clock.now());
            Ok(if changed { Decision::Save(()) } else { Decision::Leave(()) })
        });
        Ok(found(settled.await?))
    }

    /// Hands an order that the service can do no more for to a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review(&self, id: &str, reason: &str) -> Result<Option<Order>, StoreError> {
        let reviewed = self.store.update::<Order, _, StoreError>(id, |order| {
            Ok(if order.review(reason, self.clock.now()) { Decision::Save(()) } else { Decision::Leave(()) })
        });
        Ok(found(reviewed.await?))
    }

    /// Hands an order whose unanswered call, the attempt `request_log_id`, could not be settled to a person; see [`Order::give_up`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_up(&self, id: &str, request_log_id: &str, shipped: bool, reason: &str) -> Result<Option<Order>, StoreError> {
        let given = self.store.update::<Order, _, StoreError>(id, |order| {
            let changed = order.give_up(request_log_id, shipped, reason, self.clock.now());
            Ok(if changed { Decision::Save(()) } else { Decision::Leave(()) })
        });
        Ok(found(given.await?))
    }

    /// The unanswered call on the attempt `request_log_id` is proven to have booked nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn absent(&self, id: &str, request_log_id: &str) -> Result<Option<Order>, StoreError> {
        let freed = self.store.update::<Order, _, StoreError>(id, |order| {
            Ok(if order.absent(request_log_id, self.clock.now()) { Decision::Save(()) } else { Decision::Leave(()) })
        });
        Ok(found(freed.await?))
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
        let put_off = self.store.update::<Order, _, StoreError>(id, |order| {
            if !order.awaits(request_log_id) {
                return Ok(Decision::Leave(()));
            }
            order.look_again(at, self.clock.now());
            Ok(Decision::Save(()))
        });
        Ok(found(put_off.await?))
    }

    #[must_use]
    pub fn env(&self) -> ProviderEnv {
        self.env
    }
}

fn found(updated: Updated<Order, ()>) -> Option<Order> {
    match updated {
        Updated::Done(order, ()) => Some(order),
        Updated::Missing => None,
    }
}
