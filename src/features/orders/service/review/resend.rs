//! Sending again what failed by somebody else's fault: an empty wallet told in words that nobody knew fails
//! orders that are as good as any.
//!
//! Each order is looked up first and passed once: one that fails again has failed later than the run began.
//! So a run ends, and one that died, or stopped at its limit, can be made again.

use futures_util::{StreamExt, stream};

use super::{Item, Report, ReviewError, ReviewService, StoreError};
use crate::{
    features::orders::{
        model::{OperatorAction, Order},
        review::Refusal,
        service::failures::FailedFilter,
    },
    provider::carrier::Tracking,
};

/// How many orders are named at a time.
const CHUNK: usize = 200;
/// At the same time: each asks the provider.
const ASKING: usize = 4;
/// After so many orders in a row for which the provider could not be asked, it is not asked any more.
const MOST_UNASKED: usize = 8;

impl ReviewService {
    /// Sends a failed order once more. What a call may have booked is looked for first.
    ///
    /// # Errors
    /// As [`ReviewService::adopt`].
    pub async fn resend(&self, id: &str) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.resend").await?;
        let sent = self.try_resend(&order, &line).await;
        self.end(&line, sent).await
    }

    async fn try_resend(&self, order: &Order, line: &str) -> Result<Order, ReviewError> {
        self.may_resend(order).await?;
        self.decide(order, line, OperatorAction::Resend).await
    }

    async fn may_resend(&self, order: &Order) -> Result<(), ReviewError> {
        self.our_provider(order)?;
        order.allows(OperatorAction::Resend, self.orders.clock.now())?;
        match self.by_reference(order).await?? {
            Tracking::Live { awb: Some(awb) } => Err(Refusal::FoundAs(awb).into()),
            Tracking::Live { awb: None } => Err(Refusal::FoundWithoutAwb.into()),
            Tracking::Cancelled { .. } | Tracking::NotFound => Ok(()),
        }
    }

    /// Sends every failed order again that `filter` names, at most `limit`, and tells of each. `dry`: only
    /// finds out what would become of each, asking the provider as the run would.
    ///
    /// # Errors
    /// When the orders cannot be listed.
    pub async fn resend_all(
        &self,
        filter: &FailedFilter,
        limit: usize,
        dry: bool,
        mut tell: impl FnMut(&Item),
    ) -> Result<Report, StoreError> {
        let started = self.orders.clock.now() + std::time::Duration::from_millis(1);
        let before = Some(filter.before.map_or(started, |at| at.min(started)));
        let filter = FailedFilter { before, ..filter.clone() };
        let (mut report, mut cursor, mut unasked, mut left) = (Report::default(), None, 0, limit);
        loop {
            let page = self.orders.failed(&filter, cursor, left.min(CHUNK)).await?;
            left -= page.orders.len();
            let ids = page.orders.into_iter().map(|(id, _)| id);
            let mut items = stream::iter(ids).map(|id| self.resend_one(id, dry)).buffered(ASKING);
            while let Some(item) = items.next().await {
                report.count(item.result.as_ref().copied());
                tell(&item);
                match &item.result {
                    Err(ReviewError::Refused(refusal @ Refusal::CannotAsk(_))) => {
                        unasked += 1;
                        if unasked >= MOST_UNASKED {
                            report.stopped = Some(refusal.to_string());
                            return Ok(report);
                        }
                    }
                    Err(ReviewError::Store(error @ StoreError::Unavailable(_))) => {
                        report.stopped = Some(error.to_string());
                        return Ok(report);
                    }
                    _ => unasked = 0,
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(report);
            }
            if left == 0 {
                report.stopped = Some(format!("the limit of {limit} orders is reached"));
                return Ok(report);
            }
        }
    }

    async fn resend_one(&self, id: String, dry: bool) -> Item {
        let order = match self.load(&id).await {
            Ok(order) => order,
            Err(error) => return Item { order_number: String::new(), id, result: Err(error) },
        };
        let order_number = order.order_number().to_owned();
        let result = if dry { self.may_resend(&order).await } else { self.resend(&id).await.map(drop) };
        Item { id, order_number, result }
    }
}
