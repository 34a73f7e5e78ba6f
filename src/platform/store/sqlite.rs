//! Documents in one SQLite file: a table per collection with the id, the version, the document as JSON text,
//! and a column for each of its fields that is in an index.
//!
//! Guards against lost orders (an answered write is on the disk) and against slow ones: waiting writes share
//! a commit (`platform/sqlite/writer.rs`), reads have connections of their own (`readers.rs`), and no query
//! runs without its index (`sql.rs`).

mod connection;
mod indexes;
mod readers;
mod rows;
mod sql;
mod table;
mod target;
mod whole;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rusqlite::{Connection, Error, OptionalExtension, params_from_iter};
use tokio::task;

pub(super) use self::rows::decode;
use self::{
    connection::{Documents, meaning, undone},
    readers::Readers,
    sql::Statement,
    table::{Row, Table, Tables},
};
use super::{
    Batch, CommitError, Count, Heads, Index, IndexReport, Key, Page, Query, StoreError,
    batch::{Stored, next_version},
    kind::{AnyDoc, Kind},
};
use crate::{
    base::timestamp::Timestamp,
    platform::sqlite::{
        file::Pinned,
        writer::{Step, Writer},
    },
};

/// Gives the one connection that writes, and its file.
type OpenWriter = fn(&Path) -> Result<(Connection, Arc<Pinned>), String>;

/// A handle on the file; clones share it.
#[derive(Clone)]
pub(super) struct Sqlite {
    writer: Writer<Tables>,
    readers: Readers,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("readers", &self.readers).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the file, making it and its folder for this user alone where they are missing. `//` before a
    /// path is allowed, as in `sqlite:///var/lib/waybill.db`.
    pub(super) async fn open(path: &str) -> Result<Self, StoreError> {
        Self::open_by(connection::open_writer, path).await
    }

    /// The same for what is copied into: a file that is nobody's is unfinished from its first moment.
    pub(super) async fn open_target(path: &str) -> Result<Self, StoreError> {
        Self::open_by(target::open_writer, path).await
    }

    async fn open_by(open_writer: OpenWriter, path: &str) -> Result<Self, StoreError> {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.starts_with("file:") || path.contains('?') {
            return Err(StoreError::Unavailable(format!(
                "{path:?} is not a path: name a file, as in `sqlite:data/waybill.db`"
            )));
        }
        let path = PathBuf::from(path);
        let opening = task::spawn_blocking(move || Self::open_now(open_writer, &path));
        opening.await.map_err(|e| StoreError::Unavailable(e.to_string()))?
    }

    fn open_now(open_writer: OpenWriter, path: &Path) -> Result<Self, StoreError> {
        let refused = |why| StoreError::Unavailable(format!("cannot open the database: {why}"));
        let (conn, file) = open_writer(path).map_err(refused)?;
        let documents = Documents { file: file.clone(), open: Some((conn, Tables::default())) };
        let (writer, _thread) =
            Writer::start("sqlite-writer", documents).map_err(|e| refused(e.to_string()))?;
        Ok(Self { writer, readers: Readers::new(file) })
    }

    /// Makes what is missing. Gives the names of the table and the indexes that are not as they are declared;
    /// with `remake` they then are.
    pub(super) async fn prepare(&self, kind: Kind, remake: bool) -> Result<Vec<String>, StoreError> {
        let schema = sql::schema(kind.collection, kind.indexes)?;
        let prepare = move |step: &mut Step<'_, Tables>| {
            let changed = indexes::prepare(step.conn, &schema, remake);
            step.effects.forget();
            changed
        };
        let changed = self.writer.run(prepare).await.map_err(|e| match undone(e) {
            StoreError::Conflict { index } => StoreError::Fault(format!(
                "{}: stored documents break the unique index {index}",
                kind.collection
            )),
            e => e,
        })?;
        let name = |name: &String| match declared_name(kind.collection, name) {
            table if table == kind.collection => table.to_owned(),
            index => format!("{}.{index}", kind.collection),
        };
        Ok(changed.iter().map(name).collect())
    }

    /// How the indexes stand beside their declarations.
    pub(super) async fn indexes(&self, kind: Kind) -> Result<IndexReport, StoreError> {
        let schema = sql::schema(kind.collection, kind.indexes)?;
        self.readers.run(move |conn| indexes::look(conn, &schema).map_err(|e| meaning(&e))).await
    }

    /// Whether the thread that writes has ended: in this process nothing will ever be written again.
    pub(super) fn is_dead(&self) -> bool {
        !self.writer.alive()
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        if self.is_dead() {
            return Err(StoreError::Unavailable("the thread that writes has ended".to_owned()));
        }
        if let Some(why) = self.writer.failed() {
            return Err(StoreError::Unavailable(why));
        }
        let read = |conn: &Connection| {
            let mut statement =
                conn.prepare_cached("SELECT COUNT(*) FROM sqlite_schema").map_err(|e| meaning(&e))?;
            statement.query_row([], |_| Ok(())).map_err(|e| meaning(&e))
        };
        self.readers.run(read).await
    }

    pub(super) async fn insert(&self, doc: &dyn Stored) -> Result<(), StoreError> {
        let (collection, row) = (doc.collection(), row(doc, 1)?);
        let write = self
            .writer
            .statement(move |step| step.effects.of(step.conn, collection)?.insert(step.conn, &row));
        write.await.map(drop).map_err(|e| named(collection, undone(e)))
    }

    /// Of a conflict the other document is read in the same turn of the writer, and told after the commit:
    /// it cannot be gone, nor be one that was undone.
    pub(super) async fn insert_or_existing(
        &self,
        kind: Kind,
        doc: &dyn Stored,
        index: &'static Index,
    ) -> Result<Option<AnyDoc>, StoreError> {
        let row = row(doc, 1)?;
        let write = self.writer.statement_of_many(move |step| {
            let inserted = step.effects.of(step.conn, kind.collection)?.insert(step.conn, &row);
            let Err(error) = inserted else { return Ok(None) };
            if conflict(kind.collection, &error).as_deref() != Some(index.name) {
                return Err(error);
            }
            let mut twin = step.conn.prepare_cached(&sql::twin(kind.collection, index))?;
            let twin = twin.query_row([&row.json], rows::raw).optional()?;
            twin.map(Some).ok_or(error)
        });
        let twin = write.await.map_err(|e| named(kind.collection, undone(e)))?;
        twin.map(|raw| rows::read(kind, &raw)).transpose()
    }

    /// With the version that stands beside each.
    pub(super) async fn insert_all(
        &self,
        kind: Kind,
        docs: &[(&dyn Stored, i64)],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let rows: Vec<_> = docs.iter().map(|(doc, version)| row(*doc, *version)).collect();
        let write = self.writer.run(move |step| {
            let table = step.effects.of(step.conn, kind.collection)?;
            let mut outcomes = Vec::with_capacity(rows.len());
            for row in rows {
                let outcome = match row {
                    Ok(row) => {
                        let done = table.insert(step.conn, &row);
                        match done.map_err(|e| (conflict(kind.collection, &e), e)) {
                            Ok(_) => Ok(()),
                            Err((Some(index), _)) => Err(StoreError::Conflict { index }),
                            Err((None, error)) => return Err(error),
                        }
                    }
                    Err(error) => Err(error),
                };
                outcomes.push(outcome);
            }
            Ok(outcomes)
        });
        write.await.map_err(undone)
    }

    pub(super) async fn get(&self, kind: Kind, id: &str) -> Result<Option<AnyDoc>, StoreError> {
        let statement = sql::get(kind.collection, id);
        self.readers.run(move |conn| rows::one(kind, conn, &statement)).await
    }

    pub(super) async fn get_many(&self, kind: Kind, ids: &[&str]) -> Result<Page<AnyDoc>, StoreError> {
        let list = serde_json::to_string(ids).map_err(|e| StoreError::Fault(e.to_string()))?;
        let statement = sql::get_many(kind.collection, list);
        self.readers.run(move |conn| rows::all(kind, conn, &statement)).await
    }

    pub(super) async fn find(&self, kind: Kind, query: &Query) -> Result<Page<AnyDoc>, StoreError> {
        let Some(find) = sql::find(kind.collection, kind.indexes, query)? else { return Ok(Page::empty()) };
        let (limit, max_scanned) = (query.limit, query.max_scanned);
        self.readers.run(move |conn| rows::page(kind, conn, &find, (limit, max_scanned))).await
    }

    pub(super) async fn heads(&self, kind: Kind, query: &Query) -> Result<Heads, StoreError> {
        let limit = query.limit;
        let found = match sql::heads(kind.collection, kind.indexes, query)? {
            Some(find) => {
                self.readers.run(move |conn| rows::heads(conn, &find).map_err(|e| meaning(&e))).await?
            }
            None => Vec::new(),
        };
        Ok(Heads::of(found, limit))
    }

    pub(super) async fn count(&self, kind: Kind, query: &Query, cap: usize) -> Result<Count, StoreError> {
        let cap_n = u64::try_from(cap).unwrap_or(u64::MAX);
        let Some(statement) = sql::count(kind.collection, kind.indexes, query, cap)? else {
            return Ok(Count { n: 0, capped: false });
        };
        let n = self.readers.run(move |conn| rows::number(conn, &statement).map_err(|e| meaning(&e))).await?;
        Ok(Count { n: n.min(cap_n), capped: n > cap_n })
    }

    pub(super) async fn count_by(
        &self,
        kind: Kind,
        field: &'static str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let statement = sql::count_by(kind.collection, kind.indexes, field)?;
        self.readers.run(move |conn| rows::counts(conn, &statement).map_err(|e| meaning(&e))).await
    }

    pub(super) async fn replace(&self, doc: &dyn Stored) -> Result<bool, StoreError> {
        let (collection, row) = (doc.collection(), row(doc, next_version(doc)?)?);
        let write = self
            .writer
            .statement(move |step| step.effects.of(step.conn, collection)?.replace(step.conn, &row));
        write.await.map(|changed| changed == 1).map_err(|e| named(collection, undone(e)))
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let mut writes = Vec::with_capacity(batch.writes.len());
        for write in &batch.writes {
            let doc = write.doc.as_ref();
            let version = if write.replaces { next_version(doc)? } else { 1 };
            writes.push((doc.collection(), row(doc, version)?, write.replaces));
        }
        let at = Arc::new(AtomicUsize::new(0));
        let reached = Arc::clone(&at);
        let work = self.writer.run(move |step| {
            for (n, (collection, row, replaces)) in writes.iter().enumerate() {
                reached.store(n, Ordering::Relaxed);
                let table = step.effects.of(step.conn, collection)?;
                let write = if *replaces { Table::replace } else { Table::insert };
                match write(table, step.conn, row)? {
                    1 => {}
                    changed => return Err(Error::StatementChangedRows(changed)),
                }
            }
            Ok(())
        });
        let Err(error) = work.await else { return Ok(()) };
        let at = at.load(Ordering::Relaxed);
        if connection::lost(&error) {
            return Err(CommitError::Lost { at });
        }
        Err(match (undone(error), batch.writes.get(at)) {
            (StoreError::Conflict { index }, Some(write)) => {
                let index = declared_name(write.doc.collection(), &index).to_owned();
                CommitError::Conflict { at, index }
            }
            (error, _) => error.into(),
        })
    }

    pub(super) async fn delete_before(
        &self,
        kind: Kind,
        field: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let statement = sql::delete_before(kind.collection, kind.indexes, field, Key::Time(before), limit)?;
        let Statement { sql, values } = statement;
        let delete = self
            .writer
            .statement(move |step| step.conn.prepare_cached(&sql)?.execute(params_from_iter(values)));
        let gone = delete.await.map_err(|e| named(kind.collection, undone(e)))?;
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }
}

/// `awb` of `orders_awb`, `id` of `orders.id`.
fn declared_name<'a>(collection: &str, index: &'a str) -> &'a str {
    index.strip_prefix(collection).and_then(|rest| rest.strip_prefix(['_', '.'])).unwrap_or(index)
}

/// The index of a conflict under its declared name.
fn named(collection: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict { index } => {
            StoreError::Conflict { index: declared_name(collection, &index).to_owned() }
        }
        error => error,
    }
}

/// The declared name of the index that a statement came into conflict with, if that is what it failed of.
fn conflict(collection: &str, error: &Error) -> Option<String> {
    match named(collection, meaning(error)) {
        StoreError::Conflict { index } => Some(index),
        _ => None,
    }
}

/// A document as it is written, with this version.
fn row(doc: &dyn Stored, version: i64) -> Result<Row, StoreError> {
    Ok(Row { id: doc.id().to_owned(), version, json: doc.json(version)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_whose_writer_has_died_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path().join("waybill.db").to_str().unwrap()).await.unwrap();
        assert!(!store.is_dead());
        let dies = |_: &mut Step<'_, Tables>| -> rusqlite::Result<()> { panic!("on purpose") };
        assert!(store.writer.run(dies).await.is_err());
        while !store.is_dead() {
            task::yield_now().await;
        }
        assert!(store.ping().await.is_err());
    }
}
