//! The one thread of a process that writes to a file: it puts all operations that wait into one transaction.
//!
//! Guards against a commit per operation (a disk gives a few hundred a second), against a caller hearing of
//! success before the commit, and against one caller's error undoing the others' work.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Error};
use tokio::sync::{mpsc, oneshot, watch};

use super::file::Patience;

/// Most operations in one commit: bounds how long the first one waits and how long other processes are kept
/// out.
const BATCH: usize = 256;
/// Operations that may wait before callers are made to.
const WAITING: usize = 1024;
/// Where the last transaction had so many of those that many callers have, the next one waits a moment for
/// more of them: each commit writes the same pages of the indexes again.
const CROWD: usize = 3;
const MOMENT: Duration = Duration::from_millis(1);

/// The file that a thread writes to.
pub(in crate::platform) trait Target: Send + 'static {
    /// What operations leave to be done for their transaction as a whole.
    type Effects;

    /// The connection for one transaction, and what it starts with; or why there can be none.
    fn begin(&mut self) -> Result<(Connection, Self::Effects), String>;

    /// After the operations, before the commit.
    fn last(&mut self, _step: &mut Step<'_, Self::Effects>) -> rusqlite::Result<()> {
        Ok(())
    }

    /// The transaction is over, and nobody has been told yet. An error is told to all.
    fn end(
        &mut self,
        conn: Connection,
        effects: Self::Effects,
        outcome: Result<(), Error>,
    ) -> Result<(), String>;

    /// The writer was ended: there will be no more transactions. Not called where its handles are dropped.
    fn close(self)
    where
        Self: Sized,
    {
    }
}

/// A transaction as an operation sees it.
pub(in crate::platform) struct Step<'a, E> {
    pub(in crate::platform) conn: &'a Connection,
    pub(in crate::platform) effects: &'a mut E,
}

/// Why an operation did nothing.
#[derive(Debug)]
pub(in crate::platform) enum Undone {
    /// Its own error; the others of its transaction were done.
    Own(Error),
    /// The whole transaction came to nothing, or there was none.
    All(String),
}

trait Work<E>: Send {
    fn run(&mut self, step: &mut Step<'_, E>) -> rusqlite::Result<()>;
    fn kind(&self) -> Kind;
    fn answer(self: Box<Self>, outcome: Result<(), Undone>);
}

#[derive(Clone, Copy)]
struct Kind {
    /// Whether a part of it could be done when it fails.
    has_parts: bool,
    /// Whether many callers have it at a time, none of whom minds a moment.
    of_many: bool,
}

struct Task<T, F> {
    work: Option<F>,
    result: Option<T>,
    kind: Kind,
    reply: oneshot::Sender<Result<T, Undone>>,
}

impl<T, E, F> Work<E> for Task<T, F>
where
    T: Send,
    F: Send + FnOnce(&mut Step<'_, E>) -> rusqlite::Result<T>,
{
    fn run(&mut self, step: &mut Step<'_, E>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(step)?);
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn answer(self: Box<Self>, outcome: Result<(), Undone>) {
        let Self { result, reply, .. } = *self;
        // When the caller has gone, its answer is dropped.
        drop(reply.send(outcome.and_then(|()| result.ok_or_else(ended))));
    }
}

fn ended() -> Undone {
    Undone::All("the thread that writes has ended".to_owned())
}

/// A handle on the thread, which ends when the last one is dropped, or when any of them ends it.
pub(in crate::platform) struct Writer<E> {
    /// Nothing: it was ended.
    sender: Arc<Mutex<Option<Sender<E>>>>,
    failure: LastFailure,
    ended: Arc<AtomicBool>,
    /// Its other side goes with the thread.
    over: watch::Receiver<()>,
}

type Sender<E> = mpsc::Sender<Box<dyn Work<E>>>;

/// When and why the last transaction came to nothing, if none has succeeded since.
type LastFailure = Arc<Mutex<Option<(Instant, String)>>>;

/// For so long a failure is told: then somebody may try again.
const FAILURE_TOLD: Duration = Duration::from_secs(10);

impl<E> Clone for Writer<E> {
    fn clone(&self) -> Self {
        Self {
            sender: Arc::clone(&self.sender),
            failure: Arc::clone(&self.failure),
            ended: Arc::clone(&self.ended),
            over: self.over.clone(),
        }
    }
}

impl<E: 'static> Writer<E> {
    pub(in crate::platform) fn start<F: Target<Effects = E>>(
        name: &str,
        mut file: F,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, mut waiting) = mpsc::channel(WAITING);
        let (failure, ended) = (LastFailure::default(), Arc::new(AtomicBool::new(false)));
        let (noted, told_to_end) = (Arc::clone(&failure), Arc::clone(&ended));
        let (alive, over) = watch::channel(());
        let body = move || {
            let _alive = alive; // the last to go
            let mut of_many = 0;
            while let Some(first) = waiting.blocking_recv() {
                if of_many >= CROWD && waiting.len() < BATCH {
                    thread::sleep(MOMENT);
                }
                of_many = commit_waiting(&mut file, first, &mut waiting, &noted).of_many;
            }
            if told_to_end.load(Ordering::Acquire) {
                file.close();
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        let sender = Arc::new(Mutex::new(Some(sender)));
        Ok((Self { sender, failure, ended, over }, thread))
    }

    /// Does `work`, as a whole or not at all, and gives its result after the commit. A caller that goes away
    /// in the meantime is not waited for; its work is done nevertheless.
    pub(in crate::platform) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Step<'_, E>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Undone> {
        self.hand_over(Kind { has_parts: true, of_many: false }, work).await
    }

    /// The same for one single statement, which undoes itself when it fails.
    pub(in crate::platform) async fn statement<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Step<'_, E>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Undone> {
        self.hand_over(Kind { has_parts: false, of_many: false }, work).await
    }

    /// The same of a statement that many callers have at a time: where they do, it may wait a moment for
    /// theirs.
    pub(in crate::platform) async fn statement_of_many<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Step<'_, E>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Undone> {
        self.hand_over(Kind { has_parts: false, of_many: true }, work).await
    }

    async fn hand_over<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&mut Step<'_, E>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Undone> {
        let (reply, answer) = oneshot::channel();
        let task = Task { work: Some(work), result: None, kind, reply };
        let sender = self.sender().ok_or_else(ended)?;
        sender.send(Box::new(task)).await.map_err(|_| ended())?;
        drop(sender); // whoever ends the thread waits for it
        answer.await.map_err(|_| ended())?
    }

    /// Why the last transaction came to nothing, if that was a moment ago.
    pub(in crate::platform) fn failed(&self) -> Option<String> {
        let last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = last.as_ref().filter(|(at, _)| at.elapsed() < FAILURE_TOLD);
        recent.map(|(_, why)| format!("the last write failed: {why}"))
    }

    pub(in crate::platform) fn alive(&self) -> bool {
        self.sender().is_some_and(|sender| !sender.is_closed())
    }

    /// Takes nothing more, lets what was handed over be done, and returns when the thread has closed its
    /// file. For all handles.
    pub(in crate::platform) async fn end(&self) {
        self.ended.store(true, Ordering::Release);
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut over = self.over.clone();
        while over.changed().await.is_ok() {}
    }

    fn sender(&self) -> Option<Sender<E>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Done<E> = Vec<(Box<dyn Work<E>>, Result<(), Error>)>;

/// How many operations a transaction took.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    all: usize,
    of_many: usize,
}

/// One transaction over `first` and what else waits. Why it came to nothing, if it did, is noted before
/// anybody is told.
fn commit_waiting<F: Target>(
    file: &mut F,
    first: Box<dyn Work<F::Effects>>,
    waiting: &mut mpsc::Receiver<Box<dyn Work<F::Effects>>>,
    noted: &LastFailure,
) -> Taken {
    let (mut done, mut refused) = (Vec::new(), false);
    let outcome = match file.begin() {
        Ok((conn, mut effects)) => {
            let mut step = Step { conn: &conn, effects: &mut effects };
            let outcome = attempt(file, &mut step, first, waiting, &mut done);
            refused = outcome.is_err();
            file.end(conn, effects, outcome)
        }
        Err(why) => {
            let all = std::iter::once(first).chain(std::iter::from_fn(|| waiting.try_recv().ok()));
            done.extend(all.take(BATCH).map(|work| (work, Ok(()))));
            Err(why)
        }
    };
    // That the file is not in its place is seen by whoever reads, and over as soon as it is back.
    let failed = outcome.as_ref().err().filter(|_| refused).map(|why| (Instant::now(), why.clone()));
    *noted.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    let of_many = done.iter().filter(|(work, _)| work.kind().of_many).count();
    let taken = Taken { all: done.len(), of_many };
    for (work, own) in done {
        // Without the commit nothing counts, not even a conflict: the other document may be one that was
        // undone.
        work.answer(match &outcome {
            Ok(()) => own.map_err(Undone::Own),
            Err(why) => Err(Undone::All(why.clone())),
        });
    }
    taken
}

fn attempt<F: Target>(
    file: &mut F,
    step: &mut Step<'_, F::Effects>,
    first: Box<dyn Work<F::Effects>>,
    waiting: &mut mpsc::Receiver<Box<dyn Work<F::Effects>>>,
    done: &mut Done<F::Effects>,
) -> Result<(), Error> {
    let conn = step.conn;
    let mut next = Some(first);
    let mut transaction = || {
        begin(conn)?;
        while let Some(mut work) = next.take() {
            let own = if work.kind().has_parts { whole(step, work.as_mut()) } else { work.run(step) };
            if conn.is_autocommit() {
                // A full disk or the like: SQLite has taken back the whole transaction. What waits has its
                // own try.
                let error = own.err().unwrap_or(Error::InvalidQuery);
                done.push((work, Ok(())));
                return Err(error);
            }
            done.push((work, own));
            next = if done.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        file.last(step)?;
        execute(conn, "COMMIT")
    };
    let outcome = transaction();
    if outcome.is_err() {
        // All that waited while the file was busy give up together.
        let all = next.into_iter().chain(std::iter::from_fn(|| waiting.try_recv().ok()));
        if done.is_empty() {
            done.extend(all.take(BATCH).map(|work| (work, Ok(()))));
        }
        if !conn.is_autocommit() {
            drop(execute(conn, "ROLLBACK"));
        }
    }
    outcome
}

/// A failing operation undoes its own statements and leaves the others of the transaction alone.
fn whole<E>(step: &mut Step<'_, E>, work: &mut dyn Work<E>) -> rusqlite::Result<()> {
    execute(step.conn, "SAVEPOINT operation")?;
    let outcome = work.run(step);
    if outcome.is_err() {
        if step.conn.is_autocommit() {
            return outcome;
        }
        execute(step.conn, "ROLLBACK TO operation")?;
    }
    execute(step.conn, "RELEASE operation")?;
    outcome
}

/// Takes the file's write lock at once: a transaction that reads first could not get it later.
fn begin(conn: &Connection) -> rusqlite::Result<()> {
    let patience = Patience::new();
    loop {
        match execute(conn, "BEGIN IMMEDIATE") {
            Err(e) if patience.bears(&e) => {}
            begun => return begun,
        }
    }
}

fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests;
