//! How what a consumer makes of events is written: in one commit with its place, and nothing twice.

use crate::platform::store::{Batch, CommitError, Store, StoreError};

/// How what was made of events is written.
pub trait Writes<T>: Sync {
    /// One insert for each, in their order, and behind them what else belongs to the commit.
    fn add(&self, batch: Batch, made: &[T]) -> impl Future<Output = Result<Batch, StoreError>> + Send;
}

/// Commits the one write of `first` with all that was made. What is there already, made by whoever was here
/// before, is taken out. `false`: somebody else was faster, and nothing was written.
///
/// # Errors
/// When the store fails.
pub async fn write_once<T: Send + Sync>(
    store: &Store,
    first: impl Fn() -> Batch + Send + Sync,
    made: &mut Vec<T>,
    writes: &impl Writes<T>,
) -> Result<bool, StoreError> {
    Ok(matches!(write(store, first, made, writes).await?, Written::Done))
}

/// How a commit has ended.
pub(super) enum Written {
    Done,
    /// What was to be replaced has changed.
    Lost,
    /// Another document has the same in this unique index. With it the mark of what was to be written: if
    /// that is the same after a new read, nobody has been faster.
    Taken {
        index: String,
        mark: u64,
    },
}

pub(super) async fn write<T: Send + Sync>(
    store: &Store,
    first: impl Fn() -> Batch + Send + Sync,
    made: &mut Vec<T>,
    writes: &impl Writes<T>,
) -> Result<Written, StoreError> {
    loop {
        let batch = writes.add(first(), made).await?;
        let mark = batch.mark();
        match store.commit(batch).await {
            Ok(()) => return Ok(Written::Done),
            Err(CommitError::Conflict { at, index }) if index == "id" && (1..=made.len()).contains(&at) => {
                made.remove(at - 1);
            }
            Err(CommitError::Lost { .. }) => return Ok(Written::Lost),
            Err(CommitError::Conflict { index, .. }) => return Ok(Written::Taken { index, mark }),
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
}
