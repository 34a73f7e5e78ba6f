//! Every statement of the queue, each answered by one index, so that no cost grows with the number of jobs.
//!
//! States stand as literals: a bound parameter would hide from SQLite that a partial index fits.

/// What is known of the waiting jobs when one is to be put behind them: the lowest turn of those that have
/// one, and whether more than `?2` wait in all.
pub(super) const LINE: &str = "SELECT
    (SELECT turn FROM jobs WHERE queue = ?1 AND state = 'waiting' AND turn > 0 ORDER BY turn LIMIT 1),
    EXISTS (SELECT 1 FROM jobs WHERE queue = ?1 AND state = 'waiting' LIMIT 1 OFFSET ?2)";
pub(super) const LAST_TURN: &str = "SELECT turn FROM turns WHERE queue = ?1 AND share = ?2";
pub(super) const SET_TURN: &str = "INSERT INTO turns (queue, share, turn) VALUES (?1, ?2, ?3) \
                                   ON CONFLICT (queue, share) DO UPDATE SET turn = ?3";
pub(super) const FORGET_TURNS: &str = "DELETE FROM turns WHERE queue = ?1";
pub(super) const SHARE: &str =
    "SELECT share FROM jobs WHERE queue = ?1 AND id = ?2 AND state = 'active' AND token = ?3";

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

/// The place behind the waiting jobs of the turn that the parameter names.
macro_rules! behind_turn {
    ($turn:literal) => {
        concat!(
            "coalesce((SELECT position FROM jobs WHERE queue = ?1 AND state = 'waiting' AND turn = ",
            $turn,
            " ORDER BY position DESC LIMIT 1), 0) + 1"
        )
    };
}

/// The place ahead of all waiting jobs, of turn 0.
macro_rules! ahead {
    () => {
        "coalesce((SELECT position FROM jobs WHERE queue = ?1 AND state = 'waiting' AND turn = 0 \
         ORDER BY position LIMIT 1), 1) - 1"
    };
}

/// The one job that its holder names: queue, id, token.
macro_rules! held {
    () => {
        " WHERE queue = ?1 AND id = ?2 AND state = 'active' AND token = ?3"
    };
}

macro_rules! add {
    ($state:literal, $turn:literal, $position:expr, $due_at:literal) => {
        concat!(
            "INSERT INTO jobs (queue, id, name, data, share, attempts, backoff, added_at, state, turn, \
             position, due_at)",
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '",
            $state,
            "', ",
            $turn,
            ", ",
            $position,
            ", ",
            $due_at,
            ") ON CONFLICT (queue, id) DO NOTHING"
        )
    };
}
pub(super) const KNOWN: &str = "SELECT 1 FROM jobs WHERE queue = ?1 AND id = ?2";
pub(super) const ADD_WAITING: &str = add!("waiting", "?9", behind_turn!("?9"), "NULL");
pub(super) const ADD_DELAYED: &str = add!("delayed", "0", "0", "?9");

/// Delayed jobs whose time has come.
pub(super) const DUE: &str = "SELECT seq, share FROM jobs WHERE queue = ?1 AND state = 'delayed' \
                              AND due_at <= ?2 ORDER BY due_at, seq LIMIT 256";
pub(super) const PROMOTE: &str = concat!(
    "UPDATE jobs SET state = 'waiting', due_at = NULL, turn = ?3, position = ",
    behind_turn!("?3"),
    " WHERE seq = ?2"
);
/// Whether there is something to claim, and when the next delayed job is due.
pub(super) const CLAIMABLE: &str = "SELECT
    EXISTS (SELECT 1 FROM pauses WHERE queue = ?1 AND to_at IS NULL),
    EXISTS (SELECT 1 FROM jobs WHERE queue = ?1 AND state = 'waiting'),
    (SELECT due_at FROM jobs WHERE queue = ?1 AND state = 'delayed' ORDER BY due_at LIMIT 1)";
pub(super) const PAUSED: &str = "SELECT 1 FROM pauses WHERE queue = ?1 AND to_at IS NULL";

/// What [`super::ops`] reads of a job that it hands out.
macro_rules! leased {
    () => {
        "SELECT seq, id, name, data, attempts_made, attempts, backoff, stalled, added_at, doomed FROM jobs"
    };
}
pub(super) const HEAD: &str =
    concat!(leased!(), " WHERE queue = ?1 AND state = 'waiting' ORDER BY turn, position LIMIT ?2");
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
    " attempts_made = attempts_made + (doomed IS NULL), reason = ?5, position = ",
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
    " due_at = NULL, turn = ?6, position = ",
    behind_turn!("?6"),
    held!()
);
/// Undoes a claim.
pub(super) const RELEASE: &str = concat!(
    "UPDATE jobs SET state = 'waiting', token = NULL, due_at = NULL, turn = 0, position = ",
    ahead!(),
    held!()
);

pub(super) const STALLED: &str = "SELECT seq, id, stalled FROM jobs WHERE queue = ?1 AND state = 'active' \
                                  AND due_at < ?2 ORDER BY due_at, seq LIMIT 1000";
pub(super) const RECOVER: &str = concat!(
    "UPDATE jobs SET state = 'waiting', token = NULL, due_at = NULL, stalled = stalled + 1,",
    " doomed = coalesce(doomed, ?3), turn = 0, position = ",
    ahead!(),
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
    (SELECT count(*) FROM jobs WHERE queue = ?1 AND state = 'failed'),
    EXISTS (SELECT 1 FROM pauses WHERE queue = ?1 AND to_at IS NULL)";

/// A job to look at; `first` and `second` are where a page that ends with it ends.
macro_rules! view {
    ($first:literal, $second:literal, $rest:literal) => {
        concat!(
            "SELECT id, name, state, data, attempts_made, attempts, backoff, stalled, added_at, due_at, \
             finished_at, return_value, reason, ",
            $first,
            " AS first, ",
            $second,
            " AS second FROM jobs WHERE queue = ?1 AND ",
            $rest
        )
    };
}
pub(super) const GET: &str = view!("0", "0", "id = ?2");
pub(super) const LIST_WAITING: &str = view!(
    "turn",
    "position",
    "state = 'waiting' AND (turn, position) > (?2, ?3) ORDER BY turn, position LIMIT ?4"
);
pub(super) const LIST_ACTIVE: &str =
    view!("due_at", "seq", "state = 'active' AND (due_at, seq) > (?2, ?3) ORDER BY due_at, seq LIMIT ?4");
pub(super) const LIST_DELAYED: &str =
    view!("due_at", "seq", "state = 'delayed' AND (due_at, seq) > (?2, ?3) ORDER BY due_at, seq LIMIT ?4");
pub(super) const LIST_COMPLETED: &str = view!(
    "position",
    "seq",
    "state = 'completed' AND (position, seq) < (?2, ?3) ORDER BY position DESC, seq DESC LIMIT ?4"
);
pub(super) const LIST_FAILED: &str = view!(
    "position",
    "seq",
    "state = 'failed' AND (position, seq) < (?2, ?3) ORDER BY position DESC, seq DESC LIMIT ?4"
);

pub(super) const STATE: &str = "SELECT state FROM jobs WHERE queue = ?1 AND id = ?2";
pub(super) const EPOCH: &str = "SELECT id, since FROM epoch";
/// The first queue behind `?1` in the order of their names.
pub(super) const NEXT_QUEUE: &str = "SELECT min(queue) FROM (
    SELECT queue FROM (SELECT queue FROM jobs WHERE queue > ?1 ORDER BY queue LIMIT 1)
    UNION ALL SELECT queue FROM (SELECT queue FROM pauses WHERE queue > ?1 ORDER BY queue LIMIT 1)
    UNION ALL SELECT queue FROM (SELECT queue FROM workers WHERE queue > ?1 ORDER BY queue LIMIT 1))";

/// By hand: queue and id, whose state the caller has seen in this transaction.
pub(super) const SHARE_BY_HAND: &str = "SELECT share FROM jobs WHERE queue = ?1 AND id = ?2";
pub(super) const WAIT_BY_HAND: &str = concat!(
    "UPDATE jobs SET state = 'waiting', due_at = NULL, finished_at = NULL, reason = NULL, turn = ?3,",
    " position = ",
    behind_turn!("?3"),
    ", attempts_made = CASE state WHEN 'failed' THEN 0 ELSE attempts_made END",
    ", stalled = CASE state WHEN 'failed' THEN 0 ELSE stalled END",
    ", doomed = CASE state WHEN 'failed' THEN NULL ELSE doomed END",
    " WHERE queue = ?1 AND id = ?2"
);

#[cfg(test)]
mod tests;
