//! Booking again what waits for a person.

use super::{Known, Refusal, ReviewError, ReviewService, booked_after_all};
use crate::{
    features::orders::{
        model::{OperatorAction, Order},
        reason,
    },
    provider::carrier::Tracking,
};

impl ReviewService {
    /// Books an order again that waits for a person. When an earlier call may have booked it, the provider is
    /// asked first, and must not show it, unless `force`: that may ship twice.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn rebook(&self, id: &str, force: bool) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.rebook").await?;
        let rebooked = self.try_rebook(&order, &line, force).await;
        self.end(&line, rebooked).await
    }

    async fn try_rebook(&self, order: &Order, line: &str, force: bool) -> Result<Order, ReviewError> {
        // What the order alone forbids needs no look-up.
        self.allows_rebook(order)?;
        let may_be_booked = match self.on_record(order).await? {
            Known::Booked(order) => return Err(booked_after_all(&order)),
            Known::MayBeBooked(may_be_booked) => may_be_booked,
        };
        if may_be_booked && !force {
            self.not_shown(order).await?;
        }
        self.decide(order, line, OperatorAction::Rebook { may_be_booked, force }).await
    }

    /// What [`ReviewService::rebook`] would come to, with nothing shut out and nothing written.
    pub(super) async fn would_rebook(&self, order: &Order, force: bool) -> Result<(), ReviewError> {
        self.allows_rebook(order)?;
        if self.seen_on_record(order).await? && !force {
            self.not_shown(order).await?;
        }
        Ok(())
    }

    fn allows_rebook(&self, order: &Order) -> Result<(), Refusal> {
        self.our_provider(order)?;
        order.allows(OperatorAction::Rebook { may_be_booked: false, force: false }, self.orders.clock.now())
    }

    /// Whether the provider shows no live shipment of it.
    async fn not_shown(&self, order: &Order) -> Result<(), ReviewError> {
        match self.by_reference(order).await?? {
            Tracking::Live { awb: Some(awb) } => Err(Refusal::FoundAs(awb).into()),
            Tracking::Live { awb: None } => Err(Refusal::FoundWithoutAwb.into()),
            Tracking::Cancelled { .. } | Tracking::NotFound => Ok(()),
        }
    }

    /// Whether a call may have booked the order, by what is on record. What the last call came to is not
    /// known before its end is in the order.
    pub(super) async fn seen_on_record(&self, order: &Order) -> Result<bool, ReviewError> {
        let may_be_booked = may_be_booked(order);
        if order.attempt().is_none() {
            return Ok(may_be_booked);
        }
        let (id, reference, known) = (order.id(), order.order_number(), order.booking().duplicate_awbs());
        match self.carrier.booking_on_record(id, reference, known).await? {
            Some((_, shipment)) if self.orders.has_awb(&shipment.awb).await? => Ok(true),
            Some((_, shipment)) => Err(Refusal::BookedAfterAll(shipment.awb).into()),
            None => Ok(may_be_booked || !order.has_ended()),
        }
    }
}

/// Whether a call may have booked it, as far as the order tells. What waits for a person because a look-up
/// showed a shipment of it is booked, whatever its last call came to.
pub(super) fn may_be_booked(order: &Order) -> bool {
    let shown = [reason::BOOKED_AWB_UNKNOWN, reason::AWB_OF_ANOTHER_ORDER];
    let is_shown = order.review().is_some_and(|review| shown.contains(&review.reason.as_str()));
    is_shown || order.booking().unresolved().is_some()
}
