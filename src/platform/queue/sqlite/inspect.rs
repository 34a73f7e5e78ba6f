//! Looks at jobs, on a connection that only reads.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{SqliteQueue, by_hand, ops, sql};
use crate::{
    base::timestamp::Timestamp,
    platform::queue::{
        Counts, Epoch, Inspect, JobPage, JobState, JobView, Mark, Pauses, Presence, QueueError, WorkerView,
    },
};

#[async_trait]
impl Inspect for SqliteQueue {
    async fn queues(&self) -> Result<Vec<String>, QueueError> {
        self.look(|conn| {
            let mut next = conn.prepare_cached(sql::NEXT_QUEUE)?;
            let mut names: Vec<String> = Vec::new();
            loop {
                let last = names.last().map_or("", String::as_str);
                match next.query_row([last], |r| r.get::<_, Option<String>>(0))? {
                    Some(name) => names.push(name),
                    None => return Ok(names),
                }
            }
        })
        .await
    }

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
                paused: r.get(5)?,
            })
        };
        self.look(move |conn| conn.prepare_cached(sql::COUNTS)?.query_row([queue], read)).await
    }

    async fn presence(&self, queue: &str, ids: &[String]) -> Result<Vec<Presence>, QueueError> {
        let (queue, ids) = (queue.to_owned(), ids.to_vec());
        let presence = |state: Option<JobState>| match state {
            None => Presence::Absent,
            Some(state) if state.is_finished() => Presence::Finished,
            Some(_) => Presence::Open,
        };
        self.look(move |conn| ids.iter().map(|id| by_hand::state(conn, &queue, id).map(presence)).collect())
            .await
    }

    async fn get(&self, queue: &str, id: &str) -> Result<Option<JobView>, QueueError> {
        let key = [queue.to_owned(), id.to_owned()];
        self.look(move |conn| conn.prepare_cached(sql::GET)?.query_row(key, view).optional()).await
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&Mark>,
        limit: usize,
    ) -> Result<JobPage, QueueError> {
        let (sql, start) = match state {
            JobState::Waiting => (sql::LIST_WAITING, i64::MIN),
            JobState::Active => (sql::LIST_ACTIVE, i64::MIN),
            JobState::Delayed => (sql::LIST_DELAYED, i64::MIN),
            JobState::Completed => (sql::LIST_COMPLETED, i64::MAX),
            JobState::Failed => (sql::LIST_FAILED, i64::MAX),
        };
        let (first, second) = match after {
            Some(mark) => place(mark)?,
            None => (start, start),
        };
        let queue = queue.to_owned();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        self.look(move |conn| {
            let mut list = conn.prepare_cached(sql)?;
            let mut rows = list.query(params![queue, first, second, most])?;
            let (mut jobs, mut last) = (Vec::new(), None);
            while let Some(row) = rows.next()? {
                jobs.push(view(row)?);
                last = Some((row.get::<_, i64>("first")?, row.get::<_, i64>("second")?));
            }
            let full = jobs.len() == limit;
            let next = last.filter(|_| full).map(|(first, second)| Mark(format!("{first}.{second}")));
            Ok(JobPage { jobs, next })
        })
        .await
    }

    async fn logs(&self, queue: &str, id: &str) -> Result<Vec<String>, QueueError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.look(move |conn| by_hand::logs(conn, &queue, &id)).await
    }

    async fn workers(&self, queue: &str) -> Result<Vec<WorkerView>, QueueError> {
        let (queue, now) = (queue.to_owned(), self.clock.now());
        self.look(move |conn| by_hand::workers(conn, &queue, now)).await
    }

    async fn pauses(&self, queue: &str) -> Result<Pauses, QueueError> {
        let queue = queue.to_owned();
        self.look(move |conn| by_hand::pauses(conn, &queue)).await
    }

    async fn epoch(&self) -> Result<Epoch, QueueError> {
        let read = |r: &Row<'_>| Ok(Epoch { id: r.get(0)?, since: Timestamp::from_millis(r.get(1)?) });
        self.look(move |conn| conn.prepare_cached(sql::EPOCH)?.query_row([], read)).await
    }

    /// Asks the writer, so that a file that cannot be written does not pass for well.
    async fn ping(&self) -> Result<(), QueueError> {
        if let Some(why) = self.writer.failed() {
            return Err(QueueError::Unavailable(why));
        }
        self.look(|conn| conn.query_row("SELECT count(*) FROM epoch", [], |_| Ok(()))).await
    }

    fn is_dead(&self) -> bool {
        !self.writer.alive()
    }
}

/// Where a page begins that follows `mark`.
fn place(mark: &Mark) -> Result<(i64, i64), QueueError> {
    let (first, second) = mark.0.split_once('.').unwrap_or_default();
    match (first.parse(), second.parse()) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        _ => Err(QueueError::Fault("this is no place in a list of jobs".to_owned())),
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<JobView> {
    let name: String = row.get("state")?;
    let state =
        JobState::ALL.into_iter().find(|s| s.as_str() == name).ok_or(rusqlite::Error::InvalidQuery)?;
    let time = |column: &str| row.get::<_, Option<i64>>(column).map(|t| t.map(Timestamp::from_millis));
    Ok(JobView {
        id: row.get("id")?,
        name: row.get("name")?,
        state,
        data: row.get("data")?,
        attempts_made: row.get("attempts_made")?,
        attempts: row.get("attempts")?,
        backoff: ops::backoff(row)?,
        stalled: row.get("stalled")?,
        added_at: Timestamp::from_millis(row.get("added_at")?),
        claimed: None,
        due_at: time("due_at")?,
        finished_at: time("finished_at")?,
        return_value: row.get("return_value")?,
        reason: row.get("reason")?,
    })
}
