//! What was read from the store less than a second ago. Guards against a read for each request, and against
//! an answer that is older than that: what is ended in the store is over a second later, in every process.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::store::StoreError,
};

/// How long an answer counts, from the moment at which it was asked for.
const RECENT: Duration = Duration::from_secs(1);
/// Answers that are remembered.
const MOST: usize = 10_000;

/// Answers by their question. Clones share them.
#[derive(Debug)]
pub struct Fresh<V> {
    clock: Clock,
    known: Arc<Mutex<Known<V>>>,
}

/// Each with the moment at which it was asked for.
type Known<V> = HashMap<Box<str>, (Timestamp, V)>;

impl<V> Clone for Fresh<V> {
    fn clone(&self) -> Self {
        Self { clock: self.clock.clone(), known: Arc::clone(&self.known) }
    }
}

impl<V: Clone> Fresh<V> {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default() }
    }

    /// What is known of `id`, or what `read` says, which then is.
    ///
    /// # Errors
    /// Those of `read`, which are not remembered.
    pub async fn get(
        &self,
        id: &str,
        read: impl Future<Output = Result<V, StoreError>>,
    ) -> Result<V, StoreError> {
        let asked = self.clock.now();
        if let Some((at, value)) = self.known().get(id)
            && is_recent(*at, asked)
        {
            return Ok(value.clone());
        }
        let value = read.await?;
        let mut known = self.known();
        if known.len() >= MOST {
            known.retain(|_, (at, _)| is_recent(*at, asked));
            if known.len() >= MOST {
                known.clear();
            }
        }
        known.insert(id.into(), (asked, value.clone()));
        Ok(value)
    }

    /// This process has changed it: it is read again.
    pub fn forget(&self, id: &str) {
        self.known().remove(id);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, (Timestamp, V)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back makes nothing count for longer.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < RECENT
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_answer_counts_for_a_second_and_memory_is_bounded() {
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        let (fresh, reads) = (Fresh::new(clock.clone()), AtomicUsize::new(0));
        let get = async |id: &str| {
            fresh.get(id, async { Ok(reads.fetch_add(1, Ordering::Relaxed)) }).await.unwrap()
        };
        assert_eq!((get("a").await, get("a").await, get("b").await), (0, 0, 1));
        clock.advance(Duration::from_millis(999));
        assert_eq!(get("a").await, 0);
        clock.advance(Duration::from_millis(1));
        assert_eq!((get("a").await, get("a").await), (2, 2));
        fresh.forget("a");
        assert_eq!(get("a").await, 3);
        let failed = fresh.get("c", async { Err(StoreError::Contended) }).await;
        assert!(failed.is_err());
        assert_eq!(get("c").await, 4, "an error is not remembered");
        for n in 0..2 * MOST {
            get(&format!("x{n}")).await;
        }
        assert!(fresh.known().len() <= MOST);
    }
}
