//! What must be true of the database before a process works with it, and how `waybill migrate` makes it so.

use super::collections;
use crate::{
    base::timestamp::Timestamp,
    features::orders::model::Order,
    platform::store::{
        Store, StoreError,
        migrations::{self, Step},
    },
    provider::parcelx::earlier,
};

/// Every step there ever was, in its order. A new one is a line here.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        name: "answers that were no JSON say payloadIs",
        make: |store| Box::pin(earlier::name_payloads(store)),
    },
    Step {
        number: 2,
        name: "orders say since when they are failed, and their last step how far a cancellation was",
        make: |store| Box::pin(migrations::rewrite_readable::<Order>(store, Order::complete)),
    },
];

/// Makes collections and indexes that are missing.
///
/// # Errors
/// [`StoreError::Outdated`] with the tables and indexes that are stored differently, and the steps that were
/// not made.
pub(super) async fn prepare(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let mut outdated = Vec::new();
    for collection in collections() {
        match collection.prepare(store).await {
            Err(StoreError::Outdated(indexes)) => outdated.extend(indexes),
            prepared => prepared?,
        }
    }
    let pending = match migrations::pending(store, STEPS).await {
        // Which steps were made, a table of an earlier release does not tell.
        Err(StoreError::Outdated(_)) if !outdated.is_empty() => return Err(StoreError::Outdated(outdated)),
        pending => pending?,
    };
    if !pending.is_empty() && is_empty(store).await? {
        migrations::skip(store, &pending, now).await?;
    } else if !pending.is_empty() {
        // Another process may have found it empty, and put something in since.
        outdated.extend(migrations::pending(store, STEPS).await?.iter().map(ToString::to_string));
    }
    if outdated.is_empty() { Ok(()) } else { Err(StoreError::Outdated(outdated)) }
}

/// Makes changed tables and indexes anew, then the steps that were not made yet. `tell` hears of each as it
/// is done.
///
/// # Errors
/// When the store fails, when stored documents break a unique index, or when one does not read as its type.
/// What was told is done; the rest is made by the next call.
pub async fn migrate(store: &Store, now: Timestamp, mut tell: impl FnMut(String)) -> Result<(), StoreError> {
    for collection in collections() {
        for index in collection.remake(store).await? {
            tell(format!("{index}: made anew"));
        }
    }
    for step in migrations::pending(store, STEPS).await? {
        let documents = migrations::make(store, &step, now).await?;
        tell(format!("{step}: {documents} documents changed"));
    }
    prepare(store, now).await
}

async fn is_empty(store: &Store) -> Result<bool, StoreError> {
    for collection in collections() {
        if !collection.is_empty(store).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_without_a_gap() {
        assert!(STEPS.iter().map(|step| step.number).eq(1..=u32::try_from(STEPS.len()).unwrap()));
    }
}
