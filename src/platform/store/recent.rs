//! Documents that this process has just saved, for the update that follows.
//!
//! Saves the second read where a job takes a document, acts, and writes down what came of it. What is kept here may
//! be old as soon as it is kept: only a save, which compares versions, may rest on it (`Store::update_from`).

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::Document;

/// As many as one process has jobs in hand, and more; then all are forgotten.
const MOST: usize = 512;

type Kept = HashMap<(&'static str, String), Box<dyn Any + Send>>;

/// Clones share it.
#[derive(Clone, Default)]
pub(super) struct Recent(Arc<Mutex<Kept>>);

impl Recent {
    /// `doc` was saved: it is stored with the next version.
    pub(super) fn keep<D: Document>(&self, doc: &D) {
        let mut kept = doc.clone();
        kept.set_version(doc.version() + 1);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert((D::COLLECTION, doc.id().to_owned()), Box::new(kept));
    }

    /// Given once: whoever changes it makes it old.
    pub(super) fn take<D: Document>(&self, id: &str) -> Option<D> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(D::COLLECTION, id.to_owned()))?.downcast().ok().map(|doc| *doc)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}
