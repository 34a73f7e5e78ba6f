//! How the outbox sees an order.

use std::time::Duration;

use super::{
    jobs::CreateOrderJob,
    journey::{job_id, reason},
    model::{Actor, Order},
    status::SyncStatus,
};
use crate::{
    outbox::{Again, Dispatched, OutboxEntry, Times},
    queue::{NewJob, retry::Policy},
    timestamp::Timestamp,
};

/// Jobs in a row that may come to nothing.
const MOST_DISPATCHES: u32 = 3;
/// A document whose job is merely waiting is looked at less and less often, up to this.
const LONGEST_LOOK: Duration = Duration::from_secs(3600);

impl Order {
    /// When somebody should have moved the order on, at the latest.
    fn due_at(&self) -> Option<Timestamp> {
        let settle_after = || self.attempt.as_ref().map(|a| a.settle_after);
        match self.provider_sync_status {
            SyncStatus::Queued => Some(self.outbox.as_ref().map_or(self.created_at, |entry| entry.at)),
            SyncStatus::Processing => settle_after().or(Some(self.updated_at)),
            SyncStatus::Retrying | SyncStatus::Reconciling => Some(self.next_check_at.unwrap_or(self.updated_at)),
            SyncStatus::Success | SyncStatus::Failed | SyncStatus::NeedsReview | SyncStatus::Cancelled => None,
        }
    }

    /// Called after every step: keeps what the sweeper looks at true.
    pub(super) fn set_overdue(&mut self) {
        self.overdue_at = self.due_at();
    }

    fn has_job(&self, id: &str) -> bool {
        self.provider_sync_status.is_open() && job_id(&self.id, self.generation) == id
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

    fn job(&self, policy: &Policy, now: Timestamp) -> Option<NewJob> {
        if !self.provider_sync_status.is_open() {
            return None;
        }
        let mut job = NewJob::of(job_id(&self.id, self.generation), &CreateOrderJob::from(self), policy).ok()?;
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

    fn still_queued(&mut self, job_id: &str, times: &Times, now: Timestamp) -> bool {
        if !self.has_job(job_id) {
            return false;
        }
        // The longer it has waited, the longer until the next look: a long queue is not read again and again.
        let waited = now.since(self.updated_at).clamp(times.grace, LONGEST_LOOK.max(times.grace));
        self.overdue_at = Some(now + (waited - times.grace));
        true
    }

    fn dispatch_again(&mut self, job_id: &str, now: Timestamp) -> Again {
        if !self.has_job(job_id) {
            return Again::MovedOn;
        }
        if self.dispatches >= MOST_DISPATCHES {
            self.review(&format!("{}: its jobs came to nothing", reason::POISON), now);
            return Again::GivenUp;
        }
        self.dispatches += 1;
        self.generation += 1;
        let due = self.due_at().map_or(now, |at| at.max(now));
        self.outbox = Some(OutboxEntry { job_id: super::journey::job_id(&self.id, self.generation), at: now });
        self.overdue_at = Some(due);
        self.remark(Actor::Worker, "dispatched again", now);
        Again::Dispatched
    }
}
