//! The store's connections, its side of the one thread that writes, and what SQLite's errors mean to callers.
//!
//! Guards against documents that go with a file that was moved away: what is lost here is lost, so nothing is
//! written or read while another file, or none, stands at the path.

use std::{
    io,
    path::{Path, absolute},
    sync::Arc,
};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::table::{NO_JSON, Tables};
use crate::platform::{
    sqlite::{
        file::{self, Pinned},
        mark::Mark,
        writer::{Target, Undone},
    },
    store::StoreError,
};

/// The one connection of this process that writes, and its file.
pub(super) fn open_writer(path: &Path) -> Result<(Connection, Arc<Pinned>), String> {
    let path = absolute(path).map_err(|e: io::Error| format!("{}: {e}", path.display()))?;
    let _lock = file::make(&path, || Ok(()))?;
    let pinned = Pinned::new(&path)?;
    Ok((file::open_writer(&path, Mark::Documents, settings)?, Arc::new(pinned)))
}

/// A larger WAL between checkpoints: index pages that every commit touches are copied back once, not each
/// time. The caches are small, since what is not in them is in the system's: readers' are there per reader.
pub(super) fn settings(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8000",
    )
}

/// A connection that cannot write, whatever it is asked.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = file::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.execute_batch("PRAGMA cache_size = -1000")?;
    Ok(conn)
}

/// The file, as the thread that writes has it.
pub(super) struct Documents {
    pub(super) file: Arc<Pinned>,
    /// Away while a transaction is under way.
    pub(super) open: Option<(Connection, Tables)>,
}

impl Target for Documents {
    type Effects = Tables;

    fn begin(&mut self) -> Result<(Connection, Tables), String> {
        self.file.check()?;
        let (conn, mut tables) = self.open.take().ok_or("the connection was lost")?;
        tables.begin();
        Ok((conn, tables))
    }

    fn end(
        &mut self,
        conn: Connection,
        mut tables: Tables,
        outcome: Result<(), Error>,
    ) -> Result<(), String> {
        if outcome.is_err() {
            tables.forget(); // what was seen of them was undone
        }
        self.open = Some((conn, tables));
        outcome.map_err(|e| file::explain(&self.file.path, &e))?;
        // Moved away just now: what was committed may be out of reach.
        self.file.check()
    }

    fn close(self) {
        if let Some((conn, _)) = self.open {
            file::close(conn, &self.file);
        }
    }
}

/// What came of a write that was not done.
pub(super) fn undone(undone: Undone) -> StoreError {
    match undone {
        Undone::Own(error) => meaning(&error),
        Undone::All(why) => StoreError::Unavailable(why),
    }
}

/// Whether a replacement found no document of its version.
pub(super) fn lost(undone: &Undone) -> bool {
    matches!(undone, Undone::Own(Error::StatementChangedRows(_)))
}

fn of_an_earlier_release() -> StoreError {
    StoreError::Outdated(vec!["its tables".to_owned()])
}

/// What a failed statement means to the caller. A conflict carries SQLite's name for the index: `orders_awb`,
/// or `orders.id`.
pub(super) fn meaning(error: &Error) -> StoreError {
    use rusqlite::ffi;
    let (code, text) = match error {
        Error::SqliteFailure(code, text) => (code, text),
        Error::SqlInputError { msg, .. } if msg.ends_with(NO_JSON) => return of_an_earlier_release(),
        other => return StoreError::Fault(other.to_string()),
    };
    if text.as_deref().is_some_and(|text| text.ends_with(NO_JSON)) {
        return of_an_earlier_release();
    }
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
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Unavailable(format!(
            "its file is damaged ({error}): stop all programs that use it, and restore a copy"
        )),
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
        std::fs::write(&path, "").unwrap();
        let (writer, _) = open_writer(&path).unwrap();
        let at = "[at]";
        writer
            .execute_batch(&format!(
                "CREATE TABLE docs (id TEXT PRIMARY KEY, at);
                 CREATE INDEX by_at ON docs ({at}, id) WHERE {at} IS NOT NULL;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                 INSERT INTO docs SELECT i, i FROM n"
            ))
            .unwrap();
        let sql = format!(
            "SELECT id FROM docs INDEXED BY by_at WHERE {at} IS NOT NULL AND {at} < ?1 \
             ORDER BY {at}, id LIMIT ?2"
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
