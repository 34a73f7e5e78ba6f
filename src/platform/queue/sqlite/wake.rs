//! Wakes claims that wait: at once when this process made a job claimable, within 20 ms when another one did.
//!
//! Guards against a poll per waiter and against polling while nobody waits. One thread per open queue asks
//! `PRAGMA data_version`, which changes with every commit of another connection; without waiters it sleeps.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rusqlite::{Connection, Error, ErrorCode};
use tokio::sync::Notify;

use super::file::Opened;
use crate::platform::sqlite::file::{Identity, Pinned};

const POLL: Duration = Duration::from_millis(20);

/// What the handle, its writer and its poller have in common.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    /// Filled by the writer, which alone opens files.
    views: Mutex<Option<Views>>,
    notifies: Mutex<HashMap<String, Arc<Notify>>>,
    waiting: Mutex<Waiting>,
    /// Something in the file could not be read: it is to be looked at.
    suspect: AtomicBool,
    changed: Condvar,
}

struct Views {
    read: Arc<Mutex<Connection>>,
    watch: Connection,
    file: Arc<Pinned>,
    /// The last answer of `watch`.
    seen: Option<i64>,
}

#[derive(Default)]
struct Waiting {
    claims: usize,
    closed: bool,
}

/// A poisoned lock only says that a thread died while it held it; what is behind these locks stays whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            views: Mutex::default(),
            notifies: Mutex::default(),
            waiting: Mutex::default(),
            suspect: AtomicBool::new(false),
            changed: Condvar::new(),
        }
    }

    /// Has the writer open the file anew, and look at it, if `error` says that it is damaged.
    pub(super) fn heard(&self, error: &Error) {
        let code = error.sqlite_error_code();
        if matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) {
            self.suspect.store(true, Relaxed);
        }
    }

    /// Whether that is to be done now.
    pub(super) fn take_suspicion(&self) -> bool {
        self.suspect.swap(false, Relaxed)
    }

    /// Takes the reading connections of a newly opened file and gives the writing one back.
    pub(super) fn adopt(&self, opened: Opened) -> (Connection, Arc<Pinned>, Option<Identity>) {
        let Opened { write, read, watch, file, wal } = opened;
        let (read, file) = (Arc::new(Mutex::new(read)), Arc::new(file));
        *lock(&self.views) = Some(Views { read, watch, file: Arc::clone(&file), seen: None });
        (write, file, wal)
    }

    /// Closes the reading connections. A look at jobs that is under way keeps its own until it ends.
    pub(super) fn retire(&self) {
        *lock(&self.views) = None;
    }

    /// The connection for looking at jobs; `None` when the file at the path is not the one that is open.
    pub(super) fn reader(&self) -> Option<Arc<Mutex<Connection>>> {
        let views = lock(&self.views);
        let views = views.as_ref()?;
        views.file.in_place().then(|| Arc::clone(&views.read))
    }

    pub(super) fn notify(&self, queue: &str) -> Arc<Notify> {
        let mut notifies = lock(&self.notifies);
        if let Some(notify) = notifies.get(queue) {
            return Arc::clone(notify);
        }
        Arc::clone(notifies.entry(queue.to_owned()).or_default())
    }

    /// Wakes the claims that wait for these queues.
    pub(super) fn ring(&self, queues: &BTreeSet<String>) {
        let notifies = lock(&self.notifies);
        for notify in queues.iter().filter_map(|q| notifies.get(q)) {
            notify.notify_waiters();
        }
    }

    fn ring_all(&self) {
        for notify in lock(&self.notifies).values() {
            notify.notify_waiters();
        }
    }

    /// Keeps the poll going for as long as the answer lives.
    pub(super) fn wait(&self) -> WaitingClaim<'_> {
        lock(&self.waiting).claims += 1;
        self.changed.notify_all();
        WaitingClaim(self)
    }

    /// Ends the poller.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.changed.notify_all();
    }

    /// The poller's thread.
    pub(super) fn poll(&self) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.claims == 0 && !waiting.closed {
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.closed {
                return;
            }
            drop(waiting);
            if self.others_wrote() {
                self.ring_all();
            }
            // Not on `changed`: every new claim would cut the pause short.
            std::thread::sleep(POLL);
        }
    }

    /// Whether there was a commit since the last call, or the file must be opened anew; the claims that this
    /// wakes make the writer do that.
    fn others_wrote(&self) -> bool {
        let mut views = lock(&self.views);
        let Some(views) = views.as_mut() else { return true };
        let version = views
            .watch
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut s| s.query_row([], |r| r.get(0)))
            .ok();
        let wrote = version.is_none() || views.seen != version || !views.file.in_place();
        views.seen = version;
        wrote
    }
}

pub(super) struct WaitingClaim<'a>(&'a Shared);

impl Drop for WaitingClaim<'_> {
    fn drop(&mut self) {
        lock(&self.0.waiting).claims -= 1;
    }
}
