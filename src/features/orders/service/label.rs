//! Labels: asked for inside a request, fetched by a worker, since only workers speak to the provider.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{OrderService, StoreError};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        jobs::FetchLabelJob,
        model::{Applied, Event, LabelFailure, LabelRequest, Order, label_job_id},
    },
    platform::queue::{NewJob, job::Payload},
    provider::carrier::{CallOutcome, LabelUrl},
};

/// The first pause between two looks at whether a worker has the label; grows to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// Hands labels out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Labels {
    orders: OrderService,
    /// How long a label's address is good for.
    life: Duration,
    /// How long a request waits for a worker.
    wait: Duration,
    /// Requests of this process that may wait at the same time; others are told at once that it takes a
    /// while.
    waiting: Arc<Semaphore>,
}

/// Each that waits reads its order a few times a second.
const MOST_WAITING: usize = 128;

/// What a merchant is told of a label.
#[derive(Debug)]
pub enum LabelResult {
    Ready {
        awb: String,
        url: String,
        fetched_at: Timestamp,
    },
    /// A worker has not answered yet.
    Pending {
        awb: String,
    },
    NotBooked(Box<Order>),
    Cancelled(Box<Order>),
    Failed(LabelFailure),
}

impl Labels {
    #[must_use]
    pub fn new(orders: OrderService, life: Duration, wait: Duration) -> Self {
        Self { orders, life, wait, waiting: Arc::new(Semaphore::new(MOST_WAITING)) }
    }

    /// The same with room for so many that wait at the same time.
    #[must_use]
    pub fn with_room_for(self, waiting: usize) -> Self {
        Self { waiting: Arc::new(Semaphore::new(waiting)), ..self }
    }

    /// The label of a merchant's order: what is known of it, or what a worker brings in time. Nothing: they
    /// have no such order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, user_id: &str, id: &str) -> Result<Option<LabelResult>, StoreError> {
        let request = Event::RequestLabel { life: self.life };
        let Some((order, Applied::Label(what))) = self.orders.apply_own(user_id, id, request).await? else {
            return Ok(None);
        };
        Ok(Some(match what {
            LabelRequest::NotBooked => LabelResult::NotBooked(Box::new(order)),
            LabelRequest::Cancelled => LabelResult::Cancelled(Box::new(order)),
            LabelRequest::Answered => answer(order, 0),
            LabelRequest::Requested(request) if !self.offer(&order, request).await => answer(order, request),
            LabelRequest::Requested(request) | LabelRequest::Joined(request) => {
                self.wait_for(order, request).await?
            }
        }))
    }

    /// Whether the queue has the job now. It is in no outbox: if it is lost, the next request makes another.
    async fn offer(&self, order: &Order, request: u32) -> bool {
        let payload =
            FetchLabelJob { order_id: order.id().to_owned(), user_id: order.user_id().to_owned(), request };
        let job = NewJob::of(
            label_job_id(order.id(), request),
            &payload,
            &self.orders.policies.of(FetchLabelJob::QUEUE),
        );
        match job {
            Ok(job) => self.orders.producer.offer(job).await,
            Err(_) => false,
        }
    }

    /// Looks until `request` is answered, or the time for that is over.
    async fn wait_for(&self, mut order: Order, request: u32) -> Result<LabelResult, StoreError> {
        let Ok(_turn) = self.waiting.try_acquire() else { return Ok(answer(order, request)) };
        let over = tokio::time::Instant::now() + self.wait;
        let mut pause = FIRST_PAUSE;
        while order.label_to_fetch(request).is_some() && tokio::time::Instant::now() < over {
            tokio::time::sleep_until(over.min(tokio::time::Instant::now() + pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            match self.orders.load(order.id()).await? {
                Some(now) => order = now,
                None => break, // orders are never removed
            }
        }
        Ok(answer(order, request))
    }
}

/// How the order answers the request of this number as it stands.
fn answer(order: Order, request: u32) -> LabelResult {
    let awb = order.awb().unwrap_or_default().to_owned();
    match order.label().filter(|label| label.answered >= request).cloned() {
        _ if !order.has_labelled_shipment() => LabelResult::Cancelled(Box::new(order)),
        Some(label) => match (label.url, label.fetched_at, label.failure) {
            (Some(url), Some(fetched_at), _) => LabelResult::Ready { awb, url, fetched_at },
            (_, _, Some(failure)) => LabelResult::Failed(failure),
            _ => LabelResult::Pending { awb }, // a newer request is under way already
        },
        None => LabelResult::Pending { awb },
    }
}

impl OrderService {
    /// Writes down what became of a call for the label that `request` asked for, and gives the order as it
    /// then stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resolve_label(
        &self,
        id: &str,
        request: u32,
        outcome: &CallOutcome<LabelUrl>,
    ) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::LabelEnded { request, outcome }).await
    }

    /// Ends `request` without a label.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fail_label(
        &self,
        id: &str,
        request: u32,
        failure: &LabelFailure,
    ) -> Result<Option<Order>, StoreError> {
        self.apply(id, Event::LabelFailed { request, failure }).await
    }
}
