//! The one thread of this process that writes: it puts all operations that wait into one transaction.
//!
//! Guards against one `fsync` per order (the disk gives a few hundred a second), against a caller hearing of
//! success before the commit, and against one caller's conflict undoing the others' work.

use std::thread::{self, JoinHandle};

use rusqlite::{Connection, OptionalExtension, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use super::{
    connection::{Patience, meaning},
    sql::{Schema, Statement},
};
use crate::platform::store::StoreError;

/// Most operations in one commit: bounds how long the first one waits and how long other processes are kept
/// out.
const BATCH: usize = 256;
/// Operations that may wait before callers are made to.
const WAITING: usize = 1024;

/// What to do in one operation: done as a whole or not at all.
#[derive(Debug)]
pub(super) enum Work {
    Run(Statement),
    Prepare(Schema),
}

#[derive(Debug)]
struct Job {
    work: Work,
    reply: oneshot::Sender<Result<usize, StoreError>>,
}

/// A handle on the thread, which ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(mut conn: Connection) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, mut jobs) = mpsc::channel(WAITING);
        let body = move || {
            while let Some(first) = jobs.blocking_recv() {
                commit_waiting(&mut conn, first, &mut jobs);
            }
        };
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(body)?;
        Ok((Self(sender), thread))
    }

    /// Does the work durably and tells how many rows it changed. A caller that goes away in the meantime is
    /// not waited for; its work is done nevertheless.
    pub(super) async fn run(&self, work: Work) -> Result<usize, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Job { work, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    pub(super) fn alive(&self) -> Result<(), StoreError> {
        if self.0.is_closed() { Err(ended()) } else { Ok(()) }
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the thread that writes has ended".to_owned())
}

/// One transaction over `first` and what else waits. Tells how many operations it took.
fn commit_waiting(conn: &mut Connection, first: Job, jobs: &mut mpsc::Receiver<Job>) -> usize {
    let mut replies = Vec::new();
    let mut outcome = begin(conn);
    let mut next = Some(first);
    while let Some(Job { work, reply }) = next {
        let result = match &outcome {
            Ok(()) => run(conn, &work).map_err(|e| meaning(&e)),
            Err(_) => Ok(0), // never told: all that waited while the file was busy give up together
        };
        let undone = outcome.is_ok() && conn.is_autocommit();
        if undone {
            // A full disk or the like: SQLite has taken back the whole transaction. What waits has its own
            // try.
            outcome = Err(result.as_ref().err().map_or_else(String::new, ToString::to_string));
        }
        replies.push((reply, result));
        next = if undone || replies.len() == BATCH { None } else { jobs.try_recv().ok() };
    }
    if outcome.is_ok() {
        outcome = execute(conn, "COMMIT").map_err(|e| e.to_string());
    }
    if !conn.is_autocommit() {
        drop(execute(conn, "ROLLBACK"));
    }
    let taken = replies.len();
    for (reply, result) in replies {
        // Without the commit nothing counts, not even a conflict: the other document may be one that was
        // undone.
        let told = match &outcome {
            Ok(()) => result,
            Err(why) => Err(StoreError::Unavailable(why.clone())),
        };
        drop(reply.send(told)); // the caller may have gone
    }
    taken
}

/// Takes the file's write lock at once: a transaction that reads first could not get it later.
fn begin(conn: &Connection) -> Result<(), String> {
    let patience = Patience::new();
    loop {
        match execute(conn, "BEGIN IMMEDIATE") {
            Ok(()) => return Ok(()),
            Err(e) if patience.bears(&e) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
}

fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn run(conn: &mut Connection, work: &Work) -> rusqlite::Result<usize> {
    match work {
        // A statement that fails undoes itself alone.
        Work::Run(Statement { sql, values }) => conn.prepare_cached(sql)?.execute(params_from_iter(values)),
        Work::Prepare(schema) => {
            let savepoint = conn.savepoint()?;
            prepare(&savepoint, schema)?;
            savepoint.commit()?;
            Ok(0)
        }
    }
}

/// Makes what is missing. An index whose declaration has changed is made anew.
fn prepare(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    conn.execute_batch(&schema.create_table)?;
    for index in &schema.indexes {
        let stored: Option<String> = conn
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1 AND tbl_name = ?2",
                [&index.name, &schema.table],
                |row| row.get(0),
            )
            .optional()?;
        match stored {
            Some(sql) if sql == index.create => continue,
            Some(_) => conn.execute_batch(&format!("DROP INDEX \"{}\"", index.name))?,
            None => {}
        }
        conn.execute_batch(&index.create)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
