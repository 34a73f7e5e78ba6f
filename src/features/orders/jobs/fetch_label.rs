//! Fetches the address of a booked order's label for a merchant who waits for it.
//!
//! It only looks, and never touches the booking: any number of runs is harmless. What tells nothing is
//! tried again a few times, uncounted, and then told as it is; the merchant's next request makes a new
//! request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, words::words};
use crate::{
    features::orders::{
        model::{LabelFailure, Order},
        reason,
    },
    platform::queue::{
        ActiveJob,
        job::{DeathCause, Job, JobError, Outcome, Payload},
    },
    provider::carrier::{CallOutcome, LabelUrl, redact},
};

/// Fetches the label of a booked order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchLabelJob {
    pub order_id: String,
    pub user_id: String,
    /// Which of the order's requests it is for; see [`crate::features::orders::model::Label`].
    pub request: u32,
}

impl Payload for FetchLabelJob {
    const NAME: &'static str = "fetch-label";
    const QUEUE: &'static str = "parcelx-labels-queue";

    fn share(&self) -> Option<&str> {
        Some(&self.user_id)
    }
}

impl Job for FetchLabelJob {
    type Context = Context;

    async fn run(&self, ctx: &Context, job: &ActiveJob) -> Result<Outcome, JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let Some(order) = ctx.orders.load(&self.order_id).await? else {
            return Ok(Outcome::Failed { reason: "no such order".to_owned() });
        };
        let Some(awb) = order.label_to_fetch(self.request).map(str::to_owned) else {
            return Ok(nothing_to_do(&order));
        };
        let settled = if order.provider_env() == ctx.orders.env() {
            let outcome = ctx.fetch_label(&order, &awb, job).await?;
            ctx.orders.resolve_label(order.id(), self.request, &outcome).await?
        } else {
            let failure = LabelFailure::Unreachable(reason::OTHER_ENVIRONMENT.to_owned());
            ctx.orders.fail_label(order.id(), self.request, &failure).await?
        };
        let settled = ctx.settled(settled)?;
        Ok(self.job_outcome(ctx, &settled))
    }

    async fn on_dead(&self, ctx: &Context, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let reason = format!("{}: {}", reason::INTERNAL_ERROR, redact::words(why.reason()));
        let failure = LabelFailure::Unreachable(reason);
        ctx.orders.fail_label(&self.order_id, self.request, &failure).await?;
        Ok(())
    }
}

impl FetchLabelJob {
    /// The job ends as its request did. The address itself is not for boards.
    fn job_outcome(&self, ctx: &Context, order: &Order) -> Outcome {
        let Some(label) = order.label().filter(|label| label.request == self.request) else {
            return nothing_to_do(order);
        };
        if label.answered < label.request {
            return Outcome::Delay {
                after: label.due_at.since(ctx.clock.now()),
                reason: "ParcelX gave no label to go by".to_owned(),
            };
        }
        match &label.failure {
            None => Outcome::Completed(
                json!({ "orderId": order.id(), "success": true, "message": "Label fetched" }),
            ),
            Some(LabelFailure::Refused(why)) => Outcome::Failed { reason: words(order, why) },
            Some(LabelFailure::Unusable) => {
                Outcome::Failed { reason: "the label's address is not one of ParcelX's".to_owned() }
            }
            Some(LabelFailure::Unreachable(why)) => Outcome::Failed { reason: words(order, why) },
        }
    }
}

fn nothing_to_do(order: &Order) -> Outcome {
    Outcome::Completed(json!({ "orderId": order.id(), "success": false, "message": "Nothing to do" }))
}

impl Context {
    async fn fetch_label(
        &self,
        order: &Order,
        awb: &str,
        job: &ActiveJob,
    ) -> Result<CallOutcome<LabelUrl>, JobError> {
        self.carrier.close_label_calls(order.id()).await?;
        let attempt = order.label().map_or(1, |label| i64::from(label.tries.saturating_add(1)));
        let call = self.call(order, attempt, order.created_at(), job);
        let (carrier, awb) = (Arc::clone(&self.carrier), awb.to_owned());
        let outcome = self.detached(async move { carrier.label(&call, &awb).await }).await??;
        let word = outcome.as_str("fetched");
        tracing::info!(order.id = order.id(), verdict = word, "label of order {}: {word}", order.id());
        Ok(outcome)
    }
}
