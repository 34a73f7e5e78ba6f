//! How the indexes of all collections stand in a database: looked at, never changed.

use super::collections;
use crate::platform::store::{IndexReport, Store, StoreError};

/// What is there of the declared indexes, and what else is.
///
/// # Errors
/// When the store fails.
pub async fn look(store: &Store) -> Result<IndexReport, StoreError> {
    let mut report = IndexReport::default();
    for collection in collections() {
        report.add(collection.indexes(store).await?);
    }
    Ok(report)
}
