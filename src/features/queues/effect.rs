//! What may be done with a job, and what that would do: the order says it, by the same decision that the
//! job's handler asks for.

use super::{LookError, Queues, shown};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        jobs::{CancelOrderJob, CreateOrderJob, FetchLabelJob},
        model::{NextAction, NextCancelAction, Order},
        service::OrderService,
        status::SyncStatus,
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
        let (effect, costs) = match order {
            _ if !ours => {
                ("Another program's job runs: what that does, this service does not know.".into(), false)
            }
            None => ("Its order is not known: the job does nothing.".to_owned(), false),
            Some(order) => effect(job, order, self.clock.now()),
        };
        let mut all: Vec<_> = ALL
            .iter()
            .map(|(name, from)| {
                let why = (job.state != *from).then(|| not_in(job.state, from.as_str()));
                JobAction { name, allowed: why.is_none(), why, effect: effect.clone(), costs }
            })
            .collect();
        all.push(remove(job, ours, order));
        if ours {
            all.push(JobAction {
                name: "edit",
                allowed: false,
                why: Some("a job only names its order: what is sent is the order's, which is amended".into()),
                effect: "Nothing.".to_owned(),
                costs: false,
            });
        }
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

/// What the job would do if it ran now, and whether that may book a shipment.
fn effect(job: &JobView, order: &Order, now: Timestamp) -> (String, bool) {
    let said = |words: &str| (words.to_owned(), false);
    if job.name == CreateOrderJob::NAME {
        let Ok(own) = serde_json::from_str::<CreateOrderJob>(&job.data) else {
            return said("Its data does not read: the job fails again.");
        };
        return booking(order, own.generation, now);
    }
    if job.name == CancelOrderJob::NAME {
        let Ok(own) = serde_json::from_str::<CancelOrderJob>(&job.data) else {
            return said("Its data does not read: the job fails again.");
        };
        return said(&match order.next_cancel_action(own.generation, now) {
            NextCancelAction::Send(awb) => format!("ParcelX is asked to cancel the shipment {awb}."),
            NextCancelAction::Close(awb, _) => format!("How an earlier cancel of {awb} ended is found out."),
            NextCancelAction::Look(awb) => format!("ParcelX is asked whether {awb} shows as cancelled."),
            NextCancelAction::Wait(at) => format!("Nothing before {at}: the job waits again."),
            NextCancelAction::Done => "Nothing: of this order nothing is left to cancel.".to_owned(),
        });
    }
    if job.name == FetchLabelJob::NAME {
        let own = serde_json::from_str::<FetchLabelJob>(&job.data);
        let wanted = own.is_ok_and(|own| order.label_to_fetch(own.request).is_some());
        return said(if wanted { "The label is fetched." } else { "Nothing: nobody waits for this label." });
    }
    said("No worker of this service knows this kind of job: it fails.")
}

fn booking(order: &Order, generation: Option<i64>, now: Timestamp) -> (String, bool) {
    let costs = matches!(order.next_action(generation, now), NextAction::Take);
    let words = match order.next_action(generation, now) {
        NextAction::Take => "It books: the order is sent to ParcelX.".to_owned(),
        NextAction::Close(_) => {
            "How an earlier call ended is found out first; nothing is sent before.".to_owned()
        }
        NextAction::LookUp(_) => {
            "ParcelX is asked whether it has booked the order; nothing is sent.".to_owned()
        }
        NextAction::Wait(at) => format!("Nothing before {at}: the job waits again."),
        NextAction::Done => match order.provider_sync_status() {
            SyncStatus::NeedsReview => "Nothing: the order waits for a person, who decides on it.".to_owned(),
            SyncStatus::Success => "Nothing: the order is booked.".to_owned(),
            SyncStatus::Failed => "Nothing: the order was refused; amend it, or send it again.".to_owned(),
            SyncStatus::Cancelled => "Nothing: the order is cancelled.".to_owned(),
            _ => "Nothing: a later job has taken the order over.".to_owned(),
        },
    };
    (words, costs)
}
