//! What people do, and what is kept for them: pauses, log lines, workers.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteQueue, WITHIN, ops, sql, step::Step};
use crate::{
    base::timestamp::Timestamp,
    platform::queue::{
        JobState, LOG_LINES, Manage, Managed, Pauses, QueueError, WorkerView, new_job::check_data,
    },
};

const LOGS: &str = "SELECT line FROM logs WHERE job = \
                               (SELECT seq FROM jobs WHERE queue = ?1 AND id = ?2) ORDER BY n";
const WORKERS: &str =
    "SELECT name, since, seen_at FROM workers WHERE queue = ?1 AND until > ?2 ORDER BY name";
const PAUSES: &str = "SELECT from_at, to_at FROM pauses WHERE queue = ?1 ORDER BY from_at";

const ANNOUNCE: &str = "INSERT INTO workers (queue, name, since, seen_at, until) \
                                   VALUES (?1, ?2, ?3, ?3, ?4) \
                                   ON CONFLICT (queue, name) DO UPDATE SET seen_at = ?3, until = ?4";
/// There are as many rows as workers; those that vanished go when another one says that it is there.
const FORGET_WORKERS: &str = "DELETE FROM workers WHERE until < ?1";
const WITHDRAW: &str = "DELETE FROM workers WHERE name = ?1";

const PAUSE: &str = "INSERT OR IGNORE INTO pauses (queue, from_at) VALUES (?1, ?2)";
const RESUME: &str = "UPDATE pauses SET to_at = max(from_at, ?2) WHERE queue = ?1 AND to_at IS NULL";
/// Removes all but the last 64.
const FORGET_PAUSES: &str = "DELETE FROM pauses WHERE rowid IN \
    (SELECT rowid FROM pauses WHERE queue = ?1 ORDER BY from_at DESC LIMIT -1 OFFSET 64)";
const REMOVE: &str = "DELETE FROM jobs WHERE queue = ?1 AND id = ?2";
const SET_DATA: &str = "UPDATE jobs SET data = ?3 WHERE queue = ?1 AND id = ?2 AND data = coalesce(?4, data)";
const LOG: &str = "INSERT INTO logs (job, n, line) SELECT seq, \
    coalesce((SELECT n FROM logs WHERE job = seq ORDER BY n DESC LIMIT 1), 0) + 1, ?3 \
    FROM jobs WHERE queue = ?1 AND id = ?2";
const TRIM_LOG: &str = "DELETE FROM logs WHERE job = \
    (SELECT seq FROM jobs WHERE queue = ?1 AND id = ?2) AND n <= \
    (SELECT n FROM logs WHERE job = (SELECT seq FROM jobs WHERE queue = ?1 AND id = ?2) \
     ORDER BY n DESC LIMIT 1) - ?3";

pub(super) fn announce(
    step: &Step<'_>,
    worker: &str,
    queues: &[String],
    life: Duration,
) -> rusqlite::Result<()> {
    let now = step.effects.now;
    step.conn.prepare_cached(FORGET_WORKERS)?.execute([now.as_millis()])?;
    let mut announce = step.conn.prepare_cached(ANNOUNCE)?;
    let until = (now + life).as_millis();
    queues.iter().try_for_each(|q| announce.execute(params![q, worker, now.as_millis(), until]).map(drop))
}

pub(super) fn withdraw(step: &Step<'_>, worker: &str) -> rusqlite::Result<()> {
    step.conn.prepare_cached(WITHDRAW)?.execute([worker]).map(drop)
}

pub(super) fn pause(step: &Step<'_>, queue: &str) -> rusqlite::Result<bool> {
    let now = step.effects.now.as_millis();
    step.conn.prepare_cached(PAUSE)?.execute(params![queue, now]).map(|rows| rows == 1)
}

pub(super) fn resume(step: &mut Step<'_>, queue: &str) -> rusqlite::Result<bool> {
    let now = step.effects.now.as_millis();
    let resumed = step.conn.prepare_cached(RESUME)?.execute(params![queue, now])? == 1;
    step.conn.prepare_cached(FORGET_PAUSES)?.execute([queue])?;
    step.effects.woken.insert(queue.to_owned());
    Ok(resumed)
}

/// Makes a job wait that is in state `from`.
pub(super) fn wait_again(
    step: &mut Step<'_>,
    queue: &str,
    id: &str,
    from: JobState,
) -> rusqlite::Result<Managed> {
    match state(step.conn, queue, id)? {
        None => Ok(Managed::Missing),
        Some(state) if state != from => Ok(Managed::NotIn(state)),
        Some(_) => {
            let share: String =
                step.conn.prepare_cached(sql::SHARE_BY_HAND)?.query_row([queue, id], |r| r.get(0))?;
            let turn = ops::turn(step, queue, &share)?;
            step.conn.prepare_cached(sql::WAIT_BY_HAND)?.execute(params![queue, id, turn])?;
            step.effects.woken.insert(queue.to_owned());
            Ok(Managed::Done)
        }
    }
}

pub(super) fn remove(step: &Step<'_>, queue: &str, id: &str) -> rusqlite::Result<Managed> {
    match state(step.conn, queue, id)? {
        None => Ok(Managed::Missing),
        Some(JobState::Active) => Ok(Managed::NotIn(JobState::Active)),
        Some(_) => {
            step.conn.prepare_cached(REMOVE)?.execute([queue, id])?;
            Ok(Managed::Done)
        }
    }
}

pub(super) fn set_data(
    step: &Step<'_>,
    queue: &str,
    id: &str,
    data: &str,
    was: Option<&str>,
) -> rusqlite::Result<Managed> {
    match state(step.conn, queue, id)? {
        None => Ok(Managed::Missing),
        Some(JobState::Active) => Ok(Managed::NotIn(JobState::Active)),
        Some(_) => {
            let set = step.conn.prepare_cached(SET_DATA)?.execute(params![queue, id, data, was])?;
            Ok(if set == 1 { Managed::Done } else { Managed::Changed })
        }
    }
}

pub(super) fn log(step: &Step<'_>, queue: &str, id: &str, line: &str) -> rusqlite::Result<Managed> {
    if step.conn.prepare_cached(LOG)?.execute([queue, id, line])? == 0 {
        return Ok(Managed::Missing);
    }
    let most = i64::try_from(LOG_LINES).unwrap_or(i64::MAX);
    step.conn.prepare_cached(TRIM_LOG)?.execute(params![queue, id, most])?;
    Ok(Managed::Done)
}

pub(super) fn state(conn: &Connection, queue: &str, id: &str) -> rusqlite::Result<Option<JobState>> {
    let name: Option<String> =
        conn.prepare_cached(sql::STATE)?.query_row([queue, id], |r| r.get(0)).optional()?;
    Ok(name.and_then(|name| JobState::ALL.into_iter().find(|s| s.as_str() == name)))
}

pub(super) fn logs(conn: &Connection, queue: &str, id: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached(LOGS)?.query_map([queue, id], |r| r.get(0))?.collect()
}

pub(super) fn workers(conn: &Connection, queue: &str, now: Timestamp) -> rusqlite::Result<Vec<WorkerView>> {
    let mut select = conn.prepare_cached(WORKERS)?;
    let time = Timestamp::from_millis;
    let read = |r: &rusqlite::Row<'_>| {
        Ok(WorkerView { name: r.get(0)?, since: time(r.get(1)?), seen_at: time(r.get(2)?), foreign: false })
    };
    select.query_map(params![queue, now.as_millis()], read)?.collect()
}

pub(super) fn pauses(conn: &Connection, queue: &str) -> rusqlite::Result<Pauses> {
    let mut select = conn.prepare_cached(PAUSES)?;
    let time = Timestamp::from_millis;
    let read = |r: &rusqlite::Row<'_>| {
        Ok((time(r.get(0)?), r.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis)))
    };
    let pauses = select.query_map([queue], read)?.collect::<rusqlite::Result<_>>()?;
    Ok(Pauses(pauses))
}

#[async_trait]
impl Manage for SqliteQueue {
    async fn pause(&self, queue: &str) -> Result<bool, QueueError> {
        let queue = queue.to_owned();
        self.writer.call(WITHIN, move |step| pause(step, &queue)).await
    }

    async fn resume(&self, queue: &str) -> Result<bool, QueueError> {
        let queue = queue.to_owned();
        self.writer.call(WITHIN, move |step| resume(step, &queue)).await
    }

    async fn retry(&self, queue: &str, id: &str) -> Result<Managed, QueueError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.writer.call(WITHIN, move |step| wait_again(step, &queue, &id, JobState::Failed)).await
    }

    async fn promote(&self, queue: &str, id: &str) -> Result<Managed, QueueError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.writer.call(WITHIN, move |step| wait_again(step, &queue, &id, JobState::Delayed)).await
    }

    async fn remove(&self, queue: &str, id: &str) -> Result<Managed, QueueError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.writer.call(WITHIN, move |step| remove(step, &queue, &id)).await
    }

    async fn set_data(
        &self,
        queue: &str,
        id: &str,
        data: &str,
        was: Option<&str>,
    ) -> Result<Managed, QueueError> {
        check_data(queue, data)?;
        let (queue, id, data) = (queue.to_owned(), id.to_owned(), data.to_owned());
        let was = was.map(str::to_owned);
        self.writer.call(WITHIN, move |step| set_data(step, &queue, &id, &data, was.as_deref())).await
    }

    async fn log(&self, queue: &str, id: &str, line: &str) -> Result<Managed, QueueError> {
        let (queue, id, line) = (queue.to_owned(), id.to_owned(), line.to_owned());
        self.writer.call(WITHIN, move |step| log(step, &queue, &id, &line)).await
    }
}
