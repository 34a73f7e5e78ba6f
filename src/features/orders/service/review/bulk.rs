//! One action for every order that a filter names: a provider's outage makes thousands.
//!
//! Each order is decided on its own and passed once, whatever becomes of it; what comes to wait after the
//! beginning is left alone. So a run ends, and one that died can be made again: what it had done is no longer
//! in the list.

use std::{
    collections::BTreeMap,
    future,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use futures_util::{StreamExt, stream};

use super::{Refusal, ReviewError, ReviewFilter, ReviewService, StoreError};
use crate::{
    features::orders::model::{OperatorAction, Order, ReviewOf},
    platform::store::Cursor,
};

/// How many orders are read at a time: all that a run keeps in memory.
const BATCH: usize = 100;
/// At the same time. The database groups their writes into one commit.
const SIDE_BY_SIDE: usize = 16;
/// At the same time, when each may ask the provider.
const ASKING: usize = 4;
/// After so many orders in a row for which the provider could not be asked, it is not asked any more.
const MOST_UNASKED: usize = 8;

/// What to do with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// [`ReviewService::adopt_found`].
    AdoptFound,
    /// [`ReviewService::rebook`].
    Rebook { force: bool },
    /// [`ReviewService::fail`].
    Fail,
}

/// What became of one order.
#[derive(Debug)]
pub struct Item {
    pub id: String,
    pub order_number: String,
    pub result: Result<(), ReviewError>,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub done: usize,
    pub refused: usize,
    /// Refusals by [`Refusal::as_str`]; faults as `fault`.
    pub reasons: BTreeMap<&'static str, usize>,
    /// Why it ended before the last order.
    pub stopped: Option<String>,
}

impl Report {
    /// Counts one order.
    pub fn count(&mut self, result: Result<(), &ReviewError>) {
        let word = match result {
            Ok(()) => {
                self.done += 1;
                return;
            }
            Err(ReviewError::Refused(refusal)) => refusal.as_str(),
            Err(ReviewError::NoSuchOrder) => "no-such-order",
            Err(ReviewError::Store(_)) => "fault",
        };
        self.refused += 1;
        *self.reasons.entry(word).or_default() += 1;
    }
}

impl ReviewService {
    /// Takes `action` on every order that waits for a person now and that `filter` names, and tells of each.
    /// `dry`: only finds out what would become of each, asking the provider where the run would.
    ///
    /// # Errors
    /// When the orders cannot be listed.
    pub async fn all(
        &self,
        action: Action,
        filter: &ReviewFilter,
        dry: bool,
        mut tell: impl FnMut(&Item),
    ) -> Result<Report, StoreError> {
        let started = self.orders.clock.now() + Duration::from_millis(1);
        let before = Some(filter.before.map_or(started, |at| at.min(started)));
        let filter = ReviewFilter { of: Some(ReviewOf::Booking), before, ..filter.clone() };
        let side_by_side = if action == Action::Fail { SIDE_BY_SIDE } else { ASKING };
        let (mut report, mut cursor, mut unasked): (_, Option<Cursor>, _) = (Report::default(), None, 0);
        loop {
            let page = self.orders.in_review(&filter, cursor, BATCH).await?;
            // Begins no more orders once it is set; those that were begun come to their end.
            let stop = AtomicBool::new(false);
            let orders = stream::iter(page.orders).take_while(|_| future::ready(!stop.load(Relaxed)));
            let mut items = orders.map(|order| self.one(action, order, dry)).buffered(side_by_side);
            while let Some(item) = items.next().await {
                report.count(item.result.as_ref().copied());
                tell(&item);
                let why = match &item.result {
                    Err(ReviewError::Refused(refusal @ Refusal::CannotAsk(_))) => {
                        unasked += 1;
                        (unasked >= MOST_UNASKED).then(|| refusal.to_string())
                    }
                    Err(ReviewError::Store(error @ StoreError::Unavailable(_))) => Some(error.to_string()),
                    _ => {
                        unasked = 0;
                        None
                    }
                };
                if why.is_some() {
                    stop.store(true, Relaxed);
                    report.stopped = report.stopped.or(why);
                }
            }
            cursor = page.next;
            if cursor.is_none() || report.stopped.is_some() {
                return Ok(report);
            }
        }
    }

    async fn one(&self, action: Action, order: Order, dry: bool) -> Item {
        let (id, order_number) = (order.id().to_owned(), order.order_number().to_owned());
        let result = match (dry, action) {
            (true, action) => self.would(action, order).await,
            (false, Action::AdoptFound) => self.adopt_found(&id).await.map(drop),
            (false, Action::Rebook { force }) => self.rebook(&id, force).await.map(drop),
            (false, Action::Fail) => self.fail(&id).await.map(drop),
        };
        Item { id, order_number, result }
    }

    /// What would become of an order.
    async fn would(&self, action: Action, order: Order) -> Result<(), ReviewError> {
        let now = self.orders.clock.now();
        match action {
            Action::AdoptFound => {
                order.reviewed()?;
                self.our_provider(&order)?;
                let awb = self.found(&order).await?;
                if self.orders.has_awb(&awb).await? {
                    return Err(Refusal::AwbOfAnother.into());
                }
                Ok(order.allows(OperatorAction::Adopt { awb: &awb }, now)?)
            }
            Action::Rebook { force } => self.would_rebook(&order, force).await,
            Action::Fail => {
                order.allows(OperatorAction::Fail { words: "" }, now)?;
                self.seen_on_record(&order).await.map(drop)
            }
        }
    }
}
