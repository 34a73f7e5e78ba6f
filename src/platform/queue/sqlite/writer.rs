//! The queue's side of the one thread that writes to its file.
//!
//! Guards against a file that was deleted or replaced under the process: it looks before every transaction,
//! and opens anew.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rusqlite::{Connection, Error};

use super::{
    file, ops,
    step::{Effects, Step},
    wake::Shared,
};
use crate::{
    base::clock::Clock,
    platform::{
        queue::{Options, QueueError},
        sqlite::{
            file::{Identity, Pinned, close, explain, is_busy, retire},
            writer::{self, Target, Undone},
        },
    },
};

/// Hands operations to the writer's thread.
pub(super) struct Writer {
    work: writer::Writer<Effects>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the thread; it ends when the handle is dropped.
    pub(super) fn start(shared: Arc<Shared>, clock: Clock, options: Options) -> std::io::Result<Self> {
        let file = Jobs {
            shared: Arc::clone(&shared),
            clock,
            options,
            open: None,
            proven: false,
            untrimmed: HashMap::new(),
        };
        let (work, _thread) = writer::Writer::start("queue-writer", file)?;
        Ok(Self { work, shared })
    }

    pub(super) fn alive(&self) -> bool {
        self.work.alive()
    }

    /// Lets what was handed over be done, and closes the file.
    pub(super) async fn end(&self) {
        self.work.end().await;
    }

    /// Why the last write failed, if that was a moment ago.
    pub(super) fn failed(&self) -> Option<String> {
        self.work.failed()
    }

    /// Runs `work` in the next transaction and gives its result after the commit; after `within` its work is
    /// not waited for any longer.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce(&mut Step<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let done = tokio::time::timeout(within, self.work.run(work)).await;
        let done = done.map_err(|_| QueueError::Unavailable("no answer in time".to_owned()))?;
        done.map_err(|undone| {
            QueueError::Unavailable(match undone {
                Undone::Own(error) => {
                    self.shared.heard(&error);
                    explain(&self.shared.path, &error)
                }
                Undone::All(why) => why,
            })
        })
    }
}

/// The file, as the thread that writes has it.
struct Jobs {
    shared: Arc<Shared>,
    clock: Clock,
    options: Options,
    open: Option<Open>,
    /// A transaction has succeeded.
    proven: bool,
    /// Jobs that finished since the last time that there was a look for those that are too many.
    untrimmed: HashMap<(String, ops::Finished), u32>,
}

struct Open {
    /// Away while a transaction is under way.
    conn: Option<Connection>,
    file: Arc<Pinned>,
    wal: Option<Identity>,
}

impl Jobs {
    /// Makes sure that the open file is the one at the path.
    fn ready(&mut self) -> Result<&mut Open, String> {
        let stands = self.open.as_ref().is_some_and(|open| open.file.in_place());
        if !stands {
            let path = &self.shared.path;
            let before = self.open.as_ref().map(|open| (open.file.identity(), open.wal));
            if before.is_some() {
                tracing::warn!(path = %path.display(),
                    "the queue file was deleted or replaced; opening it anew");
            }
            let opened = file::open(path, before, self.clock.now(), &self.options);
            // Only now: while they were open, nobody else could get the numbers of the old files.
            self.shared.retire();
            if let Some(conn) = self.open.take().and_then(|open| open.conn) {
                retire(conn);
            }
            let (conn, file, wal) = self.shared.adopt(opened?);
            self.open = Some(Open { conn: Some(conn), file, wal });
        }
        self.open.as_mut().ok_or_else(|| "the queue file is not open".to_owned())
    }
}

impl Target for Jobs {
    type Effects = Effects;

    fn begin(&mut self) -> Result<(Connection, Effects), String> {
        let now = self.clock.now();
        if self.shared.take_suspicion() {
            self.shared.retire();
            self.open = None;
        }
        let conn = self.ready().and_then(|open| open.conn.take().ok_or("its connection was lost".to_owned()));
        // A file that never worked is told to whoever opens it, once.
        if let (Err(why), true) = (&conn, self.proven) {
            tracing::warn!(reason = %why, "the queue file could not be opened");
        }
        Ok((conn?, Effects::at(now)))
    }

    /// Looking for jobs that are too many means walking over all that are kept: not after each one.
    fn last(&mut self, step: &mut Step<'_>) -> rusqlite::Result<()> {
        for ((queue, which), finished) in &step.effects.finished {
            let keep = which.keep(self.options.keep);
            let untrimmed = self.untrimmed.entry((queue.clone(), *which)).or_default();
            *untrimmed = untrimmed.saturating_add(*finished);
            if *untrimmed > keep / 16 {
                ops::trim(step.conn, queue, *which, keep)?;
                *untrimmed = 0;
            }
        }
        Ok(())
    }

    fn end(&mut self, conn: Connection, effects: Effects, outcome: Result<(), Error>) -> Result<(), String> {
        let usable = outcome.as_ref().map_or_else(is_busy, |()| true) && conn.is_autocommit();
        match self.open.as_mut().filter(|_| usable) {
            Some(open) => open.conn = Some(conn),
            None => {
                // Whatever is wrong with it, the next operation starts from fresh connections.
                self.shared.retire();
                self.open = None;
            }
        }
        self.proven |= outcome.is_ok();
        self.shared.ring(&effects.woken);
        outcome.map_err(|error| {
            let why = explain(&self.shared.path, &error);
            if self.proven {
                tracing::warn!(reason = %why, "the queue file could not be written");
            }
            why
        })
    }

    fn close(mut self) {
        self.shared.retire();
        if let Some(Open { conn: Some(conn), file, .. }) = self.open.take() {
            close(conn, &file);
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // The writing connection is closed last: so it tidies the side files up, unless another process has
        // the file open.
        self.shared.retire();
    }
}
