//! One pass of relay and sweeper over the collections.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, future::BoxFuture, stream};

use super::{
    Again, Dispatched, Entry, Times,
    known::{Known, known_jobs},
};
use crate::{
    base::{clock::Clock, fault, timestamp::Timestamp},
    platform::{
        queue::{Added, NewJob, Presence, Queue, QueueError, retry::Policies},
        store::{Decision, Order as Sort, Query, Store, StoreError, Updated},
        telemetry::Gauge,
    },
};

static LAG: Gauge =
    Gauge::new("waybill_outbox_lag_seconds", "Age of the oldest job that the queue does not have.");

/// Most documents of one kind that one pass takes; the rest is taken by the next one.
const BATCH: usize = 500;
/// The least. A long backlog whose jobs the queue all has is not worth hundreds of writes a second.
const WELL: usize = 16;
/// A pass that is further behind takes many again, however many jobs the queue has: a lost one among them is
/// found in bounded time.
const BEHIND: Duration = Duration::from_secs(300);
/// How long the queue may take for the jobs of one pass.
const ADD_WITHIN: Duration = Duration::from_secs(10);
/// Of which so many are written at a time.
const TOGETHER: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum WalkerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("a job does not serialise")]
    Job,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Outbox entries whose jobs the queue now has.
    pub relayed: usize,
    /// Overdue documents whose jobs the queue still has.
    pub waiting: usize,
    /// Overdue documents that got a new job.
    pub dispatched: usize,
    /// Overdue documents that were handed to a person.
    pub given_up: usize,
    /// Age of the oldest outbox entry before the pass.
    pub lag: Duration,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.relayed += other.relayed;
        self.waiting += other.waiting;
        self.dispatched += other.dispatched;
        self.given_up += other.given_up;
        self.lag = self.lag.max(other.lag);
    }
}

/// Walks every collection it was given. Cheap to clone.
#[derive(Clone)]
pub struct Walker {
    parts: Parts,
    collections: Vec<Arc<dyn Collection>>,
}

/// In one word why the jobs of a queue may not run now; nothing: they may.
pub type Shut = Arc<dyn Fn(&'static str) -> BoxFuture<'static, Option<String>> + Send + Sync>;

#[derive(Clone)]
struct Parts {
    store: Store,
    queue: Queue,
    clock: Clock,
    times: Times,
    shut: Option<Shut>,
}

impl Parts {
    /// Why no job moves `doc` on now.
    async fn shuts_out<D: Dispatched>(&self, doc: &D) -> Option<String> {
        let (queue, _) = doc.current_job()?;
        self.shut.as_ref()?(queue).await
    }
}

impl std::fmt::Debug for Walker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walker").field("times", &self.parts.times).finish_non_exhaustive()
    }
}

impl Walker {
    #[must_use]
    pub fn new(store: Store, queue: Queue, clock: Clock, times: Times) -> Self {
        Self { parts: Parts { store, queue, clock, times, shut: None }, collections: Vec::new() }
    }

    /// What has waited too long is told by `shut` why its jobs may not run.
    #[must_use]
    pub fn told_by(mut self, shut: Shut) -> Self {
        self.parts.shut = Some(shut);
        self
    }

    /// Adds a collection, whose jobs follow `policies`.
    #[must_use]
    pub fn over<D: Dispatched>(mut self, policies: Policies) -> Self {
        self.collections.push(Arc::new(Typed::<D> {
            policies,
            relay: Batch::default(),
            sweep: Batch::default(),
            document: std::marker::PhantomData,
        }));
        self
    }

    #[must_use]
    pub fn times(&self) -> &Times {
        &self.parts.times
    }

    /// One pass over everything.
    ///
    /// # Errors
    /// When the store or the queue fails; what was done until then stays done.
    pub async fn pass(&self) -> Result<Report, WalkerError> {
        let mut report = Report::default();
        for collection in &self.collections {
            report.add(collection.pass(&self.parts).await?);
        }
        LAG.set(&[], report.lag.as_secs_f64());
        Ok(report)
    }

    /// How old the oldest outbox entry is, and how long the most overdue document has been so; for a look
    /// from outside.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lag(&self) -> Result<(Duration, Duration), StoreError> {
        let (mut outbox, mut overdue) = (Duration::ZERO, Duration::ZERO);
        for collection in &self.collections {
            let lag = collection.lag(&self.parts).await?;
            outbox = outbox.max(lag.0);
            overdue = overdue.max(lag.1);
        }
        Ok((outbox, overdue))
    }
}

/// How many documents the next pass takes: few while the queue has every job that was looked for, many at
/// once where it has not.
struct Batch(AtomicUsize);

impl Default for Batch {
    fn default() -> Self {
        Self(AtomicUsize::new(BATCH))
    }
}

impl Batch {
    fn size(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// `much`: a job was missing, or the pass is so far behind that one could be missing for long.
    fn learn(&self, much: bool) {
        let size = self.size();
        self.0.store(if much { (size * 8).min(BATCH) } else { (size / 8).max(WELL) }, Ordering::Relaxed);
    }
}

/// A [`Dispatched`] whose type is forgotten.
#[async_trait]
trait Collection: Send + Sync {
    async fn pass(&self, parts: &Parts) -> Result<Report, WalkerError>;
    async fn lag(&self, parts: &Parts) -> Result<(Duration, Duration), StoreError>;
}

struct Typed<D> {
    policies: Policies,
    relay: Batch,
    sweep: Batch,
    document: std::marker::PhantomData<fn() -> D>,
}

#[async_trait]
impl<D: Dispatched> Collection for Typed<D> {
    async fn pass(&self, parts: &Parts) -> Result<Report, WalkerError> {
        let mut report = self.relay(parts).await?;
        report.add(self.sweep(parts).await?);
        Ok(report)
    }

    async fn lag(&self, parts: &Parts) -> Result<(Duration, Duration), StoreError> {
        let now = parts.clock.now();
        let oldest = |field| Query::sorted_by(field, Sort::Ascending);
        let entry = readable::<D>(parts, oldest(D::OUTBOX), 1).await?;
        let outbox = entry.first().and_then(oldest_entry).map_or(Duration::ZERO, |at| now.since(at));
        let late = readable::<D>(parts, oldest(D::OVERDUE), 1).await?;
        let overdue = late.first().and_then(D::overdue_at).map_or(Duration::ZERO, |at| now.since(at));
        Ok((outbox, overdue))
    }
}

impl<D: Dispatched> Typed<D> {
    async fn relay(&self, parts: &Parts) -> Result<Report, WalkerError> {
        let now = parts.clock.now();
        let old = Query::sorted_by(D::OUTBOX, Sort::Ascending).before(now - parts.times.relay_after);
        let found = readable::<D>(parts, old, self.relay.size()).await?;
        let lag = found.first().and_then(oldest_entry).map_or(Duration::ZERO, |at| now.since(at));
        let mut report = Report { lag, ..Report::default() };
        let job = |entry: &Entry| entry.to_job(&self.policies, now);
        let jobs: Vec<_> = found.iter().flat_map(D::outbox).map(job).filter(can_be_held).collect();
        let added = self.add(parts, &jobs, "relay:after-add").await?;
        self.relay.learn(added.contains(&Added::New) || lag > BEHIND);
        // Several at a time, so that they share commits; not all, so that nobody else waits long behind them.
        let known: HashSet<_> = jobs.into_iter().map(|job| job.id).collect();
        let known = &known;
        let updates = found.into_iter().map(|doc| async {
            let id = doc.id().to_owned();
            let update = parts.store.update_from::<D, usize, StoreError>(&id, Some(doc), |doc| {
                let told = doc.outbox().iter().filter(|entry| known.contains(&entry.job));
                let told: Vec<_> = told.map(|entry| entry.id.clone()).collect();
                let told = told.iter().filter(|entry| doc.relayed(entry, now)).count();
                Ok(if told > 0 { Decision::Save(told) } else { Decision::Leave(0) })
            });
            update.await
        });
        let mut updates = stream::iter(updates).buffer_unordered(TOGETHER);
        while let Some(updated) = updates.next().await {
            if let Some(Updated::Done(_, told)) = passed_over(updated)? {
                report.relayed += told;
            }
        }
        if report.relayed > 0 {
            tracing::info!(jobs = report.relayed, "the relay added {} jobs to the queue", report.relayed);
        }
        Ok(report)
    }

    async fn sweep(&self, parts: &Parts) -> Result<Report, WalkerError> {
        let now = parts.clock.now();
        let overdue = Query::sorted_by(D::OVERDUE, Sort::Ascending).before(now - parts.times.grace);
        let mut report = Report::default();
        let mut jobs = Vec::new();
        let found = readable::<D>(parts, overdue, self.sweep.size()).await?;
        let oldest = found.first().and_then(D::overdue_at);
        let behind = oldest.is_some_and(|at| now.since(at) > parts.times.grace + BEHIND);
        let known = known_jobs(parts.queue.inspect.as_ref(), &found).await?;
        for (doc, known) in found.into_iter().zip(known) {
            let Some(Known { job, pauses, presence, lost_with_queue }) = known else { continue };
            if presence == Presence::Open {
                // Nothing is added: the queue has it.
                let shut = parts.shuts_out(&doc).await;
                let decide = |doc: &mut D| match &shut {
                    Some(why) => doc.shut_out(&job, why, (&parts.times, &pauses), now),
                    None => doc.still_queued(&job, &parts.times, &pauses, now),
                };
                match decided(parts, doc.id(), decide).await? {
                    Updated::Done(_, Again::GivenUp) => {
                        tracing::error!(job.id = job, "job {} did not run in time: a person must look", job);
                        report.given_up += 1;
                    }
                    Updated::Done(_, Again::Waiting) => report.waiting += 1,
                    Updated::Done(_, Again::Dispatched | Again::MovedOn) | Updated::Missing => {}
                }
                continue;
            }
            match decided(parts, doc.id(), |doc: &mut D| doc.job_lost(&job, lost_with_queue, now)).await? {
                Updated::Done(doc, Again::Dispatched) => {
                    tracing::warn!(job.id = job, "job {} is gone or came to nothing: a new one follows", job);
                    fault::reach("sweep:after-dispatch");
                    jobs.extend(doc.outbox().iter().map(|entry| entry.to_job(&self.policies, now)));
                    report.dispatched += 1;
                }
                Updated::Done(_, Again::GivenUp) => {
                    tracing::error!(
                        job.id = job,
                        "job {} is gone or came to nothing, like those before it: a person must look",
                        job
                    );
                    report.given_up += 1;
                }
                Updated::Done(_, Again::Waiting | Again::MovedOn) | Updated::Missing => {}
            }
        }
        self.sweep.learn(report.dispatched + report.given_up > 0 || behind);
        // A crash right here is what the outbox entries of the new dispatches are for.
        self.add(parts, &jobs, "sweep:after-add").await?;
        Ok(report)
    }

    async fn add(
        &self,
        parts: &Parts,
        jobs: &[NewJob],
        then: &'static str,
    ) -> Result<Vec<Added>, WalkerError> {
        let added = parts.queue.broker.add(jobs, ADD_WITHIN).await?;
        if !jobs.is_empty() {
            fault::reach(then);
        }
        Ok(added)
    }
}

/// What no queue can hold must not keep the others from being added.
fn can_be_held(job: &NewJob) -> bool {
    job.check().inspect_err(|error| tracing::error!(%error, job.id, "a job cannot be added")).is_ok()
}

fn oldest_entry<D: Dispatched>(doc: &D) -> Option<Timestamp> {
    doc.outbox().iter().map(|entry| entry.at).min()
}

/// The first `size` documents that can be read: however many others stand before them, they delay nobody.
async fn readable<D: Dispatched>(parts: &Parts, query: Query, size: usize) -> Result<Vec<D>, StoreError> {
    let mut found = Vec::new();
    let mut next = Some(query);
    while let Some(query) = next.take().filter(|_| found.len() < size) {
        let query = query.limit(size - found.len());
        let page = parts.store.find::<D>(&query).await?;
        next = page.next.map(|cursor| query.after(cursor));
        found.extend(page.docs);
    }
    Ok(found)
}

/// A document that a newer binary has just made unreadable, or that allows no such step, ends no pass.
fn passed_over<D, T>(
    updated: Result<Updated<D, T>, StoreError>,
) -> Result<Option<Updated<D, T>>, StoreError> {
    match updated {
        Err(StoreError::Fault(why)) => {
            tracing::error!(why, "a pass over the outbox leaves a document out: {why}");
            Ok(None)
        }
        updated => updated.map(Some),
    }
}

/// Lets an overdue document decide what becomes of it.
async fn decided<D: Dispatched>(
    parts: &Parts,
    id: &str,
    mut decide: impl FnMut(&mut D) -> Again + Send,
) -> Result<Updated<D, Again>, StoreError> {
    let update = parts.store.update::<D, Again, StoreError>(id, |doc| {
        Ok(match decide(doc) {
            Again::MovedOn => Decision::Leave(Again::MovedOn),
            again => Decision::Save(again),
        })
    });
    Ok(passed_over(update.await)?.unwrap_or(Updated::Missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_small_while_all_is_well_and_large_again_at_once() {
        let batch = Batch::default();
        assert_eq!(batch.size(), BATCH, "nothing is known yet");
        (0..9).for_each(|_| batch.learn(false));
        assert_eq!(batch.size(), WELL);
        batch.learn(true);
        assert_eq!(batch.size(), WELL * 8);
        batch.learn(true);
        assert_eq!(batch.size(), BATCH);
    }
}
