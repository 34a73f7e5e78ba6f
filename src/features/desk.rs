//! What a person who looks at an order needs to know, over all that the service keeps of it: why it waits,
//! what may be done with it, and what has happened to it. Changes nothing; [`super::orders::service::review`]
//! does.
//!
//! Guards against a screen that guesses: each sentence follows from stored data, and each action is allowed
//! by the rules that will decide on it.

pub mod actions;
mod runs;
pub mod timeline;
pub mod why;

use std::sync::Arc;

use self::why::{Paused, Surroundings};
pub use self::{
    actions::ActionView,
    timeline::{Entry, EntryKind, Position, Timeline, Tone},
    why::Why,
};
use super::{
    audit::{Audit, Outcome},
    orders::{
        model::{Order, cancel_job_id, job_id, label_job_id},
        service::OrderService,
    },
    provider_accounts::Accounts,
    runs::Runs,
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        outbox::Dispatched,
        queue::{JobState, JobView, Queue, QueueError},
        store::{Store, StoreError},
    },
    provider::carrier::{CallRecords, Needs},
};

/// How far into a queue an order's place is looked for.
const PLACES: usize = 200;
/// Lines of the audit log that are looked through for who paused a queue.
const LINES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Reads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    store: Store,
    orders: OrderService,
    accounts: Accounts,
    queue: Queue,
    audit: Audit,
    records: Arc<dyn CallRecords>,
    runs: Runs,
    clock: Clock,
    /// Of each queue, what shuts it.
    needs: Arc<[(&'static str, Needs)]>,
}

impl Desk {
    #[must_use]
    pub fn new(
        (store, queue, clock): (Store, Queue, Clock),
        orders: OrderService,
        accounts: Accounts,
        records: Arc<dyn CallRecords>,
        needs: Vec<(&'static str, Needs)>,
    ) -> Self {
        let audit = Audit::new(store.clone(), clock.clone());
        let runs = Runs::new(store.clone());
        Self { store, orders, accounts, queue, audit, records, runs, clock, needs: needs.into() }
    }

    /// What stands around the order: its queue, its job, the account.
    ///
    /// # Errors
    /// When the store fails. A queue that does not answer is told in words.
    pub async fn surroundings(&self, order: &Order) -> Result<Surroundings, StoreError> {
        let hold = self.accounts.refresh().await?;
        let Some((name, job)) = order.current_job() else {
            return Ok(Surroundings { hold, ..Surroundings::default() });
        };
        let needs = self.needs.iter().find(|(queue, _)| *queue == name).map(|(_, needs)| *needs);
        let mut around = Surroundings { hold, needs, queue: Some(name), ..Surroundings::default() };
        if let Err(error) = self.look_at_queue(&mut around, name, &job).await {
            around.unreachable = Some(error.to_string());
        }
        if around.paused.is_some() {
            around.paused = Some(self.who_paused(name).await?);
        }
        Ok(around)
    }

    async fn look_at_queue(
        &self,
        around: &mut Surroundings,
        name: &str,
        job: &str,
    ) -> Result<(), QueueError> {
        let inspect = &self.queue.inspect;
        let counts = inspect.counts(name).await?;
        around.paused = counts.paused.then(Paused::default);
        around.workers = Some(inspect.workers(name).await?.len());
        around.waiting = counts.waiting;
        let job = inspect.get(name, job).await?;
        if let Some(job) = job.as_ref().filter(|job| job.state == JobState::Waiting) {
            let first = inspect.list(name, JobState::Waiting, None, PLACES).await?;
            around.place = first.jobs.iter().position(|other| other.id == job.id);
        }
        around.job = job;
        Ok(())
    }

    async fn who_paused(&self, queue: &str) -> Result<Paused, StoreError> {
        let lines = self.audit.list(Some(queue), None, LINES).await?;
        let pause = lines.into_iter().find(|line| {
            line.action == "queue.pause" && matches!(line.outcome, Outcome::Done | Outcome::Begun)
        });
        Ok(pause.map_or_else(Paused::default, |line| Paused {
            by: Some(line.actor.name),
            since: Some(line.at),
            reason: Some(line.reason),
        }))
    }

    /// Why the order stands where it stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn why(&self, order: &Order) -> Result<Why, StoreError> {
        Ok(why::why(order, &self.surroundings(order).await?, self.now()))
    }

    /// What may be done with it, and what that would do.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn actions(&self, order: &Order) -> Result<Vec<ActionView>, StoreError> {
        let hold = self.accounts.refresh().await?;
        Ok(actions::actions(order, self.orders.env(), hold.as_ref(), self.now()))
    }

    /// The jobs of the order that its queues have: of the last generations, and for its label.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn jobs(&self, order: &Order) -> Result<Vec<(&'static str, JobView)>, QueueError> {
        let mut found = Vec::new();
        for (queue, id) in job_ids(order) {
            if let Some(job) = self.queue.inspect.get(queue, &id).await? {
                found.push((queue, job));
            }
        }
        Ok(found)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Generations whose jobs are looked for: a queue keeps the last thousand finished jobs.
const GENERATIONS: i64 = 10;

/// The ids that jobs of an order can have, by queue: those of its last generations, and of its label.
#[must_use]
pub fn job_ids(order: &Order) -> Vec<(&'static str, String)> {
    use crate::{
        features::orders::jobs::{CancelOrderJob, CreateOrderJob, FetchLabelJob},
        platform::queue::job::Payload,
    };
    let last = order.generation();
    let mut ids = Vec::new();
    for generation in ((last - GENERATIONS + 1).max(1)..=last).rev() {
        ids.push((CreateOrderJob::QUEUE, job_id(order.id(), generation)));
        if !order.cancellation().shipments().is_empty() {
            ids.push((CancelOrderJob::QUEUE, cancel_job_id(order.id(), generation)));
        }
    }
    if let Some(label) = order.label() {
        ids.push((FetchLabelJob::QUEUE, label_job_id(order.id(), label.request)));
    }
    ids
}
