//! Two orders of which one, or each, has the other's shipment: both get what the provider shows under their
//! own references.
//!
//! Guards against a way out that there is not: an order cannot be adopted a shipment that another one has,
//! and that one does not wait for a person. It is several writes; what is left half done is ended by the same
//! action made again, since each look-up is made anew.

use super::{Order, ReviewError, ReviewService};
use crate::features::orders::{model::OperatorAction, review::Refusal, status::SyncStatus};

impl ReviewService {
    /// Gives each of two orders its own shipment, by look-ups of their references.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn exchange(&self, one: &str, other: &str) -> Result<(Order, Order), ReviewError> {
        let (one, other) = (self.load(one).await?, self.load(other).await?);
        let lines = (self.begin(&one, "order.exchange").await?, self.begin(&other, "order.exchange").await?);
        match self.try_exchange(one, other, (&lines.0, &lines.1)).await {
            Ok((one, other)) => {
                Ok((self.end(&lines.0, Ok(one)).await?, self.end(&lines.1, Ok(other)).await?))
            }
            Err(error) => {
                let told = error.to_string();
                let same = match &error {
                    ReviewError::Refused(refusal) => ReviewError::Refused(refusal.clone()),
                    _ => ReviewError::Store(super::StoreError::Fault(told)),
                };
                let _told = (self.end(&lines.0, Err(same)).await, self.end(&lines.1, Err(error)).await).1?;
                Err(Refusal::MovedOn.into())
            }
        }
    }

    async fn try_exchange(
        &self,
        mut one: Order,
        mut other: Order,
        lines: (&str, &str),
    ) -> Result<(Order, Order), ReviewError> {
        if one.id() == other.id() {
            return Err(Refusal::SameOrder.into());
        }
        self.our_provider(&one)?;
        self.our_provider(&other)?;
        let (own, others) = (self.found(&one).await?, self.found(&other).await?);
        if own == others {
            return Err(Refusal::NotOurs(own).into());
        }
        let has = |order: &Order, awb: &str| order.awb() == Some(awb);
        if has(&one, &own) && has(&other, &others) {
            return Err(Refusal::NothingToExchange.into());
        }
        // Nobody can be given what somebody has.
        if has(&one, &others) {
            one = self.decide(&one, lines.0, OperatorAction::Exchange { awb: None }).await?;
        }
        if !has(&other, &others) {
            other = self.give(&other, lines.1, &others).await?;
        }
        if !has(&one, &own) {
            one = self.give(&one, lines.0, &own).await?;
        }
        Ok((one, other))
    }

    async fn give(&self, order: &Order, line: &str, awb: &str) -> Result<Order, ReviewError> {
        let action = if order.provider_sync_status() == SyncStatus::Success {
            OperatorAction::Exchange { awb: Some(awb) }
        } else {
            OperatorAction::Adopt { awb }
        };
        self.decide(order, line, action).await
    }
}
