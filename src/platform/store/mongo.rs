//! Documents in a MongoDB replica set: a collection each, `_id` for the id, native indexes under their
//! declared names.
//!
//! Guards against lost orders: what is answered is on a majority's disks, what is not known to be done is
//! looked for and otherwise told as unknown, and no operation of the driver is dropped half-way, which could
//! leave its connections in an unknown state.

mod commit;
mod connection;
mod document;
mod failure;
mod filter;
pub(super) mod foreign;
mod indexes;
mod rows;
mod settle;
mod twins;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bson::{RawDocumentBuf, doc};
use jiff::SignedDuration;
use mongodb::{Collection, Database, error::Result as Answer};
use tokio_util::task::TaskTracker;

pub(super) use self::document::{decode, encode, with_doubles};
use self::{
    failure::{Failure, meaning},
    filter::refused,
    indexes::Indexes,
    rows::Extent,
    twins::{Seen, Twins},
};
use super::{
    Count, Heads, Index, IndexReport, Key, Page, Query, StoreError,
    batch::{self, next_version},
    kind::{AnyDoc, Kind},
    opening::New,
};
use crate::base::{clock::Clock, timestamp::Timestamp};

/// A document in its stored form.
pub(super) type Stored = RawDocumentBuf;
/// The same, borrowed.
pub(super) type Raw = bson::RawDocument;

/// How many documents a filter is tried on at first, and at most, in one go.
const STEP: usize = 50;
const LONGEST_STEP: usize = 2000;

/// How long the operations that are under way may take when the process ends.
const CLOSING: Duration = Duration::from_secs(5);

/// A handle on the database; clones share it.
#[derive(Clone)]
pub(super) struct Mongo {
    database: Database,
    /// Host and database, for people.
    place: Arc<str>,
    under_way: TaskTracker,
    twins: Twins,
    /// How long the server may be at a read: nobody waits for it any longer.
    reads: Duration,
}

impl std::fmt::Debug for Mongo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mongo").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Mongo {
    /// Also says whether that has made the database.
    pub(super) async fn open(url: &str, reads: Duration, new: New) -> Result<(Self, bool), StoreError> {
        let connection::Opened { database, place, made } = connection::open(url, new).await?;
        let (under_way, twins) = (TaskTracker::new(), Twins::default());
        Ok((Self { database, place: place.into(), under_way, twins, reads }, made))
    }

    pub(super) fn reads_within(&mut self, reads: Duration) {
        self.reads = reads;
    }

    fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.database.collection(name)
    }

    /// Every operation of the driver goes through here: it runs to its end in a task of its own, whoever
    /// stops waiting for it.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> Result<T, Failure> {
        match self.under_way.spawn(operation).await {
            Ok(answer) => answer.map_err(|error| meaning(&self.place, &error)),
            Err(_) => Err(Failure::Unknown(format!("{}: the driver failed", self.place))),
        }
    }

    /// Lets what is under way end, and closes the connections.
    pub(super) async fn close(&self) {
        self.under_way.close();
        if tokio::time::timeout(CLOSING, self.under_way.wait()).await.is_err() {
            tracing::warn!("operations of the database were still under way when the process ended");
        }
        self.database.client().clone().shutdown().immediate(true).await;
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn is_of_the_server(&self) -> bool {
        connection::of_the_server(self.database.name()).is_some()
    }

    pub(super) async fn set_unfinished(&self, unfinished: bool) -> Result<(), StoreError> {
        let database = self.database.clone();
        Ok(self.run(async move { connection::set_unfinished(&database, unfinished).await }).await?)
    }

    pub(super) async fn prepare(&self, kind: Kind, remake: bool) -> Result<Vec<String>, StoreError> {
        let of = self.indexes_of(kind.collection);
        let prepared = self.under_way.spawn(async move { of.prepare(kind.indexes, remake).await }).await;
        prepared.map_err(|_| StoreError::Unavailable(format!("{}: the driver failed", self.place)))?
    }

    pub(super) async fn indexes(&self, kind: Kind) -> Result<IndexReport, StoreError> {
        let of = self.indexes_of(kind.collection);
        let found = self.under_way.spawn(async move { of.look(kind.indexes).await }).await;
        found.map_err(|_| StoreError::Unavailable(format!("{}: the driver failed", self.place)))?
    }

    fn indexes_of(&self, collection: &str) -> Indexes {
        Indexes { collection: self.collection(collection), place: self.place.to_string() }
    }

    /// The primary must answer: without one no order can be taken.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.hello().await.map(drop)
    }

    pub(super) async fn clock_offset(&self) -> Result<Option<SignedDuration>, StoreError> {
        let (clock, sent) = (Clock::system(), Instant::now());
        let before = clock.now();
        let hello = self.hello().await?;
        let half = i64::try_from(sent.elapsed().as_millis() / 2).unwrap_or(0);
        let theirs = hello.get_datetime("localTime").map_err(|_| refused("hello", "it has no localTime"))?;
        let ours = before.as_millis().saturating_add(half);
        Ok(Some(SignedDuration::from_millis(theirs.timestamp_millis().saturating_sub(ours))))
    }

    /// As `MongoDB 6.0.5, set rs0, primary 10.0.0.1:27017, 3 nodes`.
    pub(super) async fn server(&self) -> Result<String, StoreError> {
        let hello = self.hello().await?;
        let database = self.database.clone();
        let build = self.run(async move { database.run_command(doc! { "buildInfo": 1 }).await }).await?;
        let text = |of: &bson::Document, name| of.get_str(name).unwrap_or("?").to_owned();
        Ok(format!(
            "MongoDB {}, set {}, primary {}, {} nodes",
            text(&build, "version"),
            text(&hello, "setName"),
            text(&hello, "primary"),
            hello.get_array("hosts").map_or(0, Vec::len)
        ))
    }

    async fn hello(&self) -> Result<bson::Document, StoreError> {
        let database = self.database.clone();
        Ok(self.run(async move { database.run_command(doc! { "hello": 1 }).await }).await?)
    }

    pub(super) async fn insert(&self, doc: &dyn batch::Stored) -> Result<(), StoreError> {
        let stored = doc.stored(1)?;
        match self.put(doc.collection(), &stored).await {
            Err(Failure::Unknown(why)) => self.settle_insert(doc.collection(), &stored, why).await,
            done => Ok(done?),
        }
    }

    async fn put(&self, collection: &str, stored: &RawDocumentBuf) -> Result<(), Failure> {
        let (collection, stored) = (self.collection(collection), stored.clone());
        self.run(async move { collection.insert_one(stored).await }).await.map(drop)
    }

    pub(super) async fn insert_or_existing(
        &self,
        kind: Kind,
        doc: &dyn batch::Stored,
        index: &'static Index,
    ) -> Result<Option<AnyDoc>, StoreError> {
        let stored = doc.stored(1)?;
        let found = match self.twins.place(kind.collection, index, &stored) {
            None => self.put_or_find(kind.collection, index, &stored).await?,
            Some(place) => {
                let mut known = place.turn().await;
                match known.as_ref() {
                    Some(seen) if place.believes(seen) => Some(seen.doc.clone()),
                    _ => {
                        let since = Instant::now();
                        let mut found = None;
                        if known.is_some() {
                            found = self.look(kind.collection, index, &stored).await?;
                        }
                        if found.is_none() {
                            found = self.put_or_find(kind.collection, index, &stored).await?;
                        }
                        let doc = found.clone().unwrap_or_else(|| stored.clone());
                        *known = Some(Seen { since, doc });
                        found
                    }
                }
            }
        };
        match found {
            Some(twin) if twin != stored => read(kind, &twin).map(Some),
            _ => Ok(None),
        }
    }

    /// Inserts the document, or gives the one that has the same values in the index, which may be itself.
    async fn put_or_find(
        &self,
        collection: &str,
        index: &Index,
        stored: &RawDocumentBuf,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        match self.put(collection, stored).await {
            Ok(()) => Ok(None),
            Err(Failure::Duplicate(name)) if name == index.name => {
                self.twin(collection, index, stored).await.map(Some)
            }
            Err(Failure::Unknown(why)) => self.possible_twin(collection, index, stored, why).await.map(Some),
            Err(other) => Err(other.into()),
        }
    }

    pub(super) async fn get(&self, kind: Kind, id: &str) -> Result<Option<AnyDoc>, StoreError> {
        self.stored(kind.collection, id).await?.map(|raw| read(kind, &raw)).transpose()
    }

    async fn stored(&self, collection: &str, id: &str) -> Result<Option<RawDocumentBuf>, Failure> {
        let (collection, filter, reads) = (self.collection(collection), doc! { "_id": id }, self.reads);
        self.run(async move { collection.find_one(filter).max_time(reads).await }).await
    }

    pub(super) async fn get_many(&self, kind: Kind, ids: &[&str]) -> Result<Page<AnyDoc>, StoreError> {
        let (collection, filter) = (self.collection(kind.collection), doc! { "_id": { "$in": ids } });
        let reads = self.reads;
        let find = async move { rows::all(collection.find(filter).max_time(reads).await?).await };
        let found = self.run(find).await?;
        let mut page = Page::empty();
        found.iter().for_each(|raw| rows::take(&mut page, kind, raw));
        Ok(page)
    }

    /// With a filter in steps, since the server reads ahead as far as it is let: a page that is full early
    /// then costs no more than twice what it needs.
    pub(super) async fn find(&self, kind: Kind, query: &Query) -> Result<Page<AnyDoc>, StoreError> {
        let Some(mut left) = query.max_scanned else { return self.find_once(kind, query).await };
        let mut page = Page::empty();
        let (mut part, mut step) = (query.clone(), query.limit.saturating_mul(2).clamp(STEP, LONGEST_STEP));
        loop {
            let rows = step.min(left);
            (part.max_scanned, part.limit) = (Some(rows), query.limit.saturating_sub(page.len()));
            let Page { docs, unreadable, next, stopped } = self.find_once(kind, &part).await?;
            page.docs.extend(docs);
            page.unreadable.extend(unreadable);
            left = left.saturating_sub(rows);
            if !stopped || left == 0 || next.is_none() {
                (page.next, page.stopped) = (next, stopped);
                return Ok(page);
            }
            (part.after, step) = (next, step.saturating_mul(2).min(LONGEST_STEP));
        }
    }

    async fn find_once(&self, kind: Kind, query: &Query) -> Result<Page<AnyDoc>, StoreError> {
        let Some(walk) = filter::walk(kind.collection, kind.indexes, query)? else {
            return Ok(Page::empty());
        };
        let extent = Extent::of(query);
        let found = self.run(rows::fetch(self.collection(kind.collection), walk, extent, self.reads)).await?;
        Ok(rows::page(kind, found, extent))
    }

    pub(super) async fn heads(&self, kind: Kind, query: &Query) -> Result<Heads, StoreError> {
        if query.max_scanned.is_some() {
            return Err(refused(kind.collection, "heads cannot be filtered"));
        }
        let found = match filter::walk(kind.collection, kind.indexes, query)? {
            Some(walk) => {
                let collection = self.collection(kind.collection);
                self.run(rows::heads(collection, walk, Extent::of(query), self.reads)).await?
            }
            None => Vec::new(),
        };
        Ok(Heads::of(found, query.limit))
    }

    pub(super) async fn count(&self, kind: Kind, query: &Query, cap: usize) -> Result<Count, StoreError> {
        if query.max_scanned.is_some() {
            return Err(refused(kind.collection, "a count cannot be filtered"));
        }
        let whole = Query { after: None, ..query.clone() };
        let Some(walk) = filter::walk(kind.collection, kind.indexes, &whole)? else {
            return Ok(Count { n: 0, capped: false });
        };
        let cap = u64::try_from(cap).unwrap_or(u64::MAX);
        let (collection, limit) = (self.collection(kind.collection), cap.saturating_add(1));
        let reads = self.reads;
        let counting =
            async move { collection.count_documents(walk.filter).limit(limit).max_time(reads).await };
        let n = self.run(counting).await?;
        Ok(Count { n: n.min(cap), capped: n > cap })
    }

    pub(super) async fn count_by(
        &self,
        kind: Kind,
        field: &'static str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let filter = filter::texts(kind.collection, kind.indexes, field)?;
        Ok(self.run(rows::count_by(self.collection(kind.collection), filter, field, self.reads)).await?)
    }

    pub(super) async fn replace(&self, doc: &dyn batch::Stored) -> Result<bool, StoreError> {
        let stored = doc.stored(next_version(doc)?)?;
        let collection = self.collection(doc.collection());
        let old = doc! { "_id": doc.id(), "version": doc.version() };
        let new = stored.clone();
        match self.run(async move { collection.replace_one(old, new).await }).await {
            Ok(replaced) => Ok(replaced.matched_count == 1),
            Err(Failure::Unknown(why)) if self.is_there(doc.collection(), &stored).await => {
                tracing::info!(why, "a write whose answer was lost is there");
                Ok(true)
            }
            Err(other) => Err(other.into()),
        }
    }

    pub(super) async fn delete_before(
        &self,
        kind: Kind,
        field: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let (filter, sort) = filter::older(kind.collection, kind.indexes, field, &Key::Time(before))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(self.run(rows::delete(self.collection(kind.collection), filter, sort, limit)).await?)
    }
}

fn read(kind: Kind, raw: &bson::RawDocument) -> Result<AnyDoc, StoreError> {
    (kind.from_bson)(raw).map_err(|why| kind.fault(&document::id(raw), &why))
}
