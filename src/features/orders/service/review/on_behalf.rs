//! What people do with orders that need not wait for one: cancel or correct for their merchant, try what
//! waits for a time at once, look at personal data, and erase it. Each with a line in the audit log.

use super::{Refusal, ReviewError, ReviewService, StoreError};
use crate::features::{
    audit::{AuditedAction, Outcome},
    orders::{
        model::{OperatorAction, Order},
        payload::NewOrder,
    },
};
use crate::platform::store::Document;

/// How often an action is decided again on what the order's job has made of it meanwhile.
const TRIES: usize = 3;

impl ReviewService {
    /// Calls an order off for its merchant, who reads the reason. What is booked is cancelled by a job.
    ///
    /// # Errors
    /// [`ReviewError`]; then nothing was changed.
    pub async fn cancel(&self, id: &str) -> Result<Order, ReviewError> {
        self.on_behalf(id, "order.cancel", |_| Wanted::Cancel).await
    }

    /// Corrects a failed order for its merchant and sends it again.
    ///
    /// # Errors
    /// As [`ReviewService::cancel`].
    pub async fn amend(&self, id: &str, draft: &NewOrder) -> Result<Order, ReviewError> {
        self.on_behalf(id, "order.amend", |_| Wanted::Amend(Box::new(draft.clone()))).await
    }

    /// Tries at once what the order waits a time for.
    ///
    /// # Errors
    /// As [`ReviewService::cancel`].
    pub async fn try_now(&self, id: &str) -> Result<Order, ReviewError> {
        self.on_behalf(id, "order.try-now", |_| Wanted::TryNow).await
    }

    /// Takes out the personal data of its consignee, once the order has ended: of the logs of its calls
    /// first, so that an order that says it is gone is right.
    ///
    /// # Errors
    /// [`ReviewError`]. When the store fails some of it may be gone; the same action goes on there.
    pub async fn erase(&self, id: &str) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.erase").await?;
        let erased = self.try_erase(&order, &line).await;
        self.end(&line, erased).await
    }

    async fn try_erase(&self, order: &Order, line: &str) -> Result<Order, ReviewError> {
        order.allows(OperatorAction::Erase, self.orders.clock.now())?;
        self.carrier.erase_records(order.id()).await?;
        self.decide(order, line, OperatorAction::Erase).await
    }

    /// The order, for a person who is to see its personal data. `what` of it is in the audit log before it is
    /// given.
    ///
    /// # Errors
    /// [`ReviewError`].
    pub async fn reveal(&self, id: &str, what: &str) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.reveal").await?;
        self.audit.end(&line, Outcome::Done, None, Some(what)).await?;
        Ok(order)
    }

    /// The same of a search for a phone, which is not written down.
    ///
    /// # Errors
    /// When the store fails; then nothing may be searched.
    pub async fn reveal_search(&self) -> Result<(), StoreError> {
        let (action, collection, id) = ("order.find-by-phone", Order::COLLECTION, "phone");
        let act = AuditedAction { action, collection, id, user_id: None, before: None };
        let line = self.audit.begin(&self.by, &act).await?;
        self.audit.end(&line, Outcome::Done, None, None).await
    }

    async fn on_behalf(
        &self,
        id: &str,
        action: &str,
        wanted: impl Fn(&Order) -> Wanted + Send,
    ) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, action).await?;
        let done = self.try_on_behalf(order, &line, wanted).await;
        self.end(&line, done).await
    }

    async fn try_on_behalf(
        &self,
        mut order: Order,
        line: &str,
        wanted: impl Fn(&Order) -> Wanted + Send,
    ) -> Result<Order, ReviewError> {
        for _ in 1..TRIES {
            match self.decide_wanted(&order, line, &wanted(&order)).await {
                Err(ReviewError::Refused(Refusal::MovedOn)) => order = self.load(order.id()).await?,
                decided => return decided,
            }
        }
        self.decide_wanted(&order, line, &wanted(&order)).await
    }

    async fn decide_wanted(&self, order: &Order, line: &str, wanted: &Wanted) -> Result<Order, ReviewError> {
        let action = match wanted {
            Wanted::Cancel => OperatorAction::RequestCancel { words: self.by.reason() },
            Wanted::Amend(draft) => OperatorAction::Amend { draft, words: "amended by an operator" },
            Wanted::TryNow => OperatorAction::TryNow,
        };
        self.decide(order, line, action).await
    }
}

enum Wanted {
    Cancel,
    Amend(Box<NewOrder>),
    TryNow,
}

/// What the order would be amended to if it were not to change.
#[must_use]
pub fn as_it_is(order: &Order) -> NewOrder {
    let client_order_id = order.client_order_id().map(str::to_owned);
    NewOrder { client_order_id, payload: order.payload().clone() }
}
