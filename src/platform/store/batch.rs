//! Several writes that are done together or not at all, for what cannot live in one document.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Document, StoreError, mongo};

/// Writes in their order. A later one sees what an earlier one wrote.
#[derive(Default)]
pub struct Batch {
    pub(super) writes: Vec<Write>,
}

/// One of them; the document's type is forgotten.
pub(super) struct Write {
    pub(super) replaces: bool,
    pub(super) doc: Box<dyn Stored>,
}

impl Batch {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`super::Store::insert`].
    #[must_use]
    pub fn insert<D: Document>(mut self, doc: &D) -> Self {
        self.writes.push(Write { replaces: false, doc: Box::new(doc.clone()) });
        self
    }

    /// As [`super::Store::replace`]: only over the version that `doc` carries.
    #[must_use]
    pub fn replace<D: Document>(mut self, doc: &D) -> Self {
        self.writes.push(Write { replaces: true, doc: Box::new(doc.clone()) });
        self
    }

    /// A hash of what it would write, and over which versions: the same again if none of that has moved.
    #[must_use]
    pub fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for Write { replaces, doc } in &self.writes {
            (replaces, doc.collection(), doc.id(), doc.version()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let writes = self.writes.iter().map(|write| (write.doc.collection(), write.doc.id(), write.replaces));
        f.debug_list().entries(writes).finish()
    }
}

/// Why nothing of a batch was done. `at` counts its writes from 0.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another document has the same value in a unique index: `id` or the declared name.
    #[error("write {at}: another document has the same {index}")]
    Conflict { at: usize, index: String },
    /// The document to be replaced has another version by now, or is gone.
    #[error("write {at}: somebody else was faster")]
    Lost { at: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A document as an adapter needs it, whatever its type.
pub(super) trait Stored: Send + Sync {
    fn collection(&self) -> &'static str;
    fn id(&self) -> &str;
    fn version(&self) -> i64;
    fn json(&self, version: i64) -> Result<String, StoreError>;
    /// As MongoDB keeps it.
    fn stored(&self, version: i64) -> Result<mongo::Stored, StoreError>;
}

impl<D: Document> Stored for D {
    fn collection(&self) -> &'static str {
        D::COLLECTION
    }

    fn id(&self) -> &str {
        Document::id(self)
    }

    fn version(&self) -> i64 {
        Document::version(self)
    }

    fn json(&self, version: i64) -> Result<String, StoreError> {
        let json = if Document::version(self) == version {
            serde_json::to_string(self)
        } else {
            let mut doc = self.clone();
            doc.set_version(version);
            serde_json::to_string(&doc)
        };
        json.map_err(|_| StoreError::Fault(format!("{} cannot be written as JSON", D::COLLECTION)))
    }

    fn stored(&self, version: i64) -> Result<mongo::Stored, StoreError> {
        mongo::encode(self, version)
    }
}

/// The version that replaces `doc`'s.
pub(super) fn next_version(doc: &dyn Stored) -> Result<i64, StoreError> {
    let stored = doc.version();
    let last = || StoreError::Fault(format!("{}: version {stored} is the last", doc.id()));
    stored.checked_add(1).ok_or_else(last)
}
