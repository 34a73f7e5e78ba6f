//! Why an order waits, in words computed from data.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    base::timestamp::Timestamp,
    features::{
        orders::{
            jobs::words::words,
            model::{CancellationState, Order, ShipmentCancellation, ShipmentCancellationState},
            reason,
            status::SyncStatus,
        },
        provider_accounts::model::Hold,
    },
    platform::queue::{JobState, JobView},
    provider::carrier::{Needs, redact},
};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Why {
    /// One sentence or two, without personal data.
    pub words: String,
    /// When something happens next, if that is known.
    #[schema(inline)]
    pub until: Option<Timestamp>,
}

/// Who paused a queue, as far as the audit log tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paused {
    pub by: Option<String>,
    pub since: Option<Timestamp>,
    pub reason: Option<String>,
}

/// What stands around an order.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub hold: Option<Hold>,
    /// Of the order's queue.
    pub needs: Option<Needs>,
    /// Where its job belongs; nothing when no job moves it on.
    pub queue: Option<&'static str>,
    pub paused: Option<Paused>,
    /// Processes that work the queue; nothing when it was not asked.
    pub workers: Option<usize>,
    pub job: Option<JobView>,
    /// How many jobs wait, and how many of them before this one; nothing when it is far behind.
    pub waiting: u64,
    pub place: Option<usize>,
    /// The queue does not answer, for this reason.
    pub unreachable: Option<String>,
}

impl Why {
    fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), until: None }
    }

    fn until(words: impl Into<String>, at: Timestamp) -> Self {
        Self { words: words.into(), until: Some(at) }
    }
}

/// Why `order` stands where it stands.
#[must_use]
pub fn why(order: &Order, around: &Surroundings, now: Timestamp) -> Why {
    if order.review().is_some() {
        return for_a_person(order);
    }
    if let Some(call) = under_way(order, now) {
        return call;
    }
    let shut = || at_the_queue(around, now);
    match order.provider_sync_status() {
        SyncStatus::Success | SyncStatus::Failed | SyncStatus::Cancelled => {
            if order.cancellations_open() {
                shut().unwrap_or_else(|| cancelling(order, around, now))
            } else {
                ended(order)
            }
        }
        _ => shut().unwrap_or_else(|| on_its_way(order, around, now)),
    }
}

fn for_a_person(order: &Order) -> Why {
    let Some(review) = order.review() else { return Why::new("It waits for a person.") };
    Why::new(format!("It waits for a person because {}.", explained(&review.reason)))
}

/// A reason for a review in words.
#[must_use]
pub fn explained(code: &str) -> &'static str {
    match code {
        reason::PROVIDER_UNREACHABLE => "ParcelX could not be reached for a day",
        reason::ACCOUNT_HELD => "the ParcelX account was held, and it has waited for a day",
        reason::INTERNAL_ERROR => "its job failed by a fault of this service",
        reason::BOOKED_AWB_UNKNOWN => "ParcelX has it, and does not tell its AWB",
        reason::OUTCOME_UNKNOWN => {
            "a call ended without an answer, and look-ups could not prove whether it was booked"
        }
        reason::OTHER_ENVIRONMENT => "it belongs to another ParcelX than the one that workers talk to",
        reason::FOUND_CANCELLED => "ParcelX shows its shipment as cancelled, and nobody here did that",
        reason::SECOND_SHIPMENT => "a second shipment of it came to light",
        reason::POISON => "its jobs came to nothing again and again",
        reason::AWB_OF_ANOTHER_ORDER => "the shipment that ParcelX shows for it belongs to another order",
        reason::CANCEL_UNCLEAR => "a cancel was not answered, and tracking does not show what it did",
        reason::CANCEL_UNCONFIRMED => "ParcelX accepted the cancel and never showed it",
        reason::CANCEL_REFUSED => "ParcelX refused to cancel a shipment that is not wanted",
        _ => "it cannot be settled without one",
    }
}

/// A call that may be under way, or whose worker vanished.
fn under_way(order: &Order, now: Timestamp) -> Option<Why> {
    if order.provider_sync_status() != SyncStatus::Processing {
        return None;
    }
    let until = order.attempt()?.settle_after;
    Some(if until > now {
        Why::until("A worker has it: a call to ParcelX may be under way.", until)
    } else {
        Why::new(
            "Its worker vanished in the middle of a call. Whoever runs its job next finds out what that call \
             did before anything else is sent.",
        )
    })
}

/// What keeps its job from running, whatever the order itself waits for.
fn at_the_queue(around: &Surroundings, now: Timestamp) -> Option<Why> {
    let queue = around.queue?;
    if let Some(why) = &around.unreachable {
        let why = redact::words(why);
        return Some(Why::new(format!("The queue {queue} does not answer ({why}): nothing is worked.")));
    }
    if let Some(paused) = &around.paused {
        let by = paused.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let since = paused.since.map(|at| format!(" since {at}")).unwrap_or_default();
        let reason = paused.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
        return Some(Why::new(format!("The queue {queue} is paused{by}{since}{reason}.")));
    }
    let shuts = |hold: &&Hold| around.needs.is_some_and(|needs| needs.forbid(hold.kind));
    if let Some(hold) = around.hold.as_ref().filter(shuts) {
        let (kind, since, words) = (hold.kind, hold.since, redact::words(&hold.reason));
        let probe = if hold.probe.is_some() { " One job is trying it now." } else { "" };
        let words =
            format!("The ParcelX account is held ({kind}) since {since}: {words}.{probe} Nothing is lost.");
        return Some(Why::until(words, hold.next_probe_at.max(now)));
    }
    if around.workers == Some(0) {
        return Some(Why::new(format!("No worker is alive that works the queue {queue}.")));
    }
    None
}

fn on_its_way(order: &Order, around: &Surroundings, now: Timestamp) -> Why {
    let because = order.sync_reason().map(|text| words(order, text));
    let due = order.next_check_at().filter(|at| *at > now);
    match (order.provider_sync_status(), due) {
        (SyncStatus::Reconciling, at) => {
            let since = order.booking().unresolved().map_or(order.updated_at(), |call| call.since);
            let words = format!(
                "A call ended at {since} without an answer: it may be booked, and is not sent again before \
                 that is known. ParcelX is asked for its reference"
            );
            match at {
                Some(at) => Why::until(format!("{words} next at {at}."), at),
                None => Why::new(format!("{words} as soon as its job runs. {}", place(around, now).words)),
            }
        }
        (SyncStatus::Queued | SyncStatus::Retrying, Some(at)) if order.is_called_off_in_doubt() => {
            Why::until(format!("It was called off, and ParcelX is asked whether it has it at {at}."), at)
        }
        (SyncStatus::Retrying, Some(at)) => {
            let because = because.map(|text| format!(" ({text})")).unwrap_or_default();
            Why::until(format!("It is certainly not booked{because} and is tried again at {at}."), at)
        }
        _ => place(around, now),
    }
}

/// Where its job stands.
fn place(around: &Surroundings, now: Timestamp) -> Why {
    let Some(job) = &around.job else {
        return Why::new("Its job is not in the queue yet: the outbox adds it within seconds.");
    };
    match job.state {
        JobState::Waiting => match around.place {
            Some(0) => Why::new("Its job is the next one in its queue."),
            Some(n) => Why::new(format!("Its job waits behind {n} others.")),
            None => Why::new(format!("Its job is one of {} that wait.", around.waiting)),
        },
        JobState::Active => Why::new("Its job is running."),
        JobState::Delayed => match job.due_at.filter(|at| *at > now) {
            Some(at) => Why::until("Its job is delayed.", at),
            None => Why::new("Its job is due."),
        },
        JobState::Completed | JobState::Failed => {
            Why::new("Its job has ended without moving it on: the sweeper gives it a new one.")
        }
    }
}

fn cancelling(order: &Order, around: &Surroundings, now: Timestamp) -> Why {
    let open = |cancel: &&ShipmentCancellation| cancel.state.is_open();
    let Some(cancel) = order.cancellation().shipments().iter().find(open) else { return ended(order) };
    let own = order.awb() == Some(cancel.awb.as_str());
    let what = if own { "its shipment" } else { "a shipment that is one too many" };
    let due = cancel.next_check_at.filter(|at| *at > now);
    let words = match cancel.state {
        ShipmentCancellationState::Sending => format!("A call to cancel {what} may be under way."),
        ShipmentCancellationState::Unclear => {
            format!("A cancel of {what} was refused or not answered: tracking tells what it did.")
        }
        ShipmentCancellationState::Accepted => {
            format!("ParcelX accepted the cancel of {what}; tracking is to confirm it.")
        }
        _ => format!("The cancel of {what} is to be sent. {}", place(around, now).words),
    };
    let until = match (cancel.state, &cancel.attempt) {
        (ShipmentCancellationState::Sending, Some(attempt)) => Some(attempt.settle_after),
        _ => due,
    };
    Why { words, until }
}

fn ended(order: &Order) -> Why {
    let because = order.sync_reason().map(|text| format!(": {}", words(order, text))).unwrap_or_default();
    Why::new(match (order.provider_sync_status(), order.cancellation().state()) {
        (SyncStatus::Success, CancellationState::Done) => {
            "It was booked, and its shipment is cancelled.".to_owned()
        }
        (SyncStatus::Success, CancellationState::Refused) => {
            "It is booked. ParcelX refused to cancel its shipment.".to_owned()
        }
        (SyncStatus::Success, _) => "It is booked. Nothing is waited for.".to_owned(),
        (SyncStatus::Cancelled, _) => {
            "It was cancelled before it was booked. Nothing is waited for.".to_owned()
        }
        _ => format!("ParcelX refused it, or a person gave it up{because}. Its merchant may amend it."),
    })
}
