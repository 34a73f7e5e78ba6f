//! What an operation would do, before it does: decided on each order as it stands, without asking ParcelX.

mod jobs;

use std::collections::BTreeMap;

use super::{
    model::{Kind, Operation},
    service::Operations,
    targets::{Target, TargetsError},
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{OperatorAction, Order},
        review::{Fate, Refusal},
    },
    platform::store::StoreError,
};

/// Most orders or jobs that a preview looks at.
pub const MOST: u64 = 5000;
/// Read at a time.
const CHUNK: usize = 200;
/// How many are shown.
const SAMPLE: usize = 5;
/// Most jobs that are read, where a filter finds few of many.
const MOST_READ: usize = 20_000;

/// What a start would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many match; each of them will be in the list of results.
    pub matches: u64,
    /// There are more.
    pub capped: bool,
    /// Those that would be refused as they stand, by code.
    pub refusals: BTreeMap<String, u64>,
    /// The first of them, by id.
    pub sample: Vec<String>,
    /// Of jobs of our own that run again: how many were looked at, what they would do, by its words, and how
    /// many of them may book.
    pub looked: u64,
    pub effects: BTreeMap<&'static str, u64>,
    pub books: u64,
    /// There are more of them, which were not looked at and may book.
    pub unseen: bool,
}

impl Operations {
    /// Looks at what `operation` would be done with.
    pub(super) async fn look(&self, operation: &Operation, now: Timestamp) -> Result<Preview, TargetsError> {
        let source = self.source();
        let (mut preview, mut place, mut read) = (Preview::default(), None, 0);
        while read < MOST_READ {
            let page = source.next(operation, place.as_ref(), until(now), CHUNK).await?;
            for target in page.found {
                if preview.matches == MOST {
                    preview.capped = true;
                    return Ok(preview);
                }
                preview.matches += 1;
                if preview.sample.len() < SAMPLE {
                    preview.sample.push(target.id.clone());
                }
                if operation.kind.is_of_jobs() {
                    self.look_at_job(operation, &target.id, &mut preview, now).await?;
                } else if let Err(refusal) = self.would(operation, target, now).await? {
                    *preview.refusals.entry(refusal.to_owned()).or_default() += 1;
                }
            }
            (place, read) = (page.next, read + page.looked);
            if place.is_none() {
                return Ok(preview);
            }
        }
        preview.capped = true;
        Ok(preview)
    }

    /// Whether it would be done with this one as it stands. Whether anybody works for a merchant is found
    /// when it is told.
    async fn would(
        &self,
        operation: &Operation,
        target: Target,
        now: Timestamp,
    ) -> Result<Result<(), &'static str>, StoreError> {
        if !operation.kind.is_of_orders() {
            return Ok(Ok(()));
        }
        let order = match target.order {
            Some(order) => Some(order),
            None => self.orders.load(&target.id).await?,
        };
        let Some(order) = order else { return Ok(Err("no-such-order")) };
        let allowed = self.ours(operation.kind, &order).and_then(|()| allows(operation.kind, &order, now));
        Ok(allowed.map_err(|refusal| refusal.as_str()))
    }

    fn ours(&self, kind: Kind, order: &Order) -> Result<(), Refusal> {
        let asks = matches!(
            kind,
            Kind::ReviewRebook | Kind::ReviewAdoptFound | Kind::ReviewCancelShipment | Kind::OrdersResend
        );
        if !asks || order.provider_env() == self.orders.env() {
            Ok(())
        } else {
            Err(Refusal::OtherEnvironment(order.provider_env()))
        }
    }
}

fn allows(kind: Kind, order: &Order, now: Timestamp) -> Result<(), Refusal> {
    match kind {
        Kind::ReviewRebook => {
            order.allows(OperatorAction::Rebook { may_be_booked: false, force: false }, now)
        }
        Kind::ReviewAdoptFound => order.allows(OperatorAction::Adopt { awb: "" }, now),
        Kind::ReviewFail => order.allows(OperatorAction::Fail { words: "" }, now),
        Kind::ReviewCancelShipment | Kind::ReviewCloseShipment => {
            order.ended_cancellation(None, now).map(drop)
        }
        Kind::OrdersResend => order.allows(OperatorAction::Resend, now),
        Kind::JobsRetry | Kind::JobsPromote | Kind::JobsRemove | Kind::MerchantsNotice => Ok(()),
    }
}

/// What matches since this time is left alone.
pub(super) fn until(started: Timestamp) -> Timestamp {
    started + std::time::Duration::from_millis(1)
}

/// What it does with each, in words.
#[must_use]
pub fn effect(kind: Kind, force: bool, fate: Option<Fate>) -> &'static str {
    match (kind, force) {
        (Kind::ReviewRebook, false) => {
            "Each order is booked again under its reference. Where an earlier call may have booked it, \
             ParcelX is asked first, and an order that it shows is refused."
        }
        (Kind::ReviewRebook, true) => {
            "Each order is booked again under its reference without asking ParcelX: what an earlier call \
             booked ships twice."
        }
        (Kind::ReviewAdoptFound, _) => {
            "ParcelX is asked for the reference of each order; what it shows becomes the order's shipment. \
             Nothing is sent."
        }
        (Kind::ReviewFail, _) => {
            "Each order is given up, and its merchant reads your reason. A shipment that comes to light \
             later is cancelled."
        }
        (Kind::ReviewCancelShipment, _) => {
            "The cancel of each order's shipment is sent to ParcelX again by a job, and tracking is asked \
             what it did. An order with several such shipments is refused: name one, on its page."
        }
        (Kind::ReviewCloseShipment, _) => match fate {
            Some(Fate::Live) => {
                "Each order's shipment is written down as live: it travels, is paid for, and is not \
                 cancelled any more. Nothing is sent. An order with several such shipments is refused: name \
                 one, on its page."
            }
            _ => {
                "Each order's shipment is written down as cancelled. Nothing is sent and ParcelX is not \
                 asked: one that is live travels, and is paid for. An order with several such shipments is \
                 refused: name one, on its page."
            }
        },
        (Kind::OrdersResend, _) => "Each failed order is sent to ParcelX again as it is.",
        (Kind::JobsRetry, _) => {
            "Each failed job waits again. One whose order has its end does nothing when it runs."
        }
        (Kind::JobsPromote, _) => {
            "Each delayed job is due now. One whose order waits for a time is delayed again."
        }
        (Kind::MerchantsNotice, _) => {
            "The people of each active merchant find your notice in their list, and by mail that there is \
             one. It cannot be taken back from those who have it."
        }
        (Kind::JobsRemove, _) => "Each job is taken out of its queue. Its order stays as it is.",
    }
}
