//! How connections are opened, and what SQLite's errors mean.
//!
//! Guards against a database that others on the machine can read, a start that fails with nothing but "unable
//! to open", and a busy file being taken for a broken one.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, config::DbConfig};

use crate::{base::ids, platform::store::StoreError};

/// How long a busy file is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Retries with jitter: SQLite's own handler backs off to 100 ms, which starves one process while another is
/// busy.
#[derive(Debug)]
pub(super) struct Patience(Instant);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// Waits a moment if `error` says busy and there is time left. `false`: give up.
    pub(super) fn bears(&self, error: &Error) -> bool {
        let busy =
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
        if !busy || Instant::now() >= self.0 {
            return false;
        }
        thread::sleep(Duration::from_micros(200) + Duration::from_millis(2).mul_f64(ids::fraction()));
        true
    }
}

/// Makes the folder (0700) and the file (0600) where they are missing. What is there keeps its mode.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    // Closing any descriptor of a file drops all locks that this process holds on it, SQLite's too. So one
    // thread at a time makes the file, and nobody opens it as a database in between.
    static MAKING: Mutex<()> = Mutex::new(());
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.exists()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|e| cannot_open(path, &format!("its directory cannot be made: {e}")))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match fs::metadata(path) {
            Ok(m) if m.is_dir() => Err(cannot_open(path, "it is a directory")),
            _ => Ok(()),
        },
        Err(e) => Err(cannot_open(path, &e.to_string())),
    }
}

/// The one connection of this process that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let patience = Patience::new();
    loop {
        match try_open_writer(path) {
            Ok(Some(conn)) => return Ok(conn),
            Ok(None) => return Err(cannot_open(path, "it is not writable")),
            Err(e) if patience.bears(&e) => {} // another process is just making or recovering it
            Err(e) => return Err(cannot_open(path, &explained(&e))),
        }
    }
}

fn try_open_writer(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    if conn.is_readonly("main")? {
        return Ok(None);
    }
    conn.busy_timeout(Duration::from_millis(5))?; // beyond that, `Patience`
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(NO_WAL.to_owned()),
        ));
    }
    // A larger WAL between checkpoints: index pages that every commit touches are copied back once, not each
    // time.
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -32000",
    )?;
    keep_plans(&conn)?;
    Ok(Some(conn))
}

const NO_WAL: &str = "its file system does not allow write-ahead logging; use a local disk";

/// A connection that cannot write, whatever it is asked.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(PATIENCE)?;
    conn.execute_batch("PRAGMA cache_size = -8000")?;
    keep_plans(&conn)?;
    Ok(conn)
}

/// Otherwise every run of a query over an expression index with other values is prepared anew: SQLite looks
/// whether the values allow a better plan. There is none to be found, since each query names its index.
fn keep_plans(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(128);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn cannot_open(path: &Path, why: &str) -> StoreError {
    StoreError::Unavailable(format!("cannot open the database {}: {why}", path.display()))
}

fn explained(error: &Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "it is not an SQLite database; name another file or move this one away".to_owned()
        }
        Some(ErrorCode::CannotOpen) if !error.to_string().contains(NO_WAL) => {
            format!("{error}; it and its directory must be readable and writable")
        }
        _ => error.to_string(),
    }
}

/// What a failed statement means to the caller. A conflict carries SQLite's name for the index: `orders_awb`,
/// or `orders.id`.
pub(super) fn meaning(error: &Error) -> StoreError {
    use rusqlite::ffi;
    let Error::SqliteFailure(code, text) = error else { return StoreError::Fault(error.to_string()) };
    if matches!(code.extended_code, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) {
        let text = text.as_deref().unwrap_or_default();
        let name = text.rsplit(": ").next().unwrap_or(text);
        let name = name.strip_prefix("index '").and_then(|n| n.strip_suffix('\'')).unwrap_or(name);
        return StoreError::Conflict { index: name.to_owned() };
    }
    match code.code {
        ErrorCode::Unknown
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::TooBig
        | ErrorCode::ApiMisuse => StoreError::Fault(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_query_is_prepared_once_whatever_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        fs::write(&path, "").unwrap();
        let writer = open_writer(&path).unwrap();
        let at = "json_extract(doc,'$.at')";
        writer
            .execute_batch(&format!(
                "CREATE TABLE docs (id TEXT PRIMARY KEY, doc TEXT); CREATE INDEX by_at ON docs ({at}, id) WHERE {at} IS NOT NULL;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                 INSERT INTO docs SELECT i, json_object('at', i) FROM n"
            ))
            .unwrap();
        let sql = format!(
            "SELECT id FROM docs INDEXED BY by_at WHERE {at} IS NOT NULL AND {at} < ?1 ORDER BY {at}, id LIMIT ?2"
        );
        for conn in [writer, open_reader(&path).unwrap()] {
            for before in 1..2_000_i64 {
                let mut query = conn.prepare_cached(&sql).unwrap();
                query
                    .query_map([before, 1], |row| row.get::<_, String>(0))
                    .unwrap()
                    .for_each(|id| drop(id.unwrap()));
            }
            assert_eq!(conn.prepare_cached(&sql).unwrap().get_status(StatementStatus::RePrepare), 0);
        }
    }
}
