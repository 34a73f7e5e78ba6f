//! Which database and queue a whole test run stands on: `WAYBILL_TEST_BACKEND` is `sqlite` (files in a folder
//! of the test) or `redis` (the queue on Redis).

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use waybill::base::clock::Clock;

use super::redis;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Redis,
}

impl Kind {
    /// The one of this run.
    #[expect(clippy::disallowed_methods, reason = "this variable is for the tests alone")]
    pub(crate) fn chosen() -> Self {
        match std::env::var("WAYBILL_TEST_BACKEND").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("redis") => Self::Redis,
            Ok(other) => panic!("WAYBILL_TEST_BACKEND is sqlite or redis, not {other:?}"),
        }
    }
}

/// The place of one test.
#[derive(Debug)]
pub(crate) struct Backend {
    kind: Kind,
    folder: PathBuf,
    /// What its keys begin with, or its database is called.
    name: String,
}

impl Backend {
    pub(crate) fn new(kind: Kind, folder: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { kind, folder: folder.to_owned(), name }
    }

    pub(crate) fn is_files(&self) -> bool {
        self.kind == Kind::Sqlite
    }

    pub(crate) fn store_url(&self) -> String {
        format!("sqlite:{}", self.folder.join("waybill.db").display())
    }

    pub(crate) fn queue_url(&self) -> String {
        match self.server() {
            None => format!("sqlite:{}", self.folder.join("queue.db").display()),
            Some(addr) => format!("redis://{addr}?prefix={}", self.name),
        }
    }

    fn server(&self) -> Option<SocketAddr> {
        (self.kind != Kind::Sqlite).then(redis::shared)
    }

    /// Moves the clock, and the time of the queue's server with it.
    pub(crate) fn advance(&self, clock: &Clock, by: Duration) {
        clock.advance(by);
        if let Some(addr) = self.server() {
            redis::advance(addr, &self.name, clock, by);
        }
    }

    /// Takes a waiting job's id out of the list, and leaves the job.
    pub(crate) fn set_adrift(&self, queue: &str, job: &str) {
        let mut raw = redis::Raw::connect(self.server().expect("a queue on Redis"));
        let key = format!("{}:{queue}:wait", self.name);
        assert_eq!(raw.cmd(&["LREM", &key, "0", job]).int(), 1, "{job} does not wait");
    }

    /// The queue with all it knew is gone, as when its file or its Redis is lost.
    pub(crate) fn lose_queue(&self) {
        match self.server() {
            None => {
                for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
                    drop(std::fs::remove_file(self.folder.join(file)));
                }
            }
            Some(addr) => redis::forget(addr, &self.name),
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(addr) = self.server() {
            redis::forget(addr, &self.name);
        }
    }
}
