//! Whether what somebody wants done can be taken as it is.

use super::{
    model::{Filter, Kind},
    service::{NewOperation, OperationError, Operations},
    targets::job_states,
};
use crate::{
    features::{merchants::service::is_plain, orders::model::ReviewOf},
    platform::queue::JobState,
};

/// Fastest, per minute.
pub const FASTEST: u32 = 6000;
/// Most ids that one operation names.
pub const MOST_IDS: usize = 1000;
/// Most failures in a row that one may allow itself.
pub const MOST_FAILURES: u32 = 1000;
/// Longest text of a notice, in characters.
pub const LONGEST_NOTICE: usize = 500;

impl Operations {
    pub(super) fn check(&self, new: &NewOperation) -> Result<(), OperationError> {
        let invalid = |field, why: &str| Err(OperationError::Invalid { field, why: why.to_owned() });
        if !(1..=FASTEST).contains(&new.rate_per_minute) {
            return invalid("ratePerMinute", &format!("must be from 1 to {FASTEST}"));
        }
        if !(1..=MOST_FAILURES).contains(&new.stop_after) {
            return invalid("stopAfter", &format!("must be from 1 to {MOST_FAILURES}"));
        }
        if new.force && new.kind != Kind::ReviewRebook {
            return invalid("force", "is for review.rebook alone");
        }
        if new.ids.len() > MOST_IDS || new.ids.iter().any(|id| id.is_empty() || id.len() > 200) {
            return invalid("ids", &format!("must be at most {MOST_IDS} ids of at most 200 characters"));
        }
        match (&new.notice, new.kind == Kind::MerchantsNotice) {
            (None, false) => {}
            (Some(text), true) if is_plain(text, LONGEST_NOTICE) => {}
            (_, false) => return invalid("notice", "is for merchants.notice alone"),
            (_, true) => {
                let why = format!("must have 1 to {LONGEST_NOTICE} characters, in one line");
                return invalid("notice", &why);
            }
        }
        match (new.fate, new.kind == Kind::ReviewCloseShipment) {
            (Some(_), true) | (None, false) => {}
            (None, true) => return invalid("fate", "must say what became of the shipments"),
            (Some(_), false) => return invalid("fate", "is for review.close-shipment alone"),
        }
        let mut sorted = new.ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != new.ids.len() {
            return invalid("ids", "must not name one twice");
        }
        self.check_filter(new)
    }

    fn check_filter(&self, new: &NewOperation) -> Result<(), OperationError> {
        let invalid = |field, why: &str| Err(OperationError::Invalid { field, why: why.to_owned() });
        let filter = &new.filter;
        if new.kind.is_of_jobs() {
            return self.check_jobs(new);
        }
        if new.kind == Kind::MerchantsNotice {
            let empty = *filter == Filter::default();
            let why = "must be empty: a notice goes to all merchants, or to those in ids";
            return if empty { Ok(()) } else { invalid("filter", why) };
        }
        if filter.queue.is_some() || filter.state.is_some() || filter.name.is_some() {
            return invalid("filter", "has fields of jobs, and the operation is about orders");
        }
        if !new.ids.is_empty() {
            let empty = *filter == Filter::default();
            return if empty { Ok(()) } else { invalid("filter", "must be empty where ids are named") };
        }
        if new.kind == Kind::OrdersResend {
            if filter.code.is_some() || filter.of.is_some() {
                return invalid("filter", "has fields of reviews, and failed orders have none");
            }
            if filter.from.is_none() || (filter.cause.is_none() && filter.text.is_none()) {
                return invalid("filter", "must say since when (`from`) and with which `cause` or `text`");
            }
        } else if filter.cause.is_some() || filter.text.is_some() {
            return invalid("filter", "has fields of failed orders, and these are in review");
        } else if filter.of.is_some_and(|of| of != new.kind.reviews()) {
            let why = match new.kind.reviews() {
                ReviewOf::Booking => "must be booking or absent: the operation is about bookings",
                ReviewOf::Cancellation => "must be cancellation or absent: the operation is about shipments",
            };
            return invalid("filter/of", why);
        }
        Ok(())
    }

    fn check_jobs(&self, new: &NewOperation) -> Result<(), OperationError> {
        let invalid = |field, why: &str| Err(OperationError::Invalid { field, why: why.to_owned() });
        let Filter { queue, state, name: _, code, of, user_id, from, before, cause, text } = &new.filter;
        let Some(queue) = queue else { return invalid("filter/queue", "must be named") };
        let orders = code.is_some() || of.is_some() || user_id.is_some();
        if orders || cause.is_some() || text.is_some() {
            return invalid("filter", "has fields of orders, and the operation is about jobs");
        }
        if !new.ids.is_empty() && (from.is_some() || before.is_some()) {
            return invalid("filter", "must have no times where ids are named");
        }
        let wanted = match new.kind {
            Kind::JobsRetry => JobState::Failed.as_str(),
            Kind::JobsPromote => JobState::Delayed.as_str(),
            _ => state.as_deref().unwrap_or_default(),
        };
        if state.as_deref().is_some_and(|state| state != wanted) {
            return invalid("filter/state", &format!("must be {wanted} or absent"));
        }
        if new.kind == Kind::JobsRemove && new.ids.is_empty() {
            let states = job_states(wanted).filter(|states| !states.contains(&JobState::Active));
            let Some(states) = states else {
                let why = "must be waiting, delayed, completed or failed, or several of them with commas";
                return invalid("filter/state", why);
            };
            if self.is_own(queue) && !states.into_iter().all(JobState::is_finished) {
                let why = "names open jobs, which stand for orders: cancel or resolve the orders instead";
                return invalid("filter/state", why);
            }
        }
        Ok(())
    }
}
