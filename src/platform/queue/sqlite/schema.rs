//! The tables of the queue's file.
//!
//! `position` is a job's place among those of its state and turn: waiting jobs are claimed by turn and then
//! from the lowest position on, finished ones are removed from the lowest on. Jobs that are waited for in the
//! order they came have turn 0.

/// Raised when a table changes shape; a file with a higher one was made by a newer program and is refused.
pub(super) const VERSION: i64 = 2;

/// Run on a file of an older layout, too: its jobs are dropped, and come again from the documents.
pub(super) const SCHEMA: &str = "
DROP TABLE IF EXISTS jobs;
CREATE TABLE jobs (
    seq           INTEGER PRIMARY KEY,
    queue         TEXT NOT NULL,
    id            TEXT NOT NULL,
    name          TEXT NOT NULL,
    data          TEXT NOT NULL,
    share         TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'active', 'delayed', 'completed', 'failed')),
    token         TEXT,
    turn          INTEGER NOT NULL DEFAULT 0,
    position      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER,
    attempts_made INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL,
    backoff       TEXT NOT NULL,
    stalled       INTEGER NOT NULL DEFAULT 0,
    doomed        TEXT,
    added_at      INTEGER NOT NULL,
    finished_at   INTEGER,
    return_value  TEXT,
    reason        TEXT,
    UNIQUE (queue, id)
) STRICT;
CREATE INDEX jobs_waiting ON jobs (queue, turn, position) WHERE state = 'waiting';
CREATE INDEX jobs_delayed ON jobs (queue, due_at) WHERE state = 'delayed';
CREATE INDEX jobs_active ON jobs (queue, due_at) WHERE state = 'active';
CREATE INDEX jobs_completed ON jobs (queue, position) WHERE state = 'completed';
CREATE INDEX jobs_failed ON jobs (queue, position) WHERE state = 'failed';
CREATE TABLE turns (
    queue TEXT NOT NULL,
    share TEXT NOT NULL,
    turn  INTEGER NOT NULL,
    PRIMARY KEY (queue, share)
) STRICT, WITHOUT ROWID;
CREATE TABLE logs (
    job  INTEGER NOT NULL,
    n    INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (job, n)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_gone AFTER DELETE ON jobs BEGIN DELETE FROM logs WHERE job = old.seq; END;
CREATE TABLE pauses (
    queue   TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    to_at   INTEGER
) STRICT;
CREATE INDEX pauses_queue ON pauses (queue, from_at);
CREATE UNIQUE INDEX pauses_open ON pauses (queue) WHERE to_at IS NULL;
CREATE TABLE workers (
    queue   TEXT NOT NULL,
    name    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (queue, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE epoch (id TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
";

/// Whose jobs the file holds; files that are older than this table get it.
pub(super) const INSTALLATION: &str = "CREATE TABLE IF NOT EXISTS installation (id TEXT NOT NULL) STRICT";
pub(super) const FIRST_INSTALLATION: &str =
    "INSERT INTO installation (id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM installation)";
