//! Opening a database, and what is refused then.
//!
//! Guards against settings that lose orders (a write that one node alone has, a standalone server), against a
//! database that belongs to another program, whose collections may have the same names, and against a
//! mistyped name, under which MongoDB would make a new database and say that all is well.

use std::time::Duration;

use bson::{DateTime, Document, RawDocumentBuf, doc};
use mongodb::{
    Client, Database,
    options::{Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern},
};

use super::failure::{Failure, meaning};
use crate::{
    base::clock::Clock,
    platform::store::{StoreError, opening::New},
};

/// How long an operation waits for a primary: less than a request may take.
const SELECTION: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(3);
/// How long a server may be held for none after it once said so by mistake; the driver's own is 10 s.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Most connections, unless the URL says otherwise.
const POOL: u32 = 64;
/// New connections that are made at the same time.
const CONNECTING: u32 = 8;

/// The collection and the document that mark a database as ours.
const MARKER: &str = "waybill";
const MARKER_ID: &str = "installation";
/// How often another process's mark is looked for, until it is on a majority.
const LOOKS: u32 = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What every server has for itself, and why it is not for orders.
const OF_THE_SERVER: [(&str, &str); 3] = [
    ("admin", "it keeps its users there"),
    ("config", "it keeps its own state there, and removes some of it by itself"),
    ("local", "what is there is on one node alone, and is lost with it"),
];

/// What is known after opening.
pub(super) struct Opened {
    pub(super) database: Database,
    /// Host and database, for people: never the user or the password.
    pub(super) place: String,
    /// It was nobody's before, and is ours from now on.
    pub(super) made: bool,
}

pub(super) async fn open(url: &str, new: New) -> Result<Opened, StoreError> {
    let options = ClientOptions::parse(url).await.map_err(|_| {
        unavailable(
            "the URL is not as MongoDB wants it, or its host has no such name: mongodb://HOST:PORT/DATABASE\
             ?replicaSet=NAME, with special characters of user and password as %XX",
        )
    })?;
    let Some(name) = options.default_database.clone() else {
        return Err(unavailable("the URL names no database: add it as mongodb://HOST:PORT/waybill"));
    };
    let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
    let place = format!("{}/{name}", hosts.join(","));
    if let Some(why) = of_the_server(&name).filter(|_| new != New::Source) {
        return Err(unavailable(&format!(
            "{place}: the database {name} is the server's own ({why}): name another one, as \
             mongodb://HOST:PORT/waybill; `waybill copy` takes there what a Waybill has in this one"
        )));
    }
    let options = safe(options).map_err(|why| unavailable(&format!("{place}: {why}")))?;
    let refused = |error: &mongodb::error::Error| StoreError::from(meaning(&place, error));
    let given = options.clone();
    let database = Client::with_options(options).map_err(|e| refused(&e))?.database(&name);
    let (asked, at) = (database.clone(), place.clone());
    let checked = tokio::spawn(async move { check(&asked, &at, given, new).await }).await;
    let made = checked.map_err(|_| unavailable(&format!("{place}: the driver failed")))??;
    Ok(Opened { database, place, made })
}

/// Why a database of this name is not for orders, if it is one of the server's own.
pub(super) fn of_the_server(name: &str) -> Option<&'static str> {
    OF_THE_SERVER.iter().find(|(own, _)| name.eq_ignore_ascii_case(own)).map(|(_, why)| *why)
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

/// The URL may say how to get there, not what an order is worth.
fn safe(mut options: ClientOptions) -> Result<ClientOptions, &'static str> {
    if let Some(concern) = &options.write_concern {
        if concern.w.as_ref().is_some_and(|w| *w != Acknowledgment::Majority)
            || concern.journal == Some(false)
        {
            return Err("its URL asks for less than a majority: leave w and journal out");
        }
        if concern.w_timeout.is_some() {
            return Err(
                "its URL sets wtimeoutMS, with which a duplicate is told before it is safe: leave it out",
            );
        }
    }
    if options.retry_writes == Some(false) {
        return Err("its URL sets retryWrites=false: leave it out");
    }
    if options
        .selection_criteria
        .as_ref()
        .is_some_and(|c| !matches!(c, SelectionCriteria::ReadPreference(ReadPreference::Primary)))
    {
        return Err("its URL reads from secondaries, which are behind: leave readPreference out");
    }
    options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.retry_writes = Some(true);
    options.retry_reads = Some(true);
    options.server_selection_timeout.get_or_insert(SELECTION);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    options.connect_timeout.get_or_insert(CONNECT);
    options.max_pool_size.get_or_insert(POOL);
    options.max_connecting.get_or_insert(CONNECTING);
    options.app_name.get_or_insert_with(|| "waybill".to_owned());
    Ok(options)
}

/// How to ask one host alone what it is, when the set as a whole cannot be reached.
fn single(mut options: ClientOptions) -> ClientOptions {
    options.hosts.truncate(1);
    options.repl_set_name = None;
    options.direct_connection = Some(true);
    options
}

async fn check(database: &Database, place: &str, given: ClientOptions, new: New) -> Result<bool, StoreError> {
    let hello = match database.run_command(doc! { "hello": 1 }).await {
        Ok(hello) => hello,
        Err(error) => {
            let told = StoreError::from(meaning(place, &error));
            return Err(explained(place, given).await.unwrap_or(told));
        }
    };
    if let Some(why) = unfit(&hello) {
        return Err(unavailable(&format!("{place}: {why}")));
    }
    mark(database, place, new).await
}

fn unfit(hello: &Document) -> Option<&'static str> {
    if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        return Some("this is a sharded cluster, where unique indexes do not hold: name a replica set");
    }
    if hello.get_str("setName").is_err() {
        return Some(
            "this is a standalone server, which has no majority and no transactions: start it with --replSet \
             rs0 and run rs.initiate() once",
        );
    }
    None
}

/// Why a set was not found: its first host may be none, or of another one.
async fn explained(place: &str, options: ClientOptions) -> Option<StoreError> {
    let wanted = options.repl_set_name.clone();
    let client = Client::with_options(single(options)).ok()?;
    let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
    client.shutdown().immediate(true).await;
    let hello = hello.ok()?;
    let why = match (unfit(&hello), hello.get_str("setName").ok()) {
        (Some(why), _) => why.to_owned(),
        (None, Some(name)) if wanted.as_deref().is_some_and(|wanted| wanted != name) => {
            format!("the set is called {name}: say replicaSet={name}")
        }
        _ => return None,
    };
    Some(unavailable(&format!("{place}: {why}")))
}

/// Marks an empty database as ours, unless a new one is to be refused, and says whether it did. One with
/// documents and without the mark is another program's.
async fn mark(database: &Database, place: &str, new: New) -> Result<bool, StoreError> {
    if is_marked(database, place).await? {
        return Ok(false);
    }
    let told = |error: &mongodb::error::Error| StoreError::from(meaning(place, error));
    let mut foreign = Vec::new();
    for name in database.list_collection_names().await.map_err(|e| told(&e))? {
        let collection = database.collection::<RawDocumentBuf>(&name);
        let system = name.starts_with("system.");
        if !system && collection.find_one(doc! {}).await.map_err(|e| told(&e))?.is_some() {
            foreign.push(name);
        }
    }
    // Another process may have marked it since.
    if is_marked(database, place).await? {
        return Ok(false);
    }
    if !foreign.is_empty() {
        foreign.sort();
        return Err(unavailable(&format!(
            "{place}: the database holds documents of another program ({}): name another one in the URL",
            foreign.join(", ")
        )));
    }
    if !new.is_made() {
        let mends = if new == New::Source {
            "is its name right?" // one that is made has nothing to be copied
        } else {
            "`waybill migrate` or the first start makes it"
        };
        return Err(unavailable(&format!("no Waybill has run on {place}: {mends}")));
    }
    let now = DateTime::from_millis(Clock::system().now().as_millis());
    let mut marker = doc! { "_id": MARKER_ID, "form": 1, "createdAt": now };
    if new == New::Target {
        marker.insert("unfinished", true);
    }
    let inserted = database.collection::<Document>(MARKER).insert_one(marker).await;
    let Err(error) = inserted else { return Ok(true) };
    match meaning(place, &error) {
        // Of another process, which may be one that copies. It may not be on a majority yet.
        Failure::Duplicate(_) => {
            for _ in 0..LOOKS {
                if is_marked(database, place).await? {
                    return Ok(false);
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            Err(unavailable(&format!("{place}: the database was dropped just now: try again")))
        }
        other => Err(other.into()),
    }
}

/// Whether the database has our mark. One that documents are being copied into is refused.
async fn is_marked(database: &Database, place: &str) -> Result<bool, StoreError> {
    let markers = database.collection::<RawDocumentBuf>(MARKER);
    let found = markers.find_one(doc! { "_id": MARKER_ID }).await;
    let Some(marker) = found.map_err(|e| StoreError::from(meaning(place, &e)))? else { return Ok(false) };
    match marker.get_bool("unfinished") {
        Ok(true) => Err(unavailable(&format!(
            "{place}: a copy into this database was cut off: drop it, and copy again"
        ))),
        _ => Ok(true),
    }
}

/// Says in the mark whether documents are being copied into the database.
pub(super) async fn set_unfinished(database: &Database, unfinished: bool) -> mongodb::error::Result<()> {
    let mark = doc! { "unfinished": true };
    let change = if unfinished {
        doc! { "$set": mark }
    } else {
        doc! { "$unset": mark }
    };
    let markers = database.collection::<Document>(MARKER);
    markers.update_one(doc! { "_id": MARKER_ID }, change).await.map(drop)
}
