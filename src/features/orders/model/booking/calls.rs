//! The calls that are to book an order, and what is right after them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FIRST_WAIT;
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::status::SyncStatus,
    platform::queue::retry,
    provider::carrier::{Attempt, CallTimes},
};

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
    pub(super) attempt: Option<Attempt>,
    /// A call on our reference ended without an answer, and nothing has cleared that up yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unresolved: Option<UnresolvedCall>,
    /// How often in a row it had to wait for the provider; sets how long the next wait is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) waits: u32,
    /// From when it counts how long the provider could not be reached; absent: from the order's creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trying_since: Option<Timestamp>,
    /// For how much of that time its queue was paused, when it was last taken.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub(super) paused_ms: u64,
    /// It was corrected, or sent again, after it had failed, or was told no for the account's sake; and was
    /// not taken since: a look-up must find nothing first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) look_first: bool,
    /// It was called off after it was amended or sent again, and its shipment was there before: that may be
    /// of an earlier payload than the order shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) of_earlier_payload: bool,
    /// Shipments that came to light after the order was booked under another AWB, failed or was cancelled:
    /// each is cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) duplicate_awbs: Vec<String>,
}

pub(in super::super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(in super::super) fn is_nothing(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(in super::super) fn is_zero(number: &u32) -> bool {
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
    pub(in super::super) fn look_first(&mut self) {
        self.look_first = true;
    }

    /// As one that had failed it is sent once more. Of a call whose end a person did not wait for, nothing
    /// has been proven: it counts anew.
    pub(in super::super) fn sent_once_more(&mut self, now: Timestamp) {
        self.start_anew(now);
        self.look_first();
        if let Some(call) = &mut self.unresolved {
            call.calls = 0;
        }
    }

    /// It is booked: nothing is left to be found out.
    pub(super) fn settled(&mut self) {
        (self.unresolved, self.look_first) = (None, false);
    }

    /// A call of another system's may have booked the order.
    pub(in super::super) fn may_have_booked(&mut self, call: UnresolvedCall) {
        self.unresolved = Some(call);
    }

    /// Whether the last attempt is the one of this log.
    pub(super) fn is_on(&self, log_id: &str) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.request_log_id == log_id)
    }

    /// What is right now for an order that stands so. `open`: its attempt whose end nobody wrote into it.
    pub(super) fn next(
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

    pub(super) fn begin(&mut self, log_id: &str, times: CallTimes, now: Timestamp) {
        self.attempt = Some(Attempt::begin(self.attempt.as_ref(), log_id, times, now));
        self.look_first = false;
    }

    pub(super) fn left_unanswered(&mut self, now: Timestamp) {
        let calls = self.unresolved.as_ref().map_or(0, |call| call.calls).saturating_add(1);
        self.unresolved = Some(UnresolvedCall { since: now, calls });
        self.waits = 0;
    }

    pub(super) fn paused(&self) -> Duration {
        Duration::from_millis(self.paused_ms)
    }

    /// The wait of one that could not be booked just now grows.
    pub(super) fn pause(&mut self, after: Option<Duration>) -> Duration {
        self.waits = self.waits.saturating_add(1);
        after.unwrap_or_else(|| retry::exponential(FIRST_WAIT, self.waits, ids::fraction()))
    }

    /// It is to be tried again as if it were new.
    pub(in super::super) fn start_anew(&mut self, now: Timestamp) {
        (self.trying_since, self.paused_ms, self.waits) = (Some(now), 0, 0);
        self.look_first = false;
    }

    /// A person has it booked again. It counts anew, but stays: if the next call is refused, that may be
    /// because of the one that was not answered.
    /// `force`: without a look-up, now and when its job runs.
    pub(in super::super) fn rebook(&mut self, may_be_booked: bool, force: bool, now: Timestamp) {
        let since = self.unresolved.take().map_or(now, |call| call.since);
        self.unresolved = may_be_booked.then_some(UnresolvedCall { since, calls: 0 });
        let look_first = self.look_first && !force;
        self.start_anew(now);
        self.look_first = look_first;
    }
}
