//! What people do with orders that wait for one: each action with a line in the audit log, and never before
//! what is on record and what the provider shows has been looked at.

mod bulk;
mod exchange;
mod list;
mod on_behalf;
mod rebook;
mod resend;

use std::sync::Arc;

pub use self::{
    bulk::{Action, Item, Report},
    list::{ReviewFilter, ReviewPage},
    on_behalf::as_it_is,
};
use super::{Decision, OrderService, StoreError, Updated};
use crate::{
    base::{fault, timestamp::Timestamp},
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        orders::{
            model::{Applied, Event, OperatorAction, Order},
            review::{self, Fate, Refusal},
        },
    },
    platform::store::Document,
    provider::carrier::{By, Call, CallError, CallOutcome, Carrier, Tracking, redact},
};

/// Why an action was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("there is no such order")]
    NoSuchOrder,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How an operator's AWB is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The provider must show it, not cancelled, under our reference.
    Verify,
    /// The operator has seen it.
    Unverified,
}

/// One person at work. Each action takes one order, whoever it belongs to.
#[derive(Debug, Clone)]
pub struct ReviewService {
    orders: OrderService,
    audit: Audit,
    carrier: Arc<dyn Carrier>,
    by: AuditContext,
}

/// What is known before a booking is decided on.
enum Known {
    /// The call was answered after all; the order has been booked.
    Booked(Box<Order>),
    /// Whether a call may have booked it.
    MayBeBooked(bool),
}

impl OrderService {
    /// For actions that `by` answers for.
    #[must_use]
    pub fn review_service(&self, carrier: Arc<dyn Carrier>, by: AuditContext) -> ReviewService {
        ReviewService {
            audit: Audit::new(self.store.clone(), self.clock.clone()),
            orders: self.clone(),
            carrier,
            by,
        }
    }
}

impl ReviewService {
    /// Gives an order that waits for a person the shipment `awb`, which must be its own and no other order's.
    ///
    /// # Errors
    /// [`ReviewError`]; then nothing was changed, but for a booking that was on record.
    pub async fn adopt(&self, id: &str, awb: &str, trust: Trust) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.adopt").await?;
        let adopted = self.try_adopt(&order, &line, awb, trust).await;
        self.end(&line, adopted).await
    }

    async fn try_adopt(
        &self,
        order: &Order,
        line: &str,
        awb: &str,
        trust: Trust,
    ) -> Result<Order, ReviewError> {
        let awb = review::awb(awb)?;
        order.reviewed()?;
        if let Known::Booked(order) = self.on_record(order).await? {
            return if order.awb() == Some(awb) { Ok(*order) } else { Err(booked_after_all(&order)) };
        }
        if trust == Trust::Verify {
            self.our_provider(order)?;
            self.verify(order, awb).await?;
        }
        self.decide(order, line, OperatorAction::Adopt { awb }).await
    }

    /// Looks for the order's shipment by its reference and adopts it.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn adopt_found(&self, id: &str) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.adopt").await?;
        let adopted = self.try_adopt_found(&order, &line).await;
        self.end(&line, adopted).await
    }

    async fn try_adopt_found(&self, order: &Order, line: &str) -> Result<Order, ReviewError> {
        order.reviewed()?;
        if let Known::Booked(order) = self.on_record(order).await? {
            return Ok(*order);
        }
        self.our_provider(order)?;
        let awb = self.found(order).await?;
        self.decide(order, line, OperatorAction::Adopt { awb: &awb }).await
    }

    /// Gives an order up that waits for a person; its merchant reads the reason. A shipment that comes to
    /// light later is cancelled.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn fail(&self, id: &str) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.fail").await?;
        let failed = self.try_fail(&order, &line).await;
        self.end(&line, failed).await
    }

    async fn try_fail(&self, order: &Order, line: &str) -> Result<Order, ReviewError> {
        order.reviewed()?;
        if let Known::Booked(order) = self.on_record(order).await? {
            return Err(booked_after_all(&order));
        }
        self.decide(order, line, OperatorAction::Fail { words: self.by.reason() }).await
    }

    /// Sends the cancel of a shipment anew that waits for a person: `awb`, or the only one.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn cancel_shipment(&self, id: &str, awb: Option<&str>) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.cancel-shipment").await?;
        let cancelled = self.try_cancel_shipment(&order, &line, awb).await;
        self.end(&line, cancelled).await
    }

    async fn try_cancel_shipment(
        &self,
        order: &Order,
        line: &str,
        awb: Option<&str>,
    ) -> Result<Order, ReviewError> {
        self.our_provider(order)?;
        let awb = self.close_cancellation(order, awb).await?;
        self.decide(order, line, OperatorAction::CancelAgain { awb: &awb }).await
    }

    /// Writes down what a person found out about a shipment that waits for one: `awb`, or the only one.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn close(&self, id: &str, awb: Option<&str>, fate: Fate) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.close-cancellation").await?;
        let closed = self.try_close(&order, &line, awb, fate).await;
        self.end(&line, closed).await
    }

    async fn try_close(
        &self,
        order: &Order,
        line: &str,
        awb: Option<&str>,
        fate: Fate,
    ) -> Result<Order, ReviewError> {
        let awb = self.close_cancellation(order, awb).await?;
        self.decide(order, line, OperatorAction::CancelEnded { awb: &awb, fate }).await
    }

    /// The shipment that waits for a person, its last call shut out or ended.
    async fn close_cancellation(&self, order: &Order, awb: Option<&str>) -> Result<String, ReviewError> {
        // Refused here, not only when it is decided: a call whose time ends in between would be left without
        // its end.
        let cancel = order.ended_cancellation(awb, self.orders.clock.now())?;
        if let Some(attempt) = &cancel.attempt {
            self.carrier.close_cancel(&self.call(order, attempt.no, order.created_at()), attempt).await?;
        }
        Ok(cancel.awb.clone())
    }

    /// Looks at what the calls came to, and shuts the last one out if it never sent. One that may be under
    /// way is a refusal: it could send after the order has ended, or die without an outcome that anybody
    /// writes.
    async fn on_record(&self, order: &Order) -> Result<Known, ReviewError> {
        let may_be_booked = rebook::may_be_booked(order);
        let Some(attempt) = order.attempt() else { return Ok(Known::MayBeBooked(may_be_booked)) };
        order.not_under_way(self.orders.clock.now())?;
        let call = self.call(order, attempt.no, order.created_at());
        let last = self.carrier.close_create(&call, attempt).await?;
        // The order need not show it: a worker may have written the answer down and not lived to act on it.
        let (id, reference, known) = (order.id(), order.order_number(), order.booking().duplicate_awbs());
        let Some((log_id, shipment)) = self.carrier.booking_on_record(id, reference, known).await? else {
            // A booking that the order knows of as one too many says nothing of this one.
            let unclear = matches!(last, CallOutcome::Done(_) | CallOutcome::Unknown { .. });
            return Ok(Known::MayBeBooked(may_be_booked || unclear));
        };
        let finding = CallOutcome::Done(shipment);
        let settled = self.orders.resolve(order.id(), &log_id, &finding, std::time::Duration::ZERO).await?;
        match settled {
            Some(order) if order.awb().is_some() => Ok(Known::Booked(Box::new(order))),
            // Its AWB is another order's, so it is not known what it booked.
            _ => Ok(Known::MayBeBooked(true)),
        }
    }

    fn call(&self, order: &Order, attempt: i64, queued_at: Timestamp) -> Call {
        let (order_id, reference) = (order.id().to_owned(), order.order_number().to_owned());
        Call { order_id, reference, attempt, queued_at, job: None }
    }

    /// What the provider shows, or why it cannot be asked.
    async fn look_up(&self, order: &Order, by: By) -> Result<Result<Tracking, Refusal>, StoreError> {
        self.carrier.close_look_ups(order.id()).await?; // those of a person who did not wait for the answer
        let no = order.attempt().map_or(0, |a| a.no);
        let why = match self.carrier.track(&self.call(order, no, self.orders.clock.now()), &by).await {
            Ok(CallOutcome::Done(tracking)) => return Ok(Ok(tracking)),
            Ok(outcome) => redact::words(&outcome.reason().unwrap_or_default()),
            Err(CallError::Store(error)) => return Err(error),
            Err(error) => error.to_string(),
        };
        Ok(Err(Refusal::CannotAsk(why)))
    }

    async fn by_reference(&self, order: &Order) -> Result<Result<Tracking, Refusal>, StoreError> {
        self.look_up(order, By::Reference(order.order_number().to_owned())).await
    }

    fn our_provider(&self, order: &Order) -> Result<(), Refusal> {
        if order.provider_env() == self.orders.env {
            Ok(())
        } else {
            Err(Refusal::OtherEnvironment(order.provider_env()))
        }
    }

    /// The AWB that the provider shows for our reference.
    async fn found(&self, order: &Order) -> Result<String, ReviewError> {
        let refusal = match self.by_reference(order).await?? {
            Tracking::Live { awb: Some(awb) } => return Ok(review::awb(&awb)?.to_owned()),
            Tracking::Live { awb: None } => Refusal::FoundWithoutAwb,
            Tracking::Cancelled { .. } => Refusal::ShipmentCancelled,
            Tracking::NotFound => Refusal::NotFound,
        };
        Err(refusal.into())
    }

    /// Whether `awb` is this order's shipment, by what the provider shows. A look-up by AWB does not tell our
    /// reference, so one by reference must say that there is a shipment at least.
    async fn verify(&self, order: &Order, awb: &str) -> Result<(), ReviewError> {
        let ours = self.by_reference(order).await?;
        match &ours {
            Ok(Tracking::Live { awb: Some(shown) }) if shown == awb => return Ok(()),
            Ok(Tracking::Live { awb: Some(shown) }) => return Err(Refusal::NotOurs(shown.clone()).into()),
            Ok(Tracking::Cancelled { awb: Some(shown) }) if shown == awb => {
                return Err(Refusal::ShipmentCancelled.into());
            }
            _ => {}
        }
        let refusal = match (self.look_up(order, By::Awb(awb.to_owned())).await?, ours) {
            (Ok(Tracking::Cancelled { .. }), _) => Refusal::ShipmentCancelled,
            (Ok(Tracking::NotFound), _) => Refusal::UnknownAwb,
            (Err(cannot_ask), _) | (_, Err(cannot_ask)) => cannot_ask,
            (Ok(Tracking::Live { awb: Some(shown) }), _) if shown != awb => Refusal::NotOurs(shown),
            (Ok(_), Ok(Tracking::Live { .. })) => return Ok(()),
            (Ok(_), Ok(_)) => Refusal::Untied,
        };
        Err(refusal.into())
    }

    async fn load(&self, id: &str) -> Result<Order, ReviewError> {
        self.orders.load(id).await?.ok_or(ReviewError::NoSuchOrder)
    }

    async fn begin(&self, order: &Order, action: &str) -> Result<String, StoreError> {
        let (before, user_id) = (Some(order.provider_sync_status().as_str()), Some(order.user_id()));
        let act = AuditedAction { action, collection: Order::COLLECTION, id: order.id(), user_id, before };
        let line = self.audit.begin(&self.by, &act).await?;
        fault::reach("review:after-begin");
        Ok(line)
    }

    /// Saves what `action` makes of the order, if nobody has called for it since `seen`.
    async fn decide(
        &self,
        seen: &Order,
        line: &str,
        action: OperatorAction<'_>,
    ) -> Result<Order, ReviewError> {
        let updated = self.orders.store.update::<Order, (), ReviewError>(seen.id(), |order| {
            if !order.called_as_in(seen) {
                return Err(Refusal::MovedOn.into());
            }
            let event = Event::Operator { action, audit_id: Some(line) };
            match order.apply(event, self.orders.clock.now()).map_err(StoreError::from)? {
                Applied::Refused(refusal) => Err(refusal.into()),
                _ => Ok(Decision::Save(())),
            }
        });
        let order = match updated.await {
            Ok(Updated::Done(order, ())) => order,
            Ok(Updated::Missing) => return Err(ReviewError::NoSuchOrder),
            Err(ReviewError::Store(StoreError::Conflict { index })) if index == Order::BY_AWB => {
                return Err(Refusal::AwbOfAnother.into());
            }
            Err(error) => return Err(error),
        };
        fault::reach("review:after-act");
        self.orders.offer(&order).await;
        Ok(order)
    }

    /// Writes the end of a line. The action stands, whether or not that works.
    async fn end(&self, line: &str, result: Result<Order, ReviewError>) -> Result<Order, ReviewError> {
        let detail = result.as_ref().err().map(ToString::to_string);
        let (outcome, after) = match &result {
            Ok(order) => (Outcome::Done, Some(order.provider_sync_status().as_str())),
            Err(ReviewError::NoSuchOrder | ReviewError::Refused(_)) => (Outcome::Refused, None),
            // Nothing is known about the write: the order's history says whether it was done.
            Err(ReviewError::Store(StoreError::Unavailable(_))) => return result,
            Err(ReviewError::Store(_)) => (Outcome::Failed, None),
        };
        if let Err(error) = self.audit.end(line, outcome, after, detail.as_deref()).await {
            tracing::warn!(%error, line, "the end of audit line {line} could not be written");
        }
        result
    }
}

fn booked_after_all(order: &Order) -> ReviewError {
    Refusal::BookedAfterAll(order.awb().map(str::to_owned).unwrap_or_default()).into()
}
