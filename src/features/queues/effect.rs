//! What may be done with a job, and what that would do: the order says it, by the same decision that the
//! job's handler asks for.

use super::{LookError, Queues, shown};
use crate::{
    base::timestamp::Timestamp,
    features::{
        mail::job::{SendEmail, SendText},
        orders::{
            jobs::{CancelOrderJob, CreateOrderJob, FetchLabelJob},
            model::{NextAction, NextCancelAction, Order},
            service::OrderService,
            status::SyncStatus,
        },
    },
    platform::queue::{JobState, JobView, job::Payload},
};

/// One action of a person on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAction {
    pub name: &'static str,
    pub allowed: bool,
    /// Why not.
    pub why: Option<String>,
    pub effect: String,
    /// A shipment may be booked.
    pub costs: bool,
}

const ALL: [(&str, JobState); 2] = [("retry", JobState::Failed), ("promote", JobState::Delayed)];

impl Queues {
    /// The order that a job of ours is of.
    ///
    /// # Errors
    /// [`LookError::Store`].
    pub async fn order_of(&self, orders: &OrderService, job: &JobView) -> Result<Option<Order>, LookError> {
        match shown::order_id(job) {
            Some(id) => Ok(orders.load(&id).await?),
            None => Ok(None),
        }
    }

    /// All actions on a job, allowed or not.
    #[must_use]
    pub fn actions(&self, queue: &str, job: &JobView, order: Option<&Order>) -> Vec<JobAction> {
        let ours = self.needs(queue).is_some();
        let Effect { words, costs, .. } = if ours {
            effect(job, order, self.clock.now())
        } else {
            plainly("Another program's job runs: what that does, this service does not know.")
        };
        let mut all: Vec<_> = ALL
            .iter()
            .map(|(name, from)| {
                let why = (job.state != *from).then(|| not_in(job.state, from.as_str()));
                JobAction { name, allowed: why.is_none(), why, effect: words.clone(), costs }
            })
            .collect();
        all.push(remove(job, ours, order));
        all.push(edit(job, ours));
        all
    }
}

fn not_in(state: JobState, wanted: &str) -> String {
    format!("the job is {}, not {wanted}", state.as_str())
}

fn remove(job: &JobView, ours: bool, order: Option<&Order>) -> JobAction {
    let why = (job.state == JobState::Active).then(|| "the job runs".to_owned());
    let open = order.is_some_and(|order| order.provider_sync_status().is_open());
    let effect = if ours && open && !job.state.is_finished() {
        "The job goes; its order still waits, and gets another one when it is overdue."
    } else {
        "The job goes. Nothing else changes."
    };
    JobAction { name: "remove", allowed: why.is_none(), why, effect: effect.to_owned(), costs: false }
}

fn edit(job: &JobView, ours: bool) -> JobAction {
    let why = match (ours, job.state) {
        (true, _) => Some("a job only names what it is for: what is sent is the order's, which is amended"),
        (false, JobState::Active) => Some("the job runs"),
        (false, _) => None,
    };
    let effect = if ours {
        "Nothing."
    } else if job.state.is_finished() {
        "The job carries other data. It runs with it when it is retried."
    } else {
        "The job carries other data. It runs with it when it is its turn."
    };
    JobAction {
        name: "edit",
        allowed: why.is_none(),
        why: why.map(str::to_owned),
        effect: effect.to_owned(),
        costs: false,
    }
}

/// What a job would do if it ran now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    /// With what it is about: an AWB, a time.
    pub(crate) words: String,
    /// The same words for all jobs that would do the like.
    pub(crate) like: &'static str,
    /// A shipment may be booked.
    pub(crate) costs: bool,
}

fn plainly(like: &'static str) -> Effect {
    Effect { words: like.to_owned(), like, costs: false }
}

fn about(like: &'static str, words: String) -> Effect {
    Effect { words, like, costs: false }
}

/// What a job of ours would do, as its order stands.
pub(crate) fn effect(job: &JobView, order: Option<&Order>, now: Timestamp) -> Effect {
    if [SendEmail::NAME, SendText::NAME].contains(&job.name.as_str()) {
        return plainly("It is sent, unless it was sent already.");
    }
    let Some(order) = order else { return plainly("Its order is not known: the job does nothing.") };
    let unreadable = || plainly("Its data does not read: the job fails again.");
    if job.name == CreateOrderJob::NAME {
        return match serde_json::from_str::<CreateOrderJob>(&job.data) {
            Ok(own) => booking(order, own.generation, now),
            Err(_) => unreadable(),
        };
    }
    if job.name == CancelOrderJob::NAME {
        return match serde_json::from_str::<CancelOrderJob>(&job.data) {
            Ok(own) => cancelling(order, own.generation, now),
            Err(_) => unreadable(),
        };
    }
    if job.name == FetchLabelJob::NAME {
        let own = serde_json::from_str::<FetchLabelJob>(&job.data);
        let wanted = own.is_ok_and(|own| order.label_to_fetch(own.request).is_some());
        return plainly(if wanted {
            "The label is fetched."
        } else {
            "Nothing: nobody waits for this label."
        });
    }
    plainly("No worker of this service knows this kind of job: it fails.")
}

fn waits(at: Timestamp) -> Effect {
    about("Nothing yet: the job waits again.", format!("Nothing before {at}: the job waits again."))
}

fn cancelling(order: &Order, generation: Option<i64>, now: Timestamp) -> Effect {
    match order.next_cancel_action(generation, now) {
        NextCancelAction::Send(awb) => about(
            "ParcelX is asked to cancel a shipment.",
            format!("ParcelX is asked to cancel the shipment {awb}."),
        ),
        NextCancelAction::Close(awb, _) => about(
            "How an earlier cancel ended is found out.",
            format!("How an earlier cancel of {awb} ended is found out."),
        ),
        NextCancelAction::Look(awb) => about(
            "ParcelX is asked whether a shipment shows as cancelled.",
            format!("ParcelX is asked whether {awb} shows as cancelled."),
        ),
        NextCancelAction::Wait(at) => waits(at),
        NextCancelAction::Done => plainly("Nothing: of this order nothing is left to cancel."),
    }
}

fn booking(order: &Order, generation: Option<i64>, now: Timestamp) -> Effect {
    plainly(match order.next_action(generation, now) {
        NextAction::Take if order.is_called_off_in_doubt() => {
            "ParcelX is asked whether it has it; nothing is sent."
        }
        NextAction::Take => {
            return Effect { costs: true, ..plainly("It books: the order is sent to ParcelX.") };
        }
        NextAction::Close(_) => "How an earlier call ended is found out first; nothing is sent before.",
        NextAction::LookUp(_) => "ParcelX is asked whether it has booked the order; nothing is sent.",
        NextAction::Wait(at) => return waits(at),
        NextAction::Done => match order.provider_sync_status() {
            SyncStatus::NeedsReview => "Nothing: the order waits for a person, who decides on it.",
            SyncStatus::Success => "Nothing: the order is booked.",
            SyncStatus::Failed => "Nothing: the order was refused; amend it, or send it again.",
            SyncStatus::Cancelled => "Nothing: the order is cancelled.",
            _ => "Nothing: a later job has taken the order over.",
        },
    })
}
