//! What the process that sends has in hand: where it looks for what is to be sent, and what is under way.

use std::{collections::HashMap, time::Duration};

use tokio::task::{Id, JoinError, JoinSet};

use super::{
    Sent, WebhooksWorker,
    lanes::{Began, Lanes, Outcome},
};
use crate::{
    base::timestamp::Timestamp,
    features::webhooks::{
        fan_out::FanOut,
        model::{Delivery, Endpoint},
        replay,
    },
    platform::store::{Cursor, Order as Sort, Query, StoreError},
};

/// How often changed addresses are looked for, and how far back: clocks differ a little.
const CHANGED_EVERY: Duration = Duration::from_millis(250);
const BACK: Duration = Duration::from_secs(5);
/// How often all addresses are gone over for what is due, and how many at once.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEPT: usize = 50;
/// Lanes that are filled from the store in one look.
const FILLED: usize = 32;
/// Deliveries of a lane that are looked at for what somebody has just asked for.
const ASKED: usize = 16;
/// How long the log of deliveries is kept, and addresses that were removed; how many go at once, how often.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const REMOVED: usize = 2000;
const REMOVE_EVERY: Duration = Duration::from_secs(600);

pub(super) struct Sending {
    worker: WebhooksWorker,
    fan_out: FanOut,
    lanes: Lanes,
    tasks: JoinSet<Sent>,
    /// What each task sends, for one that panics.
    under_way: HashMap<Id, (String, String, Began)>,
    tries: usize,
    /// The versions of those that had changed at the last look.
    changed: HashMap<String, i64>,
    changed_at: Option<Timestamp>,
    sweep: Sweep,
    removed_at: Option<Timestamp>,
}

/// Where the round over all addresses is.
enum Sweep {
    Begins,
    Goes(Cursor),
    Ended(Timestamp),
}

impl Sending {
    pub(super) fn new(worker: WebhooksWorker) -> Self {
        let (store, clock) = (worker.webhooks.store.clone(), worker.clock.clone());
        Self {
            fan_out: FanOut::new(store, clock),
            worker,
            lanes: Lanes::default(),
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            tries: 0,
            changed: HashMap::new(),
            changed_at: None,
            sweep: Sweep::Begins,
            removed_at: None,
        }
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.tasks.is_empty()
    }

    pub(super) fn tries(&self) -> usize {
        self.tries
    }

    /// Another process sends: nothing that this one knows counts any more.
    pub(super) fn rest(&mut self) {
        self.lanes.clear();
        self.fan_out.forget();
        (self.sweep, self.changed_at) = (Sweep::Begins, None);
        self.changed.clear();
    }

    /// Finds out what is to be sent. Whether there is more to be found at once.
    pub(super) async fn look(&mut self) -> Result<bool, StoreError> {
        let now = self.worker.clock.now();
        let made = self.fan_out.pass().await?;
        for (endpoint, deliveries) in made.deliveries {
            let id = endpoint.id.clone();
            self.lanes.know(endpoint, false, now);
            self.lanes.push(&id, deliveries);
        }
        if self.changed_at.is_none_or(|at| now.since(at) >= CHANGED_EVERY || now < at) {
            self.look_at_changed(now).await?;
        }
        let sweeps = self.sweep(now).await?;
        for (id, woken) in self.lanes.woken() {
            self.fill_first(&id, woken).await?;
        }
        for id in self.lanes.replays(now, replay::EVERY) {
            if let Some((endpoint, due)) =
                replay::step(&self.worker.webhooks, &self.worker.events, &id).await?
            {
                self.lanes.know(endpoint, false, now);
                self.lanes.push(&id, due);
            }
        }
        let hungry = self.lanes.hungry(now);
        for id in hungry.iter().take(FILLED) {
            self.fill(id, now).await?;
        }
        self.lanes.tidy();
        self.remove_old(now).await;
        Ok(made.more || sweeps || hungry.len() > FILLED)
    }

    /// Addresses that somebody has changed, or for which there is something new.
    async fn look_at_changed(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let since = self.changed_at.unwrap_or(now) - BACK;
        let mut query = Query::sorted_by("updatedAt", Sort::Ascending).from(since);
        let mut seen = HashMap::new();
        loop {
            let page = self.worker.webhooks.store.find::<Endpoint>(&query).await?;
            for endpoint in page.docs {
                let known =
                    self.changed.get(&endpoint.id).is_some_and(|version| *version == endpoint.version);
                seen.insert(endpoint.id.clone(), endpoint.version);
                if !known {
                    self.lanes.know(endpoint, true, now);
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        (self.changed, self.changed_at) = (seen, Some(now));
        Ok(())
    }

    /// The next few of all addresses: what was due before this process began, and what was missed. Whether
    /// the round goes on.
    async fn sweep(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let all = Query::by_id(Sort::Ascending).limit(SWEPT);
        let query = match &self.sweep {
            Sweep::Begins => all,
            Sweep::Goes(after) => all.after(after.clone()),
            Sweep::Ended(at) if now.since(*at) >= SWEEP_EVERY => all,
            Sweep::Ended(_) => return Ok(false),
        };
        let page = self.worker.webhooks.store.find::<Endpoint>(&query).await?;
        for endpoint in page.docs {
            self.lanes.know(endpoint, true, now);
        }
        self.sweep = page.next.map_or(Sweep::Ended(now), Sweep::Goes);
        Ok(matches!(self.sweep, Sweep::Goes(_)))
    }

    async fn fill(&mut self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let of_it = || Query::sorted_by("dueAt", Sort::Ascending).equal("endpoint", id);
        let behind_now = now + Duration::from_millis(1);
        let store = &self.worker.webhooks.store;
        let due = store.find::<Delivery>(&of_it().before(behind_now).limit(self.lanes.reads(id))).await?;
        let all = due.next.is_none();
        let next = store.find::<Delivery>(&of_it().from(behind_now).limit(1)).await?;
        let next_due = next.docs.first().and_then(|delivery| delivery.due_at);
        self.refresh(id, !due.docs.is_empty()).await?;
        self.lanes.fill(id, due.docs, all, next_due);
        Ok(())
    }

    /// What somebody has asked for is among the last ones that became due.
    async fn fill_first(&mut self, id: &str, woken: Timestamp) -> Result<(), StoreError> {
        let until = woken.max(self.worker.clock.now()) + Duration::from_millis(1);
        let newest = Query::sorted_by("dueAt", Sort::Descending).equal("endpoint", id);
        let found = self.worker.webhooks.store.find::<Delivery>(&newest.before(until).limit(ASKED)).await?;
        self.refresh(id, !found.docs.is_empty()).await?;
        self.lanes.push_first(id, found.docs);
        Ok(())
    }

    /// The address as it is after its deliveries were read: what was asked for behind a rotation is signed
    /// with both secrets, and goes to a URL that was changed before.
    async fn refresh(&mut self, id: &str, has_some: bool) -> Result<(), StoreError> {
        if has_some && let Some(fresh) = self.worker.webhooks.store.get::<Endpoint>(id).await? {
            self.lanes.know(fresh, false, self.worker.clock.now());
        }
        Ok(())
    }

    /// Begins what may begin.
    pub(super) fn start(&mut self) {
        for (endpoint, delivery, began) in self.lanes.start(self.worker.clock.now()) {
            let what = (endpoint.id.clone(), delivery.id.clone(), began);
            let task = self.tasks.spawn(Box::pin(self.worker.clone().send(endpoint, delivery, began)));
            self.under_way.insert(task.id(), what);
        }
    }

    /// Waits for the end of a try, and takes those that have ended with it.
    pub(super) async fn next_ended(&mut self) {
        let mut next = self.tasks.join_next_with_id().await;
        while let Some(ended) = next {
            self.ended(ended);
            next = self.tasks.try_join_next_with_id();
        }
    }

    fn ended(&mut self, ended: Result<(Id, Sent), JoinError>) {
        self.tries += 1;
        let now = self.worker.clock.now();
        match ended {
            Ok((task, sent)) => {
                self.under_way.remove(&task);
                self.lanes.ended(&sent.endpoint, &sent.delivery, sent.outcome, now);
                if let Some(endpoint) = sent.changed {
                    self.lanes.know(endpoint, false, now);
                }
            }
            Err(error) => {
                tracing::error!(%error, "sending a webhook panicked");
                if let Some((endpoint, delivery, began)) = self.under_way.remove(&error.id()) {
                    let failed =
                        Outcome { arrived: false, took: Duration::ZERO, due_at: None, kept: false, began };
                    self.lanes.ended(&endpoint, &delivery, failed, now);
                }
            }
        }
    }

    async fn remove_old(&mut self, now: Timestamp) {
        if self.removed_at.is_some_and(|at| now.since(at) < REMOVE_EVERY) {
            return;
        }
        self.removed_at = Some(now);
        let store = &self.worker.webhooks.store;
        let before = now - KEPT;
        let deliveries = store.delete_before::<Delivery>("createdAt", before, REMOVED).await;
        let endpoints = store.delete_before::<Endpoint>("deletedAt", before, REMOVED).await;
        if let Err(error) = deliveries.and(endpoints) {
            tracing::warn!(%error, "old deliveries were not removed");
        }
    }
}
