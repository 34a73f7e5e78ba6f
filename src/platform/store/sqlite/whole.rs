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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::store::sqlite::readers::READERS;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_look_that_takes_too_long_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path().join("waybill.db").to_str().unwrap()).await.unwrap();
        let whole = Duration::from_secs(60);
        assert_eq!(store.check(whole).await.unwrap(), Checked::Whole);
        // All who read are at something else.
        let others = (0..READERS).map(|_| {
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let readers = store.readers.clone();
            let reading = tokio::spawn(async move { readers.run(move |_| Ok(wait.recv().is_err())).await });
            (go_on, reading)
        });
        let others: Vec<_> = others.collect();
        while store.readers.free() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.check(Duration::from_millis(1)).await.unwrap(), Checked::NotInTime);
        for (go_on, reading) in others {
            drop(go_on);
            assert!(reading.await.unwrap().unwrap());
        }
        assert_eq!(store.check(whole).await.unwrap(), Checked::Whole);
    }
}
