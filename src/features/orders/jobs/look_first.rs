//! The look-up before an order is sent that had failed (its merchant amended it, or a person sends it again),
//! or whose last call was answered with a no about the account.
//!
//! Guards against a second shipment beside one that the refused call has made after all: the look-up after
//! the refusal may have come too early to show it, or was not made, and a person may have failed an order
//! whose call was never answered. So nothing is sent before our reference has no live shipment. An order that
//! is sent once costs no look-up, nor does one that waits because ParcelX is busy.

use std::time::Duration;

use super::{Context, reconcile::told_apart};
use crate::{
    features::orders::{
        model::{CancellationState, Order},
        reason,
    },
    platform::queue::{
        ActiveJob,
        job::{JobError, Outcome},
    },
    provider::carrier::{By, CallOutcome, CallPermit, Cause, Heard, Tracking},
};

/// Until the next look when one was not answered.
const AGAIN: Duration = Duration::from_secs(30);

/// Whether an order may be taken.
pub(super) enum Ready {
    Go(CallPermit),
    /// Not now: the job goes on so.
    Later(Outcome),
    /// It has moved on to this.
    Moved(Box<Order>),
}

/// Whether a look-up was answered, and with nothing to go by. One that was too fast or was not answered may
/// be in a moment.
fn says_nothing(tracked: &CallOutcome<Tracking>) -> bool {
    match tracked {
        CallOutcome::Deferred { cause, .. } => matches!(cause, Cause::Account(..) | Cause::Declined(_)),
        CallOutcome::Unknown { heard, .. } => matches!(heard, Heard::Unreadable | Heard::Readable),
        CallOutcome::Done(_)
        | CallOutcome::Refused(_)
        | CallOutcome::RefusedAsDone(_)
        | CallOutcome::NotSent => false,
    }
}

impl Context {
    /// What is right before `order` is taken.
    pub(super) async fn ready(&self, order: &Order, job: &ActiveJob) -> Result<Ready, JobError> {
        if order.booking().looks_first()
            && let Some(otherwise) = self.look_first(order, job).await?
        {
            return Ok(otherwise);
        }
        Ok(match self.carrier.permit().await {
            Ok(permit) => Ready::Go(permit),
            Err(throttled) => {
                Ready::Later(Outcome::Delay { after: throttled.after, reason: throttled.to_string() })
            }
        })
    }

    /// Nothing: it may be sent.
    async fn look_first(&self, order: &Order, job: &ActiveJob) -> Result<Option<Ready>, JobError> {
        let by = By::Reference(order.order_number().to_owned());
        let tracked = self.track(order, by, order.order_number(), job).await?;
        let moved = match tracked {
            CallOutcome::Done(Tracking::NotFound | Tracking::Cancelled { .. }) => {
                return self.nothing_found(order).await;
            }
            CallOutcome::Done(Tracking::Live { awb: Some(awb) }) => {
                // Its cancel was sent: that look-ups still show it says no more than that they lag.
                let shown = CallOutcome::Done(Tracking::Live { awb: Some(awb.clone()) });
                if matches!(told_apart(order, shown), CallOutcome::Unknown { .. }) {
                    return self.nothing_found(order).await;
                }
                tracing::warn!(order.id = order.id(), "order {} was refused, and is booked", order.id());
                if self.orders.with_awb(&awb).await?.is_some() {
                    self.found_odd(order, reason::AWB_OF_ANOTHER_ORDER).await?
                } else {
                    self.orders.found_first(order.id(), &awb).await?
                }
            }
            CallOutcome::Done(Tracking::Live { awb: None }) => {
                self.found_odd(order, reason::BOOKED_AWB_UNKNOWN).await?
            }
            // Where look-ups are not believed, a refusal is.
            _ if !self.lookup_trusted => return self.nothing_found(order).await,
            unanswered => {
                if says_nothing(&unanswered) {
                    self.guard.held_back(&job.token);
                }
                let reason = "it is looked up before it is sent, and that was not answered".to_owned();
                return Ok(Some(Ready::Later(Outcome::Delay { after: AGAIN, reason })));
            }
        };
        Ok(Some(Ready::Moved(Box::new(self.settled(moved)?))))
    }

    /// It may be sent, unless its merchant has called it off.
    async fn nothing_found(&self, order: &Order) -> Result<Option<Ready>, JobError> {
        if order.cancellation().state() != CancellationState::Requested {
            return Ok(None);
        }
        let moved = self.orders.nothing_first(order).await?;
        Ok(Some(Ready::Moved(Box::new(self.settled(moved)?))))
    }

    /// There is a shipment that cannot be this order's, or be cancelled as such: a person looks.
    async fn found_odd(&self, order: &Order, reason: &str) -> Result<Option<Order>, JobError> {
        let log_id = order.attempt().map(|attempt| attempt.request_log_id.as_str()).unwrap_or_default();
        Ok(self.orders.give_up(order.id(), log_id, true, reason).await?)
    }
}
