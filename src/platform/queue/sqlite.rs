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

mod file;
mod ops;
mod sql;
mod step;
mod wake;
mod writer;

use std::{path::absolute, sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::time::Instant;

use self::{
    wake::{Shared, lock},
    writer::Writer,
};
use super::broker::{
    ActiveJob, Added, Broker, Claim, Counts, End, Inspect, JobState, JobView, Keep, LeaseState, NewJob,
    Queue, QueueError, Recovered,
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::sqlite::file::explain,
};

/// The longest a claim waits, whatever it was told; so that deadlines can be computed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

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
    pub(super) async fn open(path: &str, clock: Clock, keep: Keep) -> Result<Queue, QueueError> {
        let queue = Arc::new(Self::start(path, clock, keep).await?);
        let shared = Arc::clone(&queue.shared);
        let poller = std::thread::Builder::new().name("queue-poller".to_owned()).spawn(move || shared.poll());
        poller.map_err(|e| QueueError::Unavailable(format!("{path}: {e}")))?;
        let broker: Arc<dyn Broker> = queue.clone();
        Ok(Queue { broker, inspect: queue })
    }

    /// All but the poller, so that a test can tell what wakes a claim without it.
    async fn start(path: &str, clock: Clock, keep: Keep) -> Result<Self, QueueError> {
        let failed = |e: std::io::Error| QueueError::Unavailable(format!("{path}: {e}"));
        let shared = Arc::new(Shared::new(absolute(path).map_err(failed)?));
        let writer = Writer::start(Arc::clone(&shared), clock.clone(), keep).map_err(failed)?;
        let queue = Self { writer, shared, clock };
        queue.ping().await?;
        Ok(queue)
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
                self.ping().await?;
                self.shared.reader().ok_or_else(|| gone("the file keeps being replaced"))?
            }
        };
        let result = tokio::task::spawn_blocking(move || read(&lock(&conn)))
            .await
            .map_err(|_| gone("the read was broken off"))?;
        result.map_err(|e| QueueError::Unavailable(explain(&self.shared.path, &e)))
    }
}

impl Drop for SqliteQueue {
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[async_trait]
impl Broker for SqliteQueue {
    async fn add(&self, jobs: &[NewJob]) -> Result<Vec<Added>, QueueError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.to_vec();
        self.writer.call(move |step| ops::add(step, &jobs)).await
    }

    async fn claim(
        &self,
        queue: &str,
        max: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<ActiveJob>, QueueError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + wait.min(LONGEST_WAIT);
        let notify = self.shared.notify(queue);
        let _polling = (!wait.is_zero()).then(|| self.shared.wait());
        loop {
            // Made before the look, so that a job added after it is heard.
            let notified = notify.notified();
            let (mut grant, name) = (self.writer.grant(), queue.to_owned());
            let claim = move |step: &mut step::Step<'_>| {
                let next_due = ops::claim(step, &name, max, lease, &mut grant.jobs)?;
                Ok((grant, next_due))
            };
            let (grant, next_due) = self.writer.call(claim).await?;
            let jobs = grant.take();
            let now = Instant::now();
            if !jobs.is_empty() || now >= deadline {
                return Ok(jobs);
            }
            let left = deadline - now;
            let pause = next_due.map_or(left, |due| due.since(self.clock.now()).min(left));
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn extend(&self, jobs: &[ActiveJob], lease: Duration) -> Result<Vec<LeaseState>, QueueError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let jobs = jobs.to_vec();
        self.writer.call(move |step| ops::extend(step, &jobs, lease)).await
    }

    async fn end(
        &self,
        ended: &[(ActiveJob, End)],
        next: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError> {
        let (ended, mut grant) = (ended.to_vec(), self.writer.grant());
        let next = next.map(|claim| (claim.queue.to_owned(), claim.max, claim.lease));
        let end = move |step: &mut step::Step<'_>| {
            let states = ended.iter().map(|(job, end)| ops::end(step, job, end)).collect::<Result<_, _>>()?;
            if let Some((queue, max, lease)) = next {
                ops::claim(step, &queue, max, lease, &mut grant.jobs)?;
            }
            Ok((states, grant))
        };
        let (states, grant) = self.writer.call(end).await?;
        Ok((states, grant.take()))
    }

    async fn recover_stalled(&self, queue: &str, max_stalled: u32) -> Result<Recovered, QueueError> {
        let queue = queue.to_owned();
        self.writer.call(move |step| ops::recover_stalled(step, &queue, max_stalled)).await
    }
}

#[async_trait]
impl Inspect for SqliteQueue {
    async fn counts(&self, queue: &str) -> Result<Counts, QueueError> {
        let queue = queue.to_owned();
        let read = |r: &Row<'_>| {
            let count = |column: usize| r.get(column).map(i64::unsigned_abs);
            Ok(Counts {
                waiting: count(0)?,
                active: count(1)?,
                delayed: count(2)?,
                completed: count(3)?,
                failed: count(4)?,
            })
        };
        self.look(move |conn| conn.prepare_cached(sql::COUNTS)?.query_row([queue], read)).await
    }

    async fn get(&self, queue: &str, id: &str) -> Result<Option<JobView>, QueueError> {
        let key = [queue.to_owned(), id.to_owned()];
        self.look(move |conn| conn.prepare_cached(sql::GET)?.query_row(key, view).optional()).await
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<JobView>, QueueError> {
        let sql = match state {
            JobState::Waiting => sql::LIST_WAITING,
            JobState::Active => sql::LIST_ACTIVE,
            JobState::Delayed => sql::LIST_DELAYED,
            JobState::Completed => sql::LIST_COMPLETED,
            JobState::Failed => sql::LIST_FAILED,
        };
        let (limit, offset) =
            (i64::try_from(limit).unwrap_or(i64::MAX), i64::try_from(offset).unwrap_or(i64::MAX));
        let queue = queue.to_owned();
        self.look(move |conn| {
            conn.prepare_cached(sql)?.query_map(params![queue, limit, offset], view)?.collect()
        })
        .await
    }

    /// Asks the writer, so that a file that cannot be written does not pass for well.
    async fn ping(&self) -> Result<(), QueueError> {
        self.writer.call(|_| Ok(())).await
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<JobView> {
    let name: String = row.get("state")?;
    let state =
        JobState::ALL.into_iter().find(|s| s.as_str() == name).ok_or(rusqlite::Error::InvalidQuery)?;
    let due_at: Option<i64> = row.get("due_at")?;
    Ok(JobView {
        id: row.get("id")?,
        name: row.get("name")?,
        state,
        data: row.get("data")?,
        attempts_made: row.get("attempts_made")?,
        stalled: row.get("stalled")?,
        added_at: Timestamp::from_millis(row.get("added_at")?),
        due_at: due_at.map(Timestamp::from_millis),
        return_value: row.get("return_value")?,
        reason: row.get("reason")?,
    })
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;
    use crate::platform::queue::Count;

    const LEASE: Duration = Duration::from_secs(60);
    const LONG: Duration = Duration::from_secs(3600);

    fn job(delay: Duration) -> NewJob {
        NewJob {
            queue: "q",
            id: "a".to_owned(),
            name: "n",
            data: String::new(),
            attempts: 3,
            backoff: LEASE,
            delay,
        }
    }

    /// Starts a claim, acts once it has found nothing, and gives what it claims then.
    async fn woken_by(queue: &SqliteQueue, act: impl Future<Output = ()>) -> ActiveJob {
        let claim = queue.claim("q", 1, LEASE, LONG);
        // The claim is handed to the writer before the act is, so it has looked by then.
        let (jobs, ()) = tokio::time::timeout(LEASE / 2, async { tokio::join!(biased; claim, act) })
            .await
            .expect("not woken");
        jobs.unwrap().pop().unwrap()
    }

    #[tokio::test]
    async fn a_process_wakes_its_own_claims_without_a_poll() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
        let path = dir.path().join("queue.db");
        let queue = SqliteQueue::start(path.to_str().unwrap(), clock.clone(), Keep::default()).await.unwrap();

        let held = woken_by(&queue, async { drop(queue.add(&[job(Duration::ZERO)]).await.unwrap()) }).await;
        let back = queue.delay(&held, Duration::ZERO, Count::Nothing, "again");
        let held = woken_by(&queue, async { assert_eq!(back.await.unwrap(), LeaseState::Owned) }).await;
        let later = Duration::from_millis(20);
        let delayed = async {
            assert_eq!(queue.delay(&held, later, Count::Nothing, "later").await.unwrap(), LeaseState::Owned);
            clock.advance(later);
        };
        woken_by(&queue, delayed).await;
        clock.advance(LEASE * 2);
        let stalled = async { assert_eq!(queue.recover_stalled("q", 3).await.unwrap().requeued, ["a"]) };
        let held = woken_by(&queue, stalled).await;

        let mut held = held;
        let dropped = loop {
            assert_eq!(
                queue.delay(&held, Duration::ZERO, Count::Nothing, "again").await.unwrap(),
                LeaseState::Owned
            );
            let mut claim = queue.claim("q", 1, LEASE, LONG);
            match std::future::poll_fn(|cx| Poll::Ready(claim.as_mut().poll(cx))).await {
                Poll::Pending => break claim,
                // The writer was faster than this thread.
                Poll::Ready(jobs) => held = jobs.unwrap().pop().unwrap(),
            }
        };
        let given_back = async {
            // By the time this is answered, both claims have looked: one has got the job, the other nothing.
            queue.ping().await.unwrap();
            drop(dropped);
        };
        woken_by(&queue, given_back).await;
    }
}
