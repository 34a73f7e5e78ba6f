//! Sending again what failed by somebody else's fault: an empty wallet told in words that nobody knew fails
//! orders that are as good as any.
//!
//! Each order is looked up first and passed once: one that fails again has failed later than the run began.
//! So a run ends, and one that died, or stopped at its limit, can be made again.

use futures_util::{StreamExt, stream};

use super::{
    super::{OrderService, StoreError},
    Item, Report, ReviewError, ReviewService,
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{OperatorAction, Order},
        review::Refusal,
    },
    platform::store::{self, Cursor, Query},
    provider::carrier::Tracking,
};

const CHUNK: usize = 200;
/// At the same time: each asks the provider.
const ASKING: usize = 4;
/// After so many orders in a row for which the provider could not be asked, it is not asked any more.
const MOST_UNASKED: usize = 8;

/// Which failed orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedFilter {
    /// In the reason, in any case of letters.
    pub text: String,
    /// Failed at this time or later.
    pub since: Timestamp,
    /// Failed before this time.
    pub before: Option<Timestamp>,
    pub user_id: Option<String>,
    /// At most so many orders in one run.
    pub limit: usize,
}

impl FailedFilter {
    fn takes(&self, order: &Order) -> bool {
        let reason = order.sync_reason().unwrap_or_default().to_lowercase();
        let mine = self.user_id.as_deref().is_none_or(|user| user == order.user_id());
        mine && reason.contains(&self.text.to_lowercase())
    }
}

impl OrderService {
    /// The next failed orders of `filter` behind `after`, those that failed first; and where to go on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failed_with_words(
        &self,
        filter: &FailedFilter,
        after: Option<Cursor>,
    ) -> Result<(Vec<Order>, Option<Cursor>), StoreError> {
        let mut query = Query::sorted_by("failedAt", store::Order::Ascending).from(filter.since).limit(CHUNK);
        if let Some(before) = filter.before {
            query = query.before(before);
        }
        if let Some(after) = after {
            query = query.after(after);
        }
        let page = self.store.find::<Order>(&query).await?;
        let orders = page.docs.into_iter().filter(|order| filter.takes(order)).collect();
        Ok((orders, page.next))
    }
}

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

    /// Sends every failed order again that `filter` names, and tells of each. `dry`: only finds out what
    /// would become of each, asking the provider as the run would.
    ///
    /// # Errors
    /// When the orders cannot be listed.
    pub async fn resend_all(
        &self,
        filter: &FailedFilter,
        dry: bool,
        mut tell: impl FnMut(&Item),
    ) -> Result<Report, StoreError> {
        let started = self.orders.clock.now() + std::time::Duration::from_millis(1);
        let before = Some(filter.before.map_or(started, |at| at.min(started)));
        let filter = FailedFilter { before, ..filter.clone() };
        let (mut report, mut cursor, mut unasked, mut left) = (Report::default(), None, 0, filter.limit);
        loop {
            let (mut orders, next) = self.orders.failed_with_words(&filter, cursor).await?;
            let over = orders.len() > left;
            orders.truncate(left);
            left -= orders.len();
            let mut items = stream::iter(orders).map(|order| self.resend_one(order, dry)).buffered(ASKING);
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
            cursor = next;
            if over || (left == 0 && cursor.is_some()) {
                report.stopped = Some(format!("the limit of {} orders is reached", filter.limit));
                return Ok(report);
            }
            if cursor.is_none() {
                return Ok(report);
            }
        }
    }

    async fn resend_one(&self, order: Order, dry: bool) -> Item {
        let (id, order_number) = (order.id().to_owned(), order.order_number().to_owned());
        let result = if dry { self.may_resend(&order).await } else { self.resend(&id).await.map(drop) };
        Item { id, order_number, result }
    }
}
