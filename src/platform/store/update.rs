//! Load, decide, save; and decide again when somebody else was faster.

use std::time::Duration;

use super::{
    Document, Store, StoreError,
    kind::{Kind, typed},
};
use crate::base::ids;

/// How often [`Store::update`] decides again when somebody else was faster.
const TRIES: usize = 5;

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

impl Store {
    /// Load, decide, save; on a version conflict load and **decide again**, so that `decide` never acts on
    /// what is no longer true. `decide` may be called several times and must not act on anything but the
    /// document. One deadline counts for all of it.
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
        let (until, mut conflicts) = (self.deadline(), 0);
        for _ in 0..TRIES + usize::from(seen.is_some()) {
            let (mut doc, fresh) = match seen.take() {
                Some(doc) => (doc, false),
                None => match self.load(Kind::of::<D>(), id, until).await? {
                    Some(doc) => (typed::<D>(doc)?, true),
                    None => return Ok(Updated::Missing),
                },
            };
            match decide(&mut doc) {
                Ok(Decision::Save(word)) => {
                    if self.save(&doc, until).await? {
                        doc.set_version(doc.version() + 1);
                        return Ok(Updated::Done(doc, word));
                    }
                    if self.pauses {
                        tokio::time::sleep(pause(conflicts, ids::fraction())).await;
                    }
                    conflicts += 1;
                }
                // Saving proves that nobody has changed it since; nothing else does.
                _ if !fresh => {}
                Ok(Decision::Leave(word)) => return Ok(Updated::Done(doc, word)),
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended.into())
    }
}

/// Between a conflict and the next try, where a read may still show the state before the winner's: 2, 4, 8,
/// 16 ms, of which up to a half is left out at random.
fn pause(conflicts: u32, random: f64) -> Duration {
    Duration::from_millis(2 << conflicts.min(3)).mul_f64(1.0 - random / 2.0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::platform::store::{Index, id_and_version};

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Tally {
        id: String,
        version: i64,
    }

    impl Document for Tally {
        const COLLECTION: &'static str = "tallies";
        const INDEXES: &'static [Index] = &[];
        id_and_version!();
    }

    #[test]
    fn pauses_grow_and_differ() {
        let ms = |random| (0..6).map(|n| pause(n, random).as_micros()).collect::<Vec<_>>();
        assert_eq!(ms(0.0), [2000, 4000, 8000, 16_000, 16_000, 16_000]);
        assert_eq!(ms(0.999_999)[0], 1000);
        assert!(pause(3, 0.5) < pause(3, 0.1));
    }

    /// Every save loses; the pauses between the five tries add up to 15 ms at least.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_that_needs_pauses_makes_them() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store { pauses: true, ..Store::open(&url).await.unwrap() };
        store.prepare::<Tally>().await.unwrap();
        store.insert(&Tally { id: "t".to_owned(), version: 1 }).await.unwrap();
        let handle = tokio::runtime::Handle::current();
        let started = Instant::now();
        let updated = store.update::<Tally, (), StoreError>("t", |tally| {
            let other = tally.clone();
            assert!(tokio::task::block_in_place(|| handle.block_on(store.replace(&other))).unwrap());
            Ok(Decision::Save(()))
        });
        assert!(matches!(updated.await, Err(StoreError::Contended)));
        assert!(started.elapsed() >= Duration::from_millis(15), "{:?}", started.elapsed());
    }
}
