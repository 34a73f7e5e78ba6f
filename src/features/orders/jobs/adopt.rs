//! A shipment that a look-up shows becomes the order's.
//!
//! Guards against an answer that named the wrong one: a create that is answered with the AWB of an order
//! which is still looked for takes that order's shipment away. Asking for each booking's own reference before
//! it is believed would cost a call per order whenever any is unresolved; so the wrong one is found when the
//! robbed order is: ParcelX then shows two shipments under the two references.

use super::Context;
use crate::{
    features::orders::{
        model::{Order, found},
        reason,
        status::SyncStatus,
    },
    platform::queue::{ActiveJob, job::JobError},
    provider::carrier::{Attempt, By, CallOutcome, Tracking},
};

impl Context {
    /// Books the order as `awb`. If that is the shipment of another order and stays so, no look-up will find
    /// a better one: a person gets it.
    pub(super) async fn adopt(
        &self,
        order: &Order,
        attempt: &Attempt,
        awb: String,
        job: &ActiveJob,
    ) -> Result<Option<Order>, JobError> {
        let (id, log_id) = (order.id(), attempt.request_log_id.as_str());
        let is_taken = |settled: &Option<Order>| {
            settled.as_ref().is_some_and(|order| order.provider_sync_status() == SyncStatus::Reconciling)
        };
        let finding = CallOutcome::Done(found(awb.clone()));
        let mut settled = self.orders.resolve(id, log_id, &finding, self.first_poll()).await?;
        if is_taken(&settled) && self.is_given_back(order, &awb, job).await? {
            settled = self.orders.resolve(id, log_id, &finding, self.first_poll()).await?;
        }
        if is_taken(&settled) {
            settled = self.orders.review(id, reason::AWB_OF_ANOTHER_ORDER).await?;
        }
        Ok(settled)
    }

    /// Whether the order that has `awb` has got another shipment in its place: its own, as ParcelX shows it.
    async fn is_given_back(&self, order: &Order, awb: &str, job: &ActiveJob) -> Result<bool, JobError> {
        let Some(holder) = self.orders.with_awb(awb).await? else { return Ok(false) };
        if holder.id() == order.id() || holder.provider_env() != order.provider_env() {
            return Ok(false);
        }
        let by = By::Reference(holder.order_number().to_owned());
        let shown = self.track(order, by, holder.order_number(), job).await?;
        let CallOutcome::Done(Tracking::Live { awb: Some(own) }) = shown else { return Ok(false) };
        if own == awb || !self.orders.shown_as(&holder, &own).await? {
            return Ok(false);
        }
        tracing::warn!(
            order.id = holder.id(),
            "order {} was booked with the AWB of {}: ParcelX shows another one for it, which it has now",
            holder.id(),
            order.id()
        );
        Ok(true)
    }
}
