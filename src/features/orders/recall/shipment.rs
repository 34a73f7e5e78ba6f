//! The cancel of one shipment, whatever order it is of.

use std::time::Duration;

use super::{Looks, RecallFinding, RecallStance, Sighting};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::{
        journey::{FIRST_WAIT, MOST_DOUBTS, UNREACHABLE_AFTER, reason},
        model::{Recall, RecallState},
    },
    platform::queue::retry,
};

impl RecallState {
    /// Whether the service itself goes on with it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Wanted | Self::Sending | Self::Unclear | Self::Accepted)
    }
}

impl Recall {
    pub(super) fn new(awb: String, now: Timestamp) -> Self {
        let state = RecallState::Wanted;
        Self {
            awb,
            state,
            wanted_at: now,
            attempt: None,
            since: now,
            next_check_at: None,
            doubts: 0,
            waits: 0,
            detail: None,
            kept: false,
        }
    }

    /// When something is to be done for it.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        match (self.state, &self.attempt) {
            (RecallState::Sending, Some(attempt)) => Some(attempt.settle_after),
            (state, _) => state.is_open().then_some(self.next_check_at.unwrap_or(self.since)),
        }
    }

    pub(super) fn stance(&self) -> RecallStance {
        match (self.state, &self.attempt) {
            (RecallState::Sending, Some(attempt)) => RecallStance::Close(self.awb.clone(), attempt.clone()),
            // Sending what was never taken cannot be.
            (RecallState::Wanted | RecallState::Sending, _) => RecallStance::Send(self.awb.clone()),
            (RecallState::Unclear | RecallState::Accepted, _) => RecallStance::Look(self.awb.clone()),
            (RecallState::Confirmed | RecallState::Refused | RecallState::Review, _) => RecallStance::Done,
        }
    }

    pub(super) fn settle(&mut self, finding: &RecallFinding, looks: &Looks, now: Timestamp) {
        self.since = now;
        let next = |offsets: &[Duration]| Some(now + offsets.first().copied().unwrap_or(FIRST_WAIT));
        match finding {
            RecallFinding::Accepted => {
                (self.state, self.detail) = (RecallState::Accepted, None);
                self.next_check_at = next(&looks.confirm);
            }
            RecallFinding::Refused(words) => {
                (self.state, self.detail) = (RecallState::Unclear, Some(words.clone()));
                self.next_check_at = None;
            }
            RecallFinding::Wait { after, reason } => self.wait(*after, reason, now),
            RecallFinding::NeverSent => (self.state, self.next_check_at) = (RecallState::Wanted, None),
            RecallFinding::Unknown(_) => {
                (self.state, self.detail) = (RecallState::Unclear, None);
                self.doubts = self.doubts.saturating_add(1);
                self.next_check_at = next(&looks.unclear);
            }
        }
    }

    fn wait(&mut self, after: Option<Duration>, reason: &str, now: Timestamp) {
        if now.since(self.wanted_at) >= UNREACHABLE_AFTER {
            return self.review(&format!("{}: {reason}", reason::PROVIDER_UNREACHABLE));
        }
        self.waits = self.waits.saturating_add(1);
        self.state = RecallState::Wanted;
        self.next_check_at =
            Some(now + after.unwrap_or_else(|| retry::exponential(FIRST_WAIT, self.waits, ids::fraction())));
    }

    pub(super) fn review(&mut self, why: &str) {
        (self.state, self.next_check_at) = (RecallState::Review, None);
        self.detail = Some(why.to_owned());
    }

    /// Takes a sighting in. `false`: nothing waits for one.
    pub(super) fn sight(&mut self, sighting: Sighting, looks: &Looks, now: Timestamp) -> bool {
        let offsets = match self.state {
            RecallState::Unclear => &looks.unclear,
            RecallState::Accepted => &looks.confirm,
            _ => return false,
        };
        if sighting == Sighting::Cancelled {
            (self.state, self.next_check_at, self.detail) = (RecallState::Confirmed, None, None);
            return true;
        }
        // A refusal that no unanswered call came before: what is live was refused. Its words only make us
        // more careful.
        let plain = self.doubts == 0
            && self.detail.as_ref().is_some_and(|words| !words.to_lowercase().contains("already"));
        if self.state == RecallState::Unclear && plain && sighting == Sighting::Live {
            (self.state, self.next_check_at) = (RecallState::Refused, None);
            return true;
        }
        if let Some(at) = offsets.iter().map(|offset| self.since + *offset).find(|at| *at > now) {
            self.next_check_at = Some(at);
            return true;
        }
        match (self.state, sighting, self.detail.is_some()) {
            // Long after an unanswered call it is as live as before: the call did nothing.
            (RecallState::Unclear, Sighting::Live, false) if self.doubts < MOST_DOUBTS => {
                (self.state, self.next_check_at) = (RecallState::Wanted, None);
            }
            (RecallState::Accepted, ..) => self.review(reason::CANCEL_UNCONFIRMED),
            _ => self.review(reason::CANCEL_UNCLEAR),
        }
        true
    }
}
