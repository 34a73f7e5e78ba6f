//! What each operation does inside the writer's transaction. All times come from the transaction's one `now`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{sql, step::Step};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::queue::broker::{ActiveJob, Added, Count, End, Keep, LeaseState, NewJob, Recovered},
};

/// Why a job failed that no holder has failed.
const STALLED_TOO_OFTEN: &str = "the job's worker vanished too often";

pub(super) fn add(step: &mut Step<'_>, jobs: &[NewJob]) -> rusqlite::Result<Vec<Added>> {
    jobs.iter().map(|job| add_one(step, job)).collect()
}

fn add_one(step: &mut Step<'_>, job: &NewJob) -> rusqlite::Result<Added> {
    let (backoff, now) = (millis(job.backoff), step.effects.now.as_millis());
    let added = if job.delay.is_zero() {
        let values = params![job.queue, job.id, job.name, job.data, job.attempts, backoff, now];
        step.conn.prepare_cached(sql::ADD_WAITING)?.execute(values)?
    } else {
        let due = (step.effects.now + job.delay).as_millis();
        let values = params![job.queue, job.id, job.name, job.data, job.attempts, backoff, now, due];
        step.conn.prepare_cached(sql::ADD_DELAYED)?.execute(values)?
    };
    if added == 0 {
        return Ok(Added::Known);
    }
    step.effects.woken.insert(job.queue.to_owned());
    Ok(Added::New)
}

/// Adds to `claimed`, and says when the next delayed job is due if there was nothing to claim.
pub(super) fn claim(
    step: &Step<'_>,
    queue: &str,
    max: usize,
    lease: Duration,
    claimed: &mut Vec<ActiveJob>,
) -> rusqlite::Result<Option<Timestamp>> {
    promote_due(step, queue)?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let head = leased(step, sql::HEAD, queue, limit)?;
    let due = (step.effects.now + lease).as_millis();
    let mut update = step.conn.prepare_cached(sql::LEASE)?;
    for (seq, mut job) in head {
        job.token = ids::lease_token();
        update.execute(params![seq, job.token, due])?;
        claimed.push(job);
    }
    if !claimed.is_empty() {
        return Ok(None);
    }
    let next = step.conn.prepare_cached(sql::NEXT_DUE)?.query_row([queue], |r| r.get(0)).optional()?;
    Ok(next.map(Timestamp::from_millis))
}

fn promote_due(step: &Step<'_>, queue: &str) -> rusqlite::Result<()> {
    let mut due = step.conn.prepare_cached(sql::DUE)?;
    let due = due
        .query_map(params![queue, step.effects.now.as_millis()], |r| r.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut promote = step.conn.prepare_cached(sql::PROMOTE)?;
    due.iter().try_for_each(|seq| promote.execute(params![queue, seq]).map(drop))
}

/// Undoes claims, so that the jobs are the next to be claimed, in the order they had.
pub(super) fn give_back(step: &mut Step<'_>, jobs: &[ActiveJob]) -> rusqlite::Result<()> {
    for job in jobs.iter().rev() {
        step.conn.prepare_cached(sql::GIVE_BACK)?.execute([&job.queue, &job.id, &job.token])?;
        step.effects.woken.insert(job.queue.clone());
    }
    Ok(())
}

pub(super) fn extend(
    step: &Step<'_>,
    jobs: &[ActiveJob],
    lease: Duration,
) -> rusqlite::Result<Vec<LeaseState>> {
    let due = (step.effects.now + lease).as_millis();
    let mut update = step.conn.prepare_cached(sql::EXTEND)?;
    jobs.iter().map(|job| update.execute(params![job.queue, job.id, job.token, due]).map(held)).collect()
}

pub(super) fn end(step: &mut Step<'_>, job: &ActiveJob, end: &End) -> rusqlite::Result<LeaseState> {
    let (conn, now) = (step.conn, step.effects.now);
    let (queue, id, token) = (&job.queue, &job.id, &job.token);
    let changed = match end {
        End::Complete(value) => {
            step.effects.finished(queue, Finished::Completed);
            let values = params![queue, id, token, now.as_millis(), value];
            conn.prepare_cached(sql::COMPLETE)?.execute(values)?
        }
        End::Fail(reason) => {
            step.effects.finished(queue, Finished::Failed);
            let values = params![queue, id, token, now.as_millis(), reason];
            conn.prepare_cached(sql::FAIL)?.execute(values)?
        }
        End::Delay(delay, count, reason) => {
            let counted = i64::from(*count == Count::Attempt);
            step.effects.woken.insert(queue.clone());
            if delay.is_zero() {
                conn.prepare_cached(sql::REQUEUE)?.execute(params![queue, id, token, counted, reason])?
            } else {
                let due = (now + *delay).as_millis();
                conn.prepare_cached(sql::DELAY)?.execute(params![queue, id, token, counted, reason, due])?
            }
        }
    };
    Ok(held(changed))
}

pub(super) fn recover_stalled(
    step: &mut Step<'_>,
    queue: &str,
    max_stalled: u32,
) -> rusqlite::Result<Recovered> {
    let mut recovered = Recovered::default();
    let now = step.effects.now.as_millis();
    // From the last on, since each goes ahead of all others: the one that stalled first is then claimed
    // first.
    for (seq, mut job) in leased(step, sql::STALLED, queue, now)?.into_iter().rev() {
        job.stalled = job.stalled.saturating_add(1);
        if job.stalled <= max_stalled {
            step.conn.prepare_cached(sql::RECOVER)?.execute(params![queue, seq])?;
            recovered.requeued.push(job.id);
        } else {
            step.conn.prepare_cached(sql::BURY)?.execute(params![queue, seq, now, STALLED_TOO_OFTEN])?;
            recovered.dead.push(job);
        }
    }
    recovered.requeued.reverse();
    recovered.dead.reverse();
    if !recovered.requeued.is_empty() {
        step.effects.woken.insert(queue.to_owned());
    }
    if !recovered.dead.is_empty() {
        step.effects.finished(queue, Finished::Failed);
    }
    Ok(recovered)
}

/// How a job can have finished.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Finished {
    Completed,
    Failed,
}

impl Finished {
    pub(super) fn keep(self, keep: Keep) -> u32 {
        match self {
            Self::Completed => keep.completed,
            Self::Failed => keep.failed,
        }
    }
}

/// Removes all but the newest `keep` of a queue.
pub(super) fn trim(conn: &Connection, queue: &str, which: Finished, keep: u32) -> rusqlite::Result<()> {
    let sql = match which {
        Finished::Completed => sql::TRIM_COMPLETED,
        Finished::Failed => sql::TRIM_FAILED,
    };
    conn.prepare_cached(sql)?.execute(params![queue, keep]).map(drop)
}

/// Jobs as they are handed out, without a token, each with its row. `second` is the statement's second
/// parameter.
fn leased(step: &Step<'_>, sql: &str, queue: &str, second: i64) -> rusqlite::Result<Vec<(i64, ActiveJob)>> {
    let mut select = step.conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        let job = ActiveJob {
            queue: queue.to_owned(),
            id: row.get("id")?,
            name: row.get("name")?,
            data: row.get("data")?,
            token: String::new(),
            attempts_made: row.get("attempts_made")?,
            attempts: row.get("attempts")?,
            backoff: Duration::from_millis(row.get::<_, i64>("backoff_ms")?.unsigned_abs()),
            stalled: row.get("stalled")?,
            added_at: Timestamp::from_millis(row.get("added_at")?),
        };
        Ok((row.get("seq")?, job))
    };
    select.query_map(params![queue, second], read)?.collect()
}

fn held(changed: usize) -> LeaseState {
    if changed == 0 { LeaseState::Lost } else { LeaseState::Owned }
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}
