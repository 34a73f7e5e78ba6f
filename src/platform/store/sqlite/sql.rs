//! The SQL of the SQLite adapter, as text.
//!
//! Guards against injection and slow queries: names come from declarations alone and are checked, values are
//! always bound, and every query names the index that `plan.rs` chose, so that SQLite cannot take a worse
//! one.

use std::cmp::Ordering;

use rusqlite::types::Value;

use crate::platform::store::{
    StoreError,
    document::{Cursor, Index, Key, Order, Query},
    plan::{self, Shape},
};

/// Less than every value but NULL: "has a value" in a form that an index can seek.
const FLOOR: &str = "-9e999";

/// One statement with its values.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// What `prepare` makes of a declaration.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) table: String,
    pub(super) create_table: String,
    pub(super) indexes: Vec<SchemaIndex>,
}

/// `create` is exactly what SQLite keeps in `sqlite_schema`, so that a changed declaration shows.
#[derive(Debug)]
pub(super) struct SchemaIndex {
    pub(super) name: String,
    pub(super) create: String,
}

/// A table with a rowid on purpose: a WITHOUT ROWID table keeps at most a quarter of a page per row in place,
/// and our documents are larger, so each would cost an overflow page more.
pub(super) fn schema(collection: &str, indexes: &[Index]) -> Result<Schema, StoreError> {
    check(collection)?;
    let mut made = Vec::with_capacity(indexes.len());
    for index in indexes {
        check(index.name)?;
        if index.fields.is_empty() {
            return Err(StoreError::Fault(format!("the index {collection}.{} has no field", index.name)));
        }
        for field in index.fields {
            check(field)?;
        }
        made.push(SchemaIndex {
            name: format!("{collection}_{}", index.name),
            create: create_index(collection, index),
        });
    }
    let create_table = format!(
        "CREATE TABLE IF NOT EXISTS \"{collection}\" (id TEXT PRIMARY KEY NOT NULL, \
         version INTEGER NOT NULL, doc TEXT NOT NULL)"
    );
    Ok(Schema { table: collection.to_owned(), create_table, indexes: made })
}

fn create_index(collection: &str, index: &Index) -> String {
    let mut columns: Vec<_> = index.fields.iter().map(|f| value_of(f)).collect();
    if !index.unique {
        columns.push("id".to_owned()); // the page order is (sort field, id)
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut sql = format!(
        "CREATE {unique}INDEX \"{collection}_{}\" ON \"{collection}\" ({})",
        index.name,
        columns.join(", ")
    );
    if index.sparse {
        sql.push_str(" WHERE ");
        sql.push_str(&present(index).join(" AND "));
    }
    sql
}

/// Names go into SQL text and JSON paths: letters, digits and `_`, with single dots between.
fn check(name: &str) -> Result<(), StoreError> {
    let fine = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if name.split('.').all(fine) {
        Ok(())
    } else {
        Err(StoreError::Fault(format!("{name:?} cannot name a collection, index or field")))
    }
}

fn value_of(field: &str) -> String {
    format!("json_extract(doc,'$.{field}')")
}

/// The terms that make SQLite see that a partial index may be used.
fn present(index: &Index) -> Vec<String> {
    index.fields.iter().map(|f| format!("{} IS NOT NULL", value_of(f))).collect()
}

pub(super) fn insert(collection: &str, id: &str, json: String) -> Statement {
    let sql = format!("INSERT INTO \"{collection}\" (id, version, doc) VALUES (?1, 1, ?2)");
    Statement { sql, values: vec![Value::Text(id.to_owned()), Value::Text(json)] }
}

/// `json` carries the version `stored + 1`.
pub(super) fn replace(collection: &str, id: &str, stored: i64, json: String) -> Statement {
    let sql =
        format!("UPDATE \"{collection}\" SET version = ?2 + 1, doc = ?3 WHERE id = ?1 AND version = ?2");
    Statement { sql, values: vec![Value::Text(id.to_owned()), Value::Integer(stored), Value::Text(json)] }
}

/// Columns as for [`find`].
pub(super) fn get(collection: &str, id: &str) -> Statement {
    let sql = format!("SELECT id, version, doc FROM \"{collection}\" WHERE id = ?1");
    Statement { sql, values: vec![Value::Text(id.to_owned())] }
}

/// Value and count of each group.
pub(super) fn count_by(collection: &str, indexes: &[Index], field: &str) -> Result<Statement, StoreError> {
    let index = plan::leading(indexes, field).ok_or_else(|| unindexed(collection, field))?;
    let v = value_of(field);
    let mut terms = vec![format!("{v} >= ''")]; // texts alone
    if index.sparse {
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
    let index = plan::leading(indexes, field).ok_or_else(|| unindexed(collection, field))?;
    let v = value_of(field);
    let mut terms = vec![format!("{v} >= '' AND {v} < ?1")];
    if index.sparse {
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

/// One page: `id`, `version`, `doc`.
pub(super) fn find(collection: &str, indexes: &[Index], query: &Query) -> Result<Statement, StoreError> {
    let (index, shape) = plan::serving(indexes, query).ok_or_else(|| {
        let equal: Vec<_> = query.equal.iter().map(|(f, _)| *f).collect();
        unindexed(collection, &format!("{} in the order of {}", equal.join(", "), query.sort))
    })?;
    let mut values = Values::default();
    let sort = value_of(query.sort);
    let mut terms: Vec<String> = query
        .equal
        .iter()
        .map(|(field, key)| format!("{} = {}", value_of(field), values.bind(bound(key.clone()))))
        .collect();
    if index.sparse {
        terms.extend(present(index));
    }
    let behind = bounds(&mut terms, &mut values, &sort, query, shape);
    let dir = match query.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    };
    let by_id = if index.unique { String::new() } else { format!("id {dir}") };
    let order = match shape {
        Shape::Point => String::new(),
        Shape::Ordered if index.unique => format!("{sort} {dir}"),
        Shape::Ordered => format!("{sort} {dir}, id {dir}"),
        Shape::ById => by_id.clone(),
    };
    let (name, limit) = (index.name, values.bind(Value::Integer(clamp(query.limit))));
    let select = |more: Option<String>, order: &str| {
        let terms: Vec<_> = terms.iter().cloned().chain(more).collect();
        let (terms, order_by) = (terms.join(" AND "), if order.is_empty() { "" } else { " ORDER BY " });
        format!(
            "SELECT id, version, doc FROM \"{collection}\" INDEXED BY \"{collection}_{name}\" \
             WHERE {terms}{order_by}{order} LIMIT {limit}"
        )
    };
    let sql = match behind {
        None => select(None, &order),
        Some([same, next]) => {
            let (same, next) = (select(Some(same), &by_id), select(Some(next), &order));
            format!("SELECT * FROM ({same}) UNION ALL SELECT * FROM ({next}) LIMIT {limit}")
        }
    };
    Ok(Statement { sql, values: values.0 })
}

/// Adds the range of the sort field to `terms`. SQLite seeks to one lower and one upper bound, so of the
/// range's own and the cursor's only the tighter is named; otherwise every page would start at the range's
/// end.
///
/// SQLite cannot seek to a pair (sort field, id) in an expression index. A page behind a cursor therefore
/// comes in two parts, each a plain seek: the rest of those with the cursor's own key, then what follows. The
/// two are given back as further terms.
fn bounds(
    terms: &mut Vec<String>,
    values: &mut Values,
    sort: &str,
    query: &Query,
    shape: Shape,
) -> Option<[String; 2]> {
    let (mut from, mut before, mut after) =
        (query.from.as_ref(), query.before.as_ref(), query.after.as_ref());
    if let (Shape::Ordered, Some(cursor)) = (shape, after) {
        let to = |key: Option<&Key>| key.map(|k| compare(k, &cursor.key));
        match query.order {
            Order::Ascending if to(from) == Some(Ordering::Greater) => after = None,
            Order::Ascending => from = None,
            Order::Descending if matches!(to(before), Some(Ordering::Less | Ordering::Equal)) => after = None,
            Order::Descending => before = None,
        }
    }
    let ascending = query.order == Order::Ascending;
    match from {
        Some(key) => terms.push(format!("{sort} >= {}", values.bind(bound(key.clone())))),
        None if shape == Shape::Ordered && ascending && after.is_some() => {}
        None => terms.push(format!("{sort} >= {FLOOR}")),
    }
    if let Some(key) = before {
        terms.push(format!("{sort} < {}", values.bind(bound(key.clone()))));
    }
    let Cursor { key, id } = after?;
    let sign = if ascending { '>' } else { '<' };
    let (key, id) = (values.bind(bound(key.clone())), values.bind(Value::Text(id.clone())));
    match shape {
        Shape::Ordered => {
            return Some([format!("{sort} = {key} AND id {sign} {id}"), format!("{sort} {sign} {key}")]);
        }
        Shape::ById => terms.push(format!("id {sign} {id}")),
        Shape::Point => terms.push(format!("({sort}, id) {sign} ({key}, {id})")),
    }
    None
}

/// Values in the order of their numbers.
#[derive(Default)]
struct Values(Vec<Value>);

impl Values {
    /// `?1`, `?2`, …
    fn bind(&mut self, value: Value) -> String {
        self.0.push(value);
        format!("?{}", self.0.len())
    }
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

fn unindexed(collection: &str, what: &str) -> StoreError {
    StoreError::Fault(format!("{collection}: no index serves {what}"))
}

#[cfg(test)]
mod tests;
