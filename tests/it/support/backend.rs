//! Which database and queue a whole test run stands on: `WAYBILL_TEST_BACKEND` is `sqlite` (files in a folder
//! of the test), `redis` (the queue on Redis) or `mongodb` (the documents on MongoDB and the queue on Redis).

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use waybill::base::clock::Clock;

use super::{mongodb::Lab, redis};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Redis,
    Mongodb,
}

impl Kind {
    /// The one of this run.
    #[expect(clippy::disallowed_methods, reason = "this variable is for the tests alone")]
    pub(crate) fn chosen() -> Self {
        match std::env::var("WAYBILL_TEST_BACKEND").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("redis") => Self::Redis,
            Ok("mongodb") => Self::Mongodb,
            Ok(other) => panic!("WAYBILL_TEST_BACKEND is sqlite, redis or mongodb, not {other:?}"),
        }
    }
}

/// The place of one test.
pub(crate) struct Backend {
    kind: Kind,
    folder: PathBuf,
    /// What its keys begin with.
    name: String,
    /// Its database on a server.
    pub(crate) lab: Option<Lab>,
}

impl Backend {
    pub(crate) async fn new(kind: Kind, folder: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let lab = if kind == Kind::Mongodb { Some(Lab::kept().await) } else { None };
        Self { kind, folder: folder.to_owned(), name, lab }
    }

    pub(crate) fn is_files(&self) -> bool {
        self.kind == Kind::Sqlite
    }

    pub(crate) fn store_url(&self) -> String {
        match &self.lab {
            None => format!("sqlite:{}", self.folder.join("waybill.db").display()),
            Some(lab) => lab.url.clone(),
        }
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

    /// All that is kept of the documents, as it lies there, each with its place.
    pub(crate) async fn stored(&self) -> Vec<(String, Vec<u8>)> {
        if let Some(lab) = &self.lab {
            return lab.stored().await;
        }
        let files = std::fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path());
        files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
    }

    /// Every document as text, each with its collection: what is kept, and not what lies in free places of a
    /// file until it is written over.
    pub(crate) async fn documents(&self) -> Vec<(String, String)> {
        if let Some(lab) = &self.lab {
            let text =
                |(name, bytes): (String, Vec<u8>)| (name, String::from_utf8_lossy(&bytes).into_owned());
            return lab.stored().await.into_iter().map(text).collect();
        }
        let file = rusqlite::Connection::open(self.folder.join("waybill.db")).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let all = |sql: &str| -> Vec<String> {
            let mut statement = file.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let of_table = |name: String| {
            let docs = all(&format!("SELECT json FROM \"{name}\" ORDER BY id"));
            docs.into_iter().map(move |doc| (name.clone(), doc))
        };
        all(tables).into_iter().flat_map(of_table).collect()
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
