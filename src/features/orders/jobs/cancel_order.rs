//! Cancels what of an order is booked and should not be: the shipment that its merchant cancelled, and each
//! one too many.
//!
//! A job looks at its order and does the one thing that is right now: send a cancel, find out what a vanished
//! worker's cancel did, see what tracking shows, or wait. It may run any number of times; a cancel whose end
//! is not plain is never repeated before tracking was asked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, words::words};
use crate::{
    base::fault,
    features::orders::{
        model::{CancellationState, NextCancelAction, Order, ReviewOf, ShipmentCancellationState},
        reason,
    },
    platform::queue::{
        ActiveJob,
        job::{DeathCause, Job, JobError, Outcome, Payload},
    },
    provider::carrier::{Attempt, By, CallError, CallPermit, redact},
};

/// How often one run follows its order when others change it.
const STEPS: usize = 20;

/// Cancels what of an order is booked and should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOrderJob {
    pub order_id: String,
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// The merchant's words, in jobs of other producers. Ours keep them in the order: boards show jobs to
    /// people who need not know whom an order is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    /// Absent in jobs of other producers, which count as current and as the merchant's request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

impl Payload for CancelOrderJob {
    const NAME: &'static str = "cancel-order";
    const QUEUE: &'static str = "parcelx-order-cancellation-queue";

    fn share(&self) -> Option<&str> {
        Some(&self.user_id)
    }
}

impl From<&Order> for CancelOrderJob {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id().to_owned(),
            user_id: order.user_id().to_owned(),
            client_order_id: order.client_order_id().map(str::to_owned),
            cancellation_reason: None,
            generation: Some(order.generation()),
        }
    }
}

impl Job for CancelOrderJob {
    type Context = Context;

    async fn run(&self, ctx: &Context, job: &ActiveJob) -> Result<Outcome, JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let Some(mut order) = ctx.orders.load(&self.order_id).await? else {
            return Ok(Outcome::Failed { reason: "no such order".to_owned() });
        };
        let requested = |order: &Order| {
            order.user_id() == self.user_id
                && order.cancellation().request().requested_at.is_some_and(|at| at >= job.added_at)
        };
        if self.generation.is_none() && !requested(&order) {
            // Another producer's job is the merchant's request itself, once.
            let reason = self.cancellation_reason.as_deref();
            let Some((called_off, _)) = ctx.orders.cancel(&self.user_id, &self.order_id, reason).await?
            else {
                return Ok(Outcome::Failed { reason: "no such order".to_owned() });
            };
            order = called_off;
        }
        for _ in 0..STEPS {
            let next_action = order.next_cancel_action(self.generation, ctx.clock.now());
            if order.provider_env() != ctx.orders.env() && next_action != NextCancelAction::Done {
                if ctx.clock.now().since(order.updated_at()) < super::LEFT_ALONE {
                    return Ok(super::for_another_provider());
                }
                order = ctx
                    .settled(ctx.orders.review_cancellations(order.id(), reason::OTHER_ENVIRONMENT).await?)?;
                continue;
            }
            order = match next_action {
                NextCancelAction::Done => return Ok(job_outcome(&order)),
                NextCancelAction::Wait(until) => {
                    let reason =
                        order.cancellation().request().detail.as_deref().unwrap_or("until tracking shows it");
                    return Ok(Outcome::Delay {
                        after: until.since(ctx.clock.now()),
                        reason: words(&order, reason),
                    });
                }
                NextCancelAction::Send(awb) => match ctx.carrier.permit().await {
                    Ok(permit) => ctx.cancel(&order, &awb, permit, job).await?,
                    Err(throttled) => {
                        return Ok(Outcome::Delay { after: throttled.after, reason: throttled.to_string() });
                    }
                },
                NextCancelAction::Close(awb, attempt) => {
                    ctx.close_cancel(&order, &awb, &attempt, job).await?
                }
                NextCancelAction::Look(awb) => ctx.see(&order, &awb, job).await?,
            };
        }
        Err(JobError::Retry("the order was changed by others at every step".to_owned()))
    }

    async fn on_dead(&self, ctx: &Context, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let Some(order) = ctx.orders.load(&self.order_id).await? else { return Ok(()) };
        if self.generation.is_some_and(|g| g < order.generation()) {
            return Ok(()); // a newer dispatch goes on with it
        }
        // A cancel that may have been sent gets its end first, and the next job sees what came of it.
        if order
            .cancellation()
            .shipments()
            .iter()
            .any(|cancel| cancel.state == ShipmentCancellationState::Sending)
        {
            let NextCancelAction::Close(awb, attempt) =
                order.next_cancel_action(self.generation, ctx.clock.now())
            else {
                return Err(JobError::Unavailable("its call may still be under way".to_owned()));
            };
            let closed = ctx.close_cancel(&order, &awb, &attempt, job).await?;
            ctx.orders.dispatch_again(&closed).await?;
            return Ok(());
        }
        let detail = format!("{}: {}", reason::INTERNAL_ERROR, redact::words(why.reason()));
        ctx.orders.review_cancellations(&self.order_id, &detail).await?;
        Ok(())
    }
}

impl Context {
    /// Takes the cancellation and sends it. Gives the order as it stands afterwards, whoever changed it.
    async fn cancel(
        &self,
        order: &Order,
        awb: &str,
        permit: CallPermit,
        job: &ActiveJob,
    ) -> Result<Order, JobError> {
        let wanted_at = order.cancellation().of(awb).map_or(self.clock.now(), |cancel| cancel.wanted_at);
        let paused = self.paused(CancelOrderJob::QUEUE, wanted_at).await?;
        let Some(taken) = self.orders.take_cancel(order, awb, self.call_times, paused).await? else {
            return self.settled(self.orders.load(order.id()).await?);
        };
        fault::reach("cancel:after-take");
        let cancel = taken.cancellation().shipments().iter().find(|cancel| cancel.awb == awb);
        let Some((attempt, wanted_at)) = cancel.and_then(|r| Some((r.attempt.clone()?, r.wanted_at))) else {
            return Err(JobError::Retry("a taken cancel has no attempt".to_owned()));
        };
        let (carrier, orders, schedule, awb) =
            (Arc::clone(&self.carrier), self.orders.clone(), self.schedule.clone(), awb.to_owned());
        let call = self.call(&taken, attempt.no, wanted_at, job);
        let cancelling = async move {
            let outcome = carrier.cancel(&call, &awb, (&attempt, permit)).await?;
            fault::reach("cancel:after-outcome");
            let word = outcome.as_str("accepted");
            tracing::info!(order.id = taken.id(), verdict = word, "cancel of order {}: {word}", taken.id());
            orders
                .resolve_cancel(taken.id(), &attempt.request_log_id, &outcome, &schedule)
                .await
                .map_err(CallError::Store)
        };
        match self.detached(cancelling).await? {
            Ok(order) => {
                fault::reach("cancel:after-settle");
                self.settled(order)
            }
            Err(CallError::ShutOut) => self.settled(self.orders.load(order.id()).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Shuts a cancel out whose worker vanished, or settles by what it did. A refusal that an earlier release
    /// took in is read again from its record.
    async fn close_cancel(
        &self,
        order: &Order,
        awb: &str,
        attempt: &Attempt,
        job: &ActiveJob,
    ) -> Result<Order, JobError> {
        tracing::debug!(order.id = order.id(), awb, "closing a cancel, or reading its end again");
        let call = self.call(order, attempt.no, order.created_at(), job);
        let outcome = self.carrier.close_cancel(&call, attempt).await?;
        self.settled(
            self.orders.resolve_cancel(order.id(), &attempt.request_log_id, &outcome, &self.schedule).await?,
        )
    }

    /// Asks tracking about a shipment that is being cancelled.
    async fn see(&self, order: &Order, awb: &str, job: &ActiveJob) -> Result<Order, JobError> {
        self.carrier.close_look_ups(order.id()).await?;
        let tracked = self.track(order, By::Awb(awb.to_owned()), order.order_number(), job).await?;
        self.settled(self.orders.record_tracking(order.id(), awb, &tracked, &self.schedule).await?)
    }
}

/// The job ends as its order stands, so that a queue board tells the truth.
fn job_outcome(order: &Order) -> Outcome {
    let detail = || words(order, order.cancellation().request().detail.as_deref().unwrap_or("without words"));
    let message = match order.cancellation().state() {
        CancellationState::Refused => return Outcome::Failed { reason: detail() },
        _ if order.review().is_some_and(|review| review.of == ReviewOf::Cancellation) => {
            return Outcome::Failed { reason: format!("needs_review: {}", detail()) };
        }
        CancellationState::Done => "Order cancelled",
        CancellationState::Requested => "Cancelled once it is known whether it is booked",
        _ => "Nothing to do",
    };
    let done = order.cancellation().state() == CancellationState::Done;
    Outcome::Completed(json!({ "orderId": order.id(), "success": done, "message": message,
            "parcelX": { "awb": order.awb() } }))
}
