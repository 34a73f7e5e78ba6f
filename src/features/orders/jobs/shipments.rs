//! What people who decide on orders are shown of `ParcelX` and of the calls on record.

use crate::{
    base::clock::Clock,
    features::orders::{
        model::Order,
        review::{Evidence, Seen, Shipments},
    },
    platform::store::StoreError,
    provider::{
        carrier::Attempt,
        parcelx::{By, Call, CallError, ParcelXClient, Tracked, redact, verdict::Verdict},
    },
};
use async_trait::async_trait;

use super::create_order::booking;

/// Asks through one account.
#[derive(Debug, Clone)]
pub struct ParcelXShipments {
    parcelx: ParcelXClient,
    clock: Clock,
}

impl ParcelXShipments {
    #[must_use]
    pub fn new(parcelx: ParcelXClient, clock: Clock) -> Self {
        Self { parcelx, clock }
    }

    async fn track(&self, order: &Order, by: By) -> Result<Seen, StoreError> {
        self.parcelx.close_look_ups(order.id()).await?; // those of a person who did not wait for the answer
        let call = Call {
            order_id: order.id().to_owned(),
            reference: order.order_number().to_owned(),
            attempt: order.attempt().map_or(0, |a| a.no),
            queued_at: self.clock.now(),
        };
        Ok(match self.parcelx.track_order(&by, &call).await {
            Ok(tracked) if tracked.is_cancelled() => Seen::Cancelled(tracked.awb()),
            Ok(Tracked::Found { awb, .. }) => Seen::Live(awb),
            Ok(Tracked::NotFound(_)) => Seen::Unknown,
            Ok(Tracked::Failed(why) | Tracked::Away(why)) => Seen::Failed(redact::words(&why)),
            Err(CallError::Store(error)) => return Err(error),
            Err(error) => Seen::Failed(error.to_string()),
        })
    }
}

#[async_trait]
impl Shipments for ParcelXShipments {
    async fn by_reference(&self, order: &Order) -> Result<Seen, StoreError> {
        self.track(order, By::Reference(order.order_number().to_owned())).await
    }

    async fn by_awb(&self, order: &Order, awb: &str) -> Result<Seen, StoreError> {
        self.track(order, By::Awb(awb.to_owned())).await
    }

    async fn close_booking(&self, order: &Order, attempt: &Attempt) -> Result<Evidence, StoreError> {
        let last = self.parcelx.close_create(order, attempt, self.clock.now()).await?;
        if let Some((log_id, booked)) = self.parcelx.booking_on_record(order).await? {
            return Ok(Evidence::Booked(log_id, booking(booked)));
        }
        Ok(match last {
            // A booking that the order knows of as one too many.
            Some(Verdict::Success(_) | Verdict::Unknown(_)) => Evidence::Unclear,
            None
            | Some(
                Verdict::Refused(_)
                | Verdict::Wallet(_)
                | Verdict::Credentials(_)
                | Verdict::Configuration(_)
                | Verdict::Busy(_)
                | Verdict::NotSent(_),
            ) => Evidence::NotBooked,
        })
    }

    async fn close_cancel(&self, order: &Order, attempt: &Attempt) -> Result<(), StoreError> {
        self.parcelx.close_cancel(order, attempt, self.clock.now()).await.map(drop)
    }
}
