//! Documents in one SQLite file: a table per collection with the id, the version and the document as JSON
//! text, and expression indexes over that JSON.
//!
//! Guards against lost orders (an answered write is on the disk) and against slow ones: waiting writes share
//! a commit (`platform/sqlite/writer.rs`), reads have connections of their own (`readers.rs`), and no query
//! runs without its index (`sql.rs`).

mod connection;
mod readers;
mod sql;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use tokio::task;

use self::{
    connection::{Documents, meaning, undone},
    readers::Readers,
    sql::{Schema, Statement},
};
use super::{Document, Key, Query, StoreError};
use crate::{base::timestamp::Timestamp, platform::sqlite::writer::Writer};

/// A handle on the file; clones share it.
#[derive(Clone)]
pub(super) struct Sqlite {
    writer: Writer<()>,
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
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.starts_with("file:") || path.contains('?') {
            return Err(StoreError::Unavailable(format!(
                "{path:?} is not a path: name a file, as in `sqlite:data/waybill.db`"
            )));
        }
        let path = PathBuf::from(path);
        let opening = task::spawn_blocking(move || Self::open_now(&path));
        opening.await.map_err(|e| StoreError::Unavailable(e.to_string()))?
    }

    fn open_now(path: &Path) -> Result<Self, StoreError> {
        let refused = |why| StoreError::Unavailable(format!("cannot open the database: {why}"));
        let (conn, file) = connection::open_writer(path).map_err(refused)?;
        let documents = Documents { file: file.clone(), conn: Some(conn) };
        let (writer, _thread) =
            Writer::start("sqlite-writer", documents).map_err(|e| refused(e.to_string()))?;
        Ok(Self { writer, readers: Readers::new(file) })
    }

    pub(super) async fn prepare<D: Document>(&self) -> Result<(), StoreError> {
        let schema = sql::schema(D::COLLECTION, D::INDEXES)?;
        self.writer.run(move |step| prepare(step.conn, &schema)).await.map_err(|e| match undone(e) {
            StoreError::Conflict { index } => StoreError::Fault(format!(
                "{}: stored documents break the unique index {index}",
                D::COLLECTION
            )),
            e => e,
        })
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        if !self.writer.alive() {
            return Err(StoreError::Unavailable("the thread that writes has ended".to_owned()));
        }
        let read = |conn: &Connection| {
            let mut statement =
                conn.prepare_cached("SELECT COUNT(*) FROM sqlite_schema").map_err(|e| meaning(&e))?;
            statement.query_row([], |_| Ok(())).map_err(|e| meaning(&e))
        };
        self.readers.run(read).await
    }

    pub(super) async fn insert<D: Document>(&self, doc: &D) -> Result<(), StoreError> {
        let json = json_of(doc, 1)?;
        self.write::<D>(sql::insert(D::COLLECTION, doc.id(), json)).await.map(drop)
    }

    pub(super) async fn get<D: Document>(&self, id: &str) -> Result<Option<D>, StoreError> {
        let statement = sql::get(D::COLLECTION, id);
        Ok(self.readers.run(move |conn| documents(conn, &statement)).await?.pop())
    }

    pub(super) async fn find<D: Document>(&self, query: &Query) -> Result<Vec<D>, StoreError> {
        let statement = sql::find(D::COLLECTION, D::INDEXES, query)?;
        self.readers.run(move |conn| documents(conn, &statement)).await
    }

    pub(super) async fn count_by<D: Document>(
        &self,
        field: &'static str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let statement = sql::count_by(D::COLLECTION, D::INDEXES, field)?;
        self.readers.run(move |conn| counts(conn, &statement).map_err(|e| meaning(&e))).await
    }

    pub(super) async fn replace<D: Document>(&self, doc: &D) -> Result<bool, StoreError> {
        let stored = doc.version();
        let next = stored
            .checked_add(1)
            .ok_or_else(|| StoreError::Fault(format!("{}: version {stored} is the last", doc.id())))?;
        let json = json_of(doc, next)?;
        self.write::<D>(sql::replace(D::COLLECTION, doc.id(), stored, json)).await.map(|changed| changed == 1)
    }

    pub(super) async fn delete_before<D: Document>(
        &self,
        field: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let statement = sql::delete_before(D::COLLECTION, D::INDEXES, field, Key::Time(before), limit)?;
        self.write::<D>(statement).await.map(|gone| u64::try_from(gone).unwrap_or(u64::MAX))
    }

    async fn write<D: Document>(&self, statement: Statement) -> Result<usize, StoreError> {
        let Statement { sql, values } = statement;
        let write = self
            .writer
            .statement(move |step| step.conn.prepare_cached(&sql)?.execute(params_from_iter(values)));
        write.await.map_err(|e| match undone(e) {
            StoreError::Conflict { index } => {
                StoreError::Conflict { index: declared_name(D::COLLECTION, &index).to_owned() }
            }
            e => e,
        })
    }
}

/// `awb` of `orders_awb`, `id` of `orders.id`.
fn declared_name<'a>(collection: &str, index: &'a str) -> &'a str {
    index.strip_prefix(collection).and_then(|rest| rest.strip_prefix(['_', '.'])).unwrap_or(index)
}

/// The document as it is to be stored.
fn json_of<D: Document>(doc: &D, version: i64) -> Result<String, StoreError> {
    let json = if doc.version() == version {
        serde_json::to_string(doc)
    } else {
        let mut doc = doc.clone();
        doc.set_version(version);
        serde_json::to_string(&doc)
    };
    json.map_err(|_| StoreError::Fault(format!("{} cannot be written as JSON", D::COLLECTION)))
}

fn documents<D: Document>(conn: &Connection, statement: &Statement) -> Result<Vec<D>, StoreError> {
    let mut prepared = conn.prepare_cached(&statement.sql).map_err(|e| meaning(&e))?;
    let mut rows = prepared.query(params_from_iter(&statement.values)).map_err(|e| meaning(&e))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|e| meaning(&e))? {
        found.push(document(row)?);
    }
    Ok(found)
}

/// Reads from SQLite's own memory, without a copy of the text. The version column decides.
fn document<D: Document>(row: &Row<'_>) -> Result<D, StoreError> {
    let unreadable = |why: String| {
        let id = row.get::<_, String>(0).unwrap_or_default();
        StoreError::Fault(format!("{} {id} does not read as its type: {why}", D::COLLECTION))
    };
    let text = row.get_ref(2).map_err(|e| meaning(&e))?.as_str().map_err(|e| unreadable(e.to_string()))?;
    // The place alone: serde's own words quote the value, which may be a phone number.
    let mut doc: D = serde_json::from_str(text)
        .map_err(|e| unreadable(format!("{:?} error at column {}", e.classify(), e.column())))?;
    doc.set_version(row.get(1).map_err(|e| meaning(&e))?);
    Ok(doc)
}

fn counts(conn: &Connection, statement: &Statement) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut prepared = conn.prepare_cached(&statement.sql)?;
    let rows = prepared.query_map(params_from_iter(&statement.values), |row| {
        Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
    })?;
    rows.collect()
}

/// Makes what is missing. An index whose declaration has changed is made anew.
fn prepare(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    conn.execute_batch(&schema.create_table)?;
    for index in &schema.indexes {
        let stored: Option<String> = conn
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1 AND tbl_name = ?2",
                [&index.name, &schema.table],
                |row| row.get(0),
            )
            .optional()?;
        match stored {
            Some(sql) if sql == index.create => continue,
            Some(_) => conn.execute_batch(&format!("DROP INDEX \"{}\"", index.name))?,
            None => {}
        }
        conn.execute_batch(&index.create)?;
    }
    Ok(())
}
