//! The label of a booked order: the request for it and what came of it, decided on the document alone.
//!
//! Guards against a label for a parcel that is not to go out, against a provider call for each impatient
//! request (one request at a time is under way, and a failure is told again for a while), and against
//! requests that nobody answers: one whose job was lost is over after a while, and the next request makes
//! another. Nothing here touches the booking.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CancellationState, Order};
use crate::{
    base::{ids, timestamp::Timestamp},
    features::orders::status::SyncStatus,
    platform::queue::retry,
    provider::carrier::{CallOutcome, LabelUrl, redact},
};

/// How long a request is waited for after its job should have run, before another is made.
const REQUEST_TTL: Duration = Duration::from_secs(10);
/// Calls for one request that may come to nothing.
const MOST_TRIES: u32 = 4;
/// The wait after the first of them; doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest wait between two of them: somebody is waiting for the parcel.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long a failure is told again before another call is made.
const FAILURE_TTL: Duration = Duration::from_secs(30);

/// The request for a label, and how the last one ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// Counts the requests. Each has a job of its own, so that a finished one that the queue keeps never
    /// blocks the next.
    pub request: u32,
    /// The last request that was answered; the fields from `url` on say how.
    #[serde(default)]
    pub answered: u32,
    /// When something should be done for the request.
    pub due_at: Timestamp,
    /// Its calls that came to nothing so far.
    #[serde(default)]
    pub tries: u32,
    /// Where the label is. May give access to personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<LabelFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

/// Why a request was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "words", rename_all = "snake_case")]
pub enum LabelFailure {
    /// The provider said no, in these words.
    Refused(String),
    /// It gave an address that must not be handed out.
    Unusable,
    /// No answer to go by, for this reason, at every try.
    Unreachable(String),
}

/// What a request for the label comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelRequest {
    NotBooked,
    /// Its shipment is cancelled, or being cancelled.
    Cancelled,
    /// The last answer is new enough: a label, or why there is none.
    Answered,
    /// A new request, of this number: its job is to be added.
    Requested(u32),
    /// One of this number is under way.
    Joined(u32),
}

/// The id of the job that fetches an order's label.
#[must_use]
pub fn label_job_id(order_id: &str, request: u32) -> String {
    format!("fetch-label-{order_id}-{request}")
}

impl Label {
    fn fail(&mut self, failure: LabelFailure, now: Timestamp) {
        (self.failure, self.failed_at, self.answered) = (Some(failure), Some(now), self.request);
    }

    /// Has another call made for the same request, if there were not enough.
    fn again(&mut self, after: Option<Duration>, outcome: &CallOutcome<LabelUrl>, now: Timestamp) {
        self.tries = self.tries.saturating_add(1);
        if self.tries >= MOST_TRIES {
            let reason = redact::words(&outcome.reason().unwrap_or_default());
            return self.fail(LabelFailure::Unreachable(reason), now);
        }
        let pause = after.unwrap_or_else(|| retry::exponential(FIRST_PAUSE, self.tries, ids::fraction()));
        self.due_at = now + pause.min(LONGEST_PAUSE);
    }
}

impl Order {
    pub(crate) fn has_labelled_shipment(&self) -> bool {
        // A cancel that was refused leaves the shipment as it was.
        self.provider_sync_status == SyncStatus::Success
            && matches!(self.cancellation.state(), CancellationState::None | CancellationState::Refused)
    }

    /// Only [`LabelRequest::Requested`] changes the order.
    pub(super) fn request_label(&mut self, life: Duration, now: Timestamp) -> LabelRequest {
        if !self.has_labelled_shipment() {
            return if self.provider_sync_status == SyncStatus::Success {
                LabelRequest::Cancelled
            } else {
                LabelRequest::NotBooked
            };
        }
        let last = self.label.as_ref();
        let fresh = |l: &Label| match (l.fetched_at, l.failed_at) {
            (Some(at), _) => now < at + life,
            // A clock that was set back does not make it last.
            (None, Some(at)) => (at..at + FAILURE_TTL).contains(&now),
            (None, None) => false,
        };
        if last.is_some_and(|l| l.answered == l.request && fresh(l)) {
            return LabelRequest::Answered;
        }
        if let Some(label) = last.filter(|l| l.answered < l.request && now < l.due_at + REQUEST_TTL) {
            return LabelRequest::Joined(label.request);
        }
        let request = last.map_or(0, |l| l.request).saturating_add(1);
        let answered = last.map_or(0, |l| l.answered);
        self.label = Some(Label {
            request,
            answered,
            due_at: now,
            tries: 0,
            url: None,
            fetched_at: None,
            failure: None,
            failed_at: None,
        });
        LabelRequest::Requested(request)
    }

    /// The AWB that the job of `request` is to fetch the label of. Nothing: the request is answered or over.
    #[must_use]
    pub fn label_to_fetch(&self, request: u32) -> Option<&str> {
        let waits = self.label.as_ref().is_some_and(|l| l.request == request && l.answered < request);
        self.awb.as_deref().filter(|_| waits && self.has_labelled_shipment())
    }

    /// Records what a call for `request` came to. Returns `false` if nobody waits for it. What settles
    /// nothing is tried again, a few times.
    pub(super) fn label_ended(
        &mut self,
        request: u32,
        outcome: &CallOutcome<LabelUrl>,
        now: Timestamp,
    ) -> bool {
        let Some(label) = self.label_waiting_for(request) else { return false };
        match outcome {
            CallOutcome::Done(LabelUrl::Usable(url)) => {
                (label.url, label.fetched_at) = (Some(url.clone()), Some(now));
                label.answered = request;
            }
            CallOutcome::Done(LabelUrl::Unusable) => label.fail(LabelFailure::Unusable, now),
            CallOutcome::Refused(words) | CallOutcome::RefusedAsDone(words) => {
                label.fail(LabelFailure::Refused(redact::words(words)), now);
            }
            CallOutcome::Deferred { after, .. } => label.again(*after, outcome, now),
            CallOutcome::NotSent | CallOutcome::Unknown { .. } => label.again(None, outcome, now),
        }
        true
    }

    /// Ends `request` without a label. Returns `false` if nobody waits for it.
    pub(super) fn fail_label(&mut self, request: u32, failure: &LabelFailure, now: Timestamp) -> bool {
        let label = self.label_waiting_for(request);
        label.map(|label| label.fail(failure.clone(), now)).is_some()
    }

    fn label_waiting_for(&mut self, request: u32) -> Option<&mut Label> {
        self.label.as_mut().filter(|l| l.request == request && l.answered < request)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_reads_as_it_was_written() {
        for failure in [
            LabelFailure::Refused("no".into()),
            LabelFailure::Unusable,
            LabelFailure::Unreachable("HTTP 500".into()),
        ] {
            let label = Label {
                request: 2,
                answered: 2,
                due_at: Timestamp::from_millis(1),
                tries: 0,
                url: None,
                fetched_at: None,
                failure: Some(failure),
                failed_at: Some(Timestamp::from_millis(2)),
            };
            assert_eq!(serde_json::from_value::<Label>(json!(label)).unwrap(), label);
        }
    }
}
