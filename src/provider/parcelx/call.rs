//! For whom a call is made, and why one was not.

use super::protect::Throttled;
use crate::{base::timestamp::Timestamp, platform::store::StoreError};

/// For whom a call is made.
#[derive(Debug, Clone)]
pub struct Call {
    pub order_id: String,
    /// Our reference.
    pub reference: String,
    pub attempt: i64,
    pub queued_at: Timestamp,
}

/// Why a call was not made, or its end not written down.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The attempt's id is taken: somebody gave it up for dead. Nothing was sent.
    #[error("the attempt was shut out")]
    ShutOut,
    /// The logs could not be written: nothing was sent, or how it ended is not on record.
    #[error("the provider logs could not be written: {0}")]
    Store(StoreError),
    /// Nothing was sent or written: other calls had the turn.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    #[error("{0}")]
    Internal(String),
}
