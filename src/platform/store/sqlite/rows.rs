//! From rows to documents.
//!
//! Guards against one document that does not read as its type ending a whole page, and against its values
//! being told with it.

use std::collections::BTreeMap;

use rusqlite::{
    Connection, Row, params_from_iter,
    types::{Value, ValueRef},
};

use super::{
    connection::meaning,
    sql::{Find, Statement},
};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{
        Cursor, Document, FieldType, Head, Key, Page, StoreError, Unreadable,
        kind::{AnyDoc, Kind},
    },
};

/// A row that was read in the thread that writes, where no document is read: id, version, JSON.
pub(super) type Raw = (String, i64, String);

pub(super) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

pub(super) fn read(kind: Kind, (id, version, json): &Raw) -> Result<AnyDoc, StoreError> {
    (kind.from_json)(json, *version).map_err(|why| kind.fault(id, &why))
}

/// # Errors
/// [`StoreError::Fault`] when the document does not read as its type.
pub(super) fn one(
    kind: Kind,
    conn: &Connection,
    statement: &Statement,
) -> Result<Option<AnyDoc>, StoreError> {
    let mut page = all(kind, conn, statement)?;
    match page.unreadable.first() {
        Some(Unreadable { id, why }) => Err(kind.fault(id, why)),
        None => Ok(page.docs.pop()),
    }
}

pub(super) fn all(kind: Kind, conn: &Connection, statement: &Statement) -> Result<Page<AnyDoc>, StoreError> {
    let mut prepared = conn.prepare_cached(&statement.sql).map_err(|e| meaning(&e))?;
    let mut rows = prepared.query(params_from_iter(&statement.values)).map_err(|e| meaning(&e))?;
    let mut page = Page::empty();
    while let Some(row) = rows.next().map_err(|e| meaning(&e))? {
        take(&mut page, kind, row)?;
    }
    Ok(page)
}

/// The first `limit` documents that the filter takes, and the place behind the last row that was looked at.
pub(super) fn page(
    kind: Kind,
    conn: &Connection,
    find: &Find,
    (limit, max_scanned): (usize, Option<usize>),
) -> Result<Page<AnyDoc>, StoreError> {
    let Statement { sql, values } = &find.statement;
    let mut prepared = conn.prepare_cached(sql).map_err(|e| meaning(&e))?;
    let mut rows = prepared.query(params_from_iter(values)).map_err(|e| meaning(&e))?;
    let (mut page, mut scanned, mut last) = (Page::empty(), 0, None);
    while let Some(row) = rows.next().map_err(|e| meaning(&e))? {
        let full = page.len() >= limit;
        if full || max_scanned.is_some_and(|max| scanned >= max) {
            (page.next, page.stopped) = (last, !full);
            break;
        }
        scanned += 1;
        last = Some(cursor(row, find.sort).map_err(|e| meaning(&e))?);
        if !matches!(row.get_ref(2), Ok(ValueRef::Null)) {
            take(&mut page, kind, row)?;
        }
    }
    Ok(page)
}

/// The rows of a page without its documents, and the one that tells of a next page.
pub(super) fn heads(conn: &Connection, find: &Find) -> rusqlite::Result<Vec<Option<Head>>> {
    let mut prepared = conn.prepare_cached(&find.statement.sql)?;
    let rows = prepared.query_map(params_from_iter(&find.statement.values), |row| {
        Ok(Some(Head { place: cursor(row, find.sort)?, version: row.get(1)? }))
    })?;
    rows.collect()
}

fn take(page: &mut Page<AnyDoc>, kind: Kind, row: &Row<'_>) -> Result<(), StoreError> {
    let version = row.get(1).map_err(|e| meaning(&e))?;
    // From SQLite's own memory, without a copy of the text.
    let json = row.get_ref(2).map_err(|e| meaning(&e))?.as_str();
    match json.map_err(|e| e.to_string()).and_then(|json| (kind.from_json)(json, version)) {
        Ok(doc) => page.docs.push(doc),
        Err(why) => {
            let id = row.get(0).map_err(|e| meaning(&e))?;
            page.unreadable.push(Unreadable { id, why });
        }
    }
    Ok(())
}

/// The version column decides. An error tells the place alone: serde's own words quote the value, which may
/// be a phone number.
pub(in crate::platform::store) fn decode<D: Document>(json: &str, version: i64) -> Result<AnyDoc, String> {
    let read: Result<D, _> = serde_json::from_str(json);
    let mut doc = read.map_err(|e| format!("{:?} error at column {}", e.classify(), e.column()))?;
    doc.set_version(version);
    Ok(Box::new(doc))
}

fn cursor(row: &Row<'_>, sort: FieldType) -> rusqlite::Result<Cursor> {
    let key = match (row.get(3)?, sort) {
        (Value::Integer(n), FieldType::Bool) => Key::Bool(n != 0),
        (Value::Integer(n), _) => Key::Int(n),
        // A time that is not in our form sorts by its text, and the cursor must be what it sorts by.
        (Value::Text(text), FieldType::Time) => match Timestamp::parse(&text) {
            Ok(time) if time.to_string() == text => Key::Time(time),
            _ => Key::Text(text),
        },
        (Value::Text(text), _) => Key::Text(text),
        (Value::Null | Value::Real(_) | Value::Blob(_), _) => {
            return Err(rusqlite::Error::InvalidColumnType(
                3,
                "sort".to_owned(),
                rusqlite::types::Type::Null,
            ));
        }
    };
    Ok(Cursor { key, id: row.get(0)? })
}

pub(super) fn number(conn: &Connection, statement: &Statement) -> rusqlite::Result<u64> {
    let mut prepared = conn.prepare_cached(&statement.sql)?;
    let n: i64 = prepared.query_row(params_from_iter(&statement.values), |row| row.get(0))?;
    Ok(u64::try_from(n).unwrap_or(0))
}

pub(super) fn counts(conn: &Connection, statement: &Statement) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut prepared = conn.prepare_cached(&statement.sql)?;
    let rows = prepared.query_map(params_from_iter(&statement.values), |row| {
        Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
    })?;
    rows.collect()
}
