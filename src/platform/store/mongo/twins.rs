//! Creates of one key that come at the same time.
//!
//! Guards against a crowd: of a thousand inserts of one unique key at once the server undoes and repeats all
//! but one, again and again, and the last of them wait for longer than a request may take. Here one goes
//! ahead; then one of the others looks for what it has left, for all who wait by then. Whoever comes later
//! may be shown a later state, and looks again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bson::{RawArrayBuf, RawDocument, RawDocumentBuf};
use tokio::sync::{Mutex as Turn, MutexGuard};

use super::document;
use crate::platform::store::Index;

/// The document with this key, as those saw it who were here before.
#[derive(Debug)]
pub(super) struct Seen {
    /// When they began to look, or to insert it.
    pub(super) since: Instant,
    pub(super) doc: RawDocumentBuf,
}

type Known = Arc<Turn<Option<Seen>>>;

/// The keys that somebody inserts at this moment; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Twins(Arc<Mutex<HashMap<Vec<u8>, Known>>>);

/// One insert under way.
#[derive(Debug)]
pub(super) struct Place {
    twins: Twins,
    key: Vec<u8>,
    known: Known,
    arrived: Instant,
}

impl Twins {
    /// Nothing where the document is not in the index.
    pub(super) fn place(&self, collection: &str, index: &Index, stored: &RawDocument) -> Option<Place> {
        let mut values = RawArrayBuf::new();
        for field in index.fields {
            values.push(document::at(stored, field.path)?);
        }
        let key = [collection.as_bytes(), index.name.as_bytes(), values.as_bytes()].join(&0);
        let known = self.lock().entry(key.clone()).or_default().clone();
        Some(Place { twins: self.clone(), key, known, arrived: Instant::now() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until nobody else inserts this key or looks for it, and gives what they saw, if anything.
    /// Whoever knows better sets it.
    pub(super) async fn turn(&self) -> MutexGuard<'_, Option<Seen>> {
        self.known.lock().await
    }

    /// Whether what others saw is as good as a look of one's own.
    pub(super) fn believes(&self, seen: &Seen) -> bool {
        seen.since >= self.arrived
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.twins.lock();
        // The map's own and this one: nobody else is here.
        if Arc::strong_count(&self.known) <= 2 {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;
    use crate::platform::store::Field;

    const INDEX: Index = Index::on("key", &[Field::text("user"), Field::text("number")]).unique();

    #[tokio::test]
    async fn one_goes_ahead_and_the_others_know_of_it() {
        let twins = Twins::default();
        let place =
            |number: &str| twins.place("orders", &INDEX, &rawdoc! { "user": "u", "number": number }).unwrap();
        let (first, second, other) = (place("1"), place("1"), place("2"));
        let mut known = first.turn().await;
        assert!(known.is_none() && other.turn().await.is_none(), "another key waits for nobody");
        assert!(second.known.try_lock().is_err());
        *known = Some(Seen { since: Instant::now(), doc: RawDocumentBuf::new() });
        drop(known);
        assert!(second.believes(second.turn().await.as_ref().unwrap()));
        drop((first, other));
        let late = place("1");
        assert!(!late.believes(late.turn().await.as_ref().unwrap()), "as long as anybody is here");
        drop((second, late));
        assert!(place("1").turn().await.is_none(), "what was known is forgotten with them");
        assert!(twins.lock().is_empty());
        assert!(twins.place("orders", &INDEX, &rawdoc! { "user": "u" }).is_none());
    }
}
