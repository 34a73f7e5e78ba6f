//! From the take to the AWB: what is to be done for a booking next, and what is done to it.

mod outcome;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(in crate::features::orders) use self::outcome::found;
use super::{Actor, CancellationState, IllegalStep, Order};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::{reason, status::SyncStatus},
    platform::queue::retry,
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

/// An unanswered call that is being looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnresolvedCall {
    /// When the call ended; look-ups are counted from here.
    pub since: Timestamp,
    /// How many calls on this reference have ended so.
    pub calls: u32,
}

/// The calls that are to book an order, but for what is shown of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
    /// A call on our reference ended without an answer, and nothing has cleared that up yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unresolved: Option<UnresolvedCall>,
    /// How often in a row it had to wait for the provider; sets how long the next wait is.
    #[serde(default, skip_serializing_if = "is_zero")]
    waits: u32,
    /// From when it counts how long the provider could not be reached; absent: from the order's creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trying_since: Option<Timestamp>,
    /// For how much of that time its queue was paused, when it was last taken.
    #[serde(default, skip_serializing_if = "is_nothing")]
    paused_ms: u64,
    /// It was corrected, or sent again, after it had failed, or was told no for the account's sake; and was
    /// not taken since: a look-up must find nothing first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    look_first: bool,
    /// It was called off after it was amended or sent again, and its shipment was there before: that may be
    /// of an earlier payload than the order shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    of_earlier_payload: bool,
    /// Shipments that came to light after the order was booked under another AWB, failed or was cancelled:
    /// each is cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    duplicate_awbs: Vec<String>,
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn is_nothing(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a create job finds when it looks at its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAction {
    /// Nobody has it: take it and send.
    Take,
    /// Another attempt took it and has had its time: find out what it did before anything else.
    Close(Attempt),
    /// A call ended without an answer, and it is time to ask.
    LookUp(Attempt),
    /// Not before this time.
    Wait(Timestamp),
    /// Nothing is left for this job.
    Done,
}

impl Booking {
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    #[must_use]
    pub fn unresolved(&self) -> Option<&UnresolvedCall> {
        self.unresolved.as_ref()
    }

    #[must_use]
    pub fn duplicate_awbs(&self) -> &[String] {
        &self.duplicate_awbs
    }

    #[must_use]
    pub fn trying_since(&self) -> Option<Timestamp> {
        self.trying_since
    }

    #[must_use]
    pub fn waits(&self) -> u32 {
        self.waits
    }

    /// Whether a look-up by our reference must find nothing live before the order is sent.
    #[must_use]
    pub fn looks_first(&self) -> bool {
        self.look_first
    }

    /// Whether its shipment may be of an earlier payload, and is the order's own only to be cancelled.
    #[must_use]
    pub fn of_earlier_payload(&self) -> bool {
        self.of_earlier_payload
    }

    /// What was refused may have been booked all the same, and have come to light only since.
    pub(super) fn look_first(&mut self) {
        self.look_first = true;
    }

    /// As one that had failed it is sent once more. Of a call whose end a person did not wait for, nothing
    /// has been proven: it counts anew.
    pub(super) fn sent_once_more(&mut self, now: Timestamp) {
        self.start_anew(now);
        self.look_first();
        if let Some(call) = &mut self.unresolved {
            call.calls = 0;
        }
    }

    /// It is booked: nothing is left to be found out.
    fn settled(&mut self) {
        (self.unresolved, self.look_first) = (None, false);
    }

    /// A call of another system's may have booked the order.
    pub(super) fn may_have_booked(&mut self, call: UnresolvedCall) {
        self.unresolved = Some(call);
    }

    /// Whether the last attempt is the one of this log.
    fn is_on(&self, log_id: &str) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.request_log_id == log_id)
    }

    /// What is right now for an order that stands so. `open`: its attempt whose end nobody wrote into it.
    fn next(
        &self,
        status: SyncStatus,
        check_at: Option<Timestamp>,
        open: Option<&Attempt>,
        now: Timestamp,
    ) -> NextAction {
        let due = check_at.filter(|at| *at > now);
        let close = |attempt: &Attempt| match attempt.settle_after {
            until if now < until => NextAction::Wait(until),
            _ => NextAction::Close(attempt.clone()),
        };
        match (status, due, &self.attempt) {
            (SyncStatus::Queued, ..) => open.map_or(NextAction::Take, close),
            (SyncStatus::Retrying | SyncStatus::Reconciling, Some(at), _) => NextAction::Wait(at),
            (SyncStatus::Retrying, None, _) => NextAction::Take,
            (SyncStatus::Processing, _, Some(attempt)) => close(attempt),
            (SyncStatus::Processing, _, None) => NextAction::Take,
            (SyncStatus::Reconciling, None, Some(attempt)) => NextAction::LookUp(attempt.clone()),
            // Reconciling what was never sent cannot be: the end of a call is the only way there.
            (SyncStatus::Reconciling, None, None) => NextAction::Done,
            (
                SyncStatus::Success | SyncStatus::Failed | SyncStatus::NeedsReview | SyncStatus::Cancelled,
                ..,
            ) => NextAction::Done,
        }
    }

    fn begin(&mut self, log_id: &str, times: CallTimes, now: Timestamp) {
        self.attempt = Some(Attempt::begin(self.attempt.as_ref(), log_id, times, now));
        self.look_first = false;
    }

    fn left_unanswered(&mut self, now: Timestamp) {
        let calls = self.unresolved.as_ref().map_or(0, |call| call.calls).saturating_add(1);
        self.unresolved = Some(UnresolvedCall { since: now, calls });
        self.waits = 0;
    }

    fn paused(&self) -> Duration {
        Duration::from_millis(self.paused_ms)
    }

    /// The wait of one that could not be booked just now grows.
    fn pause(&mut self, after: Option<Duration>) -> Duration {
        self.waits = self.waits.saturating_add(1);
        after.unwrap_or_else(|| retry::exponential(FIRST_WAIT, self.waits, ids::fraction()))
    }

    /// It is to be tried again as if it were new.
    pub(super) fn start_anew(&mut self, now: Timestamp) {
        (self.trying_since, self.paused_ms, self.waits) = (Some(now), 0, 0);
        self.look_first = false;
    }

    /// A person has it booked again. It counts anew, but stays: if the next call is refused, that may be
    /// because of the one that was not answered.
    /// `force`: without a look-up, now and when its job runs.
    pub(super) fn rebook(&mut self, may_be_booked: bool, force: bool, now: Timestamp) {
        let since = self.unresolved.take().map_or(now, |call| call.since);
        self.unresolved = may_be_booked.then_some(UnresolvedCall { since, calls: 0 });
        let look_first = self.look_first && !force;
        self.start_anew(now);
        self.look_first = look_first;
    }
}

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
