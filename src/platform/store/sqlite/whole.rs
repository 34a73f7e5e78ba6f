//! The file as a whole: closing it, looking it through, and what its mark says.
//!
//! Guards against a copy of it that lacks what is in its `-wal`, and against damage that nobody sees until
//! the page is read.

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::timeout;

use super::{
    Sqlite,
    connection::{meaning, undone},
};
use crate::platform::{
    sqlite::{file, mark::Mark},
    store::{Checked, StoreError},
};

/// How long a process that ends waits for the file.
const CLOSING: Duration = Duration::from_secs(5);

impl Sqlite {
    /// Lets what is under way end, brings all of it into the one file, and closes that. Of several processes
    /// the last one leaves nothing beside it.
    pub(in crate::platform::store) async fn close(&self) {
        let closing = async {
            self.readers.close().await; // the last connection must be one that can write
            self.writer.end().await;
        };
        if timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("the database was not closed in time: a copy of it needs its -wal, too");
        }
    }

    /// Reads the whole file, for so long at most.
    pub(in crate::platform::store) async fn check(&self, within: Duration) -> Result<Checked, StoreError> {
        let look = |conn: &Connection| file::damage(conn).map_err(|e| meaning(&e));
        if within.is_zero() {
            return Ok(Checked::NotInTime); // a small file would be read at once
        }
        Ok(match timeout(within, self.readers.run(look)).await {
            Ok(found) => found?.map_or(Checked::Whole, Checked::Damaged),
            Err(_) => Checked::NotInTime,
        })
    }

    pub(in crate::platform::store) async fn set_unfinished(
        &self,
        unfinished: bool,
    ) -> Result<(), StoreError> {
        let mark = if unfinished { Mark::Unfinished } else { Mark::Documents };
        self.writer.statement(move |step| mark.set(step.conn)).await.map_err(undone)
    }
}
