//! The port to the database: documents, declared indexes, versions.
//!
//! A document is a serde struct with an id and a version. What an adapter must know of it, it declares here
//! once: the collection's name and its indexes. Business rules never live in an adapter: a change is *load,
//! decide in Rust, save if nobody was faster* ([`super::Store::update`]).

use serde::{Serialize, de::DeserializeOwned};

use crate::base::timestamp::Timestamp;

/// A struct that is kept in a collection.
///
/// Serialise it with `#[serde(rename_all = "camelCase")]` and keep fields that this binary does not know in a
/// flattened map, so that an older binary's update loses nothing that a newer one wrote.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const COLLECTION: &'static str;
    /// Every index of the collection, but for the one on the id. `find`, `count_by` and `delete_before` may
    /// only name indexed fields.
    const INDEXES: &'static [Index];

    fn id(&self) -> &str;

    /// 1 when inserted; every saved change adds one.
    fn version(&self) -> i64;

    /// For the store only.
    fn set_version(&mut self, version: i64);
}

/// The three methods of [`Document`] for a struct with the fields `id` and `version`.
macro_rules! id_and_version {
    () => {
        fn id(&self) -> &str {
            &self.id
        }

        fn version(&self) -> i64 {
            self.version
        }

        fn set_version(&mut self, version: i64) {
            self.version = version;
        }
    };
}
pub(crate) use id_and_version;

/// One declared index. `fields` are paths of JSON names, `awb` or `outbox.at`; each holds a string, an
/// integer, a boolean or a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Unique within the collection; what [`super::StoreError::Conflict`] tells.
    pub name: &'static str,
    pub fields: &'static [&'static str],
    pub unique: bool,
    /// Only documents that have a value in every one of `fields` are in the index.
    pub sparse: bool,
}

impl Index {
    #[must_use]
    pub const fn on(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self { name, fields, unique: false, sparse: false }
    }

    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    #[must_use]
    pub const fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }
}

/// A value to compare an indexed field with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Text(String),
    Int(i64),
    Bool(bool),
    Time(Timestamp),
}

impl From<&str> for Key {
    fn from(v: &str) -> Self {
        Self::Text(v.to_owned())
    }
}

impl From<String> for Key {
    fn from(v: String) -> Self {
        Self::Text(v)
    }
}

impl From<i64> for Key {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}

impl From<bool> for Key {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

impl From<Timestamp> for Key {
    fn from(v: Timestamp) -> Self {
        Self::Time(v)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Where a page ends: the sort field's value and the id of its last document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub key: Key,
    pub id: String,
}

/// What `find` looks for: equal fields, one range on the sort field, a total order (the sort field, then the
/// id), a page.
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) equal: Vec<(&'static str, Key)>,
    pub(super) from: Option<Key>,
    pub(super) before: Option<Key>,
    pub(super) sort: &'static str,
    pub(super) order: Order,
    pub(super) after: Option<Cursor>,
    pub(super) limit: usize,
}

impl Query {
    /// All documents that have a value in `field`, in its order. At most 100, unless [`Query::limit`] says
    /// otherwise.
    #[must_use]
    pub fn sorted_by(field: &'static str, order: Order) -> Self {
        Self { equal: Vec::new(), from: None, before: None, sort: field, order, after: None, limit: 100 }
    }

    #[must_use]
    pub fn equal(mut self, field: &'static str, key: impl Into<Key>) -> Self {
        self.equal.push((field, key.into()));
        self
    }

    /// The sort field is `from` or greater.
    #[must_use]
    pub fn from(mut self, from: impl Into<Key>) -> Self {
        self.from = Some(from.into());
        self
    }

    /// The sort field is less than `before`.
    #[must_use]
    pub fn before(mut self, before: impl Into<Key>) -> Self {
        self.before = Some(before.into());
        self
    }

    /// Only what comes behind `cursor` in the query's order.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}
