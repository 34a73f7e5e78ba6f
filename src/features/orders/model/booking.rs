//! From the take to the AWB: what is to be done for a booking next, and what is done to it.

mod calls;
mod outcome;

use std::time::Duration;

pub use self::calls::{Booking, NextAction, UnresolvedCall};
pub(super) use self::calls::{is_nothing, is_zero, millis};
pub(in crate::features::orders) use self::outcome::found;
use super::{Actor, CancellationState, IllegalStep, Order};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{reason, status::SyncStatus},
    provider::carrier::{Attempt, CallTimes, Cause},
};

/// The first wait for a provider that cannot be reached; doubles to five minutes.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(5);
/// How long an order may go without its provider being reached.
pub(super) const UNREACHABLE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How many calls on one reference may end without an answer.
pub const MAX_UNRESOLVED_CALLS: u32 = 3;
/// How long after an unanswered call a look-up that can be believed is waited for.
pub const UNRESOLVED_FOR_AT_MOST: Duration = Duration::from_secs(24 * 3600);

impl Order {
    /// What a job of `generation` (absent: made by another producer, counts as current) has to do with the
    /// order now.
    #[must_use]
    pub fn next_action(&self, generation: Option<i64>, now: Timestamp) -> NextAction {
        if generation.is_some_and(|g| g < self.dispatch.generation()) {
            return NextAction::Done;
        }
        self.booking.next(self.provider_sync_status, self.next_check_at, self.open_attempt(), now)
    }

    /// The last attempt to book it.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.booking.attempt()
    }

    /// Whether the order knows how its last attempt ended: whoever writes an outcome down notes it here.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.parcelx_response_ref_id() == self.attempt().map(|attempt| attempt.request_log_id.as_str())
    }

    /// Whether `log_id` is the attempt whose end the order waits for.
    #[must_use]
    pub fn awaits(&self, log_id: &str) -> bool {
        matches!(self.provider_sync_status, SyncStatus::Processing | SyncStatus::Reconciling)
            && self.booking.is_on(log_id)
    }

    /// The attempt of an order that waits to be sent anew whose end nobody has written into the order: a
    /// person failed the order without it. It must be shut out, or read, before the next one.
    #[must_use]
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempt().filter(|_| self.provider_sync_status == SyncStatus::Queued && !self.has_ended())
    }

    /// The shipment of which the merchant is told and nobody else: the order's, of the payload that it shows.
    pub(super) fn own_shipment(&self) -> Option<&str> {
        self.awb().filter(|_| !self.booking.of_earlier_payload)
    }

    /// A person had it booked again although a call may have booked it: nothing has proven since that it did
    /// not.
    pub(super) fn rebooked_unresolved(&self) -> bool {
        self.provider_sync_status == SyncStatus::Retrying
            && self.booking.unresolved.as_ref().is_some_and(|call| call.calls == 0)
    }

    /// A call may have booked it, and the look-up before it is sent will tell: it waits after a no that says
    /// nothing of it, for a person who had it booked again, or as one that had failed and is sent once more.
    pub(super) fn in_doubt(&self) -> bool {
        matches!(self.provider_sync_status, SyncStatus::Queued | SyncStatus::Retrying)
            && self.booking.look_first
    }

    pub(super) fn take(
        &mut self,
        log_id: &str,
        (times, paused): (CallTimes, Duration),
        now: Timestamp,
    ) -> Result<(), IllegalStep> {
        self.booking.begin(log_id, times, now);
        self.booking.paused_ms = millis(paused);
        self.undispatch();
        self.next_check_at = None;
        self.step(SyncStatus::Processing, Actor::Worker, None, now)
    }

    /// `false`: it is already final or with a person.
    pub(super) fn hand_over(&mut self, reason: &str, now: Timestamp) -> Result<bool, IllegalStep> {
        if !self.provider_sync_status.is_open() {
            return Ok(false);
        }
        self.next_check_at = None;
        self.undispatch();
        self.step(SyncStatus::NeedsReview, Actor::Worker, Some(reason.to_owned()), now)?;
        Ok(true)
    }

    /// What would be sent goes to a person, and what waits for one is asked about before a person sends it.
    pub(super) fn restored(&mut self, reason: &str, now: Timestamp) -> Result<bool, IllegalStep> {
        match self.provider_sync_status {
            SyncStatus::Queued | SyncStatus::Retrying | SyncStatus::Processing => {
                self.hand_over(reason, now)?;
            }
            SyncStatus::NeedsReview if self.booking.unresolved.is_none() => {
                self.note(Actor::Operator, "the database was restored from a backup", now);
            }
            SyncStatus::NeedsReview
            | SyncStatus::Reconciling
            | SyncStatus::Success
            | SyncStatus::Failed
            | SyncStatus::Cancelled => return Ok(false),
        }
        self.booking.unresolved.get_or_insert(UnresolvedCall { since: now, calls: 1 });
        Ok(true)
    }

    pub(super) fn seen_cancelled(&mut self, now: Timestamp) -> bool {
        let waits = self.provider_sync_status == SyncStatus::NeedsReview;
        let told = self.sync_reason() == Some(reason::FOUND_CANCELLED);
        if waits && !told {
            self.sync_reason = Some(reason::FOUND_CANCELLED.to_owned());
            self.push_history(Actor::Operator, now);
        }
        waits && !told
    }

    pub(super) fn poll_again(&mut self, log_id: &str, at: Timestamp, now: Timestamp) -> bool {
        let awaits = self.awaits(log_id);
        if awaits {
            self.next_check_at = Some(at);
            self.dispatch.moved_on();
            self.updated_at = now;
        }
        awaits
    }

    /// Nothing is sent for ever: after [`MAX_UNRESOLVED_CALLS`] unanswered calls a person looks.
    pub(super) fn proven_absent(&mut self, log_id: &str, now: Timestamp) -> Result<bool, IllegalStep> {
        if self.provider_sync_status != SyncStatus::Reconciling || !self.awaits(log_id) {
            return Ok(false);
        }
        if self.booking.unresolved.as_ref().is_some_and(|call| call.calls >= MAX_UNRESOLVED_CALLS) {
            return self.hand_over(reason::OUTCOME_UNKNOWN, now);
        }
        self.next_check_at = None;
        self.dispatch.moved_on();
        let why = "ParcelX does not know the order: booking again".to_owned();
        self.step(SyncStatus::Retrying, Actor::Worker, Some(why), now)?;
        self.keep_found(now)?;
        self.carry_out_cancel_request(now)?;
        Ok(true)
    }

    /// A person looks, unless somebody else has moved the order on. `found` also stops an order that is to be
    /// sent again; one whose next call is under way finds it out by itself.
    pub(super) fn give_up(
        &mut self,
        log_id: &str,
        found: bool,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, IllegalStep> {
        let stands = match self.provider_sync_status {
            SyncStatus::Reconciling => found || self.awaits(log_id),
            SyncStatus::Queued | SyncStatus::Retrying => found,
            _ => false,
        };
        if stands { self.hand_over(reason, now) } else { Ok(false) }
    }

    pub(in crate::features::orders) fn trying_since(&self) -> Timestamp {
        self.booking.trying_since.unwrap_or(self.created_at)
    }

    fn wait(&mut self, after: Option<Duration>, cause: &Cause, now: Timestamp) -> Result<(), IllegalStep> {
        let cancel_requested = self.cancellation.state() == CancellationState::Requested;
        let unpaused = now.since(self.trying_since()).saturating_sub(self.booking.paused());
        if unpaused >= UNREACHABLE_AFTER && !cancel_requested {
            self.next_check_at = None;
            let why = reason::waited_for(cause);
            return self.step(SyncStatus::NeedsReview, Actor::Worker, Some(why), now);
        }
        self.next_check_at = Some(now + self.booking.pause(after));
        self.step(SyncStatus::Retrying, Actor::Worker, Some(cause.to_string()), now)
    }
}
