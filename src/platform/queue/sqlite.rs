//! The queue in one SQLite file, for one machine; any number of its processes may share it.
//!
//! Guards against a job that is claimed twice or lost: every change is one transaction of the file, made by
//! the process's one writer (`writer`). The file is in WAL mode with `synchronous = NORMAL`: a power cut may
//! undo the last moments, never half of an operation, and what is missing then is rebuilt from the documents.
//!
//! - A job whose lease has run out stays its holder's until a pass recovers it: as long as nobody else has
//!   it, ending it is better than running it again.
//! - `attempts_made` counts tries that ended, as BullMQ does: counted delays, and the try that completed or
//!   failed the job. A holder that vanished ended nothing: neither recovery nor failing for it counts.
//! - Delayed jobs are moved to the waiting ones by the next claim, behind those that wait by then.
//! - A file that is made anew begins a new epoch; so does one of an older layout, whose jobs come again from
//!   the documents.
//! - A file belongs to the installation that it was first opened for; for another one it is not opened.

mod by_hand;
mod file;
mod inspect;
mod ops;
mod schema;
mod sql;
mod step;
mod wake;
mod writer;

use std::{path::absolute, sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use tokio::time::Instant;

use self::{
    wake::{Shared, lock},
    writer::Writer,
};
use super::{ActiveJob, Added, Broker, Claim, End, LeaseState, NewJob, Options, Queue, QueueError};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::sqlite::file::explain,
};

/// The longest wait, whatever it was told; so that deadlines can be computed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// How long an operation may take that was given no time of its own.
const WITHIN: Duration = Duration::from_secs(15);
/// How long a process that ends waits for the file.
const CLOSING: Duration = Duration::from_secs(5);

/// A handle on one file: a writer thread, a poller thread, a connection to look at jobs.
pub(super) struct SqliteQueue {
    writer: Writer,
    shared: Arc<Shared>,
    clock: Clock,
}

impl SqliteQueue {
    /// Opens the file at `path`, making it (0600) and its folder (0700) where they are missing.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`], in one line with the path.
    pub(super) async fn open(path: &str, clock: Clock, options: Options) -> Result<Queue, QueueError> {
        let queue = Arc::new(Self::start(path, clock, options).await?);
        let shared = Arc::clone(&queue.shared);
        let poller = std::thread::Builder::new().name("queue-poller".to_owned()).spawn(move || shared.poll());
        poller.map_err(|e| QueueError::Unavailable(format!("{path}: {e}")))?;
        Ok(Queue { broker: queue.clone(), inspect: queue.clone(), manage: queue, marks: None })
    }

    /// All but the poller, so that a test can tell what wakes a claim without it.
    async fn start(path: &str, clock: Clock, options: Options) -> Result<Self, QueueError> {
        let failed = |e: std::io::Error| QueueError::Unavailable(format!("{path}: {e}"));
        let shared = Arc::new(Shared::new(absolute(path).map_err(failed)?));
        let writer = Writer::start(Arc::clone(&shared), clock.clone(), options).map_err(failed)?;
        let queue = Self { writer, shared, clock };
        queue.open_now().await?;
        Ok(queue)
    }

    /// Whether `queue` has a job to claim, and when its next delayed one is due.
    async fn claimable(&self, queue: &str) -> Result<(bool, Option<Timestamp>), QueueError> {
        let queue = queue.to_owned();
        let now = self.clock.now();
        let (paused, waiting, due) = self
            .look(move |conn| {
                let read = |r: &Row<'_>| {
                    Ok((r.get::<_, bool>(0)?, r.get::<_, bool>(1)?, r.get::<_, Option<i64>>(2)?))
                };
                conn.prepare_cached(sql::CLAIMABLE)?.query_row([queue], read)
            })
            .await?;
        let due = due.map(Timestamp::from_millis).filter(|_| !paused);
        Ok((!paused && (waiting || due.is_some_and(|due| due <= now)), due))
    }

    /// What is wrong with the file at `path`, which is left as it is.
    pub(super) async fn damage(path: &str) -> Option<String> {
        let path = absolute(path).ok()?;
        tokio::task::spawn_blocking(move || file::look(&path)).await.ok()?
    }

    /// Has the writer open the file, if the one that is open is not the one at the path.
    async fn open_now(&self) -> Result<(), QueueError> {
        self.writer.call(WITHIN, |_| Ok(())).await
    }

    /// Reads on the connection for that, off the runtime's own threads.
    async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let gone = |what: &str| QueueError::Unavailable(format!("{}: {what}", self.shared.path.display()));
        let conn = match self.shared.reader() {
            Some(conn) => conn,
            None => {
                // The writer opens the file anew.
                self.open_now().await?;
                self.shared.reader().ok_or_else(|| gone("the file keeps being replaced"))?
            }
        };
        let reading = tokio::task::spawn_blocking(move || read(&lock(&conn)));
        let result = tokio::time::timeout(WITHIN, reading)
            .await
            .map_err(|_| gone("no answer in time"))?
            .map_err(|_| gone("the read was broken off"))?;
        result.map_err(|e| {
            self.shared.heard(&e);
            QueueError::Unavailable(explain(&self.shared.path, &e))
        })
    }
}

impl Drop for SqliteQueue {
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[async_trait]
impl Broker for SqliteQueue {
    async fn add(&self, jobs: &[NewJob], within: Duration) -> Result<Vec<Added>, QueueError> {
        jobs.iter().try_for_each(NewJob::check)?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.to_vec();
        self.writer.call(within, move |step| ops::add(step, &jobs)).await
    }

    async fn wait(&self, queue: &str, up_to: Duration) -> Result<(), QueueError> {
        let deadline = Instant::now() + up_to.min(LONGEST_WAIT);
        let notify = self.shared.notify(queue);
        let _polling = self.shared.wait();
        loop {
            // Made before the look, so that a job added after it is heard.
            let notified = notify.notified();
            let (claimable, next_due) = self.claimable(queue).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if claimable || left.is_zero() {
                return Ok(());
            }
            let pause = next_due.map_or(left, |due| due.since(self.clock.now()).min(left));
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<ActiveJob>, QueueError> {
        let (queue, max, lease) = (claim.queue.to_owned(), claim.max, claim.lease);
        let claim = move |step: &mut step::Step<'_>| ops::claim(step, &Claim { queue: &queue, max, lease });
        self.writer.call(WITHIN, claim).await
    }

    async fn extend(&self, jobs: &[ActiveJob], lease: Duration) -> Result<Vec<LeaseState>, QueueError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.to_vec();
        self.writer.call(WITHIN, move |step| ops::extend(step, &jobs, lease)).await
    }

    async fn end(
        &self,
        ended: &[(ActiveJob, End)],
        next: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError> {
        if ended.iter().any(|(_, end)| matches!(end, End::Complete(value) if !is_json(value))) {
            return Err(QueueError::Fault("a return value is no JSON".to_owned()));
        }
        let ended = ended.to_vec();
        let next = next.map(|claim| (claim.queue.to_owned(), claim.max, claim.lease));
        let end = move |step: &mut step::Step<'_>| {
            let states = ended.iter().map(|(job, end)| ops::end(step, job, end)).collect::<Result<_, _>>()?;
            let claimed = match &next {
                Some((queue, max, lease)) => ops::claim(step, &Claim { queue, max: *max, lease: *lease })?,
                None => Vec::new(),
            };
            Ok((states, claimed))
        };
        self.writer.call(WITHIN, end).await
    }

    async fn release(&self, jobs: &[ActiveJob]) -> Result<Vec<LeaseState>, QueueError> {
        let jobs = jobs.to_vec();
        self.writer.call(WITHIN, move |step| ops::release(step, &jobs)).await
    }

    async fn sweep_stalled(
        &self,
        queue: &str,
        max_stalled: u32,
        _every: Duration,
    ) -> Result<Vec<String>, QueueError> {
        let queue = queue.to_owned();
        self.writer.call(WITHIN, move |step| ops::sweep_stalled(step, &queue, max_stalled)).await
    }

    async fn announce(&self, worker: &str, queues: &[String], life: Duration) -> Result<(), QueueError> {
        let (worker, queues) = (worker.to_owned(), queues.to_vec());
        self.writer.call(WITHIN, move |step| by_hand::announce(step, &worker, &queues, life)).await
    }

    async fn withdraw(&self, worker: &str) -> Result<(), QueueError> {
        let worker = worker.to_owned();
        self.writer.call(WITHIN, move |step| by_hand::withdraw(step, &worker)).await
    }

    async fn close(&self) {
        self.shared.close();
        if tokio::time::timeout(CLOSING, self.writer.end()).await.is_err() {
            tracing::warn!("the queue was not closed in time: its -wal belongs to it");
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
