//! The SQL of the SQLite adapter, as text.
//!
//! Guards against injection and slow queries: names come from declarations and are checked, values are
//! always bound, and every query names the index that `plan.rs` chose, so that SQLite cannot take a worse
//! one. What is written, `table.rs` says.

mod pages;

use std::cmp::Ordering;

use rusqlite::types::Value;

pub(super) use self::pages::{Find, count, find, heads};
use super::table;
use crate::platform::store::{
    StoreError,
    document::{Field, Index},
    plan,
    query::Key,
};

/// One statement with its values.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// What `prepare` makes of a declaration.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) table: &'static str,
    /// The indexed fields, each once.
    pub(super) fields: Vec<&'static str>,
    pub(super) indexes: Vec<SchemaIndex>,
}

/// `create` is exactly what SQLite keeps in `sqlite_schema`, so that a changed declaration shows.
#[derive(Debug)]
pub(super) struct SchemaIndex {
    pub(super) name: String,
    pub(super) create: String,
}

pub(super) fn schema(collection: &'static str, indexes: &'static [Index]) -> Result<Schema, StoreError> {
    check(collection)?;
    let (mut made, mut fields) = (Vec::with_capacity(indexes.len()), Vec::new());
    for index in indexes {
        check(index.name)?;
        if index.fields.is_empty() {
            return Err(StoreError::Fault(format!("the index {collection}.{} has no field", index.name)));
        }
        if index.unique && index.has_version {
            return Err(refused(collection, &format!("with a version {} is not unique", index.name)));
        }
        for field in index.fields {
            check(field.path)?;
            match fields.iter().find(|name: &&&str| name.eq_ignore_ascii_case(field.path)) {
                Some(name) if *name == field.path => {}
                None if !is_taken(field.path) => fields.push(field.path),
                _ => return Err(refused(collection, &format!("{} cannot be a column", field.path))),
            }
        }
        made.push(SchemaIndex {
            name: format!("{collection}_{}", index.name),
            create: create_index(collection, index),
        });
    }
    Ok(Schema { table: collection, fields, indexes: made })
}

fn create_index(collection: &str, index: &Index) -> String {
    let mut columns: Vec<_> = index.fields.iter().map(|f| column(f.path)).collect();
    if !index.unique {
        columns.push("id".to_owned()); // the page order is (sort field, id)
    }
    if index.has_version {
        columns.push("version".to_owned());
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut sql = format!(
        "CREATE {unique}INDEX \"{collection}_{}\" ON \"{collection}\" ({})",
        index.name,
        columns.join(", ")
    );
    if index.partial {
        sql.push_str(" WHERE ");
        sql.push_str(&present(index).join(" AND "));
    }
    sql
}

fn check(name: &str) -> Result<(), StoreError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(StoreError::Fault(format!("{name:?} cannot name a collection, index or field")))
    }
}

/// Names go into SQL text, as columns and JSON paths: letters, digits and `_`, with single dots between.
pub(super) fn is_name(name: &str) -> bool {
    let fine = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    name.split('.').all(fine)
}

/// Columns that are there already: SQLite has three names for the row's number, and takes `A` for `a`.
fn is_taken(field: &str) -> bool {
    let own = table::OWN.iter().chain(&["doc", "rowid", "oid", "_rowid_"]);
    own.into_iter().any(|name| name.eq_ignore_ascii_case(field))
}

/// The column of an indexed field. In brackets: a name in quotes that no column has would be a text.
pub(super) fn column(field: &str) -> String {
    format!("[{field}]")
}

/// Its value in the JSON that `json` names.
pub(super) fn extract(json: &str, field: &str) -> String {
    format!("json_extract({json},'$.{field}')")
}

/// The terms that make SQLite see that a partial index may be used.
fn present(index: &Index) -> Vec<String> {
    index.fields.iter().map(|f| format!("{} IS NOT NULL", column(f.path))).collect()
}

/// Columns: `id`, `version`, `json`.
pub(super) fn get(collection: &str, id: &str) -> Statement {
    let sql = format!("SELECT id, version, json FROM \"{collection}\" WHERE id = ?1");
    Statement { sql, values: vec![Value::Text(id.to_owned())] }
}

/// The same for many: `ids` is a JSON list.
pub(super) fn get_many(collection: &str, ids: String) -> Statement {
    let sql = format!(
        "SELECT id, version, json FROM \"{collection}\" WHERE id IN (SELECT value FROM json_each(?1))"
    );
    Statement { sql, values: vec![Value::Text(ids)] }
}

/// The document that has the same values in the unique index as the one in `?1`, which is JSON.
pub(super) fn twin(collection: &str, index: &Index) -> String {
    let same = |f: &Field| format!("{} = {}", column(f.path), extract("?1", f.path));
    let mut terms: Vec<_> = index.fields.iter().map(same).collect();
    if index.partial {
        terms.extend(present(index));
    }
    let (name, terms) = (index.name, terms.join(" AND "));
    format!("SELECT id, version, json FROM \"{collection}\" INDEXED BY \"{collection}_{name}\" WHERE {terms}")
}

/// Value and count of each group.
pub(super) fn count_by(collection: &str, indexes: &[Index], field: &str) -> Result<Statement, StoreError> {
    let index = plan::leading(indexes, field)
        .ok_or_else(|| refused(collection, &format!("no index serves {field}")))?;
    let v = column(field);
    let mut terms = vec![format!("{v} >= ''")]; // texts alone
    if index.partial {
        terms.extend(present(index));
    }
    let name = index.name;
    let terms = terms.join(" AND ");
    let sql = format!(
        "SELECT {v}, COUNT(*) FROM \"{collection}\" INDEXED BY \"{collection}_{name}\" WHERE {terms} \
         GROUP BY {v}"
    );
    Ok(Statement { sql, values: Vec::new() })
}

pub(super) fn delete_before(
    collection: &str,
    indexes: &[Index],
    field: &str,
    before: Key,
    limit: usize,
) -> Result<Statement, StoreError> {
    let index = plan::leading(indexes, field)
        .ok_or_else(|| refused(collection, &format!("no index serves {field}")))?;
    let v = column(field);
    let mut terms = vec![format!("{v} >= '' AND {v} < ?1")];
    if index.partial {
        terms.extend(present(index));
    }
    let name = index.name;
    let terms = terms.join(" AND ");
    let oldest = format!(
        "SELECT rowid FROM \"{collection}\" INDEXED BY \"{collection}_{name}\" WHERE {terms} \
         ORDER BY {v} LIMIT ?2"
    );
    let sql = format!("DELETE FROM \"{collection}\" WHERE rowid IN ({oldest})");
    Ok(Statement { sql, values: vec![bound(before), Value::Integer(clamp(limit))] })
}

fn bound(key: Key) -> Value {
    match key {
        Key::Text(v) => Value::Text(v),
        Key::Int(v) => Value::Integer(v),
        Key::Bool(v) => Value::Integer(i64::from(v)), // as json_extract gives it
        Key::Time(v) => Value::Text(v.to_string()),
    }
}

/// In SQLite's order: numbers before texts, texts by their bytes.
fn compare(a: &Key, b: &Key) -> Ordering {
    match (bound(a.clone()), bound(b.clone())) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(&b),
        (Value::Text(a), Value::Text(b)) => a.cmp(&b),
        (Value::Integer(_), _) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn clamp(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn refused(collection: &str, why: &str) -> StoreError {
    StoreError::Fault(format!("{collection}: {why}"))
}

#[cfg(test)]
mod tests;
