//! What a SQLite file is for, as its header says (`application_id`).
//!
//! Guards against settings that name the other one's file, or another program's: its tables would be taken
//! for ours, or ours be made among them. And against a copy that was cut off and passes for a whole one.

use rusqlite::Connection;

use super::file::refused;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::platform) enum Mark {
    /// The store's documents.
    Documents,
    /// The same while they are being copied into it.
    Unfinished,
    /// The queue's jobs.
    Jobs,
}

/// Each table, its columns, and how it was made.
const TABLES: &str = "SELECT t.name, t.sql, (SELECT group_concat(c.name) FROM pragma_table_info(t.name) c) \
                      FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'";

impl Mark {
    const ALL: [Self; 3] = [Self::Documents, Self::Unfinished, Self::Jobs];

    /// `WayD`, `WayU` and `WayJ`. Never changed: files have it.
    fn number(self) -> i32 {
        i32::from_be_bytes(match self {
            Self::Documents => *b"WayD",
            Self::Unfinished => *b"WayU",
            Self::Jobs => *b"WayJ",
        })
    }

    fn what(self) -> &'static str {
        match self {
            Self::Documents => {
                "it is a database of documents, as store.url names one, and no queue: name another file"
            }
            Self::Unfinished => "a copy into it was cut off: remove it, and copy again",
            Self::Jobs => {
                "it is a queue, as queue.url names one, and no database of documents: name another file"
            }
        }
    }

    pub(in crate::platform) fn set(self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(&format!("PRAGMA application_id = {}", self.number()))
    }

    /// Whether the file has this mark already: a new one has none, nor has one of an older release, which is
    /// known by its tables.
    ///
    /// # Errors
    /// In our words when it is something else.
    pub(in crate::platform) fn is_on(self, conn: &Connection) -> rusqlite::Result<bool> {
        match found(conn)? {
            Found::Nothing => Ok(false),
            Found::Ours { mark, marked } if mark == self => Ok(marked),
            Found::Ours { mark, .. } => Err(refused(mark.what())),
            Found::Foreign => Err(refused("it is a database of another program: name another file")),
        }
    }

    /// Whether the file is nobody's: a new one, or one in which nothing is yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in crate::platform) fn is_missing(conn: &Connection) -> rusqlite::Result<bool> {
        Ok(matches!(found(conn)?, Found::Nothing))
    }

    /// Whether the file is something else.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in crate::platform) fn is_not_on(self, conn: &Connection) -> rusqlite::Result<bool> {
        Ok(match found(conn)? {
            Found::Nothing => false,
            Found::Ours { mark, .. } => mark != self,
            Found::Foreign => true,
        })
    }
}

/// What there is in the definition of each of our tables.
const DOCUMENTS: [&str; 2] =
    ["(id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, ", "json TEXT NOT NULL"];

enum Found {
    Nothing,
    Ours { mark: Mark, marked: bool },
    Foreign,
}

fn found(conn: &Connection) -> rusqlite::Result<Found> {
    let number: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if let Some(mark) = Mark::ALL.into_iter().find(|mark| mark.number() == number) {
        return Ok(Found::Ours { mark, marked: true });
    }
    if number != 0 {
        return Ok(Found::Foreign);
    }
    let mut list = conn.prepare(TABLES)?;
    let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let tables: Vec<(String, String, Option<String>)> = rows.collect::<Result<_, _>>()?;
    let unmarked = |mark| Found::Ours { mark, marked: false };
    let some = |ours: fn(&str, &str) -> bool| {
        tables.iter().any(|(name, _, columns)| ours(name, columns.as_deref().unwrap_or_default()))
    };
    let as_we_make_them = |sql: &str| DOCUMENTS.iter().all(|part| sql.contains(part));
    Ok(if tables.is_empty() {
        Found::Nothing
    } else if some(|_, columns| columns == "id,version,doc")
        || tables.iter().any(|(_, sql, _)| as_we_make_them(sql))
    {
        unmarked(Mark::Documents)
    } else if some(|name, columns| name == "jobs" && columns.split(',').next() == Some("seq")) {
        unmarked(Mark::Jobs)
    } else {
        Found::Foreign
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        conn
    }

    #[test]
    fn a_file_is_known_by_its_mark_or_else_by_its_tables() {
        let documents = "CREATE TABLE mine (a); \
                         CREATE TABLE \"orders\" (id TEXT PRIMARY KEY, version INTEGER, doc TEXT)";
        let today = "CREATE TABLE \"orders\" (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, [awb], \
                     json TEXT NOT NULL, [later])";
        for (sql, mark) in [
            (documents, Mark::Documents),
            (today, Mark::Documents),
            ("CREATE TABLE jobs (seq INTEGER PRIMARY KEY, queue TEXT)", Mark::Jobs),
            ("CREATE TABLE jobs (seq INTEGER PRIMARY KEY)", Mark::Jobs),
        ] {
            let conn = of(sql);
            assert!(!mark.is_on(&conn).unwrap() && !mark.is_not_on(&conn).unwrap(), "{sql}");
            assert!(!Mark::is_missing(&conn).unwrap(), "{sql}");
            mark.set(&conn).unwrap();
            assert!(mark.is_on(&conn).unwrap() && !mark.is_not_on(&conn).unwrap(), "{sql}");
        }
        for sql in [
            documents,
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)",
            "CREATE TABLE jobs (id TEXT)",
            "CREATE TABLE cache (id, version, url, json)",
            "PRAGMA application_id = 1196437808",
        ] {
            let told = Mark::Jobs.is_on(&of(sql)).unwrap_err().to_string();
            assert!(
                told.contains("name another file") && Mark::Jobs.is_not_on(&of(sql)).unwrap(),
                "{sql}: {told}"
            );
            assert!(!Mark::is_missing(&of(sql)).unwrap(), "{sql}");
        }
        for mark in Mark::ALL {
            let conn = of("");
            assert!(!mark.is_on(&conn).unwrap() && Mark::is_missing(&conn).unwrap(), "it is anybody's");
            mark.set(&conn).unwrap();
            assert!(!Mark::is_missing(&conn).unwrap());
            for other in Mark::ALL {
                assert_eq!(other.is_on(&conn).is_ok(), other == mark, "{other:?} on {mark:?}");
                assert_eq!(other.is_not_on(&conn).unwrap(), other != mark, "{other:?} on {mark:?}");
            }
        }
    }

    #[test]
    fn the_numbers_stay() {
        assert_eq!(Mark::ALL.map(Mark::number), [0x5761_7944, 0x5761_7955, 0x5761_794A]);
    }
}
