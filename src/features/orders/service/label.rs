//! Labels: asked for inside a request, fetched by a worker, since only workers speak to the provider.

use std::time::Duration;

use super::{OrderService, StoreError};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        jobs::FetchLabelJob,
        label::{LabelFinding, LabelWish, label_job_id},
        model::{LabelFailure, Order},
    },
    platform::queue::{NewJob, job::Payload},
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
}

/// What a merchant is told of a label.
#[derive(Debug)]
pub enum LabelAnswer {
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
    CalledOff(Box<Order>),
    Failed(LabelFailure),
}

impl Labels {
    #[must_use]
    pub fn new(orders: OrderService, life: Duration, wait: Duration) -> Self {
        Self { orders, life, wait }
    }

    /// The label of a merchant's order: what is known of it, or what a worker brings in time. Nothing: they
    /// have no such order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, user_id: &str, id: &str) -> Result<Option<LabelAnswer>, StoreError> {
        let mut came_to = None;
        let order = self.orders.change(id, |order, now| {
            if order.user_id != user_id {
                return false;
            }
            let what = order.wish_label(self.life, now);
            came_to = Some(what);
            matches!(what, LabelWish::Noted(_))
        });
        let Some((order, what)) = order.await?.zip(came_to) else { return Ok(None) };
        Ok(Some(match what {
            LabelWish::NotBooked => LabelAnswer::NotBooked(Box::new(order)),
            LabelWish::CalledOff => LabelAnswer::CalledOff(Box::new(order)),
            LabelWish::Answered => answer(order, 0),
            LabelWish::Noted(wish) if !self.offer(&order, wish).await => answer(order, wish),
            LabelWish::Noted(wish) | LabelWish::Joined(wish) => self.wait_for(order, wish).await?,
        }))
    }

    /// Whether the queue has the job now. It is in no outbox: if it is lost, the next request makes another.
    async fn offer(&self, order: &Order, wish: u32) -> bool {
        let payload = FetchLabelJob { order_id: order.id.clone(), user_id: order.user_id.clone(), wish };
        let job = NewJob::of(
            label_job_id(&order.id, wish),
            &payload,
            &self.orders.policies.of(FetchLabelJob::QUEUE),
        );
        match job {
            Ok(job) => self.orders.producer.offer(job).await,
            Err(_) => false,
        }
    }

    /// Looks until `wish` is answered, or the time for that is over.
    async fn wait_for(&self, mut order: Order, wish: u32) -> Result<LabelAnswer, StoreError> {
        let over = tokio::time::Instant::now() + self.wait;
        let mut pause = FIRST_PAUSE;
        while order.label_errand(wish).is_some() && tokio::time::Instant::now() < over {
            tokio::time::sleep_until(over.min(tokio::time::Instant::now() + pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            match self.orders.load(&order.id).await? {
                Some(now) => order = now,
                None => break, // orders are never removed
            }
        }
        Ok(answer(order, wish))
    }
}

/// How the order answers the wish of this number as it stands.
fn answer(mut order: Order, wish: u32) -> LabelAnswer {
    let awb = order.awb.clone().unwrap_or_default();
    match order.label.take().filter(|label| label.answered >= wish) {
        _ if !order.has_labelled_shipment() => LabelAnswer::CalledOff(Box::new(order)),
        Some(label) => match (label.url, label.fetched_at, label.failure) {
            (Some(url), Some(fetched_at), _) => LabelAnswer::Ready { awb, url, fetched_at },
            (_, _, Some(failure)) => LabelAnswer::Failed(failure),
            _ => LabelAnswer::Pending { awb }, // a newer wish is under way already
        },
        None => LabelAnswer::Pending { awb },
    }
}

impl OrderService {
    /// Writes down what became of a call for the label that `wish` asked for, and gives the order as it then
    /// stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle_label(
        &self,
        id: &str,
        wish: u32,
        finding: &LabelFinding,
    ) -> Result<Option<Order>, StoreError> {
        self.change(id, |order, now| order.settle_label(wish, finding, now)).await
    }
}
