//! Which installation a database of documents is: an id of its own, made at the first start.
//!
//! Guards against two installations that share queues: a queue keeps the id, and refuses every other.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::{ids, timestamp::Timestamp},
    platform::store::{
        Document, Field, Index, InsertOutcome, Order, Query, Store, StoreError, id_and_version,
    },
};

/// The one document of its kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Installation {
    id: String,
    version: i64,
    /// Always the same, so that there is one.
    which: String,
    made_at: Timestamp,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Installation {
    const ONE: &'static str = "one";
    const THIS: &'static str = "this";
}

impl Document for Installation {
    const COLLECTION: &'static str = "installation";
    const INDEXES: &'static [Index] = &[Index::on(Self::ONE, &[Field::text("which")]).unique()];

    id_and_version!();
}

/// The database's id.
///
/// # Errors
/// When the store fails.
pub(super) async fn of(store: &Store, now: Timestamp) -> Result<String, StoreError> {
    let query = Query::sorted_by("which", Order::Ascending).limit(1);
    if let Some(known) = store.find::<Installation>(&query).await?.whole()?.pop() {
        return Ok(known.id);
    }
    let new = Installation {
        id: ids::lease_token(),
        version: 1,
        which: Installation::THIS.to_owned(),
        made_at: now,
        extra: Map::new(),
    };
    match store.insert_or_existing(&new, Installation::ONE).await? {
        InsertOutcome::Inserted => Ok(new.id),
        InsertOutcome::Existing(other) => Ok(other.id),
    }
}
