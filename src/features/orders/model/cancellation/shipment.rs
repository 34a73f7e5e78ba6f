//! The cancel of one shipment, whatever order it is of.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    super::booking::{FIRST_WAIT, MAX_UNRESOLVED_CALLS, UNREACHABLE_AFTER, is_nothing, is_zero},
    NextCancelAction, PollSchedule,
};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::{reason, review::Fate},
    platform::queue::retry,
    provider::carrier::{Attempt, CallOutcome, CallTimes, Cause, Tracking},
};

/// How far the cancelling of one shipment at the provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentCancellationState {
    /// To be sent.
    Wanted,
    /// A call may be under way.
    Sending,
    /// A call ended without an answer, or was refused: what `ParcelX` shows of the shipment decides.
    Unclear,
    /// Accepted; `ParcelX` does not show it yet.
    Accepted,
    /// `ParcelX` shows the shipment as cancelled.
    Confirmed,
    /// `ParcelX` said no, and the shipment is live.
    Refused,
    /// Cannot be settled without a person.
    Review,
}

/// The cancelling of one shipment. An order has one for its own AWB when its merchant wants that, and one for
/// each shipment too many. Its fields can be read by all, since an order lends them and no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentCancellation {
    pub awb: String,
    pub state: ShipmentCancellationState,
    pub wanted_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// From when the present looks are counted: the end of the call.
    pub since: Timestamp,
    /// Not before this time, in the states that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Timestamp>,
    /// How many calls ended without an answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unresolved_calls: u32,
    /// How often in a row it had to wait for the provider.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waits: u32,
    /// For how much of the time since it was wanted its queue was paused, when it was last taken.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub paused_ms: u64,
    /// The provider's words of a refusal, or why a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether the provider refused because the shipment is cancelled already, as it says; of the refusal in
    /// `detail`. Absent there: an earlier release took it in, and read its words each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_done: Option<bool>,
    /// The provider's words of a refusal that was not settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// A person has seen that the shipment stays live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_live: bool,
}

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
            paused_ms: 0,
            detail: None,
            said_done: None,
            refusal: None,
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

    pub(super) fn next(&self) -> NextCancelAction {
        match (self.state, &self.attempt) {
            (ShipmentCancellationState::Sending, Some(attempt)) => {
                NextCancelAction::Close(self.awb.clone(), attempt.clone())
            }
            // Its words are on record: the carrier reads them once more.
            (ShipmentCancellationState::Unclear, Some(attempt)) if self.is_unread() => {
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

    /// Whether its last call is the one of this log.
    pub(super) fn is_on(&self, log_id: &str) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.request_log_id == log_id)
    }

    pub(super) fn begin(&mut self, log_id: &str, times: CallTimes, now: Timestamp) {
        self.attempt = Some(Attempt::begin(self.attempt.as_ref(), log_id, times, now));
        (self.state, self.next_check_at) = (ShipmentCancellationState::Sending, None);
        self.said_done = None;
    }

    /// It was refused, and whether as done already was not written down.
    fn is_unread(&self) -> bool {
        self.state == ShipmentCancellationState::Unclear && self.detail.is_some() && self.said_done.is_none()
    }

    /// Takes in whether a refusal that an earlier release took in says that it is done already. What is on
    /// record as anything else now is no plain no either. `false`: that is not wanting, or it is a late yes.
    pub(super) fn refusal_read(&mut self, outcome: &CallOutcome<()>) -> bool {
        let wanting = self.is_unread() && *outcome != CallOutcome::Done(());
        if wanting {
            self.said_done = Some(!matches!(outcome, CallOutcome::Refused(_)));
        }
        wanting
    }

    /// Takes the end of its last call in. A yes is evidence whenever it comes, also after a person saw the
    /// shipment live; all else only counts for the call that is waited for. `false`: it does not count.
    pub(super) fn call_ended(
        &mut self,
        outcome: &CallOutcome<()>,
        schedule: &PollSchedule,
        now: Timestamp,
    ) -> bool {
        let late_yes = *outcome == CallOutcome::Done(())
            && matches!(
                self.state,
                ShipmentCancellationState::Unclear
                    | ShipmentCancellationState::Review
                    | ShipmentCancellationState::Refused
            );
        if self.state != ShipmentCancellationState::Sending && !late_yes {
            return false;
        }
        self.since = now;
        let next = |offsets: &[Duration]| Some(now + offsets.first().copied().unwrap_or(FIRST_WAIT));
        match outcome {
            CallOutcome::Done(()) => {
                (self.state, self.detail) = (ShipmentCancellationState::Accepted, None);
                self.next_check_at = next(&schedule.confirm);
            }
            CallOutcome::Refused(words) | CallOutcome::RefusedAsDone(words) => {
                (self.state, self.detail) = (ShipmentCancellationState::Unclear, Some(words.clone()));
                self.said_done = Some(matches!(outcome, CallOutcome::RefusedAsDone(_)));
                self.next_check_at = None;
            }
            CallOutcome::Deferred { after, cause } => self.wait(*after, cause, now),
            CallOutcome::NotSent => {
                (self.state, self.next_check_at) = (ShipmentCancellationState::Wanted, None);
            }
            CallOutcome::Unknown { .. } => {
                (self.state, self.detail) = (ShipmentCancellationState::Unclear, None);
                self.unresolved_calls = self.unresolved_calls.saturating_add(1);
                self.next_check_at = next(&schedule.unclear);
            }
        }
        true
    }

    fn wait(&mut self, after: Option<Duration>, cause: &Cause, now: Timestamp) {
        let paused = Duration::from_millis(self.paused_ms);
        if now.since(self.wanted_at).saturating_sub(paused) >= UNREACHABLE_AFTER {
            return self.review(&reason::waited_for(cause));
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

    /// Records a look-up. Returns `false` if nothing waits for one. That the provider does not know the
    /// shipment proves nothing: it did.
    pub(super) fn tracking_seen(
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
        // A refusal that no unanswered call came before: what is live was refused. That it says that it is
        // done already, or may say so, only makes us more careful.
        let plain = self.unresolved_calls == 0 && self.detail.is_some() && self.said_done == Some(false);
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
            _ => {
                self.refusal = self.detail.take();
                self.review(reason::CANCEL_UNCLEAR);
            }
        }
        true
    }

    /// A person has it sent anew. It counts anew, but a call before that may yet take effect stays: a refusal
    /// of the next one proves nothing of it.
    pub(in super::super) fn again(&mut self, now: Timestamp) {
        let may_be_booked = self.unresolved_calls > 0
            || (self.state == ShipmentCancellationState::Review && self.attempt.is_some());
        (self.unresolved_calls, self.waits) = (u32::from(may_be_booked), 0);
        (self.state, self.detail, self.next_check_at) = (ShipmentCancellationState::Wanted, None, None);
        (self.wanted_at, self.since) = (now, now);
    }

    /// A person found out what became of it.
    pub(in super::super) fn end_seen(&mut self, fate: Fate) {
        self.next_check_at = None;
        match fate {
            Fate::Cancelled => (self.state, self.detail) = (ShipmentCancellationState::Confirmed, None),
            Fate::Live => {
                (self.state, self.left_live) = (ShipmentCancellationState::Refused, true);
                // Its merchant reads what ParcelX said, and no code of ours.
                let words = self.refusal.take();
                self.detail = Some(words.unwrap_or_else(|| "the shipment is live".to_owned()));
            }
        }
    }

    /// Of its own shipment `own` the merchant is told; another one is nobody's else.
    #[must_use]
    pub fn waits_for_a_person(&self, own: Option<&str>) -> bool {
        match self.state {
            ShipmentCancellationState::Review => true,
            ShipmentCancellationState::Refused => !self.left_live && own != Some(&self.awb),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
