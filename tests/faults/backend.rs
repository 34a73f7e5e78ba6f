//! Where a scenario's documents and jobs are: in files of its folder, or, with
//! `WAYBILL_TEST_BACKEND=mongodb`, on the MongoDB of `WAYBILL_TEST_MONGODB` and the Redis of
//! `WAYBILL_TEST_REDIS`, in a database and under a prefix of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::{Client, Database};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use tokio::{runtime::Handle, task::block_in_place};
use waybill::base::timestamp::Timestamp;

use super::{
    lab::Lab,
    redis::{self, Raw},
};

/// The queues of the service.
const QUEUES: [&str; 3] =
    ["parcelx-orders-queue", "parcelx-order-cancellation-queue", "parcelx-labels-queue"];
/// Where BullMQ's layout has jobs that are not finished, and the command that lists them.
const OPEN: [(&str, &str, &[&str]); 4] = [
    ("wait", "LRANGE", &["0", "-1"]),
    ("active", "LRANGE", &["0", "-1"]),
    ("delayed", "ZRANGE", &["0", "-1"]),
    ("prioritized", "ZRANGE", &["0", "-1"]),
];

pub(crate) enum Backend {
    Files(PathBuf),
    Servers { url: String, database: Database, redis: SocketAddr, prefix: String, _lab: Option<Lab> },
}

impl Backend {
    /// That of this run.
    #[expect(clippy::disallowed_methods, reason = "this variable is for the tests alone")]
    pub(crate) async fn chosen(folder: &Path) -> Self {
        match std::env::var("WAYBILL_TEST_BACKEND").as_deref() {
            Err(_) | Ok("sqlite") => Self::files(folder),
            Ok("mongodb") => Self::server().await,
            Ok(other) => panic!("WAYBILL_TEST_BACKEND is sqlite or mongodb here, not {other:?}"),
        }
    }

    pub(crate) fn files(folder: &Path) -> Self {
        Self::Files(folder.to_owned())
    }

    /// Both on the servers of all, whatever the others stand on.
    pub(crate) async fn server() -> Self {
        let lab = Lab::new().await;
        Self::on(lab.url.clone(), lab.database.clone(), Some(lab))
    }

    /// The documents on a server of the test's own, the jobs on the Redis of all.
    pub(crate) async fn at(url: String, name: &str) -> Self {
        let database = Client::with_uri_str(&url).await.unwrap().database(name);
        Self::on(url, database, None)
    }

    fn on(url: String, database: Database, lab: Option<Lab>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("faults-{}-{number}", std::process::id());
        Self::Servers { url, database, redis: redis::shared(), prefix, _lab: lab }
    }

    pub(crate) fn is_files(&self) -> bool {
        matches!(self, Self::Files(_))
    }

    pub(crate) fn urls(&self) -> (String, String) {
        match self {
            Self::Files(folder) => (
                format!("sqlite:{}", folder.join("waybill.db").display()),
                format!("sqlite:{}", folder.join("queue.db").display()),
            ),
            Self::Servers { url, redis, prefix, .. } => {
                (url.clone(), format!("redis://{redis}?prefix={prefix}"))
            }
        }
    }

    /// Every document of a collection, in the form that files have them in.
    pub(crate) fn documents(&self, collection: &str) -> Vec<Value> {
        match self {
            Self::Files(folder) => {
                // `json()` reads text and SQLite's binary form alike.
                let sql = format!("SELECT json(json) FROM {collection}");
                let texts = column(&folder.join("waybill.db"), &sql);
                texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
            }
            Self::Servers { database, .. } => {
                block_in_place(|| Handle::current().block_on(on_server(database, collection)))
            }
        }
    }

    /// Jobs that are not finished, as `state id`.
    pub(crate) fn open_jobs(&self) -> Vec<String> {
        match self {
            Self::Files(folder) => {
                let file = folder.join("queue.db");
                if !file.exists() {
                    return Vec::new(); // lost, and nobody has needed it since
                }
                let states = "'waiting', 'active', 'delayed'";
                column(&file, &format!("SELECT state || ' ' || id FROM jobs WHERE state IN ({states})"))
            }
            Self::Servers { redis, prefix, .. } => {
                let (mut raw, mut open) = (Raw::connect(*redis), Vec::new());
                for queue in QUEUES {
                    for (state, list, range) in OPEN {
                        let key = format!("{prefix}:{queue}:{state}");
                        let command = [&[list, key.as_str()], range].concat();
                        let ids = raw.cmd(&command).texts();
                        open.extend(ids.into_iter().map(|id| format!("{state} {id}")));
                    }
                }
                open
            }
        }
    }

    /// The queue with all it knew is gone under whoever has it open. Of files perhaps not those beside it.
    pub(crate) fn lose_queue(&self, whole: bool) {
        match self {
            Self::Files(folder) => {
                let files = ["queue.db", "queue.db-wal", "queue.db-shm"];
                for file in files.iter().take(if whole { 3 } else { 1 }) {
                    // There may be none.
                    drop(std::fs::remove_file(folder.join(file)));
                }
            }
            Self::Servers { redis, prefix, .. } => redis::forget(*redis, prefix),
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Self::Servers { redis, prefix, .. } = self {
            redis::forget(*redis, prefix);
        }
    }
}

/// One column of text from each row of a database file, which need not exist.
fn column(file: &Path, sql: &str) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags).unwrap();
    conn.busy_timeout(Duration::from_secs(10)).unwrap();
    let mut statement = conn.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// As it stood at one moment: without a snapshot a list of several batches has one document of a transaction
/// that commits meanwhile, and not the other.
async fn on_server(database: &Database, collection: &str) -> Vec<Value> {
    let mut session = database.client().start_session().snapshot(true).await.unwrap();
    let collection = database.collection::<RawDocumentBuf>(collection);
    let found = collection.find(doc! {}).sort(doc! { "_id": 1 }).session(&mut session);
    let (mut rows, mut all) = (found.await.unwrap(), Vec::new());
    while rows.advance(&mut session).await.unwrap() {
        all.push(in_files(Document::try_from(rows.current()).unwrap().into()));
    }
    all
}

fn in_files(value: Bson) -> Value {
    match value {
        Bson::DateTime(at) => Timestamp::from_millis(at.timestamp_millis()).to_string().into(),
        Bson::Array(list) => list.into_iter().map(in_files).collect(),
        Bson::Document(fields) => {
            let named = |name: String| if name == "_id" { "id".to_owned() } else { name };
            let fields: Map<_, _> =
                fields.into_iter().map(|(name, value)| (named(name), in_files(value))).collect();
            Value::Object(fields)
        }
        Bson::String(text) => text.into(),
        Bson::Int32(number) => number.into(),
        Bson::Int64(number) => number.into(),
        Bson::Double(number) => number.into(),
        Bson::Boolean(yes) => yes.into(),
        Bson::Null => Value::Null,
        other => panic!("no document of ours has a {:?}", other.element_type()),
    }
}
