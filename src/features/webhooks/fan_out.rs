//! Turns events into deliveries, each with an id of its event and its address.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Delivery, Endpoint};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::events::{
        Event,
        reader::{Reader, TRIES, Writes, write_once},
    },
    platform::store::{Batch, Order as Sort, Query, Store, StoreError},
};

/// Its name in the store.
pub const NAME: &str = "webhooks";
/// Events and addresses that are read at once, deliveries that are written at once, and merchants that are
/// asked for.
const AT_ONCE: usize = 200;
const WRITTEN: usize = 500;
const MERCHANTS: usize = 50;

/// What one pass has made.
#[derive(Debug, Default)]
pub struct Made {
    /// Deliveries, by their address.
    pub deliveries: Vec<(Endpoint, Vec<Delivery>)>,
    /// There may be more events.
    pub more: bool,
}

/// The consumer of one process.
#[derive(Debug)]
pub struct FanOut {
    store: Store,
    clock: Clock,
    events: Reader,
}

impl FanOut {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { events: Reader::new(store.clone(), clock.clone(), NAME), store, clock }
    }

    /// Another process may go on: where it is, is asked for anew.
    pub fn forget(&mut self) {
        self.events.forget();
    }

    /// Makes the deliveries of the next events.
    ///
    /// # Errors
    /// When the store fails; the next pass goes over the same events.
    pub async fn pass(&mut self) -> Result<Made, StoreError> {
        let passed = self.try_pass().await;
        let aside = || Made { deliveries: Vec::new(), more: true };
        Ok(self.events.judged(passed).await?.unwrap_or_else(aside))
    }

    async fn try_pass(&mut self) -> Result<Made, StoreError> {
        for _ in 0..TRIES {
            let events = self.events.next(AT_ONCE).await?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(Made::default()) };
            let endpoints = self.endpoints(&events).await?;
            let (read, mut made) = self.deliveries(&events, &endpoints, last);
            let more = self.events.has_more() || read < last;
            // What a replay has made already is left to it.
            if self.events.pass(read, &mut made, &Inserts).await? {
                return Ok(Made { deliveries: by_endpoint(made, endpoints), more });
            }
        }
        Err(StoreError::Contended)
    }

    /// Makes the deliveries of one event that was put aside, in one commit with the one write of `first`, and
    /// lets whoever sends look at their addresses. `false`: somebody else was faster.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn again(
        &self,
        event: &Event,
        first: impl Fn() -> Batch + Send + Sync,
    ) -> Result<bool, StoreError> {
        let events = std::slice::from_ref(event);
        let endpoints = self.endpoints(events).await?;
        let (_, mut made) = self.deliveries(events, &endpoints, event.seq);
        write_once(&self.store, first, &mut made, &Woken { endpoints, now: self.clock.now() }).await
    }

    /// Those of the merchants whom these events are for.
    async fn endpoints(&self, events: &[Event]) -> Result<BTreeMap<String, Vec<Endpoint>>, StoreError> {
        let public = events.iter().filter_map(|event| event.public.as_ref());
        let merchants: BTreeSet<&str> = public.map(|public| public.merchant.as_str()).collect();
        let merchants: Vec<_> = merchants.into_iter().collect();
        let mut all: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
        for some in merchants.chunks(MERCHANTS) {
            let mut query = Query::sorted_by("createdAt", Sort::Ascending)
                .one_of("listed", some.iter().copied())
                .limit(AT_ONCE);
            loop {
                let page = self.store.find::<Endpoint>(&query).await?;
                for endpoint in page.docs {
                    all.entry(endpoint.merchant.clone()).or_default().push(endpoint);
                }
                match page.next {
                    Some(next) => query = query.after(next),
                    None => break,
                }
            }
        }
        Ok(all)
    }

    /// As many as are written at once, and the number of the last event that they are of.
    fn deliveries(
        &self,
        events: &[Event],
        endpoints: &BTreeMap<String, Vec<Endpoint>>,
        last: i64,
    ) -> (i64, Vec<Delivery>) {
        let now = self.clock.now();
        let mut made = Vec::new();
        for event in events {
            if let Some(public) = &event.public {
                let all = endpoints.get(&public.merchant).into_iter().flatten();
                let takers = all.filter(|endpoint| endpoint.takes(&public.kind, event.at));
                made.extend(takers.filter_map(|endpoint| Delivery::of(event, endpoint, now)));
            }
            if made.len() >= WRITTEN {
                return (event.seq, made);
            }
        }
        (last, made)
    }
}

/// Nothing but the deliveries.
struct Inserts;

impl Writes<Delivery> for Inserts {
    async fn add(&self, batch: Batch, made: &[Delivery]) -> Result<Batch, StoreError> {
        Ok(made.iter().fold(batch, |batch, delivery| batch.insert(delivery)))
    }
}

/// The deliveries, and behind them their addresses, which have something new.
struct Woken {
    endpoints: BTreeMap<String, Vec<Endpoint>>,
    now: Timestamp,
}

impl Writes<Delivery> for Woken {
    async fn add(&self, batch: Batch, made: &[Delivery]) -> Result<Batch, StoreError> {
        let batch = Inserts.add(batch, made).await?;
        let all = self.endpoints.values().flatten();
        let woken = all.filter(|endpoint| made.iter().any(|one| one.endpoint == endpoint.id));
        Ok(woken.fold(batch, |batch, endpoint| {
            batch.replace(&Endpoint { updated_at: self.now, ..endpoint.clone() })
        }))
    }
}

fn by_endpoint(
    made: Vec<Delivery>,
    endpoints: BTreeMap<String, Vec<Endpoint>>,
) -> Vec<(Endpoint, Vec<Delivery>)> {
    let mut by_id: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for delivery in made {
        by_id.entry(delivery.endpoint.clone()).or_default().push(delivery);
    }
    let all = endpoints.into_values().flatten();
    all.filter_map(|endpoint| by_id.remove(&endpoint.id).map(|made| (endpoint, made))).collect()
}
