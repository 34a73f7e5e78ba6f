//! Adds that come at the same time are one call.
//!
//! Guards against a round trip for each of many adds: while one call of a queue is under way, the adds that
//! come meanwhile wait for it and then go together. One that comes alone goes at once. Guards against a job
//! that is added long after its caller was told that its time is over: such a one is left out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{runtime::Handle, sync::oneshot, time::Instant};

use super::{link::Link, lock, reply::Reply, scripts};
use crate::platform::queue::QueueError;

/// Jobs that go together, unless one caller brings more.
const MOST_TOGETHER: usize = 256;

/// Jobs of one queue, as `add.lua` is told of them.
pub(super) struct Batch {
    /// The start of the queue's keys, and the set of queues.
    pub(super) keys: [String; 2],
    /// What comes before the jobs: of several callers, the first one's.
    pub(super) head: Vec<Bytes>,
    pub(super) jobs: Vec<[Bytes; 6]>,
    pub(super) until: Instant,
}

/// Where a caller's answers are told.
type Tell = oneshot::Sender<Result<Vec<Reply>, QueueError>>;

/// A batch that waits for the call under way.
struct Waiting {
    batch: Batch,
    tell: Tell,
}

/// The connection for adds, and what waits for it.
pub(super) struct Adds {
    link: Link,
    /// By queue; one that is in here has a call under way.
    lanes: Mutex<HashMap<String, Vec<Waiting>>>,
}

/// A queue's call is under way for as long as this lives; then it is the turn of those that wait.
struct Turn {
    adds: Arc<Adds>,
    queue: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lanes = lock(&self.adds.lanes);
        let waits = lanes.get(&self.queue).is_some_and(|lane| !lane.is_empty());
        match Handle::try_current() {
            Ok(runtime) if waits => drop(runtime.spawn(Arc::clone(&self.adds).go_on(self.queue.clone()))),
            _ => drop(lanes.remove(&self.queue)),
        }
    }
}

impl Adds {
    pub(super) fn new(link: Link) -> Arc<Self> {
        Arc::new(Self { link, lanes: Mutex::default() })
    }

    /// One answer for each job, in order.
    pub(super) async fn add(self: &Arc<Self>, queue: &str, batch: Batch) -> Result<Vec<Reply>, QueueError> {
        let until = batch.until;
        let told = match self.join(queue, batch) {
            Ok(told) => told,
            Err(batch) => {
                let _turn = Turn { adds: Arc::clone(self), queue: queue.to_owned() };
                return self.send(batch).await;
            }
        };
        match tokio::time::timeout_at(until, told).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) | Err(_) => Err(self.link.unavailable("no answer in time")),
        }
    }

    /// Waits behind the call under way. Without one the batch is given back: it is itself the call now.
    fn join(
        &self,
        queue: &str,
        batch: Batch,
    ) -> Result<oneshot::Receiver<Result<Vec<Reply>, QueueError>>, Batch> {
        let mut lanes = lock(&self.lanes);
        let Some(lane) = lanes.get_mut(queue) else {
            lanes.insert(queue.to_owned(), Vec::new());
            return Err(batch);
        };
        let (tell, told) = oneshot::channel();
        lane.push(Waiting { batch, tell });
        Ok(told)
    }

    async fn send(&self, batch: Batch) -> Result<Vec<Reply>, QueueError> {
        let Batch { keys, mut head, jobs, until } = batch;
        head.extend(jobs.into_iter().flatten());
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        Ok(self.link.run(&scripts::ADD, &keys.each_ref().map(String::as_str), head, left).await?.list())
    }

    /// Sends what waits, until nothing does.
    async fn go_on(self: Arc<Self>, queue: String) {
        while let Some((batch, callers)) = self.next(&queue) {
            let mut answers = self.send(batch).await.map(Vec::into_iter);
            for (jobs, tell) in callers {
                let own = match &mut answers {
                    Ok(answers) => Ok(answers.by_ref().take(jobs).collect()),
                    Err(error) => Err(error.clone()),
                };
                // A caller that has gone needs no answer.
                drop(tell.send(own));
            }
            // Whoever has its answer now may have another job, which goes with the others.
            tokio::task::yield_now().await;
        }
    }

    /// What goes together next, and how many jobs are whose. Nothing: the queue has no call under way then.
    fn next(&self, queue: &str) -> Option<(Batch, Vec<(usize, Tell)>)> {
        let mut lanes = lock(&self.lanes);
        let lane = lanes.get_mut(queue)?;
        lane.retain(|waiting| !waiting.tell.is_closed());
        let (mut jobs, mut many) = (0, 0);
        while let Some(waiting) = lane.get(many)
            && (many == 0 || jobs + waiting.batch.jobs.len() <= MOST_TOGETHER)
        {
            jobs += waiting.batch.jobs.len();
            many += 1;
        }
        let mut together: Option<Batch> = None;
        let mut callers = Vec::with_capacity(many);
        for Waiting { batch, tell } in lane.drain(..many) {
            callers.push((batch.jobs.len(), tell));
            match &mut together {
                None => together = Some(batch),
                Some(all) => {
                    all.jobs.extend(batch.jobs);
                    all.until = all.until.max(batch.until);
                }
            }
        }
        if together.is_none() {
            lanes.remove(queue);
        }
        together.map(|batch| (batch, callers))
    }
}
