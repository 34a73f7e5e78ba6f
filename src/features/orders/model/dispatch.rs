//! How the outbox sees an order: one job at a time moves it on. That books it, as long as it is on its way;
//! after that it cancels what is to be cancelled.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Actor, Applied, Event, IllegalStep, Order, ShipmentCancellation, ShipmentCancellationState,
    booking::{UNREACHABLE_AFTER, UNRESOLVED_FOR_AT_MOST, is_zero},
};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        jobs::{CancelOrderJob, CreateOrderJob},
        reason,
        status::SyncStatus,
    },
    platform::{
        outbox::{Again, Dispatched, Entry, Times},
        queue::{Pauses, job::Payload},
    },
};

/// Jobs in a row that may come to nothing.
const MOST_TRIES: u32 = 3;
/// A document whose job is merely waiting is looked at less and less often, up to this.
const LONGEST_POLL: Duration = Duration::from_secs(3600);
/// What ids of entries begin with that are dispatches; their generation follows.
const ENTRY: &str = "dispatch-";

/// The deliberate dispatches of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispatch {
    /// Which one this is, of a create or a cancel; its job carries the number.
    generation: i64,
    /// When that was; long ago in an order of an older release.
    #[serde(default)]
    at: Timestamp,
    /// How many jobs in a row were gone, or ended without moving the order on.
    #[serde(default, skip_serializing_if = "is_zero")]
    tries: u32,
}

impl Dispatch {
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    #[must_use]
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// A job came to something.
    pub(super) fn moved_on(&mut self) {
        self.tries = 0;
    }
}

/// The id of an order's create job. The generation is in it, so that a finished job that the queue still
/// keeps never blocks a new dispatch.
#[must_use]
pub fn job_id(order_id: &str, generation: i64) -> String {
    format!("create-order-{order_id}-{generation}")
}

/// The id of an order's cancel job.
#[must_use]
pub fn cancel_job_id(order_id: &str, generation: i64) -> String {
    format!("cancel-order-{order_id}-{generation}")
}

impl Order {
    /// Which dispatch this is.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.dispatch.generation
    }

    /// When somebody should have moved the order on, at the latest. Nothing: no job does.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        match self.provider_sync_status {
            SyncStatus::Queued => Some(self.outbox.first().map_or(self.created_at, |entry| entry.at)),
            SyncStatus::Processing => {
                Some(self.attempt().map_or(self.updated_at, |attempt| attempt.settle_after))
            }
            SyncStatus::Retrying | SyncStatus::Reconciling => {
                Some(self.next_check_at.unwrap_or(self.updated_at))
            }
            SyncStatus::Success | SyncStatus::Failed | SyncStatus::NeedsReview | SyncStatus::Cancelled => {
                self.cancellation.due_at()
            }
        }
    }

    /// When somebody should look after `event`.
    pub(super) fn overdue_after(
        &self,
        event: &Event<'_>,
        applied: &Applied,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match (event, applied) {
            (Event::RequestLabel { .. } | Event::LabelEnded { .. } | Event::LabelFailed { .. }, _) => {
                self.overdue_at
            }
            (Event::Relayed { .. }, _) => self.due_at().map(|due| due.max(now)),
            (_, Applied::Swept(Again::Dispatched)) => Some(self.due_at().map_or(now, |due| due.max(now))),
            // The longer it has waited, the longer until the next look: a long queue is not read again and
            // again.
            (Event::StillQueued { times, .. }, Applied::Swept(Again::Waiting)) => {
                let waited = now.since(self.updated_at).clamp(times.grace, LONGEST_POLL.max(times.grace));
                Some(now + (waited - times.grace))
            }
            _ => self.due_at(),
        }
    }

    /// The entry of the present dispatch, whose job moves the order on now.
    fn entry(&self, now: Timestamp) -> Option<Entry> {
        let (id, job) = (format!("{ENTRY}{}", self.dispatch.generation), self.current_job()?.1);
        let entry = if self.provider_sync_status.is_open() {
            Entry::of(id, job, &CreateOrderJob::from(self), now)
        } else {
            Entry::of(id, job, &CancelOrderJob::from(self), now)
        };
        let due = self.due_at().filter(|due| *due > now);
        entry
            .map(|entry| Entry { not_before: due, ..entry })
            .inspect_err(|error| tracing::error!(%error, order.id = self.id, "a job does not serialise"))
            .ok()
    }

    /// The next generation: its job goes into the outbox, in the place of the one before.
    pub(super) fn dispatch_next(&mut self, now: Timestamp) {
        self.dispatch.generation += 1;
        self.dispatch.at = now;
        self.undispatch();
        self.outbox.extend(self.entry(now));
    }

    /// The job is not needed any more, or somebody has it.
    pub(super) fn undispatch(&mut self) {
        self.outbox.retain(|entry| !entry.id.starts_with(ENTRY));
    }

    pub(super) fn dispatch_again(&mut self, generation: i64, now: Timestamp) -> bool {
        let again = self.current_job().is_some() && self.dispatch.generation == generation;
        if again {
            self.dispatch_next(now);
        }
        again
    }

    pub(super) fn entry_relayed(&mut self, entry: &str) -> bool {
        let before = self.outbox.len();
        self.outbox.retain(|other| other.id != entry);
        self.outbox.len() < before
    }

    /// Hands it to a person when it has waited for as long as one that is tried would.
    pub(super) fn job_waits(
        &mut self,
        job: &str,
        held: Option<&str>,
        pauses: &Pauses,
        now: Timestamp,
    ) -> Result<Again, IllegalStep> {
        if !self.has_job(job) {
            return Ok(Again::MovedOn);
        }
        let given_up = match self.expired(held, pauses, now) {
            Some(why) => self.hand_over(&why, now)? || self.review_cancellations(&why, now),
            None => false,
        };
        Ok(if given_up { Again::GivenUp } else { Again::Waiting })
    }

    /// Why a person must look at it: it has waited for as long as one that is tried would. Only a job finds
    /// that out otherwise, and while the account is held, or nobody works the queue, none runs. What a call
    /// may be under way for is left to the job that closes it.
    fn expired(&self, held: Option<&str>, pauses: &Pauses, now: Timestamp) -> Option<String> {
        let over =
            |since: Timestamp, limit| now.since(since).saturating_sub(pauses.between(since, now)) >= limit;
        let unworked = || format!("{}: no call was made in time", reason::PROVIDER_UNREACHABLE);
        let untried = || held.map_or_else(unworked, reason::held);
        let unknown = || reason::OUTCOME_UNKNOWN.to_owned();
        match self.provider_sync_status {
            SyncStatus::Queued | SyncStatus::Retrying => over(self.trying_since(), UNREACHABLE_AFTER)
                .then(|| if self.rebooked_unresolved() { unknown() } else { untried() }),
            SyncStatus::Reconciling => {
                let call = self.booking.unresolved()?;
                over(call.since, UNRESOLVED_FOR_AT_MOST).then(unknown)
            }
            _ if self.cancellations_open() => {
                let stale = |cancel: &ShipmentCancellation| {
                    cancel.state == ShipmentCancellationState::Wanted
                        && over(cancel.wanted_at, UNREACHABLE_AFTER)
                };
                self.cancellation.shipments().iter().any(stale).then(untried)
            }
            _ => None,
        }
    }

    pub(super) fn job_is_lost(
        &mut self,
        job: &str,
        blameless: bool,
        now: Timestamp,
    ) -> Result<Again, IllegalStep> {
        if !self.has_job(job) {
            return Ok(Again::MovedOn);
        }
        if self.dispatch.tries >= MOST_TRIES && !blameless {
            let why = format!("{}: its jobs came to nothing", reason::POISON);
            let _booking_or_cancel = self.hand_over(&why, now)? || self.review_cancellations(&why, now);
            return Ok(Again::GivenUp);
        }
        self.dispatch.tries += u32::from(!blameless);
        self.dispatch_next(now);
        self.note(Actor::Worker, "dispatched again", now);
        Ok(Again::Dispatched)
    }

    fn has_job(&self, id: &str) -> bool {
        self.current_job().is_some_and(|(_, current)| current == id)
    }

    /// What a pass decides; a step that is forbidden was logged, and leaves the order as it is.
    fn pass(&mut self, event: Event<'_>, now: Timestamp) -> Again {
        match self.apply(event, now) {
            Ok(Applied::Swept(again)) => again,
            Ok(_) | Err(IllegalStep { .. }) => Again::MovedOn,
        }
    }
}

impl Dispatched for Order {
    const OUTBOX: &'static str = "outboxAt";
    const OVERDUE: &'static str = "overdueAt";

    fn outbox(&self) -> &[Entry] {
        &self.outbox
    }

    fn overdue_at(&self) -> Option<Timestamp> {
        self.overdue_at
    }

    fn current_job(&self) -> Option<(&'static str, String)> {
        match (self.provider_sync_status.is_open(), self.cancellations_open()) {
            (true, _) => Some((CreateOrderJob::QUEUE, job_id(&self.id, self.dispatch.generation))),
            (false, true) => Some((CancelOrderJob::QUEUE, cancel_job_id(&self.id, self.dispatch.generation))),
            (false, false) => None,
        }
    }

    fn dispatched_at(&self) -> Timestamp {
        self.dispatch.at
    }

    fn relayed(&mut self, entry: &str, now: Timestamp) -> bool {
        self.apply(Event::Relayed { entry }, now).is_ok_and(|applied| applied.changed())
    }

    fn still_queued(&mut self, job: &str, times: &Times, pauses: &Pauses, now: Timestamp) -> Again {
        self.pass(Event::StillQueued { job, held: None, times, pauses }, now)
    }

    fn shut_out(
        &mut self,
        job: &str,
        why: &str,
        (times, pauses): (&Times, &Pauses),
        now: Timestamp,
    ) -> Again {
        self.pass(Event::StillQueued { job, held: Some(why), times, pauses }, now)
    }

    fn job_lost(&mut self, job: &str, blameless: bool, now: Timestamp) -> Again {
        self.pass(Event::JobLost { job, blameless }, now)
    }
}
