//! Every statement of the queue, each answered by one index, so that no cost grows with the number of jobs.
//!
//! `position` is a job's place among those of its state: waiting jobs are claimed from the lowest on,
//! finished ones are removed from the lowest on. States stand as literals: a bound parameter would hide from
//! SQLite that a partial index fits.

/// Raised when the table changes shape; a file with a higher one was made by a newer program and is refused.
pub(super) const VERSION: i64 = 1;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS jobs (
    seq           INTEGER PRIMARY KEY,
    queue         TEXT NOT NULL,
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,
    data          TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'active', 'delayed', 'completed', 'failed')),
    token         TEXT,
    position      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER,
    attempts_made INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL,
    backoff_ms    INTEGER NOT NULL,
    stalled       INTEGER NOT NULL DEFAULT 0,
    added_at      INTEGER NOT NULL,
    finished_at   INTEGER,
    return_value  TEXT,
    reason        TEXT,
    UNIQUE (queue, id)
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (queue, position) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS jobs_delayed ON jobs (queue, due_at) WHERE state = 'delayed';
CREATE INDEX IF NOT EXISTS jobs_active ON jobs (queue, due_at) WHERE state = 'active';
CREATE INDEX IF NOT EXISTS jobs_completed ON jobs (queue, position) WHERE state = 'completed';
CREATE INDEX IF NOT EXISTS jobs_failed ON jobs (queue, position) WHERE state = 'failed';
";

/// The place behind all jobs of a state. `?1` is the queue.
macro_rules! behind {
    ($state:literal) => {
        concat!(
            "coalesce((SELECT position FROM jobs WHERE queue = ?1 AND state = '",
            $state,
            "' ORDER BY position DESC LIMIT 1), 0) + 1"
        )
    };
}

/// The place ahead of all waiting jobs.
macro_rules! ahead {
    () => {
        "coalesce((SELECT position FROM jobs WHERE queue = ?1 AND state = 'waiting' ORDER BY position \
         LIMIT 1), 1) - 1"
    };
}

/// The one job that its holder names: queue, id, token.
macro_rules! held {
    () => {
        " WHERE queue = ?1 AND id = ?2 AND state = 'active' AND token = ?3"
    };
}

macro_rules! add {
    ($state:literal, $position:expr, $due_at:literal) => {
        concat!(
            "INSERT INTO jobs (queue, id, name, data, attempts, backoff_ms, added_at, state, position, \
             due_at)",
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '",
            $state,
            "', ",
            $position,
            ", ",
            $due_at,
            ") ON CONFLICT (queue, id) DO NOTHING"
        )
    };
}
pub(super) const ADD_WAITING: &str = add!("waiting", behind!("waiting"), "NULL");
pub(super) const ADD_DELAYED: &str = add!("delayed", "0", "?8");

/// Delayed jobs whose time has come.
pub(super) const DUE: &str = "SELECT seq FROM jobs WHERE queue = ?1 AND state = 'delayed' AND due_at <= ?2 \
                              ORDER BY due_at, seq LIMIT 256";
pub(super) const PROMOTE: &str = concat!(
    "UPDATE jobs SET state = 'waiting', due_at = NULL, position = ",
    behind!("waiting"),
    " WHERE seq = ?2"
);
pub(super) const NEXT_DUE: &str =
    "SELECT due_at FROM jobs WHERE queue = ?1 AND state = 'delayed' ORDER BY due_at LIMIT 1";

/// What [`super::ops`] reads of a job that it hands out.
macro_rules! leased {
    () => {
        "SELECT seq, id, name, data, attempts_made, attempts, backoff_ms, stalled, added_at FROM jobs"
    };
}
pub(super) const HEAD: &str =
    concat!(leased!(), " WHERE queue = ?1 AND state = 'waiting' ORDER BY position, seq LIMIT ?2");
pub(super) const LEASE: &str = "UPDATE jobs SET state = 'active', token = ?2, due_at = ?3 WHERE seq = ?1";

pub(super) const EXTEND: &str = concat!("UPDATE jobs SET due_at = ?4", held!());
pub(super) const COMPLETE: &str = concat!(
    "UPDATE jobs SET state = 'completed', token = NULL, due_at = NULL, finished_at = ?4,",
    " attempts_made = attempts_made + 1, return_value = ?5, reason = NULL, position = ",
    behind!("completed"),
    held!()
);
pub(super) const FAIL: &str = concat!(
    "UPDATE jobs SET state = 'failed', token = NULL, due_at = NULL, finished_at = ?4,",
    " attempts_made = attempts_made + 1, reason = ?5, position = ",
    behind!("failed"),
    held!()
);
pub(super) const DELAY: &str = concat!(
    "UPDATE jobs SET state = 'delayed', token = NULL, attempts_made = attempts_made + ?4, reason = ?5,",
    " due_at = ?6",
    held!()
);
pub(super) const REQUEUE: &str = concat!(
    "UPDATE jobs SET state = 'waiting', token = NULL, attempts_made = attempts_made + ?4, reason = ?5,",
    " due_at = NULL, position = ",
    behind!("waiting"),
    held!()
);
/// Undoes a claim whose answer nobody took.
pub(super) const GIVE_BACK: &str =
    concat!("UPDATE jobs SET state = 'waiting', token = NULL, due_at = NULL, position = ", ahead!(), held!());

pub(super) const STALLED: &str = concat!(
    leased!(),
    " WHERE queue = ?1 AND state = 'active' AND due_at < ?2 ORDER BY due_at, seq LIMIT 1000"
);
pub(super) const RECOVER: &str = concat!(
    "UPDATE jobs SET state = 'waiting', token = NULL, due_at = NULL, stalled = stalled + 1, position = ",
    ahead!(),
    " WHERE seq = ?2"
);
pub(super) const BURY: &str = concat!(
    "UPDATE jobs SET state = 'failed', token = NULL, due_at = NULL, stalled = stalled + 1, finished_at = ?3,",
    " reason = ?4, position = ",
    behind!("failed"),
    " WHERE seq = ?2"
);

/// Removes all but the newest `?2` finished jobs. The walk is as long as what is kept, and made once per
/// transaction.
macro_rules! trim {
    ($state:literal) => {
        concat!(
            "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE queue = ?1 AND state = '",
            $state,
            "' ORDER BY position DESC LIMIT -1 OFFSET ?2)"
        )
    };
}
pub(super) const TRIM_COMPLETED: &str = trim!("completed");
pub(super) const TRIM_FAILED: &str = trim!("failed");

/// Counted from the indexes alone. Counters kept by hand would cost every transition a write and could drift
/// from the truth; this costs only the reader (some 20 ms per million jobs), and readers of a WAL hold nobody
/// up.
pub(super) const COUNTS: &str = "SELECT
    (SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'waiting'),
    (SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'active'),
    (SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'delayed'),
    (SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'completed'),
    (SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'failed')";

macro_rules! view {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, state, data, attempts_made, stalled, added_at, due_at, return_value, reason",
            " FROM jobs WHERE queue = ?1 AND ",
            $rest
        )
    };
}
pub(super) const GET: &str = view!("id = ?2");
pub(super) const LIST_WAITING: &str = view!("state = 'waiting' ORDER BY position, seq LIMIT ?2 OFFSET ?3");
pub(super) const LIST_ACTIVE: &str = view!("state = 'active' ORDER BY due_at, seq LIMIT ?2 OFFSET ?3");
pub(super) const LIST_DELAYED: &str = view!("state = 'delayed' ORDER BY due_at, seq LIMIT ?2 OFFSET ?3");
pub(super) const LIST_COMPLETED: &str =
    view!("state = 'completed' ORDER BY position DESC LIMIT ?2 OFFSET ?3");
pub(super) const LIST_FAILED: &str = view!("state = 'failed' ORDER BY position DESC LIMIT ?2 OFFSET ?3");

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Statement, and the parts that its plan must have, each searching an index by the columns named.
    const PLANS: &[(&str, &[&str])] = &[
        (ADD_WAITING, &["jobs_waiting (queue=?)"]),
        (ADD_DELAYED, &[]),
        (DUE, &["jobs_delayed (queue=? AND due_at<?)"]),
        (PROMOTE, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_waiting (queue=?)"]),
        (NEXT_DUE, &["jobs_delayed (queue=?)"]),
        (HEAD, &["jobs_waiting (queue=?)"]),
        (LEASE, &["INTEGER PRIMARY KEY (rowid=?)"]),
        (EXTEND, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
        (COMPLETE, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "jobs_completed (queue=?)"]),
        (FAIL, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "jobs_failed (queue=?)"]),
        (DELAY, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
        (REQUEUE, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "jobs_waiting (queue=?)"]),
        (GIVE_BACK, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "jobs_waiting (queue=?)"]),
        (STALLED, &["jobs_active (queue=? AND due_at<?)"]),
        (RECOVER, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_waiting (queue=?)"]),
        (BURY, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_failed (queue=?)"]),
        (TRIM_COMPLETED, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_completed (queue=?)"]),
        (TRIM_FAILED, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_failed (queue=?)"]),
        (
            COUNTS,
            &[
                "COVERING INDEX jobs_waiting (queue=?)",
                "COVERING INDEX jobs_active (queue=?)",
                "COVERING INDEX jobs_delayed (queue=?)",
                "COVERING INDEX jobs_completed (queue=?)",
                "COVERING INDEX jobs_failed (queue=?)",
            ],
        ),
        (GET, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
        (LIST_WAITING, &["jobs_waiting (queue=?)"]),
        (LIST_ACTIVE, &["jobs_active (queue=?)"]),
        (LIST_DELAYED, &["jobs_delayed (queue=?)"]),
        (LIST_COMPLETED, &["jobs_completed (queue=?)"]),
        (LIST_FAILED, &["jobs_failed (queue=?)"]),
    ];

    #[test]
    fn every_statement_is_answered_by_an_index_and_sorts_nothing() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        for (sql, parts) in PLANS {
            let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = explain.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push(row.get::<_, String>(3).unwrap());
            }
            for part in *parts {
                assert!(
                    plan.iter().any(|step| step.starts_with("SEARCH jobs USING") && step.ends_with(part)),
                    "{sql}\n{plan:#?}"
                );
            }
            assert_eq!(
                plan.iter().filter(|step| step.starts_with("SEARCH")).count(),
                parts.len(),
                "{sql}\n{plan:#?}"
            );
            let costly = |step: &&String| {
                step.contains("TEMP B-TREE") || step.starts_with("SCAN") && !step.contains("CONSTANT ROW")
            };
            assert_eq!(plan.iter().find(costly), None, "{sql}\n{plan:#?}");
        }
    }
}
