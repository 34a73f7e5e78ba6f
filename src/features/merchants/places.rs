//! The places of a merchant: it has so many keys at most, and so many people and invitations.
//!
//! Guards against requests side by side that each find the last place free. Whoever takes one writes this
//! document along, over the version that was read **before** anything was counted: of several one does, and
//! the others count again. It holds no number. What is counted says itself whether it counts still, so that a
//! place is free as soon as a key or a person was removed, or the time of a key or an invitation is over.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::platform::store::{Batch, Document, Index, Store, StoreError, id_and_version};

/// Those of one merchant, whose id it has. There is none before the first one is taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Places {
    id: String,
    /// 0: it is not stored yet.
    version: i64,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Document for Places {
    const COLLECTION: &'static str = "merchant_places";
    const INDEXES: &'static [Index] = &[];

    id_and_version!();
}

impl Places {
    /// How often it is counted again where others are faster: each time one of them has taken a place.
    pub(super) const TRIES: usize = 100;

    /// As they are now: to be asked for before it is counted.
    pub(super) async fn of(store: &Store, merchant: &str) -> Result<Self, StoreError> {
        let stored = store.get::<Self>(merchant).await?;
        Ok(stored.unwrap_or_else(|| Self { id: merchant.to_owned(), version: 0, extra: Map::new() }))
    }

    /// Takes one, together with what is added to the batch: or nothing is done, if somebody else has taken
    /// one since.
    pub(super) fn take(&self) -> Batch {
        if self.version == 0 { Batch::new().insert(self) } else { Batch::new().replace(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::store::CommitError;

    /// The first place of a merchant, and later ones.
    #[tokio::test]
    async fn of_two_who_have_counted_the_same_one_takes_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url).await.unwrap();
        store.prepare::<Places>().await.unwrap();
        for round in 0..3 {
            let of = async |merchant: &str| Places::of(&store, merchant).await.unwrap();
            let (faster, slower, other) = (of("shop").await, of("shop").await, of("other").await);
            store.commit(faster.take()).await.unwrap();
            let told = store.commit(slower.take()).await;
            let counts_again = matches!(told, Err(CommitError::Lost { .. } | CommitError::Conflict { .. }));
            assert!(counts_again, "round {round}: {told:?}");
            store.commit(other.take()).await.unwrap();
        }
    }
}
