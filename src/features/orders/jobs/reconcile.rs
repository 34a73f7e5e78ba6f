//! Finds out what became of a call that ended without an answer: the order may be booked, and must not be
//! sent again before that is known.
//!
//! The provider is asked for our reference at growing times after the call. A shipment that is found is
//! adopted. That none is found proves nothing by itself, for look-ups may lag or not work at all: only at the
//! last look, and only if a control look-up in the same pass, before it, finds a booking of ours that is as
//! new as the doubtful call, does it count as absence. Everything else ends with a person.

use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Order, ShipmentCancellationState, UNRESOLVED_FOR_AT_MOST},
        reason,
        status::SyncStatus,
    },
    platform::queue::job::JobError,
    provider::{
        carrier::{Attempt, CallOutcome, Shipment},
        parcelx::{By, Call, Tracked},
    },
};
use std::time::Duration;

use tracing::Instrument;

use super::{Context, create_order::booking};

/// What the control look-up says of look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// It found what is there: what it does not find is not there.
    Works,
    /// There is nothing yet that it could be tried on, or it could not be made just now.
    NotYet,
    /// It did not find what is there, or failed, or was not asked.
    Fails,
}

/// The reference outlives an amendment, so a look-up may show a shipment of an earlier payload that is being
/// cancelled, or was: that says nothing of the call in doubt.
fn told_apart(order: &Order, tracked: Tracked) -> Tracked {
    let cancelled = |awb: &String| {
        order
            .cancellation()
            .shipments()
            .iter()
            .any(|cancel| cancel.awb == *awb && cancel.state != ShipmentCancellationState::Wanted)
    };
    match tracked {
        Tracked::Found { awb: Some(awb), .. } if cancelled(&awb) => {
            Tracked::Failed("it shows a shipment that was cancelled".to_owned())
        }
        tracked => tracked,
    }
}

/// Whether looking again may prove what this look did not.
fn may_yet_tell(tracked: &Tracked, control: Control) -> bool {
    match tracked {
        Tracked::Away(_) => control != Control::Fails,
        Tracked::NotFound(_) => control == Control::NotYet,
        Tracked::Found { .. } | Tracked::Failed(_) => false,
    }
}

impl Context {
    /// One look for the order of an unanswered call. Gives the order as it stands afterwards.
    pub(super) async fn look_up(&self, order: &Order, attempt: &Attempt) -> Result<Order, JobError> {
        let (id, log_id) = (order.id(), attempt.request_log_id.as_str());
        let since = order.booking().unresolved().map_or(order.updated_at(), |d| d.since);
        self.parcelx.close_look_ups(id).await?;
        if let Some(settled) = self.adopt_recorded(order).await? {
            return Ok(settled);
        }
        // The control comes first: what look-ups lag behind, and comes to light between the two, must not
        // look like an absence.
        let next = self.next_poll(since);
        let control = if next.is_none() && self.lookup_trusted {
            self.control(order, since).await?
        } else {
            Control::Fails
        };
        let tracked =
            self.track(order, By::Reference(order.order_number().to_owned()), order.order_number()).await?;
        let after = match (told_apart(order, tracked), next) {
            // It was booked, and is not any more: nobody here did that.
            (tracked, _) if tracked.is_cancelled() => {
                self.orders.give_up(id, log_id, true, reason::FOUND_CANCELLED).await?
            }
            (Tracked::Found { awb: Some(awb), .. }, _) => self.adopt(order, attempt, awb).await?,
            (Tracked::Found { awb: None, .. }, _) => {
                self.orders.give_up(id, log_id, true, reason::BOOKED_AWB_UNKNOWN).await?
            }
            (Tracked::NotFound(_) | Tracked::Failed(_) | Tracked::Away(_), Some(at)) => {
                self.orders.poll_again(id, log_id, at).await?
            }
            (Tracked::NotFound(_), None) if control == Control::Works => {
                self.orders.absent(id, log_id).await?
            }
            // An outage, or a quiet hour, must not fill the list of what waits for people: the proof may yet
            // come.
            (tracked, None)
                if may_yet_tell(&tracked, control)
                    && self.clock.now().since(since) < UNRESOLVED_FOR_AT_MOST =>
            {
                self.orders.poll_again(id, log_id, self.clock.now() + self.last_pause()).await?
            }
            (_, None) => self.orders.give_up(id, log_id, false, reason::OUTCOME_UNKNOWN).await?,
        };
        self.settled(after)
    }

    /// An answer may have been written down late, by a worker that did not live to act on it.
    async fn adopt_recorded(&self, order: &Order) -> Result<Option<Order>, JobError> {
        let Some((log_id, booked)) = self.parcelx.booking_on_record(order).await? else { return Ok(None) };
        let finding = CallOutcome::Done(booking(booked));
        let settled = self.orders.resolve(order.id(), &log_id, &finding, self.first_poll()).await?;
        // Else its AWB is another order's, and look-ups go on.
        Ok(settled.filter(|order| order.provider_sync_status() != SyncStatus::Reconciling))
    }

    async fn adopt(&self, order: &Order, attempt: &Attempt, awb: String) -> Result<Option<Order>, JobError> {
        let booking = Shipment { awb, courier_name: None, courier_code: None, order_number: None };
        let finding = CallOutcome::Done(booking);
        Ok(
            match self
                .orders
                .resolve(order.id(), &attempt.request_log_id, &finding, self.first_poll())
                .await?
            {
                // The shipment that was found is another order's: no look-up will find a better one.
                Some(order) if order.provider_sync_status() == SyncStatus::Reconciling => {
                    self.orders.review(order.id(), reason::AWB_OF_ANOTHER_ORDER).await?
                }
                settled => settled,
            },
        )
    }

    /// PollSchedule for the last order that was booked when the doubtful call had already been made: if that
    /// is not found, nothing that look-ups do not find can be believed to be absent.
    async fn control(&self, order: &Order, since: Timestamp) -> Result<Control, JobError> {
        let Some(known) = self.orders.last_booked(since).await? else { return Ok(Control::NotYet) };
        Ok(
            match self
                .track(order, By::Reference(known.order_number().to_owned()), known.order_number())
                .await?
            {
                Tracked::Found { awb, .. } if awb.is_none() || awb.as_deref() == known.awb() => {
                    Control::Works
                }
                Tracked::Found { .. } | Tracked::NotFound(_) | Tracked::Failed(_) => Control::Fails,
                Tracked::Away(_) => Control::NotYet,
            },
        )
    }

    /// Asks for the shipment of `reference` on behalf of `order`.
    pub(super) async fn track(&self, order: &Order, by: By, reference: &str) -> Result<Tracked, JobError> {
        let call = Call {
            order_id: order.id().to_owned(),
            reference: reference.to_owned(),
            attempt: order.attempt().map_or(0, |a| a.no),
            queued_at: order.created_at(),
        };
        // A task of its own, as for a create: how a call ended is written down even if nobody waits for it
        // any more.
        let parcelx = self.parcelx.clone();
        let look = async move { parcelx.track_order(&by, &call).await };
        match self.calls.spawn(look.in_current_span()).await {
            Ok(tracked) => Ok(tracked?),
            Err(_) => Err(JobError::Retry("the look-up panicked".to_owned())),
        }
    }

    /// The next time of the schedule, counted from the call's end.
    fn next_poll(&self, since: Timestamp) -> Option<Timestamp> {
        self.reconcile.iter().map(|offset| since + *offset).find(|at| *at > self.clock.now())
    }

    /// Between two looks when the schedule has ended.
    fn last_pause(&self) -> Duration {
        match self.reconcile.as_slice() {
            [.., before, last] => *last - *before,
            [only] => *only,
            [] => self.first_poll(),
        }
    }
}
