//! Books an order, once and only once, whatever dies on the way.
//!
//! A job looks at its order and does the one thing that is right now: take it and send, find out what a
//! vanished worker did, look for a booking whose answer was lost, or wait. It may run any number of times. A
//! create is sent only after the order was taken in one write, every earlier attempt is shut out or settled,
//! and the request log is written.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, look_first::Ready, reconcile::trier, words::words};
use crate::{
    base::{fault, ids},
    features::orders::{
        model::{NextAction, Order},
        reason,
        status::SyncStatus,
    },
    platform::{
        queue::{
            ActiveJob,
            job::{DeathCause, Job, JobError, Outcome, Payload},
        },
        store::StoreError,
    },
    provider::carrier::{
        AccountProblem, Attempt, CallError, CallOutcome, CallPermit, Cause, Shipment, redact,
    },
};

/// How often one run follows its order when others change it.
const STEPS: usize = 10;

/// Books an order with the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrderJob {
    pub order_id: String,
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// Where the parcel is picked up; absent in jobs of other producers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick_address_id: Option<String>,
    /// Absent in jobs of other producers, which count as current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

impl Payload for CreateOrderJob {
    const NAME: &'static str = "create-order";
    const QUEUE: &'static str = "parcelx-orders-queue";

    fn share(&self) -> Option<&str> {
        Some(&self.user_id)
    }
}

impl From<&Order> for CreateOrderJob {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id().to_owned(),
            user_id: order.user_id().to_owned(),
            client_order_id: order.client_order_id().map(str::to_owned),
            pick_address_id: Some(order.payload().pick_address_id.clone()),
            generation: Some(order.generation()),
        }
    }
}

impl Job for CreateOrderJob {
    type Context = Context;

    async fn run(&self, ctx: &Context, job: &ActiveJob) -> Result<Outcome, JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let Some(mut order) = ctx.orders.load(&self.order_id).await? else {
            return Ok(Outcome::Failed { reason: "no such order".to_owned() });
        };
        for _ in 0..STEPS {
            if order.provider_env() != ctx.orders.env() && order.provider_sync_status().is_open() {
                if ctx.clock.now().since(order.trying_since()) < super::LEFT_ALONE {
                    return Ok(super::for_another_provider());
                }
                order = ctx.settled(ctx.orders.review(order.id(), reason::OTHER_ENVIRONMENT).await?)?;
            }
            order = match order.next_action(self.generation, ctx.clock.now()) {
                NextAction::Done => return Ok(job_outcome(&order, self.generation)),
                NextAction::Wait(until) => {
                    let after = until.since(ctx.clock.now());
                    return Ok(Outcome::Delay {
                        after,
                        reason: words(&order, order.sync_reason().unwrap_or("another worker has it")),
                    });
                }
                NextAction::Take => match ctx.ready(&order, job).await? {
                    Ready::Go(permit) => ctx.book(&order, permit, job).await?,
                    Ready::Later(outcome) => return Ok(outcome),
                    Ready::Moved(order) => *order,
                },
                NextAction::Close(attempt) => ctx.close(&order, &attempt, job).await?,
                NextAction::LookUp(attempt) => ctx.look_up(&order, &attempt, job).await?,
            };
        }
        Err(JobError::Retry("the order was changed by others at every step".to_owned()))
    }

    async fn on_dead(&self, ctx: &Context, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let Some(mut order) = ctx.orders.load(&self.order_id).await? else { return Ok(()) };
        if self.generation.is_some_and(|g| g < order.generation()) {
            return Ok(()); // a newer dispatch goes on with it
        }
        if order.provider_sync_status() == SyncStatus::Processing {
            match order.next_action(self.generation, ctx.clock.now()) {
                // Buried later, or found by the sweeper: what is under way must not be judged.
                NextAction::Wait(_) => {
                    return Err(JobError::Unavailable("its call may still be under way".to_owned()));
                }
                NextAction::Close(attempt) => order = ctx.close(&order, &attempt, job).await?,
                _ => {}
            }
            // It may be live, and look-ups can tell: the next job asks.
            if order.provider_sync_status() == SyncStatus::Reconciling {
                ctx.orders.dispatch_again(&order).await?;
                return Ok(());
            }
        }
        let detail = format!("{}: {}", reason::INTERNAL_ERROR, redact::words(why.reason()));
        ctx.orders.bury(&order, &detail).await?;
        Ok(())
    }
}

impl Context {
    /// Takes the order and sends it. Gives the order as it stands afterwards, whoever changed it.
    async fn book(&self, order: &Order, permit: CallPermit, job: &ActiveJob) -> Result<Order, JobError> {
        let log_id = ids::provider_log(self.clock.now());
        let paused = self.paused(CreateOrderJob::QUEUE, order.trying_since()).await?;
        let Some(taken) = self.orders.take(order, &log_id, self.call_times, paused).await? else {
            return self.settled(self.orders.load(order.id()).await?);
        };
        fault::reach("book:after-take");
        let Some(attempt) = taken.attempt().cloned() else {
            return Err(JobError::Retry("a taken order has no attempt".to_owned()));
        };
        let (carrier, orders) = (Arc::clone(&self.carrier), self.orders.clone());
        let (first_poll, call) = (self.first_poll(), self.call(&taken, attempt.no, taken.created_at(), job));
        let booking = async move {
            let outcome = carrier.create(&call, taken.payload(), (&attempt, permit)).await?;
            fault::reach("book:after-outcome");
            let word = outcome.as_str("booked");
            tracing::info!(order.id = taken.id(), verdict = word, "order {}: {word}", taken.id());
            if is_to_be_confirmed(&outcome) {
                return Ok(Booked::Refused(Box::new(taken), attempt, outcome));
            }
            let log_id = &attempt.request_log_id;
            let settled = orders.resolve_taken(taken, log_id, &outcome, first_poll).await;
            settled.map(|order| Booked::Settled(order.map(Box::new))).map_err(CallError::Store)
        };
        let trier = trier(order);
        let calls = self.guard.calls_for(&job.token, trier);
        let ended = self.detached(booking).await?;
        drop(calls);
        match ended {
            Ok(Booked::Settled(order)) => {
                fault::reach("book:after-settle");
                self.settled(order.map(|order| *order))
            }
            Ok(Booked::Refused(order, attempt, outcome)) => {
                let outcome = self.confirm(&order, outcome, job).await?;
                fault::reach("book:before-settle-refused");
                let log_id = &attempt.request_log_id;
                self.settled(self.orders.resolve_taken(*order, log_id, &outcome, first_poll).await?)
            }
            // Somebody gave this attempt up for dead; the order shows what they made of it.
            Err(CallError::ShutOut) => self.settled(self.orders.load(order.id()).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Shuts an attempt out whose worker vanished, or settles the order by what it did; then the order can be
    /// taken anew.
    async fn close(&self, order: &Order, attempt: &Attempt, job: &ActiveJob) -> Result<Order, JobError> {
        let call = self.call(order, attempt.no, order.created_at(), job);
        let outcome = match self.carrier.close_create(&call, attempt).await? {
            outcome if is_to_be_confirmed(&outcome) => self.confirm(order, outcome, job).await?,
            outcome => outcome,
        };
        fault::reach("close:before-settle");
        self.settled(
            self.orders.resolve(order.id(), &attempt.request_log_id, &outcome, self.first_poll()).await?,
        )
    }

    /// The order may have been settled while the job's worker was dead: then nothing else gives that worker's
    /// look-ups their end.
    pub(super) async fn close_calls_of_the_dead(
        &self,
        order_id: &str,
        job: &ActiveJob,
    ) -> Result<(), JobError> {
        if job.stalled > 0 {
            self.carrier.close_look_ups(order_id).await?;
            self.carrier.close_label_calls(order_id).await?;
        }
        Ok(())
    }

    /// Orders are never removed.
    pub(super) fn settled(&self, order: Option<Order>) -> Result<Order, JobError> {
        order.ok_or_else(|| JobError::Abort("the order is gone".to_owned()))
    }

    pub(super) fn first_poll(&self) -> Duration {
        self.reconcile.first().copied().unwrap_or(Duration::from_secs(5))
    }
}

/// How far a call to book has come.
enum Booked {
    Settled(Option<Box<Order>>),
    /// To be settled when it is known that nothing was booked.
    Refused(Box<Order>, Attempt, CallOutcome<Shipment>),
}

/// A readable no: the order is looked up before it is believed. Also one about money: what a proxy sent twice
/// may have spent the last of it the first time. Refused keys and a wrong address may stop look-ups, too:
/// there one comes before the order is sent again.
fn is_to_be_confirmed(outcome: &CallOutcome<Shipment>) -> bool {
    use AccountProblem::{Account, Wallet};
    match outcome {
        CallOutcome::Refused(_) => true,
        CallOutcome::Deferred { cause, .. } => {
            matches!(cause, Cause::Declined(_) | Cause::Account(Wallet | Account, _))
        }
        _ => false,
    }
}

/// The job ends as its order stands, so that a queue board tells the truth.
fn job_outcome(order: &Order, generation: Option<i64>) -> Outcome {
    if generation.is_some_and(|g| g < order.generation()) {
        return Outcome::Completed(answer(order, "A newer dispatch took over", &Value::Null));
    }
    // A board shows this to people who need not know whom the order is for.
    let reason = || words(order, order.sync_reason().unwrap_or("without words"));
    match order.provider_sync_status() {
        SyncStatus::Success => {
            let parcelx = json!({ "awb": order.awb(), "courierName": order.courier_name(),
                "orderNumber": order.provider_order_number() });
            Outcome::Completed(answer(order, "Order created at ParcelX", &parcelx))
        }
        SyncStatus::Failed => Outcome::Failed { reason: reason() },
        SyncStatus::NeedsReview => Outcome::Failed { reason: format!("needs_review: {}", reason()) },
        _ => Outcome::Completed(answer(order, "Nothing to do", &Value::Null)),
    }
}

/// The return value existing readers of the queue know.
fn answer(order: &Order, message: &str, parcelx: &Value) -> Value {
    json!({ "orderId": order.id(), "success": order.provider_sync_status() == SyncStatus::Success,
        "message": message, "parcelX": parcelx })
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            StoreError::Contended
            | StoreError::Conflict { .. }
            | StoreError::Outdated(_)
            | StoreError::Fault(_) => Self::Retry(error.to_string()),
        }
    }
}

impl From<CallError> for JobError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Store(error) => error.into(),
            CallError::Throttled(_) => Self::Unavailable(error.to_string()),
            CallError::ShutOut | CallError::Internal(_) => Self::Retry(error.to_string()),
        }
    }
}

/// Contexts are shared by all jobs of a process.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Context>>();
};
