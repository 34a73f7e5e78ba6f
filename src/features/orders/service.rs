//! The use cases of orders. Knows no HTTP and no provider.

mod amend;
mod cancel;
pub mod failures;
pub mod find;
mod label;
mod overview;
mod progress;
pub mod review;

use std::time::Duration;

pub use label::{LabelResult, Labels};

use super::{
    model::{Applied, Event, IllegalStep, Order},
    payload::NewOrder,
    status::{OrderStatus, SyncStatus},
};
use crate::{
    base::{clock::Clock, fault, timestamp::Timestamp},
    platform::{
        queue::{producer::Producer, retry::Policies},
        store::{self, Cursor, Decision, InsertOutcome, Page, Query, Store, StoreError, Updated},
    },
    provider::carrier::ProviderEnv,
};

/// Most orders that one page looks at where no index serves all of its filters.
const MOST_LOOKED_AT: usize = 2000;

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

/// Nothing is saved, and whoever asked for it is told: 500 to a request, another try to a job.
impl From<IllegalStep> for StoreError {
    fn from(step: IllegalStep) -> Self {
        Self::Fault(step.to_string())
    }
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
    pub order_number: Option<String>,
    pub awb: Option<String>,
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

    /// The same, for callers whose operations of the store may take this long.
    #[must_use]
    pub fn within(&self, within: Duration) -> Self {
        Self { store: self.store.within(within), ..self.clone() }
    }

    /// Accepts an order, once for each `clientOrderId`: the unique index decides, not a look before the
    /// insert. One durable write, one offer to the queue; whether the queue takes it does not matter here,
    /// since the order carries its job in its outbox.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, user_id: &str, draft: NewOrder) -> Result<Created, CreateError> {
        let order = Order::new(user_id, draft, self.env, self.clock.now());
        fault::reach("create:before-insert");
        match self.store.insert_or_existing(&order, Order::BY_CLIENT_ORDER_ID).await? {
            InsertOutcome::Inserted => {
                fault::reach("create:after-insert");
                self.offer(&order).await;
                fault::reach("create:before-answer");
                Ok(Created::New(Box::new(order)))
            }
            InsertOutcome::Existing(existing) => {
                if existing.fingerprint().is_of(order.client_order_id(), order.payload()) {
                    Ok(Created::Replayed(Box::new(existing)))
                } else {
                    Err(CreateError::Mismatch(Box::new(existing)))
                }
            }
        }
    }

    /// Tells the queue of the jobs in the order's outbox; the relay does, if this comes to nothing.
    async fn offer(&self, order: &Order) {
        let now = self.clock.now();
        for job in order.outbox().iter().map(|entry| entry.to_job(&self.policies, now)) {
            fault::reach("create:before-add");
            self.producer.offer(job).await;
            fault::reach("create:after-add");
        }
    }

    /// Load, decide, save. `true` from `decide`: the order was changed. Jobs that are in the outbox then are
    /// offered to the queue at once. An order that was just `seen` is loaded only if it was changed since.
    async fn change(
        &self,
        id: &str,
        seen: Option<Order>,
        mut decide: impl FnMut(&mut Order, Timestamp) -> Result<bool, IllegalStep>,
    ) -> Result<Option<Order>, StoreError> {
        let updated = self.store.update_from::<Order, bool, StoreError>(id, seen, |order| {
            Ok(if decide(order, self.clock.now())? { Decision::Save(true) } else { Decision::Leave(false) })
        });
        let Updated::Done(order, changed) = updated.await? else { return Ok(None) };
        if changed {
            self.offer(&order).await;
        }
        Ok(Some(order))
    }

    /// The order as it stands after `event`, whatever that came to.
    async fn apply(&self, id: &str, event: Event<'_>) -> Result<Option<Order>, StoreError> {
        self.change(id, None, |order, now| Ok(order.apply(event, now)?.changed())).await
    }

    /// The same of an order of this merchant, with what the event came to. Nothing: they have no such order.
    async fn apply_own(
        &self,
        user_id: &str,
        id: &str,
        event: Event<'_>,
    ) -> Result<Option<(Order, Applied)>, StoreError> {
        let mut came_to = None;
        let order = self.change(id, None, |order, now| {
            if order.user_id() != user_id {
                return Ok(false);
            }
            let applied = order.apply(event, now)?;
            let changed = applied.changed();
            came_to = Some(applied);
            Ok(changed)
        });
        Ok(order.await?.zip(came_to))
    }

    /// An order of this merchant. Another's is as absent as one that does not exist.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_user(&self, user_id: &str, id: &str) -> Result<Option<Order>, StoreError> {
        Ok(self.store.get::<Order>(id).await?.filter(|order| order.user_id() == user_id))
    }

    /// A page of a merchant's orders, newest first; at most `limit`. It may have fewer, and orders behind it
    /// all the same.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        user_id: &str,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Order>, StoreError> {
        let mut query = Query::sorted_by("createdAt", store::Order::Descending)
            .equal("userId", user_id)
            .limit(limit)
            .filtered(MOST_LOOKED_AT);
        // Each is unique, so that its index leads to the one order there may be.
        if let Some(number) = &filter.order_number {
            query = query.equal("orderNumber", number.trim().to_ascii_uppercase());
        }
        if let Some(awb) = &filter.awb {
            query = query.equal("awb", awb.trim());
        }
        if let Some(id) = &filter.client_order_id {
            query = query.equal("clientOrderId", id.trim());
        }
        if let Some(status) = filter.status {
            query = query.equal("status", status.as_str());
        }
        if let Some(status) = filter.provider_sync_status {
            query = query.equal("providerSyncStatus", status.as_str());
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

    #[must_use]
    pub fn env(&self) -> ProviderEnv {
        self.env
    }
}
