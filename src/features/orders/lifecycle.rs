//! What may happen to an order next, decided on the document alone: each function looks at the order as it
//! was loaded and says, or does, the one thing that is right *now*. The store runs them again when somebody
//! else was faster.

pub use crate::provider::carrier::Shipment;
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::outbox::OutboxEntry,
    provider::carrier::{Attempt, CallTimes, ProviderEnv},
};
use std::time::Duration;

use super::{
    model::{Actor, Cancellation, CancellationState, Order},
    payload::NewOrder,
    status::SyncStatus,
};

/// The first wait for a provider that cannot be reached; doubles to five minutes.
pub const FIRST_WAIT: Duration = Duration::from_secs(5);
/// How long an order may go without its provider being reached.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How many calls on one reference may end without an answer.
pub const MAX_UNRESOLVED_CALLS: u32 = 3;
/// How long after an unanswered call a look-up that can be believed is waited for.
pub const UNRESOLVED_FOR_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// Reasons a person reads and a filter matches; `needs_review: …` in the design.
pub mod reason {
    pub const PROVIDER_UNREACHABLE: &str = "provider-unreachable";
    pub const INTERNAL_ERROR: &str = "internal-error";
    pub const BOOKED_AWB_UNKNOWN: &str = "booked-awb-unknown";
    pub const OUTCOME_UNKNOWN: &str = "outcome-unknown";
    pub const OTHER_ENVIRONMENT: &str = "other-provider-environment";
    pub const FOUND_CANCELLED: &str = "found-cancelled";
    pub const SECOND_SHIPMENT: &str = "second-shipment";
    pub const POISON: &str = "poison";
    pub const AWB_OF_ANOTHER_ORDER: &str = "awb-of-another-order";
    pub const CANCEL_UNCLEAR: &str = "cancel-unclear";
    pub const CANCEL_UNCONFIRMED: &str = "cancel-unconfirmed";
    pub const CANCEL_REFUSED: &str = "cancel-refused";
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

/// What a cancel request comes to, decided on the order alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelDecision {
    /// It was certainly not sent: cancelled here and now, and no worker will take it.
    Cancelled,
    /// It may have been sent: the request is noted, and is carried out once the AWB is known.
    Noted,
    /// It is booked: its shipment will be cancelled, by a job that is in the outbox.
    Dispatched,
    /// The request was noted before, or was carried out.
    Repeated,
    /// The provider refused the order: there is nothing to cancel.
    NeverBooked,
}

impl CancelDecision {
    /// Whether the order was changed.
    #[must_use]
    pub fn changes(self) -> bool {
        matches!(self, Self::Cancelled | Self::Noted | Self::Dispatched)
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
    /// A new order, `queued`, with its job in the outbox.
    #[must_use]
    pub fn new(user_id: &str, draft: NewOrder, env: ProviderEnv, now: Timestamp) -> Self {
        let id = ids::order(now);
        let generation = 1;
        let mut order = Self {
            version: 1,
            user_id: user_id.to_owned(),
            order_number: ids::order_number(),
            fingerprint: draft.fingerprint(),
            status: SyncStatus::Queued.order_status(),
            provider_sync_status: SyncStatus::Queued,
            provider_env: env,
            sync_reason: None,
            next_check_at: None,
            client_order_id: draft.client_order_id,
            payload: draft.payload,
            awb: None,
            courier_name: None,
            courier_code: None,
            provider_order_number: None,
            parcelx_request_ref_id: None,
            parcelx_response_ref_id: None,
            generation,
            attempt: None,
            unresolved: None,
            duplicate_awbs: Vec::new(),
            shipment_cancellations: Vec::new(),
            trying_since: None,
            booked_at: None,
            waits: 0,
            dispatches: 0,
            overdue_at: None,
            outbox: Some(OutboxEntry { job_id: job_id(&id, generation), at: now }),
            cancellation: Cancellation::default(),
            label: None,
            review: None,
            history: Vec::new(),
            created_at: now,
            updated_at: now,
            extra: serde_json::Map::new(),
            id,
        };
        order.refresh(now);
        order.push_history(Actor::Merchant, None, now);
        order
    }

    /// What a job of `generation` (absent: made by another producer, counts as current) has to do with the
    /// order now.
    #[must_use]
    pub fn next_action(&self, generation: Option<i64>, now: Timestamp) -> NextAction {
        if generation.is_some_and(|g| g < self.generation) {
            return NextAction::Done;
        }
        let due = self.next_check_at.filter(|at| *at > now);
        match (self.provider_sync_status, due, &self.attempt) {
            (SyncStatus::Queued, ..) => match self.open_attempt() {
                Some(attempt) if now < attempt.settle_after => NextAction::Wait(attempt.settle_after),
                Some(attempt) => NextAction::Close(attempt.clone()),
                None => NextAction::Take,
            },
            (SyncStatus::Retrying, Some(at), _) => NextAction::Wait(at),
            (SyncStatus::Retrying, None, _) => NextAction::Take,
            (SyncStatus::Processing, _, Some(attempt)) if now < attempt.settle_after => {
                NextAction::Wait(attempt.settle_after)
            }
            (SyncStatus::Processing, _, Some(attempt)) => NextAction::Close(attempt.clone()),
            (SyncStatus::Processing, _, None) => NextAction::Take,
            (SyncStatus::Reconciling, Some(at), _) => NextAction::Wait(at),
            (SyncStatus::Reconciling, None, Some(attempt)) => NextAction::LookUp(attempt.clone()),
            // Reconciling what was never sent cannot be: `settle` is the only way there.
            (SyncStatus::Reconciling, None, None) => NextAction::Done,
            (
                SyncStatus::Success | SyncStatus::Failed | SyncStatus::NeedsReview | SyncStatus::Cancelled,
                ..,
            ) => NextAction::Done,
        }
    }

    /// Takes the order for one call: from here on nobody else may send for it, unless this attempt is
    /// provably dead.
    pub fn take(&mut self, request_log_id: String, times: impl Into<CallTimes>, now: Timestamp) {
        let times = times.into();
        let send_by = now + times.send_within;
        let no = self.attempt.as_ref().map_or(1, |a| a.no + 1);
        self.attempt = Some(Attempt {
            no,
            request_log_id,
            send_by,
            settle_after: send_by + times.call + times.settle_within,
        });
        self.outbox = None;
        self.next_check_at = None;
        self.step(SyncStatus::Processing, Actor::Worker, None, now);
    }

    /// Whether `request_log_id` is the attempt whose end the order waits for.
    #[must_use]
    pub fn awaits(&self, request_log_id: &str) -> bool {
        matches!(self.provider_sync_status, SyncStatus::Processing | SyncStatus::Reconciling)
            && self.attempt.as_ref().is_some_and(|a| a.request_log_id == request_log_id)
    }

    /// The merchant requests the order cancelled. What provably was not sent is cancelled at once, through
    /// the same compare-and-set as the take: one of the two is first. After a refusal the request may be
    /// repeated; a person's case is left to that person.
    pub fn request_cancel(&mut self, actor: Actor, reason: Option<String>, now: Timestamp) -> CancelDecision {
        let booked = self.provider_sync_status == SyncStatus::Success;
        match (self.provider_sync_status, self.cancellation.state) {
            // A refusal may have carried the request out: to repeat it is no error.
            (SyncStatus::Cancelled, _) | (SyncStatus::Failed, CancellationState::Done) => {
                return CancelDecision::Repeated;
            }
            (SyncStatus::Failed, _) => return CancelDecision::NeverBooked,
            (_, CancellationState::None) => {}
            (_, CancellationState::Refused) if booked => {}
            _ => return CancelDecision::Repeated,
        }
        let state = CancellationState::Requested;
        self.cancellation =
            Cancellation { state, reason, requested_at: Some(now), ..Cancellation::default() };
        let unsent = matches!(self.provider_sync_status, SyncStatus::Queued | SyncStatus::Retrying);
        if unsent && !self.rebooked_unresolved() {
            self.cancel_unsent(actor, now);
            return CancelDecision::Cancelled;
        }
        self.note(actor, "cancel requested", now);
        if unsent {
            self.review(reason::OUTCOME_UNKNOWN, now);
            return CancelDecision::Noted;
        }
        match self.awb.clone() {
            Some(awb) => {
                self.want_cancellation(&awb, now);
                CancelDecision::Dispatched
            }
            None => CancelDecision::Noted,
        }
    }

    /// A person had it booked again although a call may have booked it: nothing has proven since that it did
    /// not.
    pub(super) fn rebooked_unresolved(&self) -> bool {
        self.provider_sync_status == SyncStatus::Retrying
            && self.unresolved.as_ref().is_some_and(|call| call.calls == 0)
    }

    /// The order is provably not booked, and is not to be.
    pub(super) fn cancel_unsent(&mut self, actor: Actor, now: Timestamp) {
        (self.cancellation.state, self.cancellation.done_at) = (CancellationState::Done, Some(now));
        self.next_check_at = None;
        self.outbox = None;
        let reason = self.cancellation.reason.clone();
        self.step(SyncStatus::Cancelled, actor, reason, now);
    }

    /// Hands the order to a person. `false`: it is already final or with one.
    pub fn review(&mut self, reason: &str, now: Timestamp) -> bool {
        if !self.provider_sync_status.is_open() {
            return false;
        }
        self.next_check_at = None;
        self.outbox = None;
        self.step(SyncStatus::NeedsReview, Actor::Worker, Some(reason.to_owned()), now);
        true
    }

    /// PollSchedule again later for what became of an unanswered call.
    pub fn poll_again(&mut self, at: Timestamp, now: Timestamp) {
        self.next_check_at = Some(at);
        self.dispatches = 0;
        self.refresh(now);
        self.updated_at = now;
    }
}
