//! Which installation a database of documents is: an id of its own, made at the first start.
//!
//! Guards against two installations that share queues: a queue keeps the id, and refuses every other. And
//! against a command with a mistyped name, which would make an installation and say that all is well.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::{ids, timestamp::Timestamp},
    platform::store::{
        Document, Field, Index, InsertOutcome, Order, Query, Store, StoreError, id_and_version,
    },
};

/// Who opens an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// A process that serves or works: it makes a database that is not there, and takes queues that are
    /// nobody's.
    Process,
    /// A command on what is there.
    Command,
}

impl Opening {
    /// The database at `url`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(super) async fn store(self, url: &str) -> Result<Store, StoreError> {
        match self {
            Self::Process => Store::open(url).await,
            Self::Command => Store::open_existing(url).await,
        }
    }

    pub(super) fn claims_nothing(self) -> bool {
        self == Self::Command
    }
}

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
