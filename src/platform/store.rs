//! Documents in SQLite or MongoDB, whichever the URL names. No code above this module knows which.
//!
//! [`Store`] is the port; [`document`] says what a document declares; each adapter has a file of its own and
//! must pass the contract suite in `tests/it/store/`.

pub mod document;
mod plan;
mod sqlite;

use std::collections::BTreeMap;

pub(crate) use document::id_and_version;
pub use document::{Cursor, Document, Index, Key, Order, Query};

use crate::base::timestamp::Timestamp;

/// How often [`Store::update`] decides again when somebody else was faster.
const UPDATE_TRIES: usize = 5;

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
    /// A stored document does not read as its type, or the query names a field without an index: a fault of
    /// ours.
    #[error("{0}")]
    Fault(String),
}

/// What a decision does with the document it was shown.
#[derive(Debug)]
pub enum Decision<T> {
    Save(T),
    Leave(T),
}

/// The outcome of [`Store::update`].
#[derive(Debug)]
pub enum Updated<D, T> {
    /// The document as it now stands, and the decision's word.
    Done(D, T),
    Missing,
}

/// A handle on the database; clones share it.
#[derive(Clone, Debug)]
pub struct Store(Adapter);

#[derive(Clone, Debug)]
enum Adapter {
    Sqlite(sqlite::Sqlite),
}

/// Calls the same method of whichever adapter is behind the store.
macro_rules! adapter {
    ($store:ident, $adapter:ident => $call:expr) => {
        match &$store.0 {
            Adapter::Sqlite($adapter) => $call.await,
        }
    };
}

impl Store {
    /// Opens the database that `url` names, creating it where that is possible.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], with the path or host and what to do about it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return sqlite::Sqlite::open(path).await.map(|s| Self(Adapter::Sqlite(s)));
        }
        Err(StoreError::Unavailable("the store's URL must start with `sqlite:`".to_owned()))
    }

    /// Makes the collection and its indexes where they are missing. To be called once at start for each type.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prepare<D: Document>(&self) -> Result<(), StoreError> {
        adapter!(self, a => a.prepare::<D>())
    }

    /// Whether the database answers; for health checks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        adapter!(self, a => a.ping())
    }

    /// Puts a new document in, durably, with version 1 whatever it says.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id or a unique index is taken.
    pub async fn insert<D: Document>(&self, doc: &D) -> Result<(), StoreError> {
        adapter!(self, a => a.insert(doc))
    }

    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Fault`].
    pub async fn get<D: Document>(&self, id: &str) -> Result<Option<D>, StoreError> {
        adapter!(self, a => a.get(id))
    }

    /// One page in the query's order.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when the query names a field without an index.
    pub async fn find<D: Document>(&self, query: &Query) -> Result<Vec<D>, StoreError> {
        adapter!(self, a => a.find(query))
    }

    /// How many documents there are for each value of an indexed string field.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when the field has no index.
    pub async fn count_by<D: Document>(
        &self,
        field: &'static str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        adapter!(self, a => a.count_by::<D>(field))
    }

    /// Saves `doc` if the stored version is still `doc.version()`; the stored document then has the next one.
    /// `false`: somebody else was faster, or the document is gone.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the change would break a unique index.
    pub async fn replace<D: Document>(&self, doc: &D) -> Result<bool, StoreError> {
        adapter!(self, a => a.replace(doc))
    }

    /// Load, decide, save; on a version conflict load and **decide again**, so that `decide` never acts on
    /// what is no longer true. `decide` may be called several times and must not act on anything but the
    /// document.
    ///
    /// # Errors
    /// The decision's own, [`StoreError::Contended`] after five conflicts, or what loading and saving give.
    pub async fn update<D: Document, T, E: From<StoreError>>(
        &self,
        id: &str,
        decide: impl FnMut(&mut D) -> Result<Decision<T>, E>,
    ) -> Result<Updated<D, T>, E> {
        self.update_from(id, None, decide).await
    }

    /// [`Store::update`] of a document that the caller may have just `seen`, read or saved: it is read again
    /// only if somebody else has changed it since.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub async fn update_from<D: Document, T, E: From<StoreError>>(
        &self,
        id: &str,
        mut seen: Option<D>,
        mut decide: impl FnMut(&mut D) -> Result<Decision<T>, E>,
    ) -> Result<Updated<D, T>, E> {
        for _ in 0..UPDATE_TRIES + usize::from(seen.is_some()) {
            let (mut doc, fresh) = match seen.take() {
                Some(doc) => (doc, false),
                None => match self.get::<D>(id).await? {
                    Some(doc) => (doc, true),
                    None => return Ok(Updated::Missing),
                },
            };
            match decide(&mut doc) {
                Ok(Decision::Save(word)) => {
                    if self.replace(&doc).await? {
                        doc.set_version(doc.version() + 1);
                        return Ok(Updated::Done(doc, word));
                    }
                }
                // Saving proves that nobody has changed it since; nothing else does.
                _ if !fresh => {}
                Ok(Decision::Leave(word)) => return Ok(Updated::Done(doc, word)),
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended.into())
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
        adapter!(self, a => a.delete_before::<D>(field, before, limit))
    }
}
