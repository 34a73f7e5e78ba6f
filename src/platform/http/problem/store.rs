//! The problem for an error of the store.

use std::time::Duration;

use super::{Kind, Problem};
use crate::platform::store::StoreError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Contended => {
                tracing::error!(%error, "the database did not answer");
                Self::new(
                    Kind::TemporarilyUnavailable,
                    "The request was not completed. Send it again unchanged.",
                )
                .retry_after(Duration::from_secs(1))
            }
            StoreError::Conflict { .. } | StoreError::Outdated(_) | StoreError::Fault(_) => {
                Self::internal(&error)
            }
        }
    }
}
