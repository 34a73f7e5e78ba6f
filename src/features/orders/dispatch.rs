//! How the outbox sees an order: one job at a time moves it on. That books it, as long as it is on its way;
//! after that it cancels what is to be cancelled.

use std::time::Duration;

use super::{
    jobs::{CancelOrderJob, CreateOrderJob},
    lifecycle::{UNREACHABLE_AFTER, UNRESOLVED_FOR_AT_MOST, cancel_job_id, job_id, reason},
    model::{Actor, Order, ShipmentCancellation, ShipmentCancellationState},
    status::SyncStatus,
};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        outbox::{Again, Dispatched, OutboxEntry, Times},
        queue::{NewJob, job::Payload, retry::Policies},
    },
};

/// Jobs in a row that may come to nothing.
const MOST_DISPATCHES: u32 = 3;
/// A document whose job is merely waiting is looked at less and less often, up to this.
const LONGEST_POLL: Duration = Duration::from_secs(3600);

impl Order {
    /// When somebody should have moved the order on, at the latest. Nothing: no job does.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        let settle_after = || self.attempt.as_ref().map(|a| a.settle_after);
        match self.provider_sync_status {
            SyncStatus::Queued => Some(self.outbox.as_ref().map_or(self.created_at, |entry| entry.at)),
            SyncStatus::Processing => settle_after().or(Some(self.updated_at)),
            SyncStatus::Retrying | SyncStatus::Reconciling => {
                Some(self.next_check_at.unwrap_or(self.updated_at))
            }
            SyncStatus::Success | SyncStatus::Failed | SyncStatus::NeedsReview | SyncStatus::Cancelled => {
                self.cancellations_due_at()
            }
        }
    }

    /// The id of the job that moves the order on now.
    fn current_job(&self) -> Option<String> {
        match (self.provider_sync_status.is_open(), self.cancellations_open()) {
            (true, _) => Some(job_id(&self.id, self.generation)),
            (false, true) => Some(cancel_job_id(&self.id, self.generation)),
            (false, false) => None,
        }
    }

    /// Puts the next generation's job into the outbox.
    pub(super) fn dispatch(&mut self, now: Timestamp) {
        self.generation += 1;
        self.outbox = self.current_job().map(|job_id| OutboxEntry { job_id, at: now });
        self.overdue_at = self.due_at();
    }

    /// Hands it to a person when it has waited for as long as one that is tried would. Only a job finds that
    /// out otherwise, and while the account is held, or nobody works the queue, none runs. What a call may be
    /// under way for is left to the job that closes it.
    fn expired(&mut self, now: Timestamp) -> bool {
        let too_long = |since: Timestamp, limit: Duration| now.since(since) >= limit;
        let untried = || format!("{}: no call was made in time", reason::PROVIDER_UNREACHABLE);
        match self.provider_sync_status {
            SyncStatus::Queued | SyncStatus::Retrying
                if too_long(self.trying_since.unwrap_or(self.created_at), UNREACHABLE_AFTER) =>
            {
                let why =
                    if self.rebooked_unresolved() { reason::OUTCOME_UNKNOWN.to_owned() } else { untried() };
                self.review(&why, now)
            }
            SyncStatus::Reconciling
                if self
                    .unresolved
                    .as_ref()
                    .is_some_and(|doubt| too_long(doubt.since, UNRESOLVED_FOR_AT_MOST)) =>
            {
                self.review(reason::OUTCOME_UNKNOWN, now)
            }
            _ => {
                let stale = |cancel: &ShipmentCancellation| {
                    cancel.state == ShipmentCancellationState::Wanted
                        && too_long(cancel.wanted_at, UNREACHABLE_AFTER)
                };
                self.shipment_cancellations.iter().any(stale) && self.review_cancellations(&untried(), now)
            }
        }
    }

    fn has_job(&self, id: &str) -> bool {
        self.current_job().is_some_and(|current| current == id)
    }
}

impl Dispatched for Order {
    const OUTBOX: &'static str = "outbox.at";
    const OVERDUE: &'static str = "overdueAt";

    fn outbox(&self) -> Option<&OutboxEntry> {
        self.outbox.as_ref()
    }

    fn overdue_at(&self) -> Option<Timestamp> {
        self.overdue_at
    }

    fn job(&self, policies: &Policies, now: Timestamp) -> Option<NewJob> {
        let id = self.current_job()?;
        let job = if self.provider_sync_status.is_open() {
            NewJob::of(id, &CreateOrderJob::from(self), &policies.of(CreateOrderJob::QUEUE))
        } else {
            NewJob::of(id, &CancelOrderJob::from(self), &policies.of(CancelOrderJob::QUEUE))
        };
        let mut job = job.ok()?;
        job.delay = self.due_at().map_or(Duration::ZERO, |at| at.since(now));
        Some(job)
    }

    fn relayed(&mut self, job_id: &str, now: Timestamp) -> bool {
        if self.outbox.as_ref().is_none_or(|entry| entry.job_id != job_id) {
            return false;
        }
        self.outbox = None;
        self.overdue_at = self.due_at().map(|due| due.max(now));
        true
    }

    fn still_queued(&mut self, job_id: &str, times: &Times, now: Timestamp) -> Again {
        if !self.has_job(job_id) {
            return Again::MovedOn;
        }
        if self.expired(now) {
            return Again::GivenUp;
        }
        // The longer it has waited, the longer until the next look: a long queue is not read again and again.
        let waited = now.since(self.updated_at).clamp(times.grace, LONGEST_POLL.max(times.grace));
        self.overdue_at = Some(now + (waited - times.grace));
        Again::Waiting
    }

    fn dispatch_again(&mut self, job_id: &str, now: Timestamp) -> Again {
        if !self.has_job(job_id) {
            return Again::MovedOn;
        }
        if self.dispatches >= MOST_DISPATCHES {
            let why = format!("{}: its jobs came to nothing", reason::POISON);
            let _booking_or_cancel = self.review(&why, now) || self.review_cancellations(&why, now);
            return Again::GivenUp;
        }
        self.dispatches += 1;
        self.dispatch(now);
        self.overdue_at = Some(self.due_at().map_or(now, |at| at.max(now)));
        self.note(Actor::Worker, "dispatched again", now);
        Again::Dispatched
    }
}
