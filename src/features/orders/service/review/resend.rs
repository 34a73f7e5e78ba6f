//! Sending again what failed by somebody else's fault: an empty wallet told in words that nobody knew fails
//! orders that are as good as any.
//!
//! Each order is looked up first and passed once: one that fails again has failed later than the run began.
//! So a run ends, and one that died, or stopped at its limit, can be made again. What was refused counts for
//! no limit: a run that is made again would end at the same ones.
//!
//! A failed order that ParcelX shows live must not be a dead end: its merchant was told that there is no
//! shipment, so the finding is handed on as a late answer would be, and the shipment is cancelled; one that
//! cannot be cancelled as the order's goes to a person.

use std::{
    future,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use futures_util::{StreamExt, stream};

use super::{Item, Report, ReviewError, ReviewService, StoreError};
use crate::{
    features::orders::{
        model::{OperatorAction, Order, found},
        reason,
        review::Refusal,
        service::failures::FailedFilter,
    },
    provider::carrier::{CallOutcome, Tracking},
};

/// How many orders are named at a time.
const CHUNK: usize = 200;
/// At the same time: each asks the provider.
const ASKING: usize = 4;
/// After so many orders in a row for which the provider could not be asked, it is not asked any more.
const MOST_UNASKED: usize = 8;
/// Most orders that one run looks at, whatever its limit is: each may cost a call.
const MOST_LOOKED_AT: usize = 20_000;

/// The live shipment of an order that is failed.
enum Found {
    /// It is cancelled.
    Own(String),
    /// It cannot be cancelled as this order's: a person gets it for this reason, here also in words.
    Odd(&'static str, String),
}

impl Found {
    fn refusal(self) -> Refusal {
        match self {
            Self::Own(awb) => Refusal::BookedThoughFailed(awb),
            Self::Odd(_, words) => Refusal::BookedOddly(words),
        }
    }
}

/// How far a run has come.
#[derive(Default)]
struct Run {
    report: Report,
    looked_at: usize,
    unasked: usize,
}

impl Run {
    /// Counts one order. `false`: no more are begun.
    fn count(&mut self, item: &Item) -> bool {
        self.looked_at += 1;
        self.report.count(item.result.as_ref().copied());
        let why = match &item.result {
            Err(ReviewError::Refused(refusal @ Refusal::CannotAsk(_))) => {
                self.unasked += 1;
                (self.unasked >= MOST_UNASKED).then(|| refusal.to_string())
            }
            Err(ReviewError::Store(error @ StoreError::Unavailable(_))) => Some(error.to_string()),
            _ => {
                self.unasked = 0;
                None
            }
        };
        self.report.stopped = self.report.stopped.take().or(why);
        self.report.stopped.is_none()
    }

    /// Why it goes on with no other page.
    fn over(&self, limit: usize) -> Option<String> {
        if self.report.done >= limit {
            return Some(format!("the limit of {limit} orders is reached"));
        }
        let looked_at = self.looked_at;
        (looked_at >= MOST_LOOKED_AT)
            .then(|| format!("{looked_at} orders were looked at: name a later time to go on behind them"))
    }
}

impl ReviewService {
    /// Sends a failed order once more. What a call may have booked is looked for first; a shipment that is
    /// found is cancelled, or goes to a person with its order, and nothing is sent.
    ///
    /// # Errors
    /// [`ReviewError`]; then nothing was changed, but for a shipment that was found.
    pub async fn resend(&self, id: &str) -> Result<Order, ReviewError> {
        let order = self.load(id).await?;
        let line = self.begin(&order, "order.resend").await?;
        let sent = self.try_resend(&order, &line).await;
        self.end(&line, sent).await
    }

    async fn try_resend(&self, order: &Order, line: &str) -> Result<Order, ReviewError> {
        let Some(found) = self.live(order).await? else {
            return self.decide(order, line, OperatorAction::Resend).await;
        };
        Box::pin(self.hand_on(order, line, &found)).await?;
        Err(found.refusal().into())
    }

    /// The shipment that the provider shows of an order that may be sent again, if there is one.
    async fn live(&self, order: &Order) -> Result<Option<Found>, ReviewError> {
        self.our_provider(order)?;
        order.allows(OperatorAction::Resend, self.orders.clock.now())?;
        let awb = match self.by_reference(order).await?? {
            Tracking::Cancelled { .. } | Tracking::NotFound => return Ok(None),
            Tracking::Live { awb: None } => {
                let words = "and does not tell its AWB".to_owned();
                return Ok(Some(Found::Odd(reason::BOOKED_AWB_UNKNOWN, words)));
            }
            Tracking::Live { awb: Some(awb) } => awb,
        };
        // The order allows it, so a cancel that it knows of was accepted: look-ups lag behind it.
        if order.cancellation().of(&awb).is_some() {
            return Ok(None);
        }
        if self.orders.has_awb(&awb).await? {
            let words = format!("as AWB {awb}, which another order has");
            return Ok(Some(Found::Odd(reason::AWB_OF_ANOTHER_ORDER, words)));
        }
        Ok(Some(Found::Own(awb)))
    }

    /// What a look-up by its job would come to, at once. Should this end half way, that look-up ends it.
    async fn hand_on(&self, order: &Order, line: &str, shipment: &Found) -> Result<(), ReviewError> {
        let log_id = order.attempt().map(|attempt| attempt.request_log_id.as_str()).unwrap_or_default();
        match shipment {
            Found::Own(awb) => {
                let finding = CallOutcome::Done(found(awb.clone()));
                self.orders.resolve(order.id(), log_id, &finding, Duration::ZERO).await?;
            }
            Found::Odd(why, _) => {
                self.decide(order, line, OperatorAction::Resend).await?;
                self.orders.give_up(order.id(), log_id, true, why).await?;
            }
        }
        Ok(())
    }

    /// Sends failed orders again that `filter` names, until `limit` were sent, and tells of each. `dry`: only
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
        let started = self.orders.clock.now() + Duration::from_millis(1);
        let before = Some(filter.before.map_or(started, |at| at.min(started)));
        let filter = FailedFilter { before, ..filter.clone() };
        let (mut run, mut cursor) = (Run::default(), None);
        loop {
            let page = self.orders.failed(&filter, cursor, CHUNK).await?;
            let mut ids = page.orders.into_iter().map(|(id, _)| id);
            loop {
                // No more than may be sent yet; what of it is refused makes room for others.
                let some: Vec<_> = ids.by_ref().take(limit.saturating_sub(run.report.done)).collect();
                if some.is_empty() {
                    break;
                }
                // Those that were begun come to their end.
                let stop = AtomicBool::new(false);
                let begun = stream::iter(some).take_while(|_| future::ready(!stop.load(Relaxed)));
                let mut items = begun.map(|id| self.resend_one(id, dry)).buffered(ASKING);
                while let Some(item) = items.next().await {
                    stop.store(!run.count(&item), Relaxed);
                    tell(&item);
                }
                if run.report.stopped.is_some() {
                    return Ok(run.report);
                }
            }
            cursor = page.next;
            if ids.next().is_none() && cursor.is_none() {
                return Ok(run.report);
            }
            run.report.stopped = run.over(limit);
            if run.report.stopped.is_some() {
                return Ok(run.report);
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

    async fn may_resend(&self, order: &Order) -> Result<(), ReviewError> {
        match self.live(order).await? {
            None => Ok(()),
            Some(found) => Err(found.refusal().into()),
        }
    }
}
