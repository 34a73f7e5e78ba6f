//! What an adapter must know of a type of documents.
//!
//! Guards against a program that has each operation of each adapter once per type: only reading and writing a
//! document are, and the rest is there once.

use std::any::Any;

use super::{Document, Index, StoreError, mongo, sqlite};

/// A document of the type that a [`Kind`] was made of.
pub(super) type AnyDoc = Box<dyn Any + Send>;

/// A type of documents. The errors of its functions tell the place where a document does not read as its
/// type, and no value.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) collection: &'static str,
    pub(super) indexes: &'static [Index],
    /// Whatever version is in it, it gets this one.
    pub(super) from_json: fn(&str, i64) -> Result<AnyDoc, String>,
    pub(super) from_bson: fn(&mongo::Raw) -> Result<AnyDoc, String>,
}

impl Kind {
    pub(super) fn of<D: Document>() -> Self {
        Self {
            collection: D::COLLECTION,
            indexes: D::INDEXES,
            from_json: sqlite::decode::<D>,
            from_bson: mongo::decode::<D>,
        }
    }

    /// That a document does not read as its type.
    pub(super) fn fault(&self, id: &str, why: &str) -> StoreError {
        StoreError::Fault(format!("{} {id} does not read as its type: {why}", self.collection))
    }
}

/// What an adapter has read as of [`Kind::of`] the same type.
pub(super) fn typed<D: Document>(doc: AnyDoc) -> Result<D, StoreError> {
    let other = |_| StoreError::Fault(format!("{}: a document of another type was read", D::COLLECTION));
    doc.downcast().map(|doc| *doc).map_err(other)
}
