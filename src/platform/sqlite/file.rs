//! How SQLite files are made, opened and closed, which file is the one that was opened, and what SQLite's
//! errors mean.
//!
//! Guards against files that others on the machine can read, a start that fails with nothing but "unable to
//! open", a busy file being taken for a broken one, writing into a file that is no longer the one at its
//! path, and a copy of a stopped program's file that lacks what is in its `-wal`.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, config::DbConfig, ffi};

use super::mark::Mark;
use crate::base::ids;

/// How long a busy file is waited for. Less than an operation of the store may take: a write that was given
/// up here is known not to have been done.
pub(in crate::platform) const PATIENCE: Duration = Duration::from_secs(3);
const NO_WAL: &str = "its file system does not allow write-ahead logging; use a local disk";

/// Retries with jitter: SQLite's own handler backs off to 100 ms, which starves one process while another is
/// busy.
#[derive(Debug)]
pub(in crate::platform) struct Patience(Instant);

impl Patience {
    pub(in crate::platform) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// Waits a moment if `error` says busy and there is time left. `false`: give up.
    pub(in crate::platform) fn bears(&self, error: &Error) -> bool {
        if !is_busy(error) || Instant::now() >= self.0 {
            return false;
        }
        thread::sleep(Duration::from_micros(200) + Duration::from_millis(2).mul_f64(ids::fraction()));
        true
    }
}

pub(in crate::platform) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Device and inode: which file it is, whatever its name. Only comparable while the file is held open, or the
/// system may give the number out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Identity(u64, u64);

impl Identity {
    pub(in crate::platform) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|m| Self(m.dev(), m.ino()))
    }
}

/// A file that is open and should stay where it is. What would be written after it was moved away or replaced
/// would be gone with the process.
#[derive(Debug)]
pub(in crate::platform) struct Pinned {
    pub(in crate::platform) path: PathBuf,
    identity: Identity,
    lost: AtomicBool,
}

impl Pinned {
    /// The file at `path`, which is about to be opened.
    pub(in crate::platform) fn new(path: &Path) -> Result<Self, String> {
        let identity = Identity::of(path)
            .ok_or_else(|| format!("{}: disappeared while it was opened", path.display()))?;
        Ok(Self { path: path.to_owned(), identity, lost: AtomicBool::new(false) })
    }

    pub(in crate::platform) fn identity(&self) -> Identity {
        self.identity
    }

    pub(in crate::platform) fn in_place(&self) -> bool {
        Identity::of(&self.path) == Some(self.identity)
    }

    /// Refuses while the file is not in its place. The log is told when that changes.
    pub(in crate::platform) fn check(&self) -> Result<(), String> {
        let lost = !self.in_place();
        let path = self.path.display();
        if self.lost.swap(lost, Ordering::Relaxed) != lost {
            if lost {
                tracing::error!(%path,
                    "the file was moved, deleted or replaced while it was open: nothing is read or written \
                     until it is back or the process is started anew");
            } else {
                tracing::warn!(%path, "the file is back in its place");
            }
        }
        if lost { Err(format!("{path} is no longer the file that was opened")) } else { Ok(()) }
    }
}

/// Nobody else makes, opens or takes away a file of the folder of `path` until the answer is dropped.
pub(in crate::platform) fn lock(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    File::open(folder).and_then(|f| f.lock().map(|()| f))
}

/// Makes the folder (0700) and the file (0600) where they are missing; what is there keeps its mode. The
/// answer is a [`lock`].
pub(in crate::platform) fn make(
    path: &Path,
    before: impl FnOnce() -> io::Result<()>,
) -> Result<File, String> {
    let told = |what: &str, e: io::Error| format!("{}: {what}: {e}", path.display());
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| told("its directory cannot be made", e))?;
    let lock = lock(path).map_err(|e| told("its directory cannot be locked", e))?;
    before().map_err(|e| told("the side files of an earlier file cannot be removed", e))?;
    // Only a file that is not there is opened: closing one drops all locks that this process holds on it,
    // SQLite's too.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(told("it cannot be made", e)),
        Err(_) if path.is_dir() => Err(format!("{}: it is a directory", path.display())),
        _ => Ok(lock),
    }
}

/// A connection for writing, in WAL mode, to a file that is for `mark`, and has it from then on: another one
/// is left as it is. `layout` makes what must be there, and the rest of the settings.
pub(in crate::platform) fn open_writer(
    path: &Path,
    mark: Mark,
    mut layout: impl FnMut(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, String> {
    let patience = Patience::new();
    let mut open = || {
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.busy_timeout(Duration::from_millis(5))?; // beyond that, `Patience`
        if conn.is_readonly("main")? {
            return Err(refused("it is not writable"));
        }
        let marked = mark.is_on(&conn)?;
        let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(refused(NO_WAL));
        }
        layout(&conn)?;
        if !marked {
            mark.set(&conn)?;
        }
        Ok(conn)
    };
    loop {
        match open() {
            Err(e) if patience.bears(&e) => {} // another process is just making or recovering it
            opened => return opened.map_err(|e| explain(path, &e)),
        }
    }
}

/// An error of our own in SQLite's form.
pub(in crate::platform) fn refused(why: &str) -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), Some(why.to_owned()))
}

pub(in crate::platform) fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(PATIENCE)?;
    conn.set_prepared_statement_cache_capacity(256);
    // Otherwise a statement over a partial index is prepared anew for other values:
    // SQLite looks whether they allow a better plan. There is none to be found.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// Closes it. The last connection of all processes brings what was written into the one file, and leaves
/// nothing beside it: that is SQLite's own. Others only bring over what keeps nobody waiting: a checkpoint
/// that insists takes the lock that writes need. When another file stands at its path by now, nothing is
/// touched there.
pub(in crate::platform) fn close(conn: Connection, file: &Pinned) {
    if !file.in_place() {
        return retire(conn);
    }
    let checkpoint = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = checkpoint.or_else(|error| if is_busy(&error) { Ok(()) } else { Err(error) }) {
        let path = file.path.display();
        tracing::warn!(%path, %error, "the file is closed, and its -wal belongs to it");
    }
    drop(conn);
}

/// Closes a connection to a file that has been replaced, without touching what now stands at its path.
pub(in crate::platform) fn retire(conn: Connection) {
    if let Err(e) = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::debug!(error = %e, "an old file is closed without ceremony");
    }
    drop(conn);
}

/// What SQLite finds wrong with the file first; nothing when it is whole. It reads all of it.
pub(in crate::platform) fn damage(conn: &Connection) -> rusqlite::Result<Option<String>> {
    match conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(found) => Ok((found != "ok").then(|| found.replace('\n', " "))),
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(Some(e.to_string())),
        Err(e) => Err(e),
    }
}

/// A file beside another, as its `-wal`.
pub(in crate::platform) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Why the file cannot be used: one line, with its path.
pub(in crate::platform) fn explain(path: &Path, error: &Error) -> String {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            format!("{path} is not an SQLite database; name another file or move this one away")
        }
        Some(ErrorCode::CannotOpen) => {
            format!("{path}: {error}; it and its directory must be readable and writable")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{path} is kept locked by another process")
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            format!("{path} is damaged ({error}): stop all programs that use it, and restore a copy")
        }
        _ => format!("{path}: {error}").replace('\n', " "),
    }
}
