//! The one thread of a process that writes to the queue's file.
//!
//! Guards against a commit per operation: operations that wait together go into one transaction, each in a
//! savepoint of its own, and are answered after the commit. Guards against a file that was deleted or
//! replaced under the process: it looks before every transaction.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::{
    file::{self, Identity},
    ops,
    step::{Effects, Step},
    wake::{Shared, lock},
};
use crate::{
    base::{clock::Clock, ids},
    platform::queue::broker::{ActiveJob, Keep, QueueError},
};

/// Operations that may wait for the writer; further callers wait to hand theirs in.
const BACKLOG: usize = 1024;
/// Operations in one transaction.
const GROUP: usize = 256;
/// How long the writer tries to get the file's write lock from other processes.
const PATIENCE: Duration = Duration::from_secs(5);

trait Work: Send {
    fn run(&mut self, step: &mut Step<'_>) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, outcome: Result<(), String>);
}

struct Task<T, F> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, QueueError>>,
}

impl<T: Send, F: Send + FnOnce(&mut Step<'_>) -> rusqlite::Result<T>> Work for Task<T, F> {
    fn run(&mut self, step: &mut Step<'_>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(step)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), String>) {
        let Self { result, reply, .. } = *self;
        let answer = outcome.and_then(|()| result.ok_or_else(ended)).map_err(QueueError::Unavailable);
        // When the caller has gone, its answer is dropped: jobs that it claimed go back (`Grant`).
        drop(reply.send(answer));
    }
}

fn ended() -> String {
    "the queue's writer has ended".to_owned()
}

/// Hands operations to the writer's thread.
pub(super) struct Writer {
    work: mpsc::Sender<Box<dyn Work>>,
    returned: Arc<Mutex<Vec<ActiveJob>>>,
}

impl Writer {
    /// Starts the thread; it ends when the handle is dropped.
    pub(super) fn start(shared: Arc<Shared>, clock: Clock, keep: Keep) -> std::io::Result<Self> {
        let (work, inbox) = mpsc::channel(BACKLOG);
        let returned = Arc::default();
        let thread =
            Thread { shared, clock, keep, inbox, returned: Arc::clone(&returned), open: None, proven: false };
        std::thread::Builder::new().name("queue-writer".to_owned()).spawn(move || thread.run())?;
        Ok(Self { work, returned })
    }

    /// Runs `work` in the next transaction and gives its result after the commit.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Step<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let (reply, answer) = oneshot::channel();
        let task = Task { work: Some(work), result: None, reply };
        self.work.send(Box::new(task)).await.map_err(|_| QueueError::Unavailable(ended()))?;
        answer.await.map_err(|_| QueueError::Unavailable(ended()))?
    }

    /// A grant for a claim that is about to be made.
    pub(super) fn grant(&self) -> Grant {
        Grant { jobs: Vec::new(), returned: Arc::clone(&self.returned), nudge: self.work.downgrade() }
    }
}

/// Claimed jobs on their way to the caller. Dropped on the way, because the caller has gone, they wait again
/// at once.
pub(super) struct Grant {
    pub(super) jobs: Vec<ActiveJob>,
    returned: Arc<Mutex<Vec<ActiveJob>>>,
    nudge: mpsc::WeakSender<Box<dyn Work>>,
}

impl Grant {
    pub(super) fn take(mut self) -> Vec<ActiveJob> {
        std::mem::take(&mut self.jobs)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        lock(&self.returned).append(&mut self.jobs);
        // A full inbox or a closed one needs no nudge: the writer looks at what was returned anyway.
        if let Some(sender) = self.nudge.upgrade() {
            let nothing =
                Task { work: Some(|_: &mut Step<'_>| Ok(())), result: None, reply: oneshot::channel().0 };
            drop(sender.try_send(Box::new(nothing)));
        }
    }
}

struct Thread {
    shared: Arc<Shared>,
    clock: Clock,
    keep: Keep,
    inbox: mpsc::Receiver<Box<dyn Work>>,
    returned: Arc<Mutex<Vec<ActiveJob>>>,
    open: Option<(Connection, Identity, Option<Identity>)>,
    /// A transaction has succeeded.
    proven: bool,
}

/// An operation of the current transaction, and how it went.
struct Slot(Box<dyn Work>, Result<(), String>);

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.inbox.blocking_recv() {
            let mut group = vec![Slot(first, Ok(()))];
            while group.len() < GROUP
                && let Ok(next) = self.inbox.try_recv()
            {
                group.push(Slot(next, Ok(())));
            }
            self.transact(group);
        }
        if !lock(&self.returned).is_empty() {
            self.transact(Vec::new());
        }
        // The writing connection is closed last: so it tidies the side files up, unless another process has
        // the file open.
        self.shared.retire();
    }

    fn transact(&mut self, mut group: Vec<Slot>) {
        let mut effects = Effects::default();
        let outcome = self.ready().and_then(|()| self.attempt(&mut group, &mut effects));
        self.proven |= outcome.is_ok();
        // A file that never worked is told to whoever opens it, once.
        if let Err(why) = &outcome
            && self.proven
        {
            tracing::warn!(reason = %why, operations = group.len(), "the queue file could not be written");
        }
        self.shared.ring(&effects.woken);
        for Slot(work, own) in group {
            work.answer(outcome.clone().and(own));
        }
    }

    /// Makes sure that the open file is the one at the path.
    fn ready(&mut self) -> Result<(), String> {
        let path = &self.shared.path;
        let before = self.open.as_ref().map(|(_, identity, wal)| (*identity, *wal));
        if before.is_some_and(|(identity, _)| Identity::of(path) == Some(identity)) {
            return Ok(());
        }
        if before.is_some() {
            tracing::warn!(path = %path.display(), "the queue file was deleted or replaced; opening it anew");
        }
        let opened = file::open(path, before);
        // Only now: while they were open, nobody else could get the numbers of the old files.
        self.shared.retire();
        if let Some((old, ..)) = self.open.take() {
            file::retire(old);
        }
        self.open = Some(self.shared.adopt(opened?));
        Ok(())
    }

    fn attempt(&mut self, group: &mut [Slot], effects: &mut Effects) -> Result<(), String> {
        let Some((conn, ..)) = &self.open else { return Err(ended()) };
        let returned = std::mem::take(&mut *lock(&self.returned));
        let outcome = begin(conn).and_then(|()| {
            let mut step = Step { conn, now: self.clock.now(), effects };
            ops::give_back(&mut step, &returned)?;
            for slot in group.iter_mut() {
                if let Err(e) = in_savepoint(&mut step, slot.0.as_mut()) {
                    if conn.is_autocommit() {
                        return Err(e); // SQLite itself has undone the whole transaction: disk full, read error.
                    }
                    slot.1 = Err(file::explain(&self.shared.path, &e));
                }
            }
            ops::trim(&step, self.keep)?;
            run(conn, "COMMIT")
        });
        let Err(e) = outcome else { return Ok(()) };
        lock(&self.returned).extend(returned);
        if !is_busy(&e) || !conn.is_autocommit() {
            // Whatever is wrong with it, the next operation starts from fresh connections.
            self.shared.retire();
            self.open = None;
        }
        Err(file::explain(&self.shared.path, &e))
    }
}

/// A failing operation undoes its own statements and leaves the others of the group alone.
fn in_savepoint(step: &mut Step<'_>, work: &mut dyn Work) -> rusqlite::Result<()> {
    run(step.conn, "SAVEPOINT operation")?;
    let outcome = work.run(step);
    if outcome.is_err() {
        if step.conn.is_autocommit() {
            return outcome;
        }
        run(step.conn, "ROLLBACK TO operation")?;
    }
    run(step.conn, "RELEASE operation")?;
    outcome
}

/// Takes the write lock. SQLite's own waiting is not fair between processes, so short waits with jitter are
/// added.
fn begin(conn: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match run(conn, "BEGIN IMMEDIATE") {
            Err(e) if is_busy(&e) && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10).mul_f64(ids::fraction()))
            }
            other => return other,
        }
    }
}

fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn is_busy(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
