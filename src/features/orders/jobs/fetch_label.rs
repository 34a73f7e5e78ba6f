//! Fetches the address of a booked order's label for a merchant who waits for it.
//!
//! It only schedule, and never touches the booking: any number of runs is harmless. What tells nothing is
//! tried again a few times, uncounted, and then told as it is; the merchant's next request makes a new
//! request.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::Instrument;

use super::{Context, words::words};
use crate::{
    features::orders::{
        model::{LabelFailure, LabelFinding, Order},
        reason,
    },
    platform::queue::{
        ActiveJob,
        job::{DeathCause, Job, JobError, Outcome, Payload},
    },
    provider::parcelx::{Call, redact, verdict::Verdict},
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
        let finding = if order.provider_env() == ctx.orders.env() {
            ctx.fetch_label(&order, &awb).await?
        } else {
            LabelFinding::Failed(LabelFailure::Unreachable(reason::OTHER_ENVIRONMENT.to_owned()))
        };
        let settled = ctx.settled(ctx.orders.resolve_label(order.id(), self.request, &finding).await?)?;
        Ok(self.job_outcome(ctx, &settled))
    }

    async fn on_dead(&self, ctx: &Context, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        ctx.close_calls_of_the_dead(&self.order_id, job).await?;
        let reason = format!("{}: {}", reason::INTERNAL_ERROR, redact::words(why.reason()));
        let finding = LabelFinding::Failed(LabelFailure::Unreachable(reason));
        ctx.orders.resolve_label(&self.order_id, self.request, &finding).await?;
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
    async fn fetch_label(&self, order: &Order, awb: &str) -> Result<LabelFinding, JobError> {
        self.parcelx.close_label_calls(order.id()).await?;
        let call = Call {
            order_id: order.id().to_owned(),
            reference: order.order_number().to_owned(),
            attempt: order.label().map_or(1, |label| i64::from(label.tries.saturating_add(1))),
            queued_at: order.created_at(),
        };
        // A task of its own, as for a create: how a call ended is written down even if nobody waits for it
        // any more.
        let (parcelx, awb) = (self.parcelx.clone(), awb.to_owned());
        let fetch = async move { parcelx.label(&awb, &call).await };
        let verdict = match self.calls.spawn(fetch.in_current_span()).await {
            Ok(verdict) => verdict?,
            Err(_) => return Err(JobError::Retry("the call for the label panicked".to_owned())),
        };
        let word = verdict.word("fetched");
        tracing::info!(order.id = order.id(), verdict = word, "label of order {}: {word}", order.id());
        Ok(self.judge(order, verdict))
    }

    fn judge(&self, order: &Order, verdict: Verdict<String>) -> LabelFinding {
        let again = |after, reason: &str| LabelFinding::Again { after, reason: redact::words(reason) };
        match verdict {
            Verdict::Success(url) => match self.label_hosts.allowed(&url) {
                Ok(url) => LabelFinding::Fetched(url),
                Err(host) => {
                    let host = host.as_deref().unwrap_or("none");
                    tracing::warn!(
                        order.id = order.id(),
                        host,
                        "the label of order {} was not handed out: parcelx.label_hosts has no such host",
                        order.id()
                    );
                    LabelFinding::Failed(LabelFailure::Unusable)
                }
            },
            // A label costs nothing, so words about a balance are a refusal like any other.
            Verdict::Refused(words) | Verdict::Wallet(words) => {
                LabelFinding::Failed(LabelFailure::Refused(redact::words(&words)))
            }
            Verdict::Busy(after) => again(after, "ParcelX is busy"),
            Verdict::Credentials(why)
            | Verdict::Configuration(why)
            | Verdict::NotSent(why)
            | Verdict::Unknown(why) => again(None, &why),
        }
    }
}
