//! The tables: a column for the id, the version, each indexed field and the document, as JSON text.
//!
//! Guards against a change that costs as much as a new document: SQLite takes out and puts back what an index
//! has of a row as soon as one of its columns is set, so only those are set whose value has changed. And
//! against rows that an index of a newer program lacks: every column that is there is filled, also by a
//! program that declares no index over it.

use std::collections::BTreeMap;

use rusqlite::{Connection, Error, OptionalExtension as _, ffi, params};

use super::sql::{Schema, column, extract, is_name};

/// The columns that are no fields.
pub(super) const OWN: [&str; 3] = ["id", "version", JSON];
const JSON: &str = "json";

/// `orders.userId, orders.clientOrderId`, and the index over these.
const UNIQUE: &str = "SELECT group_concat(?1 || '.' || c.name, ', ' ORDER BY c.seqno), i.name \
                      FROM pragma_index_list(?1) i JOIN pragma_index_info(i.name) c \
                      WHERE i.\"unique\" AND i.origin = 'c' GROUP BY i.name";

/// A conflict in the words that SQLite has for an index over expressions, with its name.
pub(super) fn conflict(error: Error, index: &str) -> Error {
    match error {
        Error::SqliteFailure(code, Some(_)) if code.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE => {
            Error::SqliteFailure(code, Some(format!("UNIQUE constraint failed: index '{index}'")))
        }
        error => error,
    }
}

/// Of a table as earlier releases made them, in SQLite's words.
pub(super) const NO_JSON: &str = "no such column: json";

/// How one table is written to.
#[derive(Debug)]
pub(super) struct Table {
    name: &'static str,
    fields: Vec<String>,
    insert: String,
    /// The row, and of each field whether it has changed; where there are no fields, the change itself.
    changes: String,
    /// The unique indexes: their columns, as SQLite tells them of a conflict, and their names.
    unique: Vec<(String, String)>,
}

impl Table {
    fn new(name: &'static str, fields: Vec<String>, unique: Vec<(String, String)>) -> Self {
        let columns: String = fields.iter().map(|field| format!(", {}", column(field))).collect();
        let values: String = fields.iter().map(|field| format!(", {}", extract("?3", field))).collect();
        let insert =
            format!("INSERT INTO \"{name}\" (id, version{columns}, json) VALUES (?1, ?2{values}, ?3)");
        let changed = |field: &String| format!(", {} IS NOT {}", column(field), extract("?3", field));
        let changed: String = fields.iter().map(changed).collect();
        let one = "WHERE id = ?1 AND version = ?2";
        let changes = if fields.is_empty() {
            format!("UPDATE \"{name}\" SET version = ?2 + 1, json = ?3 {one}")
        } else {
            format!("SELECT rowid{changed} FROM \"{name}\" {one}")
        };
        Self { name, fields, insert, changes, unique }
    }

    fn read(conn: &Connection, name: &'static str) -> rusqlite::Result<Self> {
        let there = columns(conn, name)?;
        if is_earlier(&there) {
            let code = ffi::Error::new(ffi::SQLITE_ERROR);
            return Err(Error::SqliteFailure(code, Some(NO_JSON.to_owned())));
        }
        let fields = there.into_iter().filter(|name| !OWN.contains(&name.as_str()));
        let mut list = conn.prepare_cached(UNIQUE)?;
        let unique = list.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self::new(name, fields.collect(), unique.collect::<Result<_, _>>()?))
    }

    /// `json` carries the same version.
    pub(super) fn insert(&self, conn: &Connection, new: &Row) -> rusqlite::Result<usize> {
        let inserted = conn.prepare_cached(&self.insert)?.execute(params![new.id, new.version, new.json]);
        inserted.map_err(|error| self.told(error))
    }

    /// Over the version before. Gives how many rows that has changed: none where somebody else was faster.
    pub(super) fn replace(&self, conn: &Connection, new: &Row) -> rusqlite::Result<usize> {
        if self.fields.is_empty() {
            return conn.prepare_cached(&self.changes)?.execute(params![new.id, new.version - 1, new.json]);
        }
        let mut changes = conn.prepare_cached(&self.changes)?;
        let found = changes.query_row(params![new.id, new.version - 1, new.json], |row| {
            let mut changed = Vec::new();
            for (n, field) in self.fields.iter().enumerate() {
                if row.get(n + 1)? {
                    changed.push(field.as_str());
                }
            }
            Ok((row.get::<_, i64>(0)?, changed))
        });
        let Some((rowid, changed)) = found.optional()? else { return Ok(0) };
        let mut update = conn.prepare_cached(&self.update(&changed))?;
        update.execute(params![rowid, new.version, new.json]).map_err(|error| self.told(error))
    }

    /// SQLite tells the columns of a unique index and not its name.
    fn told(&self, error: Error) -> Error {
        let Error::SqliteFailure(_, Some(text)) = &error else { return error };
        let columns = text.rsplit(": ").next();
        match self.unique.iter().find(|(of, _)| Some(of.as_str()) == columns) {
            Some((_, name)) => conflict(error, name),
            None => error,
        }
    }

    fn update(&self, changed: &[&str]) -> String {
        let set = |field: &&str| format!(", {} = {}", column(field), extract("?3", field));
        let set: String = changed.iter().map(set).collect();
        format!("UPDATE \"{}\" SET version = ?2, json = ?3{set} WHERE rowid = ?1", self.name)
    }
}

/// A document as it is written.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) version: i64,
    /// Carries the same version.
    pub(super) json: String,
}

/// The tables that were written to, as the thread that writes has them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    known: BTreeMap<&'static str, Table>,
    /// SQLite's number of the schema that they are of.
    schema: i64,
    looked: bool,
}

impl Tables {
    /// To be called before each transaction: another process may have changed the tables.
    pub(super) fn begin(&mut self) {
        self.looked = false;
    }

    /// To be called when this process may have changed them.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.looked = false;
    }

    pub(super) fn of(&mut self, conn: &Connection, name: &'static str) -> rusqlite::Result<&Table> {
        if !self.looked {
            let schema = conn.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))?;
            if schema != self.schema {
                self.known.clear();
            }
            (self.schema, self.looked) = (schema, true);
        }
        if !self.known.contains_key(name) {
            self.known.insert(name, Table::read(conn, name)?);
        }
        self.known.get(name).ok_or(Error::QueryReturnedNoRows)
    }
}

/// Makes the table, or the columns, that are missing. Whether it is as it should be: a table of an earlier
/// release is left as it is.
pub(super) fn prepare(conn: &Connection, schema: &Schema) -> rusqlite::Result<bool> {
    let (name, there) = (schema.table, columns(conn, schema.table)?);
    if there.is_empty() {
        conn.execute_batch(&create(name, &schema.fields))?;
        return Ok(true);
    }
    if is_earlier(&there) {
        return Ok(false);
    }
    let missing = schema.fields.iter().filter(|field| there.iter().all(|column| column != *field));
    let missing: Vec<_> = missing.collect();
    for field in &missing {
        conn.execute_batch(&format!("ALTER TABLE \"{name}\" ADD COLUMN {}", column(field)))?;
    }
    if !missing.is_empty() {
        let set = missing.iter().map(|field| format!("{} = {}", column(field), extract(JSON, field)));
        let set = set.collect::<Vec<_>>().join(", ");
        let has = missing.iter().map(|field| format!("{} IS NOT NULL", extract(JSON, field)));
        let has = has.collect::<Vec<_>>().join(" OR ");
        conn.execute(&format!("UPDATE \"{name}\" SET {set} WHERE {has}"), [])?;
    }
    Ok(true)
}

/// Whether the table, if there is one, is not of an earlier release.
pub(super) fn is_current(conn: &Connection, schema: &Schema) -> rusqlite::Result<bool> {
    Ok(!is_earlier(&columns(conn, schema.table)?))
}

/// Whether these are the columns of a table of an earlier release.
fn is_earlier(there: &[String]) -> bool {
    !there.is_empty() && there.iter().all(|column| column != JSON)
}

/// Makes a table of an earlier release anew, which has the document alone, in `doc`, and indexes over that.
/// They are gone with it.
pub(super) fn remake(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    let (name, new) = (schema.table, format!("{}_made_anew", schema.table));
    let columns: String = schema.fields.iter().map(|field| format!(", {}", column(field))).collect();
    let values: String = schema.fields.iter().map(|field| format!(", {}", extract("doc", field))).collect();
    conn.execute_batch(&format!(
        "{};
         INSERT INTO \"{new}\" (id, version{columns}, json)
             SELECT id, version{values}, doc FROM \"{name}\" ORDER BY rowid;
         DROP TABLE \"{name}\";
         ALTER TABLE \"{new}\" RENAME TO \"{name}\"",
        create(&new, &schema.fields)
    ))
}

/// A table with a rowid on purpose: a WITHOUT ROWID table keeps at most a quarter of a page per row in place,
/// and our documents are larger, so each would cost an overflow page more. The fields before the document, so
/// that they are read without the pages of a long one; those that a later release adds are behind it. Without
/// types: values stay as JSON has them.
fn create(name: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("{}, ", column(field))).collect();
    format!(
        "CREATE TABLE \"{name}\" (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, {fields}\
         json TEXT NOT NULL)"
    )
}

/// What there is of ours: a column that somebody has added has a type, or a name that we give to none.
fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut list = conn.prepare_cached("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid")?;
    let all = list.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let all: Vec<(String, String)> = all.collect::<Result<_, _>>()?;
    let ours = |(name, holds): &(String, String)| match name.as_str() {
        "doc" => true,
        own if OWN.contains(&own) => true,
        field => holds.is_empty() && is_name(field),
    };
    Ok(all.into_iter().filter(ours).map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::platform::store::{
        document::{Field, Index},
        sqlite::{indexes, sql},
    };

    const INDEXES: &[Index] = &[
        Index::on("number", &[Field::text("number")]).unique(),
        Index::on("user", &[Field::text("user"), Field::time("at")]),
        Index::on("due", &[Field::time("outbox.at")]).partial(),
    ];
    const MORE: &[Index] = &[
        Index::on("number", &[Field::text("number")]).unique(),
        Index::on("weight", &[Field::int("weight")]),
    ];

    fn database(indexes: &'static [Index]) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        let schema = sql::schema("orders", indexes).unwrap();
        assert!(indexes::prepare(&conn, &schema, false).unwrap().is_empty());
        conn
    }

    fn row(n: i64, version: i64, user: &str) -> Row {
        let json = json!({ "id": n.to_string(), "version": version, "number": format!("N{n}"), "user": user,
            "at": "now", "outbox": { "at": "soon" }, "weight": 5 });
        Row { id: n.to_string(), version, json: json.to_string() }
    }

    fn columns_of(conn: &Connection, sql: &str) -> Vec<String> {
        let mut rows = conn.prepare(sql).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_change_touches_the_indexes_of_what_has_changed() {
        let conn = database(INDEXES);
        let mut tables = Tables::default();
        let table = tables.of(&conn, "orders").unwrap();
        let writes = |changed: &[&str]| {
            let mut steps = conn.prepare(&format!("EXPLAIN {}", table.update(changed))).unwrap();
            let steps = steps.query_map(params![1, 2, "{}"], |row| row.get::<_, String>(1)).unwrap();
            steps.filter(|step| step.as_ref().unwrap() == "IdxInsert").count()
        };
        assert_eq!((writes(&[]), writes(&["user"]), writes(&["number", "outbox.at"])), (0, 1, 2));

        table.insert(&conn, &row(1, 1, "ann")).unwrap();
        assert_eq!(table.replace(&conn, &row(1, 2, "bob")).unwrap(), 1);
        assert_eq!(table.replace(&conn, &row(1, 2, "eve")).unwrap(), 0, "somebody was faster");
        let users = "SELECT user FROM orders INDEXED BY orders_user WHERE user = 'bob'";
        assert_eq!(columns_of(&conn, users), ["bob"]);
        let due = "SELECT [outbox.at] FROM orders INDEXED BY orders_due WHERE [outbox.at] IS NOT NULL";
        assert_eq!(columns_of(&conn, due), ["soon"]);
        conn.execute("UPDATE orders SET json = '{}', version = 3", []).unwrap();
        assert_eq!(table.replace(&conn, &Row { json: "{}".to_owned(), ..row(1, 4, "") }).unwrap(), 1);
        assert!(columns_of(&conn, due).is_empty(), "what is gone from the document is gone from its index");
    }

    #[test]
    fn an_older_program_fills_the_columns_of_a_newer_one() {
        let conn = database(INDEXES);
        let mut tables = Tables::default();
        tables.of(&conn, "orders").unwrap().insert(&conn, &row(1, 1, "ann")).unwrap();
        let newer = sql::schema("orders", MORE).unwrap();
        assert!(indexes::prepare(&conn, &newer, false).unwrap().is_empty());
        let weights = "SELECT id FROM orders INDEXED BY orders_weight WHERE weight = 5 ORDER BY id";
        assert_eq!(columns_of(&conn, weights), ["1"]);

        tables.begin();
        tables.of(&conn, "orders").unwrap().insert(&conn, &row(2, 1, "bob")).unwrap();
        assert_eq!(columns_of(&conn, weights), ["1", "2"]);
        let older = sql::schema("orders", INDEXES).unwrap();
        assert!(indexes::prepare(&conn, &older, false).unwrap().is_empty(), "it may be used as it is");
    }

    #[test]
    fn columns_that_somebody_has_added_are_left_alone() {
        let conn = database(INDEXES);
        conn.execute_batch("ALTER TABLE orders ADD COLUMN note TEXT; ALTER TABLE orders ADD COLUMN [it's]")
            .unwrap();
        let mut tables = Tables::default();
        let table = tables.of(&conn, "orders").unwrap();
        table.insert(&conn, &row(1, 1, "ann")).unwrap();
        conn.execute("UPDATE orders SET note = 'mine'", []).unwrap();
        table.replace(&conn, &row(1, 2, "bob")).unwrap();
        assert_eq!(columns_of(&conn, "SELECT note FROM orders"), ["mine"]);
    }

    #[test]
    fn a_table_of_an_earlier_release_is_made_anew() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE orders (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, doc TEXT NOT NULL);
             CREATE UNIQUE INDEX orders_number ON orders (json_extract(doc,'$.number'))",
        )
        .unwrap();
        for n in [2, 1] {
            let Row { id, version, json } = row(n, 7, "ann");
            conn.execute("INSERT INTO orders VALUES (?1, ?2, ?3)", params![id, version, json]).unwrap();
        }
        let written = Tables::default().of(&conn, "orders").map(drop).unwrap_err();
        assert!(written.to_string().ends_with(NO_JSON), "{written}");
        let schema = sql::schema("orders", INDEXES).unwrap();
        assert_eq!(indexes::look(&conn, &schema).unwrap().changed, ["orders", "orders.number"]);
        assert_eq!(indexes::prepare(&conn, &schema, false).unwrap(), ["orders"]);
        assert_eq!(indexes::prepare(&conn, &schema, true).unwrap(), ["orders"]);
        assert!(indexes::look(&conn, &schema).unwrap().changed.is_empty());
        assert_eq!(columns_of(&conn, "SELECT id FROM orders ORDER BY rowid"), ["2", "1"]);
        let of_ann = "SELECT id FROM orders INDEXED BY orders_user WHERE user = 'ann' ORDER BY id";
        assert_eq!(columns_of(&conn, of_ann), ["1", "2"]);
        let due = "SELECT id FROM orders INDEXED BY orders_due WHERE [outbox.at] IS NOT NULL ORDER BY id";
        assert_eq!(columns_of(&conn, due), ["1", "2"]);
        let mut tables = Tables::default();
        let table = tables.of(&conn, "orders").unwrap();
        let twin = table.insert(&conn, &Row { id: "3".to_owned(), ..row(1, 1, "twin") }).unwrap_err();
        assert!(twin.to_string().ends_with("index 'orders_number'"), "{twin}");
        assert_eq!(table.replace(&conn, &row(1, 8, "bob")).unwrap(), 1);
        assert!(indexes::prepare(&conn, &schema, true).unwrap().is_empty(), "it is so already");
    }
}
