//! The cancel of one shipment, whatever order it is of.

use std::time::Duration;

use super::{NextCancelAction, PollSchedule};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::{
        lifecycle::{FIRST_WAIT, MAX_UNRESOLVED_CALLS, UNREACHABLE_AFTER, reason},
        model::{ShipmentCancellation, ShipmentCancellationState},
    },
    platform::queue::retry,
    provider::carrier::{CallOutcome, Tracking},
};

impl ShipmentCancellationState {
    /// Whether the service itself goes on with it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Wanted | Self::Sending | Self::Unclear | Self::Accepted)
    }
}

impl ShipmentCancellation {
    pub(super) fn new(awb: String, now: Timestamp) -> Self {
        let state = ShipmentCancellationState::Wanted;
        Self {
            awb,
            state,
            wanted_at: now,
            attempt: None,
            since: now,
            next_check_at: None,
            unresolved_calls: 0,
            waits: 0,
            detail: None,
            left_live: false,
        }
    }

    /// When something is to be done for it.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        match (self.state, &self.attempt) {
            (ShipmentCancellationState::Sending, Some(attempt)) => Some(attempt.settle_after),
            (state, _) => state.is_open().then_some(self.next_check_at.unwrap_or(self.since)),
        }
    }

    pub(super) fn next_action(&self) -> NextCancelAction {
        match (self.state, &self.attempt) {
            (ShipmentCancellationState::Sending, Some(attempt)) => {
                NextCancelAction::Close(self.awb.clone(), attempt.clone())
            }
            // Sending what was never taken cannot be.
            (ShipmentCancellationState::Wanted | ShipmentCancellationState::Sending, _) => {
                NextCancelAction::Send(self.awb.clone())
            }
            (ShipmentCancellationState::Unclear | ShipmentCancellationState::Accepted, _) => {
                NextCancelAction::Look(self.awb.clone())
            }
            (
                ShipmentCancellationState::Confirmed
                | ShipmentCancellationState::Refused
                | ShipmentCancellationState::Review,
                _,
            ) => NextCancelAction::Done,
        }
    }

    pub(super) fn resolve(&mut self, finding: &CallOutcome<()>, schedule: &PollSchedule, now: Timestamp) {
        self.since = now;
        let next = |offsets: &[Duration]| Some(now + offsets.first().copied().unwrap_or(FIRST_WAIT));
        match finding {
            CallOutcome::Done(()) => {
                (self.state, self.detail) = (ShipmentCancellationState::Accepted, None);
                self.next_check_at = next(&schedule.confirm);
            }
            CallOutcome::Refused(words) => {
                (self.state, self.detail) = (ShipmentCancellationState::Unclear, Some(words.clone()));
                self.next_check_at = None;
            }
            CallOutcome::Deferred { after, cause } => self.wait(*after, &cause.to_string(), now),
            CallOutcome::NotSent => {
                (self.state, self.next_check_at) = (ShipmentCancellationState::Wanted, None)
            }
            CallOutcome::Unknown { .. } => {
                (self.state, self.detail) = (ShipmentCancellationState::Unclear, None);
                self.unresolved_calls = self.unresolved_calls.saturating_add(1);
                self.next_check_at = next(&schedule.unclear);
            }
        }
    }

    fn wait(&mut self, after: Option<Duration>, reason: &str, now: Timestamp) {
        if now.since(self.wanted_at) >= UNREACHABLE_AFTER {
            return self.review(&format!("{}: {reason}", reason::PROVIDER_UNREACHABLE));
        }
        self.waits = self.waits.saturating_add(1);
        self.state = ShipmentCancellationState::Wanted;
        self.next_check_at =
            Some(now + after.unwrap_or_else(|| retry::exponential(FIRST_WAIT, self.waits, ids::fraction())));
    }

    pub(super) fn review(&mut self, why: &str) {
        (self.state, self.next_check_at) = (ShipmentCancellationState::Review, None);
        self.detail = Some(why.to_owned());
    }

    /// Takes a look-up in. `false`: nothing waits for one. That the provider does not know the shipment proves
    /// nothing: it did.
    pub(super) fn record_tracking(
        &mut self,
        tracked: &CallOutcome<Tracking>,
        schedule: &PollSchedule,
        now: Timestamp,
    ) -> bool {
        let offsets = match self.state {
            ShipmentCancellationState::Unclear => &schedule.unclear,
            ShipmentCancellationState::Accepted => &schedule.confirm,
            _ => return false,
        };
        if matches!(tracked, CallOutcome::Done(Tracking::Cancelled { .. })) {
            (self.state, self.next_check_at, self.detail) =
                (ShipmentCancellationState::Confirmed, None, None);
            return true;
        }
        let live = matches!(tracked, CallOutcome::Done(Tracking::Live { .. }));
        // A refusal that no unanswered call came before: what is live was refused. Its words only make us
        // more careful.
        let plain = self.unresolved_calls == 0
            && self.detail.as_ref().is_some_and(|words| !words.to_lowercase().contains("already"));
        if self.state == ShipmentCancellationState::Unclear && plain && live {
            (self.state, self.next_check_at) = (ShipmentCancellationState::Refused, None);
            return true;
        }
        if let Some(at) = offsets.iter().map(|offset| self.since + *offset).find(|at| *at > now) {
            self.next_check_at = Some(at);
            return true;
        }
        match (self.state, live, self.detail.is_some()) {
            // Long after an unanswered call it is as live as before: the call did nothing.
            (ShipmentCancellationState::Unclear, true, false)
                if self.unresolved_calls < MAX_UNRESOLVED_CALLS =>
            {
                (self.state, self.next_check_at) = (ShipmentCancellationState::Wanted, None);
            }
            (ShipmentCancellationState::Accepted, ..) => self.review(reason::CANCEL_UNCONFIRMED),
            _ => self.review(reason::CANCEL_UNCLEAR),
        }
        true
    }
}
