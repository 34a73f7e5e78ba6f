//! Somebody is typing: told to those who listen at this moment, at whichever process, and no event.
//!
//! Guards against a hint that costs as much as a message: one a few seconds counts, of each side and order,
//! the rest is dropped. Other processes learn of it by one small document of that side, which is written over
//! and goes with the next one after a minute; only a process where somebody listens reads them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Side;
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::store::{
        Decision, Document, Field, Index, Order as Sort, Query, Store, StoreError, Updated, id_and_version,
    },
};

/// Of one side about one order, one counts in this time.
const EVERY: Duration = Duration::from_secs(3);
/// How long one is told, to those who begin to listen.
const FRESH: Duration = Duration::from_secs(5);
/// Signs that are remembered, and that are read at once.
const MOST: usize = 1000;
/// Signs are not read again before this, however many streams ask.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a document stays, and how many go at once.
const KEPT: Duration = Duration::from_secs(60);
const CLEARED: usize = 20;

/// One sign of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Its number in this process.
    no: u64,
    pub merchant: String,
    pub order: String,
    pub from: Side,
    pub at: Timestamp,
}

/// The last sign of one side about one order, for other processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sign {
    /// The order and the side.
    pub id: String,
    pub version: i64,
    pub merchant: String,
    pub order: String,
    pub from: Side,
    pub at: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Sign {
    const COLLECTION: &'static str = "typing";
    const INDEXES: &'static [Index] = &[Index::on("at", &[Field::time("at")])];

    id_and_version!();
}

/// What is known in this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Typing {
    store: Store,
    clock: Clock,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    recent: VecDeque<Typed>,
    read: Option<Instant>,
}

impl Known {
    /// Remembers a sign. Whether it counts.
    fn take(&mut self, merchant: &str, order: &str, from: Side, at: Timestamp, now: Timestamp) -> bool {
        while self.recent.front().is_some_and(|one| now.since(one.at) > FRESH) {
            self.recent.pop_front();
        }
        let same = |one: &&Typed| one.order == order && one.from == from;
        if self.recent.iter().rfind(same).is_some_and(|one| at.since(one.at) < EVERY) {
            return false;
        }
        if self.recent.len() >= MOST {
            self.recent.pop_front();
        }
        self.last += 1;
        let (no, merchant, order) = (self.last, merchant.to_owned(), order.to_owned());
        self.recent.push_back(Typed { no, merchant, order, from, at });
        true
    }

    /// What came behind `seen` and is still to be told. What nobody was there for is not, a while later.
    fn behind(&self, seen: u64, now: Timestamp) -> Vec<Typed> {
        let told = |one: &&Typed| one.no > seen && now.since(one.at) <= FRESH;
        self.recent.iter().filter(told).cloned().collect()
    }
}

impl Typing {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, known: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody is typing. Nobody waits until others know of it: a store that fails loses a hint,
    /// and no more.
    pub fn note(&self, merchant: &str, order: &str, from: Side) {
        let now = self.clock.now();
        if !self.known().take(merchant, order, from, now, now) {
            return;
        }
        let (typing, merchant, order) = (self.clone(), merchant.to_owned(), order.to_owned());
        tokio::spawn(async move {
            if let Err(error) = typing.tell_others(merchant, order, from, now).await {
                tracing::debug!(%error, "other processes do not learn of who is typing");
            }
        });
    }

    async fn tell_others(
        &self,
        merchant: String,
        order: String,
        from: Side,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = format!("{order}:{}", from.as_str());
        let again = self.store.update::<Sign, (), StoreError>(&id, |sign| {
            sign.at = now;
            Ok(Decision::Save(()))
        });
        if matches!(again.await?, Updated::Missing) {
            let sign = Sign { id, version: 1, merchant, order, from, at: now, extra: Map::new() };
            match self.store.insert(&sign).await {
                // The same side typed at another process at this moment.
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.store.delete_before::<Sign>("at", now - KEPT, CLEARED).await.map(|_| ())
    }

    /// What was noted behind `seen` in the last few seconds, by any process. Gives the number of the last
    /// one, too.
    pub async fn behind(&self, seen: u64) -> (Vec<Typed>, u64) {
        if let Err(error) = self.read().await {
            tracing::debug!(%error, "who is typing at other processes is not known");
        }
        let known = self.known();
        (known.behind(seen, self.clock.now()), known.last)
    }

    async fn read(&self) -> Result<(), StoreError> {
        let just_read = {
            let mut known = self.known();
            let just_read = known.read.is_some_and(|at| at.elapsed() < AGAIN);
            known.read = if just_read { known.read } else { Some(Instant::now()) };
            just_read
        };
        if just_read {
            return Ok(());
        }
        let now = self.clock.now();
        // The newest, if there are too many.
        let fresh = Query::sorted_by("at", Sort::Descending).from(now - FRESH).limit(MOST);
        let signs = self.store.find::<Sign>(&fresh).await?.docs;
        let mut known = self.known();
        for sign in signs.into_iter().rev() {
            known.take(&sign.merchant, &sign.order, sign.from, sign.at, now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_769_851_800_000)
    }

    fn noted(known: &mut Known, order: &str, from: Side, after: Duration) -> bool {
        known.take("shop", order, from, now() + after, now() + after)
    }

    #[test]
    fn one_in_three_seconds_counts() {
        let mut known = Known::default();
        let ms = Duration::from_millis;
        assert!(noted(&mut known, "ord_1", Side::Shop, ms(0)));
        for after in [500, 2999] {
            assert!(!noted(&mut known, "ord_1", Side::Shop, ms(after)));
        }
        // As another process noted it, told a second time.
        assert!(!known.take("shop", "ord_1", Side::Shop, now(), now() + ms(2999)));
        assert!(noted(&mut known, "ord_1", Side::Support, ms(2999)));
        assert!(noted(&mut known, "ord_2", Side::Shop, ms(2999)));
        assert!(noted(&mut known, "ord_1", Side::Shop, EVERY));
        assert_eq!((known.last, known.recent.len()), (4, 4));
        // Nobody listened for a while.
        assert!(noted(&mut known, "ord_3", Side::Shop, EVERY * 10));
        assert_eq!(known.recent.len(), 1);
    }

    #[test]
    fn what_is_old_is_told_to_nobody() {
        let mut known = Known::default();
        assert!(noted(&mut known, "ord_1", Side::Shop, Duration::ZERO));
        assert!(noted(&mut known, "ord_2", Side::Shop, EVERY));
        let told = |after: Duration| known.behind(0, now() + after).len();
        assert_eq!((told(EVERY), told(FRESH)), (2, 2));
        let later = FRESH + Duration::from_millis(1);
        assert_eq!((told(later), told(EVERY + FRESH), told(EVERY + later)), (1, 1, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut known = Known::default();
        for n in 0..3 * MOST {
            noted(&mut known, &format!("ord_{n}"), Side::Shop, Duration::ZERO);
        }
        assert_eq!(known.recent.len(), MOST);
    }
}
