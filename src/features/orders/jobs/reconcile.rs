//! Finds out what became of a call that ended without an answer: the order may be booked, and must not be
//! sent again before that is known.
//!
//! The provider is asked for our reference at growing times after the call. A shipment that is found is
//! adopted. That none is found proves nothing by itself, for look-ups may lag or not work at all: only at the
//! last look, and only if a control look-up in the same pass, before it, finds a booking of ours that is as
//! new as the unresolved call, does it count as absence. Everything else ends with a person.

use std::{sync::Arc, time::Duration};

use super::{
    Context, CreateOrderJob,
    words::{texts, words as shown},
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Order, ShipmentCancellationState, UNRESOLVED_FOR_AT_MOST, found},
        reason,
        status::SyncStatus,
    },
    features::provider_accounts::{Seen, Trier},
    platform::queue::{
        ActiveJob,
        job::{JobError, Payload},
    },
    provider::carrier::{
        AccountProblem, Attempt, By, Call, CallOutcome, Cause, Heard, Shipment, Told, Tracking,
    },
};

/// For whom an order's calls are made.
pub(super) fn trier(order: &Order) -> Trier {
    let pick_address = Some(order.payload().pick_address_id.clone());
    Trier { merchant: order.user_id().to_owned(), pick_address }
}

/// How far back a booking is that the provider must still know.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

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
/// cancelled, or was: that says nothing of the unresolved call.
pub(super) fn told_apart(order: &Order, tracked: CallOutcome<Tracking>) -> CallOutcome<Tracking> {
    let cancelled = |awb: &String| {
        order
            .cancellation()
            .shipments()
            .iter()
            .any(|cancel| cancel.awb == *awb && cancel.state != ShipmentCancellationState::Wanted)
    };
    match tracked {
        CallOutcome::Done(Tracking::Live { awb: Some(awb) } | Tracking::Cancelled { awb: Some(awb) })
            if cancelled(&awb) =>
        {
            let reason = "it shows a shipment that was cancelled".to_owned();
            CallOutcome::Unknown { reason, heard: Heard::Readable }
        }
        tracked => tracked,
    }
}

fn is_switched_off(refused: &CallOutcome<Shipment>) -> bool {
    let CallOutcome::Deferred { cause, .. } = refused else { return false };
    matches!(cause, Cause::Account(AccountProblem::Account, _))
}

/// Whether looking again may prove what this look did not.
fn may_yet_tell(tracked: &CallOutcome<Tracking>, control: Control) -> bool {
    match tracked {
        CallOutcome::Done(Tracking::NotFound) => control == Control::NotYet,
        tracked => tracked.may_yet_be_answered() && control != Control::Fails,
    }
}

impl Context {
    /// One look for the order of an unanswered call. Gives the order as it stands afterwards.
    pub(super) async fn look_up(
        &self,
        order: &Order,
        attempt: &Attempt,
        job: &ActiveJob,
    ) -> Result<Order, JobError> {
        let (id, log_id) = (order.id(), attempt.request_log_id.as_str());
        let since = order.booking().unresolved().map_or(order.updated_at(), |d| d.since);
        self.carrier.close_look_ups(id).await?;
        if let Some(settled) = self.adopt_recorded(order).await? {
            return Ok(settled);
        }
        // The control comes first: what look-ups lag behind, and comes to light between the two, must not
        // look like an absence.
        let next = self.next_poll(since);
        let control = if next.is_none() && self.lookup_trusted {
            self.control(order, since, job).await?
        } else {
            Control::Fails
        };
        let by = By::Reference(order.order_number().to_owned());
        let tracked = self.track(order, by, order.order_number(), job).await?;
        let unresolved = self.clock.now().since(since);
        let unresolved = unresolved.saturating_sub(self.paused(CreateOrderJob::QUEUE, since).await?);
        let after = match (told_apart(order, tracked), next) {
            // It was booked, and is not any more: nobody here did that.
            (CallOutcome::Done(Tracking::Cancelled { .. }), _) => {
                self.orders.give_up(id, log_id, true, reason::FOUND_CANCELLED).await?
            }
            (CallOutcome::Done(Tracking::Live { awb: Some(awb) }), _) => {
                self.adopt(order, attempt, awb, job).await?
            }
            (CallOutcome::Done(Tracking::Live { awb: None }), _) => {
                self.orders.give_up(id, log_id, true, reason::BOOKED_AWB_UNKNOWN).await?
            }
            (_, Some(at)) => self.orders.poll_again(id, log_id, at).await?,
            (CallOutcome::Done(Tracking::NotFound), None) if control == Control::Works => {
                self.orders.absent(id, log_id).await?
            }
            // An outage, or a quiet hour, must not fill the list of what waits for people: the proof may yet
            // come.
            (tracked, None) if may_yet_tell(&tracked, control) && unresolved < UNRESOLVED_FOR_AT_MOST => {
                self.orders.poll_again(id, log_id, self.clock.now() + self.last_pause()).await?
            }
            (_, None) => self.orders.give_up(id, log_id, false, reason::OUTCOME_UNKNOWN).await?,
        };
        self.settled(after)
    }

    /// What a create comes to that was answered with a no: `refused`, or declined for now. The provider may
    /// refuse our reference because it has booked it before: for a request that a proxy has sent twice, or a
    /// call that nobody heard of. So a no is believed only when a look-up finds no live shipment. And when
    /// orders of several merchants in a row get the same one, it is not about the order: that waits.
    pub(super) async fn confirm(
        &self,
        order: &Order,
        refused: CallOutcome<Shipment>,
        job: &ActiveJob,
    ) -> Result<CallOutcome<Shipment>, JobError> {
        // It settles nothing then, whatever a look-up shows.
        if order.booking().unresolved().is_some() && matches!(refused, CallOutcome::Refused(_)) {
            return Ok(refused);
        }
        Ok(match self.look_after_refusal(order, refused, job).await? {
            CallOutcome::Refused(words) if self.is_in_a_row(order, &words, job).await? => {
                CallOutcome::deferred(Cause::Account(AccountProblem::Refusals, Told::Words(words)))
            }
            outcome => outcome,
        })
    }

    /// Whether refusals like this one hold the account.
    async fn is_in_a_row(&self, order: &Order, words: &str, job: &ActiveJob) -> Result<bool, JobError> {
        let shown = shown(order, words);
        let seen = Seen::new(trier(order), order.id(), words, shown, &texts(order));
        let booked = match self.guard.row_at().await? {
            Some(at) => self.orders.last_booked(at + Duration::from_millis(1)).await?.is_some(),
            None => false,
        };
        Ok(self.guard.refused(&seen, booked, &job.token).await?)
    }

    async fn look_after_refusal(
        &self,
        order: &Order,
        refused: CallOutcome<Shipment>,
        job: &ActiveJob,
    ) -> Result<CallOutcome<Shipment>, JobError> {
        let words = refused.reason().unwrap_or_default();
        let by = By::Reference(order.order_number().to_owned());
        Ok(match self.track(order, by, order.order_number(), job).await? {
            CallOutcome::Done(Tracking::NotFound | Tracking::Cancelled { .. }) => refused,
            // That of an earlier payload, whose cancel is under way.
            CallOutcome::Done(Tracking::Live { awb: Some(awb) })
                if order.cancellation().of(&awb).is_some() =>
            {
                refused
            }
            CallOutcome::Done(Tracking::Live { awb: Some(awb) }) => {
                tracing::warn!(order.id = order.id(), "order {} was refused, and is booked", order.id());
                CallOutcome::Done(found(awb))
            }
            CallOutcome::Done(Tracking::Live { awb: None }) => {
                CallOutcome::unanswered(format!("refused, and yet there is a shipment: {words}"))
            }
            // One that says nothing proves nothing; where look-ups are not believed, a refusal is. An account
            // that is switched off may get no answer to a look-up either: the order waits as it is.
            _ if !self.lookup_trusted => refused,
            _ if is_switched_off(&refused) => refused,
            _ => CallOutcome::unanswered(format!("refused, and not looked up: {words}")),
        })
    }

    /// An answer may have been written down late, by a worker that did not live to act on it.
    async fn adopt_recorded(&self, order: &Order) -> Result<Option<Order>, JobError> {
        let (id, reference, known) = (order.id(), order.order_number(), order.booking().duplicate_awbs());
        let on_record = self.carrier.booking_on_record(id, reference, known).await?;
        let Some((log_id, shipment)) = on_record else { return Ok(None) };
        let finding = CallOutcome::Done(shipment);
        let settled = self.orders.resolve(order.id(), &log_id, &finding, self.first_poll()).await?;
        // Else its AWB is another order's, and look-ups go on.
        Ok(settled.filter(|order| order.provider_sync_status() != SyncStatus::Reconciling))
    }

    /// Looks for the last order that was booked when the unresolved call had already been made: if that is
    /// not found, nothing that look-ups do not find can be believed to be absent.
    async fn control(&self, order: &Order, since: Timestamp, job: &ActiveJob) -> Result<Control, JobError> {
        let Some(known) = self.orders.last_booked(since).await? else {
            return self.old_control(order, job).await;
        };
        let by = By::Reference(known.order_number().to_owned());
        Ok(match self.track(order, by, known.order_number(), job).await? {
            CallOutcome::Done(Tracking::Live { awb } | Tracking::Cancelled { awb })
                if awb.is_none() || awb.as_deref() == known.awb() =>
            {
                Control::Works
            }
            tracked if tracked.may_yet_be_answered() => Control::NotYet,
            _ => Control::Fails,
        })
    }

    /// Nothing was booked since. A booking from before the call proves nothing by being found; but that it is
    /// not, although it had its time to show, proves that look-ups cannot be trusted.
    async fn old_control(&self, order: &Order, job: &ActiveJob) -> Result<Control, JobError> {
        let now = self.clock.now();
        let Some(known) = self.orders.last_booked(now - REMEMBERED).await? else {
            return Ok(Control::NotYet);
        };
        let shown_by = self.reconcile.last().copied().unwrap_or_default();
        if known.booked_at().is_none_or(|at| now.since(at) < shown_by) {
            return Ok(Control::NotYet);
        }
        let by = By::Reference(known.order_number().to_owned());
        Ok(match self.track(order, by, known.order_number(), job).await? {
            CallOutcome::Done(Tracking::NotFound) => Control::Fails,
            _ => Control::NotYet,
        })
    }

    /// Asks for the shipment of `reference` on behalf of `order`.
    pub(super) async fn track(
        &self,
        order: &Order,
        by: By,
        reference: &str,
        job: &ActiveJob,
    ) -> Result<CallOutcome<Tracking>, JobError> {
        let no = order.attempt().map_or(0, |a| a.no);
        let call = Call { reference: reference.to_owned(), ..self.call(order, no, order.created_at(), job) };
        let carrier = Arc::clone(&self.carrier);
        Ok(self.detached(async move { carrier.track(&call, &by).await }).await??)
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
