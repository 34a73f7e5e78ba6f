//! Somebody has read notifications: told to that person's own streams, at whichever process, and no event.
//!
//! The mark itself is what other processes learn of it by: the member's document says when the last one was
//! set, and how many were unread then. Only a process where somebody listens reads them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::model::Reader;
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::store::{Order as Sort, Query, Store, StoreError},
};

/// How long a mark is told, to those who begin to listen.
const FRESH: Duration = Duration::from_secs(5);
/// Marks that are read at once.
const MOST: usize = 1000;

/// How many are unread for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pub person: String,
    pub merchant: String,
    pub unread: i64,
    pub at: Timestamp,
}

/// What the streams of one process were told. Clones share it.
#[derive(Debug, Clone)]
pub struct Marks {
    store: Store,
    clock: Clock,
    told: Arc<Mutex<HashMap<String, Marked>>>,
}

impl Marks {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, told: Arc::default() }
    }

    /// Marks that this did not give before. A store that fails loses a hint, and no more.
    pub async fn news(&self) -> Vec<Marked> {
        let fresh = match self.fresh().await {
            Ok(fresh) => fresh,
            Err(error) => {
                tracing::debug!(%error, "who has read notifications is not known");
                return Vec::new();
            }
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = fresh.iter().filter(|marked| told.get(&marked.person) != Some(*marked)).cloned().collect();
        *told = fresh.into_iter().map(|marked| (marked.person.clone(), marked)).collect();
        news
    }

    async fn fresh(&self) -> Result<Vec<Marked>, StoreError> {
        let now = self.clock.now();
        let fresh = Query::sorted_by("markedAt", Sort::Descending).from(now - FRESH).limit(MOST);
        let readers = self.store.find::<Reader>(&fresh).await?.docs.into_iter();
        let marked = readers.filter_map(|reader| {
            let at = reader.marked_at?;
            Some(Marked { person: reader.id, merchant: reader.merchant, unread: reader.unread, at })
        });
        Ok(marked.collect())
    }
}
