//! Documents in SQLite or MongoDB, whichever the URL names. No code above this module knows which.
//!
//! [`Store`] is the port; [`document`] says what a document declares; each adapter has a file of its own and
//! must pass the contract suite in `tests/it/store/`.

mod batch;
pub mod copy;
pub mod document;
mod indexes;
mod kind;
pub mod migrations;
mod mongo;
mod opening;
mod plan;
mod query;
mod sqlite;
mod told;
mod untyped;
mod update;
mod whole;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(crate) use document::id_and_version;
use jiff::SignedDuration;

use self::{
    batch::Stored,
    kind::{Kind, typed},
    untyped::adapter,
};
pub use self::{
    batch::{Batch, CommitError},
    document::{Document, Field, FieldType, Index},
    indexes::IndexReport,
    mongo::foreign::{Foreign, ForeignDocument},
    opening::can_open,
    query::{Count, Cursor, Head, Heads, Key, Order, Page, Query, Unreadable},
    update::{Decision, Updated},
    whole::Checked,
};
use crate::base::timestamp::Timestamp;

/// How long an operation may take, unless [`Store::within`] says otherwise: somebody waits for its request.
const REQUEST: Duration = Duration::from_secs(4);
/// The same for building indexes, where nobody does.
const BUILD: Duration = Duration::from_secs(3600);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An insert or a change would have put a second document under a unique index. `index` is `id` or the
    /// declared name.
    #[error("another document has the same {index}")]
    Conflict { index: String },
    /// Somebody else changed the document at every try. Try again later.
    #[error("the document was changed by others at every try")]
    Contended,
    /// The database did not answer, or not in time: nothing is known about a write. Try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database is of an older form: stored tables and indexes (`collection.name`) that are declared
    /// differently by now, or steps that were not made.
    #[error("the database must be migrated ({}): run `waybill migrate`", few(.0))]
    Outdated(Vec<String>),
    /// A stored document does not read as its type, or the query names a field without an index: a fault of
    /// ours.
    #[error("{0}")]
    Fault(String),
}

/// The first of many names, and how many more there are.
fn few(names: &[String]) -> String {
    const TOLD: usize = 8;
    let told = names.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// The outcome of [`Store::insert_or_existing`].
#[derive(Debug)]
pub enum InsertOutcome<D> {
    Inserted,
    /// The document that has the same values in the index, durably.
    Existing(D),
}

/// A handle on the database; clones share it. Every operation ends within the handle's time, with
/// [`StoreError::Unavailable`] when that is over.
#[derive(Clone, Debug)]
pub struct Store {
    adapter: Adapter,
    within: Duration,
    /// Whether a read soon after a conflict may still show the state before it.
    pauses: bool,
    /// There was no database before.
    made: bool,
    told: told::Told,
}

#[derive(Clone, Debug)]
enum Adapter {
    Sqlite(Arc<sqlite::Sqlite>),
    Mongo(mongo::Mongo),
}

impl Store {
    /// A handle whose operations may take this long: 4 s where nothing is said.
    #[must_use]
    pub fn within(&self, within: Duration) -> Self {
        let mut store = Self { within, ..self.clone() };
        if let Adapter::Mongo(mongo) = &mut store.adapter {
            mongo.reads_within(within);
        }
        store
    }

    /// Makes the collection and its indexes where they are missing. To be called once at start for each type.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] when a stored table or index is not as it is declared;
    /// [`StoreError::Unavailable`]; [`StoreError::Fault`] when stored documents break a unique index.
    pub async fn prepare<D: Document>(&self) -> Result<(), StoreError> {
        let changed = self.prepare_kind(Kind::of::<D>(), false).await?;
        if changed.is_empty() { Ok(()) } else { Err(StoreError::Outdated(changed)) }
    }

    /// [`Store::prepare`] that makes changed tables and indexes anew, and tells which. A unique index stays
    /// until its successor is built.
    ///
    /// # Errors
    /// As [`Store::prepare`].
    pub async fn remake<D: Document>(&self) -> Result<Vec<String>, StoreError> {
        self.prepare_kind(Kind::of::<D>(), true).await
    }

    /// How the collection's indexes stand beside their declarations. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Fault`].
    pub async fn indexes<D: Document>(&self) -> Result<IndexReport, StoreError> {
        self.indexes_of(Kind::of::<D>()).await
    }

    /// Whether the database answers; for health checks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.timed(async { adapter!(self, a => a.ping()) }).await
    }

    /// Whether this process will never write again, whatever becomes of the database: it must be started
    /// anew.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        match &self.adapter {
            Adapter::Sqlite(sqlite) => sqlite.is_dead(),
            Adapter::Mongo(_) => false,
        }
    }

    /// The server's clock less this machine's, to half a round trip; nothing where the database has no clock
    /// of its own.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn clock_offset(&self) -> Result<Option<SignedDuration>, StoreError> {
        match &self.adapter {
            Adapter::Sqlite(_) => Ok(None), // the file's processes are on one machine
            Adapter::Mongo(mongo) => self.timed(mongo.clock_offset()).await,
        }
    }

    /// What the database's server says it is, for people; nothing for a file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn server(&self) -> Result<Option<String>, StoreError> {
        match &self.adapter {
            Adapter::Sqlite(_) => Ok(None),
            Adapter::Mongo(mongo) => self.timed(mongo.server()).await.map(Some),
        }
    }

    /// How often this process has read a document in which another program has put doubles where integers
    /// are kept. They are read all the same, as long as they are whole.
    #[must_use]
    pub fn with_doubles(&self) -> u64 {
        match &self.adapter {
            Adapter::Sqlite(_) => 0,
            Adapter::Mongo(_) => mongo::with_doubles(),
        }
    }

    /// Lets what is under way end, for some seconds, and closes the connections: of the processes that have a
    /// file open, the last one leaves all that was written in that one file. To be called once, when the
    /// process ends; what is asked afterwards fails.
    pub async fn close(&self) {
        adapter!(self, a => a.close());
    }

    /// Where the documents are, for people: the host and the database, never a user or a password. Nothing
    /// for a file.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        match &self.adapter {
            Adapter::Sqlite(_) => None,
            Adapter::Mongo(mongo) => Some(mongo.place()),
        }
    }

    /// Puts a new document in, durably, with version 1 whatever it says.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id or a unique index is taken.
    pub async fn insert<D: Document>(&self, doc: &D) -> Result<(), StoreError> {
        self.insert_any(doc).await
    }

    /// [`Store::insert`]; where another document has the same values in the unique index named `index`, that
    /// one is given instead. What is given is durable.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id or another unique index is taken, [`StoreError::Fault`] when no
    /// unique index has that name.
    pub async fn insert_or_existing<D: Document>(
        &self,
        doc: &D,
        index: &str,
    ) -> Result<InsertOutcome<D>, StoreError> {
        Ok(match self.insert_or_existing_any(Kind::of::<D>(), doc, index).await? {
            None => InsertOutcome::Inserted,
            Some(existing) => InsertOutcome::Existing(typed(existing)?),
        })
    }

    /// Inserts many, in any order and in as few commits as the database can. Each has an outcome of its own,
    /// in the order of `docs`: as for [`Store::insert`].
    pub async fn insert_all<D: Document>(&self, docs: &[D]) -> Vec<Result<(), StoreError>> {
        let docs: Vec<_> = docs.iter().map(|doc| -> (&dyn Stored, i64) { (doc, 1) }).collect();
        self.insert_each(Kind::of::<D>(), &docs).await
    }

    /// The same, and each keeps the version that it has: for documents that come out of another database.
    pub async fn restore_all<D: Document>(&self, docs: &[D]) -> Vec<Result<(), StoreError>> {
        let versions = docs.iter().map(|doc| -> (&dyn Stored, i64) { (doc, Document::version(doc)) });
        let docs: Vec<_> = versions.collect();
        self.insert_each(Kind::of::<D>(), &docs).await
    }

    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Fault`].
    pub async fn get<D: Document>(&self, id: &str) -> Result<Option<D>, StoreError> {
        self.get_any(Kind::of::<D>(), id).await?.map(typed).transpose()
    }

    /// Those of the documents that are there, in the order of `ids`, each once. All in one page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Fault`].
    pub async fn get_many<D: Document>(&self, ids: &[&str]) -> Result<Page<D>, StoreError> {
        let mut page: Page<D> = self.get_many_any(Kind::of::<D>(), ids).await?.typed()?;
        let mut places = BTreeMap::new();
        for (at, id) in ids.iter().enumerate() {
            places.entry(*id).or_insert(at);
        }
        page.docs.sort_by_key(|doc| places.get(Document::id(doc)).copied());
        Ok(page)
    }

    /// One page in the query's order. A document that does not read as its type is left out, named in the
    /// page, and told to the log.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when no index serves the query.
    pub async fn find<D: Document>(&self, query: &Query) -> Result<Page<D>, StoreError> {
        self.find_any(Kind::of::<D>(), query).await?.typed()
    }

    /// One page in the query's order, without what is in the documents: far cheaper than [`Store::find`].
    ///
    /// # Errors
    /// [`StoreError::Fault`] when no index serves the query, or it is filtered.
    pub async fn heads<D: Document>(&self, query: &Query) -> Result<Heads, StoreError> {
        self.heads_of(Kind::of::<D>(), query).await
    }

    /// How many documents the query finds, whatever its limit and cursor. Counts to `cap` at most.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when no one index serves the query, or it is filtered.
    pub async fn count<D: Document>(&self, query: &Query, cap: usize) -> Result<Count, StoreError> {
        self.count_of(Kind::of::<D>(), query, cap).await
    }

    /// How many documents there are for each value of an indexed text field. Reads the whole index.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when the field has no index.
    pub async fn count_by<D: Document>(
        &self,
        field: &'static str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        self.count_of_each(Kind::of::<D>(), field).await
    }

    /// Saves `doc` if the stored version is still `doc.version()`; the stored document then has the next one.
    /// `false`: somebody else was faster, or the document is gone.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the change would break a unique index.
    pub async fn replace<D: Document>(&self, doc: &D) -> Result<bool, StoreError> {
        self.replace_any(doc).await
    }

    /// Does all writes of the batch, or none.
    ///
    /// # Errors
    /// [`CommitError`], with the first write that could not be done.
    pub async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        self.timed(async { adapter!(self, a => a.commit(batch)) }).await
    }

    /// Removes at most `limit` documents whose time in the indexed `field` is before `before`, oldest first,
    /// and tells how many went.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when the field has no index.
    pub async fn delete_before<D: Document>(
        &self,
        field: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.delete_older(Kind::of::<D>(), field, before, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_some_are_told() {
        let told = |n: usize| few(&vec!["a".to_owned(); n]);
        assert_eq!((told(2).as_str(), told(8).as_str()), ("a, a", "a, a, a, a, a, a, a, a"));
        assert_eq!(told(10), "a, a, a, a, a, a, a, a and 2 more");
    }

    #[tokio::test]
    async fn every_operation_ends_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url).await.unwrap();
        assert_eq!(store.within, REQUEST);
        let never = store.within(Duration::from_millis(1));
        let told: Result<(), StoreError> = never.timed(std::future::pending()).await;
        assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
        assert_eq!(store.clock_offset().await.unwrap(), None);
    }
}
