//! Opens the queue's file, and finds out that it is no longer the one at its path.
//!
//! Guards against writing into a deleted file for ever, and against a new file that takes up the side files
//! (`-wal`, `-shm`) of an old one, which would corrupt it. All opening happens under a lock on the folder, so
//! that several processes that notice at the same time do not remove each other's side files.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::sql;

/// How long one statement waits for a lock by itself; the writer adds its own patience on top.
const BUSY: Duration = Duration::from_millis(50);
/// How long opening waits for others.
const BUSY_AT_OPEN: Duration = Duration::from_secs(5);

/// Device and inode: which file it is, whatever its name. Only comparable while the file is held open, or the
/// system may give the number out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|m| Self(m.dev(), m.ino()))
    }
}

/// The three connections of a process.
pub(super) struct Opened {
    /// The writer's own.
    pub(super) write: Connection,
    /// For looking at jobs.
    pub(super) read: Connection,
    /// For noticing the commits of others.
    pub(super) watch: Connection,
    pub(super) identity: Identity,
    /// The side file that belongs to it.
    pub(super) wal: Option<Identity>,
}

/// Why the file cannot be used: one line, with its path.
pub(super) fn explain(path: &Path, e: &rusqlite::Error) -> String {
    let path = path.display();
    match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            format!("{path} is not a SQLite database; move it away, a new one will be made")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{path} is kept locked by another process")
        }
        _ => format!("{path}: {e}").replace('\n', " "),
    }
}

/// Opens the file at `path`, which must be absolute, making folder (0700), file (0600) and table where they
/// are missing. `before` is what this process had open until now, if anything: still open, so that its
/// numbers mean something.
pub(super) fn open(path: &Path, before: Option<(Identity, Option<Identity>)>) -> Result<Opened, String> {
    let io = |what: &str, e: io::Error| format!("{}: {what}: {e}", path.display());
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| io("cannot create its folder", e))?;
    let lock =
        File::open(folder).and_then(|f| f.lock().map(|()| f)).map_err(|e| io("cannot lock its folder", e))?;
    remove_stale(path, before).map_err(|e| io("cannot remove the side files of an earlier file", e))?;
    // Only a file that is not there is opened: closing one drops all locks that this process holds on it,
    // those of a look included.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(io("cannot be made", e)),
        Err(_) if path.is_dir() => return Err(format!("{} is a directory", path.display())),
        _ => {}
    }
    // Read before the connections are made: a file put there in between then counts as a change, not as ours.
    let identity =
        Identity::of(path).ok_or_else(|| format!("{}: disappeared while it was opened", path.display()))?;
    let opened = connect(path, identity).map_err(|e| explain(path, &e))??;
    drop(lock);
    Ok(opened)
}

fn connect(path: &Path, identity: Identity) -> rusqlite::Result<Result<Opened, String>> {
    let write = connection(path)?;
    write.busy_timeout(BUSY_AT_OPEN)?;
    let version: i64 = write.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    if version > sql::VERSION {
        return Ok(Err(format!(
            "{} was made by a newer version of this program (layout {version})",
            path.display()
        )));
    }
    write.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    if version < sql::VERSION {
        write.execute_batch(&format!(
            "BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT",
            sql::SCHEMA,
            sql::VERSION
        ))?;
    }
    write.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216")?;
    write.busy_timeout(BUSY)?;
    let (read, watch) = (connection(path)?, connection(path)?);
    for conn in [&read, &watch] {
        conn.execute_batch("PRAGMA query_only = ON")?;
        // When it is closed, another file may stand at the path: it must not tidy up there.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // The first look opens the side files, which must happen under the lock.
        conn.query_row("SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT 1)", [], |_| Ok(()))?;
    }
    Ok(Ok(Opened { write, read, watch, identity, wal: Identity::of(&side(path, "-wal")) }))
}

fn connection(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(48);
    // Otherwise a statement is prepared anew whenever a value is bound that was compared with a partial
    // index's condition.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// Removes side files whose database is gone: there is none (or an empty one), or another one stands in the
/// place of ours and the `-wal` is still ours. A `-wal` that is not ours belongs to the new file and to
/// whoever noticed first.
fn remove_stale(path: &Path, before: Option<(Identity, Option<Identity>)>) -> io::Result<()> {
    let empty = fs::metadata(path).map_or(true, |m| m.len() == 0);
    let replaced = before.is_some_and(|(file, wal)| {
        Identity::of(path) != Some(file) && Identity::of(&side(path, "-wal")) == wal
    });
    if empty || replaced {
        for suffix in ["-wal", "-shm", "-journal"] {
            match fs::remove_file(side(path, suffix)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Closes the writing connection to a file that has been replaced, without touching what now stands at its
/// path.
pub(super) fn retire(conn: Connection) {
    if let Err(e) = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::debug!(error = %e, "an old queue file is closed without ceremony");
    }
    drop(conn);
}

fn side(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
