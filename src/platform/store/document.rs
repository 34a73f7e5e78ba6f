//! The port to the database: documents, declared indexes, versions.
//!
//! A document is a serde struct with an id and a version. What an adapter must know of it, it declares here
//! once: the collection's name and its indexes. Business rules never live in an adapter: a change is *load,
//! decide in Rust, save if nobody was faster* ([`super::Store::update`]).

use serde::{Serialize, de::DeserializeOwned};

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

/// What an indexed field holds. A value of another type counts as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    Text,
    Int,
    Bool,
    Time,
}

/// A field of an index: the path of its JSON names, `awb` or `outbox.at`, and what it holds. A field has the
/// same type in every index of its collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub path: &'static str,
    pub holds: FieldType,
}

impl Field {
    #[must_use]
    pub const fn text(path: &'static str) -> Self {
        Self { path, holds: FieldType::Text }
    }

    #[must_use]
    pub const fn int(path: &'static str) -> Self {
        Self { path, holds: FieldType::Int }
    }

    #[must_use]
    pub const fn bool(path: &'static str) -> Self {
        Self { path, holds: FieldType::Bool }
    }

    /// A [`crate::base::timestamp::Timestamp`].
    #[must_use]
    pub const fn time(path: &'static str) -> Self {
        Self { path, holds: FieldType::Time }
    }
}

/// One declared index. To change one, give the new one a new name: under the old name the stored index is
/// refused at the start until `waybill migrate` has made it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Unique within the collection; what [`super::StoreError::Conflict`] tells.
    pub name: &'static str,
    pub fields: &'static [Field],
    pub unique: bool,
    /// Only documents that have a value in every one of `fields` are in the index.
    pub partial: bool,
    /// Heads in its order are read without their documents.
    pub has_version: bool,
}

impl Index {
    #[must_use]
    pub const fn on(name: &'static str, fields: &'static [Field]) -> Self {
        Self { name, fields, unique: false, partial: false, has_version: false }
    }

    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    #[must_use]
    pub const fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// For a field that changes with each version.
    #[must_use]
    pub const fn with_version(mut self) -> Self {
        self.has_version = true;
        self
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.fields.iter().any(|field| field.path == path)
    }
}
