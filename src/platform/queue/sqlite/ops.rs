//! What each operation does inside the writer's transaction. All times come from the transaction's one `now`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use super::{sql, step::Step};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::queue::{ActiveJob, Added, Claim, End, FRONT, Keep, LeaseState, NewJob, retry::Backoff},
};

/// Why a job fails that no holder has failed.
const STALLED_TOO_OFTEN: &str = "the job's worker vanished too often";

pub(super) fn add(step: &mut Step<'_>, jobs: &[NewJob]) -> rusqlite::Result<Vec<Added>> {
    jobs.iter().map(|job| add_one(step, job)).collect()
}

fn add_one(step: &mut Step<'_>, job: &NewJob) -> rusqlite::Result<Added> {
    let (queue, id, name, now) = (&*job.queue, &job.id, &*job.name, step.effects.now);
    let share = job.share.as_deref().unwrap_or_default();
    let backoff = serde_json::to_string(&job.backoff).unwrap_or_default();
    let added = if job.delay.is_zero() {
        let line = line(step, queue)?;
        // A known job must not use up a turn of its share.
        if line.in_turns() && step.conn.prepare_cached(sql::KNOWN)?.exists([queue, id])? {
            return Ok(Added::Known);
        }
        let turn = line.turn(step, queue, share)?;
        let values = params![queue, id, name, job.data, share, job.attempts, backoff, now.as_millis(), turn];
        step.conn.prepare_cached(sql::ADD_WAITING)?.execute(values)?
    } else {
        let due = (now + job.delay).as_millis();
        let values = params![queue, id, name, job.data, share, job.attempts, backoff, now.as_millis(), due];
        step.conn.prepare_cached(sql::ADD_DELAYED)?.execute(values)?
    };
    if added == 0 {
        return Ok(Added::Known);
    }
    step.effects.woken.insert(queue.to_owned());
    Ok(Added::New)
}

/// The waiting jobs, as one that is to be put behind them sees them.
struct Line {
    /// The turn that comes next, if there are turns.
    next: Option<i64>,
    /// As many jobs wait as may do without turns.
    full: bool,
}

/// Guards against a share whose many jobs make those of the others wait: behind the first few jobs, the n-th
/// job of a share waits for the n-th round. A share that comes anew, or has fallen behind, begins with the
/// round that is next.
fn line(step: &Step<'_>, queue: &str) -> rusqlite::Result<Line> {
    let last_of_front = i64::try_from(FRONT).unwrap_or(i64::MAX) - 1;
    let read = |r: &Row<'_>| Ok(Line { next: r.get(0)?, full: r.get(1)? });
    step.conn.prepare_cached(sql::LINE)?.query_row(params![queue, last_of_front], read)
}

impl Line {
    fn in_turns(&self) -> bool {
        self.next.is_some() || self.full
    }

    /// The turn of one more job of `share`.
    fn turn(&self, step: &Step<'_>, queue: &str, share: &str) -> rusqlite::Result<i64> {
        if !self.in_turns() {
            return Ok(0);
        }
        let (conn, first) = (step.conn, self.next.unwrap_or(1));
        if self.next.is_none() {
            conn.prepare_cached(sql::FORGET_TURNS)?.execute([queue])?;
        }
        let last: Option<i64> =
            conn.prepare_cached(sql::LAST_TURN)?.query_row([queue, share], |r| r.get(0)).optional()?;
        let turn = last.map_or(first, |last| last.saturating_add(1).max(first));
        conn.prepare_cached(sql::SET_TURN)?.execute(params![queue, share, turn])?;
        Ok(turn)
    }
}

/// The turn of one more job of `share`.
pub(super) fn turn(step: &Step<'_>, queue: &str, share: &str) -> rusqlite::Result<i64> {
    line(step, queue)?.turn(step, queue, share)
}

pub(super) fn claim(step: &Step<'_>, claim: &Claim<'_>) -> rusqlite::Result<Vec<ActiveJob>> {
    let queue = claim.queue;
    if claim.max == 0 || step.conn.prepare_cached(sql::PAUSED)?.exists([queue])? {
        return Ok(Vec::new());
    }
    promote_due(step, queue)?;
    let limit = i64::try_from(claim.max).unwrap_or(i64::MAX);
    let due = (step.effects.now + claim.lease).as_millis();
    let mut update = step.conn.prepare_cached(sql::LEASE)?;
    let head = head(step, queue, limit)?;
    let lease = |(seq, mut job): (i64, ActiveJob)| {
        job.token = ids::lease_token();
        update.execute(params![seq, job.token, due])?;
        Ok(job)
    };
    head.into_iter().map(lease).collect()
}

fn promote_due(step: &Step<'_>, queue: &str) -> rusqlite::Result<()> {
    let mut due = step.conn.prepare_cached(sql::DUE)?;
    let due = due
        .query_map(params![queue, step.effects.now.as_millis()], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    let mut promote = step.conn.prepare_cached(sql::PROMOTE)?;
    due.iter().try_for_each(|(seq, share)| {
        let turn = turn(step, queue, share)?;
        promote.execute(params![queue, seq, turn]).map(drop)
    })
}

/// Undoes claims, so that the jobs are the next to be claimed, in the order told.
pub(super) fn release(step: &mut Step<'_>, jobs: &[ActiveJob]) -> rusqlite::Result<Vec<LeaseState>> {
    let mut states = Vec::with_capacity(jobs.len());
    for job in jobs.iter().rev() {
        let released = step.conn.prepare_cached(sql::RELEASE)?.execute([&job.queue, &job.id, &job.token])?;
        states.push(held(released));
        step.effects.woken.insert(job.queue.clone());
    }
    states.reverse();
    Ok(states)
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
        End::Delay { after, counts_attempt, reason } => {
            let counted = i64::from(*counts_attempt);
            step.effects.woken.insert(queue.clone());
            if after.is_zero() {
                let mut share = conn.prepare_cached(sql::SHARE)?;
                let share: Option<String> = share.query_row([queue, id, token], |r| r.get(0)).optional()?;
                let Some(share) = share else { return Ok(LeaseState::Lost) };
                let turn = turn(step, queue, &share)?;
                let values = params![queue, id, token, counted, reason, turn];
                conn.prepare_cached(sql::REQUEUE)?.execute(values)?
            } else {
                let due = (now + *after).as_millis();
                conn.prepare_cached(sql::DELAY)?.execute(params![queue, id, token, counted, reason, due])?
            }
        }
    };
    Ok(held(changed))
}

/// In one pass, whoever else made one just now: it costs next to nothing.
pub(super) fn sweep_stalled(
    step: &mut Step<'_>,
    queue: &str,
    max_stalled: u32,
) -> rusqlite::Result<Vec<String>> {
    let mut select = step.conn.prepare_cached(sql::STALLED)?;
    let stalled = select
        .query_map(params![queue, step.effects.now.as_millis()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, u32)>>>()?;
    let mut recover = step.conn.prepare_cached(sql::RECOVER)?;
    let mut ids = Vec::with_capacity(stalled.len());
    // From the last on, since each goes ahead of all others: the one that stalled first is then claimed
    // first.
    for (seq, id, before) in stalled.into_iter().rev() {
        let doomed = (before >= max_stalled).then_some(STALLED_TOO_OFTEN);
        recover.execute(params![queue, seq, doomed])?;
        ids.push(id);
    }
    if !ids.is_empty() {
        step.effects.woken.insert(queue.to_owned());
    }
    ids.reverse();
    Ok(ids)
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

/// The first of those that wait, without a token, each with its row.
fn head(step: &Step<'_>, queue: &str, limit: i64) -> rusqlite::Result<Vec<(i64, ActiveJob)>> {
    let mut select = step.conn.prepare_cached(sql::HEAD)?;
    let read = |row: &Row<'_>| {
        let job = ActiveJob {
            queue: queue.to_owned(),
            id: row.get("id")?,
            name: row.get("name")?,
            data: row.get("data")?,
            token: String::new(),
            attempts_made: row.get("attempts_made")?,
            attempts: row.get("attempts")?,
            backoff: backoff(row)?,
            stalled: row.get("stalled")?,
            added_at: Timestamp::from_millis(row.get("added_at")?),
            doomed: row.get("doomed")?,
        };
        Ok((row.get("seq")?, job))
    };
    select.query_map(params![queue, limit], read)?.collect()
}

pub(super) fn backoff(row: &Row<'_>) -> rusqlite::Result<Backoff> {
    let text = row.get_ref("backoff")?.as_str()?;
    serde_json::from_str(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}

fn held(changed: usize) -> LeaseState {
    if changed == 0 { LeaseState::Lost } else { LeaseState::Owned }
}
