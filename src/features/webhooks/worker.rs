//! Sends deliveries: one worker at a time, under a lease, many at once.
//!
//! What is to be sent stands in the store, so nothing is lost with this process, the queue or its Redis:
//! whoever holds the lease next finds what is due. What was sent and not written down is sent again, under
//! the same id.

mod lanes;
mod sending;

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::{
    lanes::{Began, Outcome},
    sending::Sending,
};
use super::{
    message,
    model::{Delivery, Ended, Endpoint, Try},
    service::Webhooks,
};
use crate::{
    base::{clock::Clock, fault, timestamp::Timestamp},
    features::events::Events,
    platform::{
        outbound::{Answer, CallError, Outbound},
        outbox::Lease,
        store::{Decision, StoreError, Updated},
        telemetry::{Counter, Durations},
    },
};

static TRIES: Counter = Counter::new("waybill_webhook_tries_total", "Tries to deliver webhooks, by outcome.");
static TOOK: Durations =
    Durations::new("waybill_webhook_try_duration_seconds", "How long tries to deliver webhooks took.");
static GIVEN_UP: Counter =
    Counter::new("waybill_webhook_endpoints_disabled_total", "Addresses of merchants that were given up.");

/// Between two looks at what has happened.
const TICK: Duration = Duration::from_millis(100);

/// The part of a worker process that sends webhooks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebhooksWorker {
    webhooks: Webhooks,
    events: Events,
    outbound: Outbound,
    clock: Clock,
    lease: Lease,
}

/// How one try ended, as its lane must know it.
#[derive(Debug)]
struct Sent {
    endpoint: String,
    delivery: String,
    outcome: Outcome,
    /// The address, if the try has changed it.
    changed: Option<Endpoint>,
}

impl WebhooksWorker {
    #[must_use]
    pub fn new(webhooks: Webhooks, outbound: Outbound, lease: Lease) -> Self {
        let (events, clock) = (Events::new(webhooks.store.clone()), webhooks.clock.clone());
        Self { webhooks, events, outbound, clock, lease }
    }

    /// Works while this process holds the lease, until `stop`; then ends what is under way.
    pub async fn run(&self, stop: CancellationToken) {
        let mut sending = Sending::new(self.clone());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sending.next_ended(), if sending.is_sending() => {}
                _ = tick.tick() => match self.lease.hold().await {
                    Ok(true) => {
                        if let Err(error) = sending.look().await {
                            tracing::warn!(%error, "what is to be sent to merchants could not be looked for");
                        }
                    }
                    Ok(false) => sending.rest(),
                    Err(error) => {
                        tracing::warn!(%error, "the lease of the webhooks could not be asked for");
                    }
                },
            }
            sending.start();
        }
        while sending.is_sending() {
            sending.next_ended().await;
        }
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the lease of the webhooks was not given back; it runs out by itself");
        }
    }

    /// Sends all that is due now, and tells how many tries that took: for tests and one-off commands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_pending(&self) -> Result<usize, StoreError> {
        let mut sending = Sending::new(self.clone());
        loop {
            let before = sending.tries();
            while sending.look().await? {}
            sending.start();
            while sending.is_sending() {
                sending.next_ended().await;
                sending.start();
            }
            if sending.tries() == before {
                return Ok(before);
            }
        }
    }

    /// One try, from its first byte to its place in the store.
    async fn send(self, endpoint: Endpoint, delivery: Delivery, began: Began) -> Sent {
        let (at, started) = (self.clock.now(), tokio::time::Instant::now());
        let answered = self.post(&endpoint, &delivery, at).await;
        fault::reach("webhook:sent");
        let took = started.elapsed();
        let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let (tried, ended) = Try::of(at, took_ms, &answered);
        TRIES.increment(&[("outcome", if ended.arrived { "delivered" } else { "failed" })]);
        TOOK.record(&[], took);
        let ended = self.as_it_now_is(&endpoint, ended, at).await;
        let (kept, due_at) = match self.keep(&delivery, tried, ended).await {
            Ok(due_at) => (true, due_at),
            Err(error) => {
                tracing::warn!(%error, "how a webhook ended could not be kept: it will be sent again");
                (false, None)
            }
        };
        let changed = self.health(&endpoint, &delivery, ended, at).await;
        Sent {
            endpoint: endpoint.id,
            delivery: delivery.id,
            outcome: Outcome { arrived: ended.arrived, took, due_at, kept, began },
            changed,
        }
    }

    async fn post(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        at: Timestamp,
    ) -> Result<Answer, CallError> {
        let url = endpoint.url.parse().map_err(|_| CallError::UnknownHost)?;
        let signatures = endpoint.signatures(&delivery.event_id, at, &delivery.body);
        let headers = message::headers(&delivery.event_id, at, &signatures);
        self.outbound.post(&url, headers, delivery.body.clone().into(), at).await
    }

    /// Notes how a try ended, and gives the time of the next one.
    async fn keep(
        &self,
        delivery: &Delivery,
        tried: Try,
        ended: Ended,
    ) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let (id, seen) = (delivery.id.clone(), Some(delivery.clone()));
        let kept = self.webhooks.store.update_from::<Delivery, _, StoreError>(&id, seen, |delivery| {
            delivery.tried(tried.clone(), ended, now);
            Ok(Decision::Save(delivery.due_at))
        });
        Ok(match kept.await? {
            Updated::Done(_, due_at) => due_at,
            // Removed meanwhile: too old to be of use.
            Updated::Missing => None,
        })
    }

    /// That nobody is there any more counts for the address that was tried: if it was mended meanwhile, the
    /// delivery is tried again.
    async fn as_it_now_is(&self, endpoint: &Endpoint, ended: Ended, began: Timestamp) -> Ended {
        if !ended.gone {
            return ended;
        }
        match self.webhooks.store.get::<Endpoint>(&endpoint.id).await {
            Ok(Some(fresh)) if !fresh.is_told_by(&endpoint.url, ended, began) => {
                Ended { gone: false, ..ended }
            }
            _ => ended,
        }
    }

    /// Notes what a try that began then says of its address, if that is news and the address is still the
    /// one that was tried.
    async fn health(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        ended: Ended,
        began: Timestamp,
    ) -> Option<Endpoint> {
        let (now, happened, url) = (self.clock.now(), delivery.happened_at(), endpoint.url.as_str());
        if !endpoint.clone().tried(ended, happened, now) {
            return None;
        }
        let noted = self.webhooks.store.update::<Endpoint, bool, StoreError>(&endpoint.id, |fresh| {
            let times = fresh.times_disabled;
            if !fresh.is_told_by(url, ended, began) || !fresh.tried(ended, happened, now) {
                return Ok(Decision::Leave(false));
            }
            Ok(Decision::Save(fresh.times_disabled > times))
        });
        match noted.await {
            Ok(Updated::Done(endpoint, given_up)) => {
                if given_up {
                    GIVEN_UP.increment(&[]);
                    tracing::warn!(endpoint = endpoint.id, "an address of a merchant was given up");
                }
                Some(endpoint)
            }
            Ok(Updated::Missing) => None,
            Err(error) => {
                tracing::warn!(%error, "how an address of a merchant does could not be kept");
                None
            }
        }
    }
}
