//! A document in a SQLite file that is changed behind the program's back.

use std::path::Path;

use rusqlite::{Connection, Params};

/// Gives the stored JSON of one row (`?1`: its id) the value of `json`, which is SQL, and the columns of its
/// indexed fields what that then has in them.
pub(crate) fn edit(file: &Path, table: &str, json: &str, params: impl Params) {
    let conn = Connection::open(file).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    let changed = conn.execute(&format!("UPDATE {table} SET json = {json} WHERE id = ?1"), params).unwrap();
    assert_eq!(changed, 1);
    fill(&conn, table);
}

/// Gives the columns of all indexed fields what the documents have in them.
pub(crate) fn fill(conn: &Connection, table: &str) {
    let names = format!("SELECT name FROM pragma_table_info('{table}')");
    let mut names = conn.prepare(&names).unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let fields = names.filter(|name| !["id", "version", "json"].contains(&name.as_str()));
    let set: Vec<_> = fields.map(|name| format!("[{name}] = json_extract(json, '$.{name}')")).collect();
    conn.execute(&format!("UPDATE {table} SET {}", set.join(", ")), []).unwrap();
}
