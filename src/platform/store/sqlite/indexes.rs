//! Declared tables and indexes, and those that are there.
//!
//! Guards against an index of an older release that goes on under its name: what SQLite keeps of it is
//! compared word by word.

use rusqlite::{Connection, OptionalExtension};

use super::{declared_name, sql::Schema, table};
use crate::platform::store::IndexReport;

/// Makes what is missing, and gives the table and the indexes that are not as they are declared; with
/// `remake` they then are. One transaction: where a unique index cannot be built, its predecessor stays.
pub(super) fn prepare(conn: &Connection, schema: &Schema, remake: bool) -> rusqlite::Result<Vec<String>> {
    let mut changed = Vec::new();
    if !table::prepare(conn, schema)? {
        changed.push(schema.table.to_owned());
        if !remake {
            return Ok(changed);
        }
        table::remake(conn, schema)?;
    }
    for index in &schema.indexes {
        let stored: Option<String> = conn
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1 AND tbl_name = ?2",
                [&index.name, schema.table],
                |row| row.get(0),
            )
            .optional()?;
        match stored {
            Some(sql) if sql == index.create => continue,
            Some(_) => {
                changed.push(index.name.clone());
                if !remake {
                    continue;
                }
                conn.execute_batch(&format!("DROP INDEX \"{}\"", index.name))?;
            }
            None => {}
        }
        conn.execute_batch(&index.create).map_err(|error| table::conflict(error, &index.name))?;
    }
    Ok(changed)
}

/// How they stand. SQLite's own, which serve the id, have no SQL.
pub(super) fn look(conn: &Connection, schema: &Schema) -> rusqlite::Result<IndexReport> {
    let mut list = conn.prepare_cached(
        "SELECT s.name, s.sql, i.\"unique\" FROM sqlite_schema s \
         JOIN pragma_index_list(?1) i ON i.name = s.name \
         WHERE s.type = 'index' AND s.tbl_name = ?1 AND s.sql IS NOT NULL ORDER BY s.name",
    )?;
    let rows = list.query_map([schema.table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let there: Vec<(String, String, bool)> = rows.collect::<Result<_, _>>()?;
    let told = |name: &str| format!("{}.{}", schema.table, declared_name(schema.table, name));
    let mut report = IndexReport { declared: schema.indexes.len(), ..IndexReport::default() };
    if !table::is_current(conn, schema)? {
        report.changed.push(schema.table.to_owned());
    }
    for index in &schema.indexes {
        match there.iter().find(|(name, ..)| *name == index.name) {
            None => report.missing.push(told(&index.name)),
            Some((_, sql, _)) if *sql != index.create => report.changed.push(told(&index.name)),
            Some(_) => {}
        }
    }
    let foreign = there.iter().filter(|(name, ..)| schema.indexes.iter().all(|index| index.name != *name));
    for (name, _, unique) in foreign {
        let list = if *unique { &mut report.foreign_unique } else { &mut report.foreign };
        list.push(told(name));
    }
    Ok(report)
}
