//! Does operations: a few at once, by one worker at a time.

mod acting;
mod pace;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{acting::context, pace::Pace};
use super::{
    model::{InHand, Item, Operation, State},
    preview::until,
    service::Operations,
};
use crate::{
    base::{fault, timestamp::Timestamp},
    features::{audit::Audit, queues::Queues},
    platform::{
        outbox::Lease,
        store::{Batch, CommitError, Decision, Order as Sort, Query, StoreError, Updated},
    },
    provider::carrier::Carrier,
};

/// How often the leader looks for new ones, and a running one at whether it is to go on.
const LOOK: Duration = Duration::from_millis(500);
/// At the same time.
const AT_ONCE: usize = 4;
/// Of one: so many are begun between two looks, so many of them side by side.
const CHUNK: usize = 16;
const SIDE_BY_SIDE: usize = 4;
/// How often progress is written again when somebody has changed the document meanwhile.
const TRIES: usize = 10;
/// How long results are kept.
const ITEMS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Between two looks for old results.
const SWEEP: Duration = Duration::from_secs(3600);

/// The part of a worker process that does operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OperationsWorker {
    operations: Operations,
    carrier: Arc<dyn Carrier>,
    queues: Queues,
    audit: Audit,
    lease: Lease,
}

/// How a step of an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There is more to do.
    Goes,
    /// Nothing more: it has ended, or is paused.
    Ended,
}

impl OperationsWorker {
    #[must_use]
    pub fn new(operations: Operations, carrier: Arc<dyn Carrier>, lease: Lease) -> Self {
        let (store, clock) = (operations.store.clone(), operations.clock.clone());
        let queues = Queues::new(operations.queue.clone(), store.clone(), clock.clone(), Vec::new());
        Self { audit: Audit::new(store, clock), operations, carrier, queues, lease }
    }

    /// Works while this process holds the lease, until `stop`. What is half done goes on elsewhere.
    pub async fn run(&self, stop: CancellationToken) {
        let (mut running, mut at_work) = (JoinSet::new(), BTreeMap::new());
        let mut swept: Option<Instant> = None;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            // Also of one that panicked, which another try may bring further.
            while let Some(ended) = running.try_join_next_with_id() {
                at_work.remove(&ended.map_or_else(|error| error.id(), |(task, ())| task));
            }
            match self.lease.hold().await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::warn!(%error, "the lease of the operations could not be asked for");
                    continue;
                }
            }
            if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                self.remove_old().await;
            }
            let active = match self.active().await {
                Ok(active) => active,
                Err(error) => {
                    tracing::warn!(%error, "operations could not be looked for");
                    continue;
                }
            };
            for id in active {
                if at_work.len() < AT_ONCE && !at_work.values().any(|known| *known == id) {
                    let (worker, stop, driven) = (self.clone(), stop.clone(), id.clone());
                    let task = running.spawn(async move { worker.drive(&driven, &stop).await });
                    at_work.insert(task.id(), id);
                }
            }
        }
        running.join_all().await;
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the lease of the operations was not given back; it runs out by itself");
        }
    }

    /// Does every operation that waits or runs to its end: for tests and one-off commands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_pending(&self) -> Result<usize, StoreError> {
        let active = self.active().await?;
        for id in &active {
            self.drive_alone(id, &CancellationToken::new()).await;
        }
        Ok(active.len())
    }

    async fn active(&self) -> Result<Vec<String>, StoreError> {
        let states = [State::Running, State::Waiting].map(State::as_str);
        let query = Query::sorted_by("createdAt", Sort::Ascending).one_of("state", states).limit(AT_ONCE * 2);
        let found = self.operations.store.find::<Operation>(&query).await?.docs;
        Ok(found.into_iter().map(|operation| operation.id).collect())
    }

    async fn remove_old(&self) {
        let kept = i64::try_from(ITEMS_KEPT.as_millis()).unwrap_or(0);
        let before = Timestamp::from_millis(self.operations.clock.now().as_millis() - kept);
        if let Err(error) = self.operations.store.delete_before::<Item>("at", before, 10_000).await {
            tracing::warn!(%error, "old results of operations were not removed");
        }
    }

    /// One operation, for as long as this process is the leader.
    async fn drive(&self, id: &str, stop: &CancellationToken) {
        let mine = stop.child_token();
        let lost = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if !matches!(self.lease.hold().await, Ok(true)) {
                    break;
                }
            }
            mine.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.drive_alone(id, &mine) => {}
            () = lost => {}
        }
    }

    async fn drive_alone(&self, id: &str, stop: &CancellationToken) {
        let mut pace = Pace::default();
        while !stop.is_cancelled() {
            match self.step(id, &mut pace, stop).await {
                Ok(Step::Goes) => {}
                Ok(Step::Ended) => return,
                Err(error) => {
                    tracing::warn!(%error, operation = id, "operation {id} cannot go on just now");
                    let _stopped = stop.run_until_cancelled(tokio::time::sleep(LOOK * 4)).await;
                }
            }
        }
    }

    /// Acts on the next few, and writes down what became of them.
    async fn step(&self, id: &str, pace: &mut Pace, stop: &CancellationToken) -> Result<Step, StoreError> {
        let Some(operation) = self.begun(id).await? else { return Ok(Step::Ended) };
        let Some(allowed) = pace.wait(operation.rate_per_minute, stop).await else { return Ok(Step::Goes) };
        // What a worker that died had done of these and not written down, the audit log knows.
        let taken_over = operation.in_hand.is_some();
        let hand = match operation.in_hand.clone() {
            Some(hand) => hand,
            None => match self.take(&operation, allowed).await? {
                Ok(hand) => hand,
                Err(step) => return Ok(step),
            },
        };
        pace.spend(operation.rate_per_minute, hand.ids.len());
        let known = self.known(&operation, &hand.ids).await?;
        let mut fresh = hand.ids.clone();
        fresh.retain(|target| !known.contains(&Item::id_of(id, target)));
        let by = context(&operation);
        let acting = fresh.into_iter().map(|target| self.one(&operation, target, by.as_ref(), taken_over));
        let items: Vec<Item> = stream::iter(acting).buffered(SIDE_BY_SIDE).collect().await;
        fault::reach("operation:before-commit");
        self.write(id, &items, &hand).await
    }

    /// Takes the next few in hand.
    async fn take(&self, operation: &Operation, most: usize) -> Result<Result<InHand, Step>, StoreError> {
        let source = self.operations.source();
        let until = until(operation.created_at);
        let page = match source.next(operation, operation.place.as_ref(), until, most).await {
            Ok(page) => page,
            Err(error) => return self.stop(&operation.id, error.to_string()).await.map(Err),
        };
        let ids = page.found.into_iter().map(|target| target.id).collect();
        let hand = InHand { ids, next: page.next };
        let seen = operation.version;
        let updated = self.operations.store.update::<Operation, bool, StoreError>(&operation.id, |taken| {
            if taken.version != seen {
                return Ok(Decision::Leave(false));
            }
            taken.in_hand = Some(hand.clone());
            Ok(Decision::Save(true))
        });
        Ok(match updated.await? {
            Updated::Done(_, true) => Ok(hand),
            // Somebody has paused or cancelled it, or has it.
            Updated::Done(_, false) | Updated::Missing => Err(Step::Goes),
        })
    }

    /// The operation, if it is to go on; its first worker writes down when it began.
    async fn begun(&self, id: &str) -> Result<Option<Operation>, StoreError> {
        let now = self.operations.clock.now();
        let updated = self.operations.store.update::<Operation, bool, StoreError>(id, |operation| {
            if operation.state != State::Waiting {
                return Ok(Decision::Leave(operation.state == State::Running));
            }
            operation.state = State::Running;
            operation.started_at = operation.started_at.or(Some(now));
            Ok(Decision::Save(true))
        });
        Ok(match updated.await? {
            Updated::Done(operation, true) => Some(operation),
            Updated::Done(_, false) | Updated::Missing => None,
        })
    }

    async fn known(&self, operation: &Operation, found: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let ids: Vec<_> = found.iter().map(|target| Item::id_of(&operation.id, target)).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let known = self.operations.store.get_many::<Item>(&ids).await?.docs;
        Ok(known.into_iter().map(|item| item.id).collect())
    }

    /// Results, counts and place in one commit: whoever takes over goes on exactly behind them.
    async fn write(&self, id: &str, items: &[Item], hand: &InHand) -> Result<Step, StoreError> {
        for _ in 0..TRIES {
            let Some(mut operation) = self.operations.get(id).await? else { return Ok(Step::Ended) };
            if operation.in_hand.as_ref() != Some(hand) {
                // Another worker that took itself for the leader has written them.
                return Ok(Step::Goes);
            }
            items.iter().for_each(|item| operation.count(item));
            let now = self.operations.clock.now();
            let running = operation.state == State::Running;
            operation.in_hand = None;
            if hand.next.is_some() {
                operation.place.clone_from(&hand.next);
            } else if running {
                operation.end(State::Done, now);
            } else {
                // The last ones: whoever goes on finds them in the list of results.
                operation.in_hand = Some(hand.clone());
            }
            if running && operation.failed_in_a_row >= operation.stop_after {
                let last = items.iter().rev().find_map(|item| item.words.clone()).unwrap_or_default();
                operation.stopped = Some(format!("{} failed in a row: {last}", operation.failed_in_a_row));
                operation.end(State::Stopped, now);
            }
            let step = if operation.state == State::Running { Step::Goes } else { Step::Ended };
            let batch = items.iter().fold(Batch::new(), |batch, item| batch.insert(item));
            match self.operations.store.commit(batch.replace(&operation)).await {
                Ok(()) => return Ok(step),
                // Somebody paused or cancelled it: what was done is written all the same.
                Err(CommitError::Lost { .. }) => {}
                Err(CommitError::Conflict { .. }) => return Ok(Step::Goes),
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Contended)
    }

    async fn stop(&self, id: &str, why: String) -> Result<Step, StoreError> {
        let now = self.operations.clock.now();
        let updated = self.operations.store.update::<Operation, (), StoreError>(id, |operation| {
            operation.stopped = Some(why.clone());
            operation.end(State::Stopped, now);
            Ok(Decision::Save(()))
        });
        updated.await.map(|_: Updated<Operation, ()>| Step::Ended)
    }
}
