//! Opens the queue's file, and opens it anew when it is no longer the one at its path.
//!
//! Guards against writing into a deleted file for ever, and against a new file that takes up the side files
//! (`-wal`, `-shm`) of an old one, which would corrupt it. All opening happens under a lock on the folder, so
//! that several processes that notice at the same time do not remove each other's side files.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, config::DbConfig};

use super::schema;
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::{
        queue::Options,
        sqlite::{
            file::{self, Identity, Pinned, beside},
            mark::Mark,
        },
        telemetry::Counter,
    },
};

static DAMAGED: Counter = Counter::new(
    "waybill_queue_file_damaged_total",
    "Times that a damaged queue file was moved aside and made anew.",
);

/// How long a person's look at a file takes at most.
const LOOKING: Duration = Duration::from_secs(5);

/// The three connections of a process.
pub(super) struct Opened {
    /// The writer's own.
    pub(super) write: Connection,
    /// For looking at jobs.
    pub(super) read: Connection,
    /// For noticing the commits of others.
    pub(super) watch: Connection,
    pub(super) file: Pinned,
    /// The side file that belongs to it.
    pub(super) wal: Option<Identity>,
}

/// Opens the file at `path`, which must be absolute, making folder, file and table where they are missing.
/// `before` is what this process had open until now, if anything: still open, so that its numbers mean
/// something. A file that is made anew has a new epoch, from `now` on, and belongs to the installation of
/// `options`, unless that claims nothing; one that belongs to another is refused.
pub(super) fn open(
    path: &Path,
    before: Option<(Identity, Option<Identity>)>,
    now: Timestamp,
    options: &Options,
) -> Result<Opened, String> {
    let lock = file::make(path, || {
        remove_stale(path, before)?;
        set_damaged_aside(path, now)
    })?;
    // Read before the connections are made: a file put there in between then counts as a change, not as ours.
    let pinned = Pinned::new(path)?;
    let write = file::open_writer(path, Mark::Jobs, |conn| {
        layout(conn, now)?;
        options.installation.as_deref().map_or(Ok(()), |id| belongs(conn, id, options.claims_nothing))
    })?;
    let view = || view(path).map_err(|e| file::explain(path, &e));
    let (read, watch) = (view()?, view()?);
    drop(lock);
    Ok(Opened { write, read, watch, file: pinned, wal: Identity::of(&beside(path, "-wal")) })
}

fn layout(conn: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    if version > schema::VERSION {
        return Err(file::refused(&format!(
            "it was made by a newer version of this program (layout {version})"
        )));
    }
    if version < schema::VERSION {
        let epoch =
            format!("INSERT INTO epoch (id, since) VALUES ('{}', {})", ids::lease_token(), now.as_millis());
        let (schema, version) = (schema::SCHEMA, schema::VERSION);
        conn.execute_batch(&format!(
            "BEGIN IMMEDIATE; {schema} {epoch}; PRAGMA user_version = {version}; COMMIT"
        ))?;
    }
    conn.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216")
}

fn belongs(conn: &Connection, installation: &str, claims_nothing: bool) -> rusqlite::Result<()> {
    conn.execute_batch(schema::INSTALLATION)?;
    let owner = || conn.query_row("SELECT id FROM installation", [], |r| r.get::<_, String>(0)).optional();
    let owner = match owner()? {
        Some(owner) => owner,
        None if claims_nothing => return Ok(()),
        None => {
            conn.execute(schema::FIRST_INSTALLATION, [installation])?;
            owner()?.unwrap_or_default()
        }
    };
    if owner == installation {
        return Ok(());
    }
    Err(file::refused(
        "it holds the jobs of another database of documents: stop all processes and remove it, with its -wal \
         and -shm, or name another file in queue.url",
    ))
}

fn view(path: &Path) -> rusqlite::Result<Connection> {
    let conn = file::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.execute_batch("PRAGMA query_only = ON")?;
    // When it is closed, another file may stand at the path: it must not tidy up there.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // The first look opens the side files, which must happen under the lock.
    conn.query_row("SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT 1)", [], |_| Ok(()))?;
    Ok(conn)
}

/// Moves a file away that SQLite cannot read, so that a new one is made: jobs of documents are rebuilt from
/// these. A file that is no database, and does not look like one by its name and its size, is somebody
/// else's.
fn set_damaged_aside(path: &Path, now: Timestamp) -> io::Result<()> {
    let Some(why) = damage(path, None) else { return Ok(()) };
    let aside = format!(".damaged-{}", now.to_string().replace(':', ""));
    for suffix in ["-wal", "-shm", "-journal", ""] {
        match fs::rename(beside(path, suffix), beside(path, &format!("{aside}{suffix}"))) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    DAMAGED.increment(&[]);
    let (path, aside) = (path.display(), beside(path, &aside));
    tracing::error!(%path, aside = %aside.display(), reason = why,
        "the queue file {path} is damaged ({why}): it was moved to {} and a new one is made; the jobs are \
         rebuilt from the orders; pauses of queues, and jobs that are for no document, are gone",
        aside.display());
    Ok(())
}

/// What is wrong with the file, which is left as it is; nothing when it is whole, is none of ours, or cannot
/// be looked at now. Whoever opens the file waits meanwhile, so it ends after a while.
pub(super) fn look(path: &Path) -> Option<String> {
    let _lock = file::lock(path).ok()?;
    damage(path, Some(LOOKING))
}

/// What SQLite finds wrong with the file, in this time if there is one; nothing when it is whole, is none of
/// ours, or cannot be looked at now.
fn damage(path: &Path, within: Option<Duration>) -> Option<String> {
    if fs::metadata(path).map_or(true, |m| m.len() == 0 || m.is_dir()) {
        return None;
    }
    let named = path.extension().is_some_and(|end| ["db", "sqlite", "sqlite3"].iter().any(|e| end == *e));
    let pages = fs::metadata(path).is_ok_and(|m| m.len().is_multiple_of(4096));
    let look = || -> rusqlite::Result<Option<String>> {
        let mut conn = file::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // What is not whole, or not ours, is left as it is, with what is beside it.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if Mark::Jobs.is_not_on(&conn)? {
            return Ok(None);
        }
        if let Some(within) = within {
            let began = Instant::now();
            conn.progress_handler(1000, Some(move || began.elapsed() > within))?;
        }
        let found = file::damage(&conn)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, found.is_some())?;
        Ok(found)
    };
    look().unwrap_or_else(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => Some(error.to_string()),
        Some(ErrorCode::NotADatabase) if named && pages => Some(error.to_string()),
        _ => None,
    })
}

/// Removes side files whose database is gone: there is none (or an empty one), or another one stands in the
/// place of ours and the `-wal` is still ours. A `-wal` that is not ours belongs to the new file and to
/// whoever noticed first.
fn remove_stale(path: &Path, before: Option<(Identity, Option<Identity>)>) -> io::Result<()> {
    let empty = fs::metadata(path).map_or(true, |m| m.len() == 0);
    let replaced = before.is_some_and(|(file, wal)| {
        Identity::of(path) != Some(file) && Identity::of(&beside(path, "-wal")) == wal
    });
    if empty || replaced {
        for suffix in ["-wal", "-shm", "-journal"] {
            match fs::remove_file(beside(path, suffix)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}
