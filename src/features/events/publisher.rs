//! Makes events of what the documents say: steps of orders, messages, lines of the audit log, holds of
//! accounts.
//!
//! Guards against losing a step between two writes: nothing but the document itself is written when something
//! happens, and one process (the holder of a lease) reads what has changed since. A change may show late, so
//! each pass looks a little back, and now and then further; what is an event already does not become one
//! again.

mod known;
mod made;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::{
    known::Known,
    made::{actions, given_up, hold, progress},
};
use super::{Counter, Events, NewEvent, failures, messages_of, notifications_of, shown};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        audit::AuditLine,
        messages::{Message, Thread},
        notifications::Inbox,
        operations::model::Operation,
        orders::model::Order,
        provider_accounts::Account,
        webhooks::Endpoint,
    },
    platform::{
        outbox::Lease,
        store::{Cursor, Document, Key, Order as Sort, Query, Store, StoreError},
    },
};

/// Between two passes.
const EVERY: Duration = Duration::from_millis(250);
/// How far back a pass looks, and now and then a wide one: no write is under way for longer.
const BACK: Duration = Duration::from_millis(500);
const WIDE: Duration = Duration::from_secs(30);
/// From one wide pass to the next: a time and no number of passes, which take longer under load.
const WIDE_EVERY: Duration = Duration::from_secs(30);
/// How far back the first one of a process looks: when another one made its last is not known.
const TAKEN_OVER: Duration = Duration::from_secs(90);
/// At the first start nothing older becomes an event.
const FIRST: Duration = Duration::from_secs(24 * 3600);
/// Documents read, and events written, at once.
const AT_ONCE: usize = 200;
/// Orders looked at, and what is read of each is its version.
const HEADS: usize = 1000;
/// More than a thread ever has.
const MESSAGES: usize = 1000;
/// Operations that are looked at.
const OPERATIONS: usize = 50;
/// How long events are kept, and how many go at once, every so many passes.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const REMOVED: usize = 1000;
const REMOVE_EVERY: u32 = 400;

/// What one process knows of what it has published.
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    events: Events,
    clock: Clock,
    known: Known,
    /// When the last wide pass began.
    wide: Option<Timestamp>,
    passes: u32,
}

impl Publisher {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        let (events, known) = (Events::new(store.clone()), Known::default());
        Self { events, store, clock, known, wide: None, passes: 0 }
    }

    /// Makes events of all that has changed, and tells how many.
    ///
    /// # Errors
    /// When the store fails; the next pass goes on where this one ended.
    pub async fn pass(&mut self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let counter = self.store.get::<Counter>(super::COUNTER).await?;
        let through = counter.and_then(|c| c.through);
        let (since, wide) = self.since(through, now);
        // Orders move on what is noted as read. Where that is long ago all else comes before them: a pass
        // that ends half-way would leave it out.
        let is_behind = through.is_some_and(|through| now.since(through) > WIDE * 2);
        let mut made = if is_behind { self.others(since, now).await? } else { 0 };
        made += self.orders(since, now).await?;
        if !is_behind {
            made += self.others(since, now).await?;
        }
        // Once in a while also without events, so that a pass after an idle day need not read the whole day.
        self.events.publish(Vec::new(), wide.then_some(now)).await?;
        if wide {
            self.wide = Some(now);
        }
        if self.passes.is_multiple_of(REMOVE_EVERY) {
            self.events.remove_old(now - KEPT, REMOVED).await?;
            failures::remove_old(&self.store, now, REMOVED).await?;
        }
        self.passes = self.passes.wrapping_add(1);
        Ok(made)
    }

    /// All but the orders.
    async fn others(&mut self, since: Timestamp, now: Timestamp) -> Result<usize, StoreError> {
        let mut made = self.messages(since, now).await?;
        made += self.audit(since).await?;
        made += self.accounts(now).await?;
        made += self.operations(since, now).await?;
        made += self.endpoints(since).await?;
        made += self.notifications(since).await?;
        Ok(made)
    }

    /// From when on a pass looks at what has changed, and whether it is a wide one: that looks from a little
    /// before the last wide one.
    fn since(&self, through: Option<Timestamp>, now: Timestamp) -> (Timestamp, bool) {
        let wide = self.wide.is_none_or(|last| now < last || now.since(last) >= WIDE_EVERY);
        // What a clock stamps that was set back is behind what was noted before.
        let Some(through) = through.map(|through| through.min(now)) else { return (now - FIRST, wide) };
        let since = match self.wide {
            _ if !wide => through - BACK,
            Some(last) => through.min(last) - WIDE,
            None => through - TAKEN_OVER,
        };
        (since, wide)
    }

    /// Another process publishes: what it has, and when it looked far back, is not known here.
    fn forget(&mut self) {
        self.known.forget();
        self.wide = None;
    }

    /// Passes overlap, so most of what has changed was read before: only what has another version is read.
    async fn orders(&mut self, since: Timestamp, now: Timestamp) -> Result<usize, StoreError> {
        let mut query = Query::sorted_by("updatedAt", Sort::Ascending).from(since).limit(HEADS);
        let mut made = 0;
        loop {
            let page = self.store.heads::<Order>(&query).await?;
            let changed = page.heads.iter().filter(|head| !self.known.is_told(&head.place.id, head.version));
            let changed: Vec<_> = changed.map(|head| &head.place).collect();
            for places in changed.chunks(AT_ONCE) {
                made += self.steps_of(places, now).await?;
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(made),
            }
        }
    }

    /// The steps of these orders, which come in the order of their changes.
    async fn steps_of(&mut self, places: &[&Cursor], now: Timestamp) -> Result<usize, StoreError> {
        let ids: Vec<_> = places.iter().map(|place| place.id.as_str()).collect();
        let orders = self.store.get_many::<Order>(&ids).await?.docs;
        let mut new = Vec::new();
        for order in &orders {
            let newest = order.history().last().map_or(0, |entry| entry.seq);
            let published =
                if self.known.get(order.id()).is_none() && self.known.is_new(order.created_at(), now) {
                    0
                } else {
                    self.last_step(order.id(), newest).await?
                };
            // What is older than events are kept was one, and is none again.
            let steps = shown::steps(order, published).into_iter();
            new.extend(steps.filter(|step| now.since(step.at) < KEPT));
        }
        // Not by the orders' own times: one may have changed again, and what is between is still to come.
        let through = match places.last().map(|place| &place.key) {
            Some(Key::Time(at)) => Some(*at),
            _ => None,
        };
        let made = self.publish(new, through.map(|at| at.min(now))).await?;
        for order in &orders {
            self.known.told(order.id(), Document::version(order));
        }
        Ok(made)
    }

    /// The messages of threads that have grown. What is older than events are kept is none again.
    async fn messages(&mut self, since: Timestamp, now: Timestamp) -> Result<usize, StoreError> {
        let mut query = Query::sorted_by("lastAt", Sort::Ascending).from(since).limit(AT_ONCE);
        let mut made = 0;
        loop {
            let page = self.store.find::<Thread>(&query).await?;
            for thread in &page.docs {
                let published = self.last_step(&messages_of(&thread.id), thread.last).await?;
                if published >= thread.last {
                    continue;
                }
                let behind = Query::sorted_by("no", Sort::Ascending)
                    .equal("order", thread.id.as_str())
                    .from(published + 1)
                    .limit(MESSAGES);
                let new = self.store.find::<Message>(&behind).await?.docs;
                let new = new.iter().filter(|message| now.since(message.at) < KEPT);
                made +=
                    self.publish(new.map(|message| shown::message(thread, message)).collect(), None).await?;
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(made),
            }
        }
    }

    async fn audit(&mut self, since: Timestamp) -> Result<usize, StoreError> {
        let mut query = Query::sorted_by("endedAt", Sort::Ascending).from(since).limit(AT_ONCE);
        let mut made = 0;
        loop {
            let page = self.store.find::<AuditLine>(&query).await?;
            let mut new = Vec::new();
            for line in &page.docs {
                let all = actions(line);
                let published = self.last_step(&line.id, i64::try_from(all.len()).unwrap_or(1)).await?;
                new.extend(all.into_iter().filter(|event| event.no > published));
            }
            made += self.publish(new, None).await?;
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(made),
            }
        }
    }

    async fn accounts(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let all = self.store.find::<Account>(&Query::by_id(Sort::Ascending)).await?.docs;
        let mut new = Vec::new();
        for account in &all {
            if self.last_step(&account.id, account.version).await? < account.version {
                new.push(hold(account, now));
            }
        }
        self.publish(new, None).await
    }

    /// Each change of an operation, also of its numbers, as far as a pass meets it; its end always, also of
    /// one that began and ended between two passes.
    async fn operations(&mut self, since: Timestamp, now: Timestamp) -> Result<usize, StoreError> {
        let newest = Query::sorted_by("createdAt", Sort::Descending).limit(OPERATIONS);
        let active = newest.one_of("state", ["waiting", "running", "paused"]);
        let mut all = self.store.find::<Operation>(&active).await?.docs;
        let ended = Query::sorted_by("endedAt", Sort::Descending).from(since).limit(OPERATIONS);
        all.extend(self.store.find::<Operation>(&ended).await?.docs);
        let mut new = Vec::new();
        for operation in &all {
            if self.last_step(&operation.id, operation.version).await? < operation.version {
                new.push(progress(operation, now));
            }
        }
        self.publish(new, None).await
    }

    /// Addresses of merchants that were given up.
    async fn endpoints(&mut self, since: Timestamp) -> Result<usize, StoreError> {
        let query = Query::sorted_by("disabledAt", Sort::Ascending).from(since).limit(AT_ONCE);
        let page = self.store.find::<Endpoint>(&query).await?;
        let mut new = Vec::new();
        for endpoint in &page.docs {
            if self.last_step(&endpoint.id, endpoint.times_disabled).await? < endpoint.times_disabled {
                new.push(given_up(endpoint));
            }
        }
        self.publish(new, None).await
    }

    /// Merchants that have notifications which are newer than their last event.
    async fn notifications(&mut self, since: Timestamp) -> Result<usize, StoreError> {
        let mut query = Query::sorted_by("updatedAt", Sort::Ascending).from(since).limit(AT_ONCE);
        let mut made = 0;
        loop {
            let page = self.store.find::<Inbox>(&query).await?;
            let mut new = Vec::new();
            for inbox in &page.docs {
                if self.last_step(&notifications_of(&inbox.id), inbox.last).await? < inbox.last {
                    new.push(shown::notified(inbox));
                }
            }
            made += self.publish(new, None).await?;
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(made),
            }
        }
    }

    /// The last step of `subject` that is an event. Asks the store only for one that has moved on since.
    async fn last_step(&mut self, subject: &str, newest: i64) -> Result<i64, StoreError> {
        if let Some(known) = self.known.get(subject) {
            return Ok(known);
        }
        let last = self.events.last_step(subject).await?;
        self.known.keep(subject, last.min(newest), self.clock.now());
        Ok(last)
    }

    async fn publish(&mut self, new: Vec<NewEvent>, through: Option<Timestamp>) -> Result<usize, StoreError> {
        if new.is_empty() {
            return Ok(0);
        }
        let last: Vec<_> = new.iter().map(|event| (event.subject.clone(), event.no)).collect();
        match self.events.publish(new, through).await {
            Ok(made) => {
                let now = self.clock.now();
                last.iter().for_each(|(subject, no)| self.known.keep(subject, *no, now));
                Ok(made)
            }
            // Another process may have published: what it has is asked for anew.
            Err(error) => {
                self.known.forget();
                Err(error)
            }
        }
    }
}

/// Makes a pass every so often while this process holds the lease, until `stop`; then gives the lease back.
pub async fn run(mut publisher: Publisher, lease: Lease, stop: CancellationToken) {
    loop {
        match lease.hold().await {
            Ok(true) => {
                if let Err(error) = publisher.pass().await {
                    tracing::warn!(%error, "a pass over what has changed was not finished");
                }
            }
            Ok(false) => publisher.forget(),
            Err(error) => tracing::warn!(%error, "the lease of the events could not be asked for"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            break;
        }
    }
    if let Err(error) = lease.release().await {
        tracing::warn!(%error, "the lease of the events was not given back; it runs out by itself");
    }
}
