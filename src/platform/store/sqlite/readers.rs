//! Connections that read. Readers never wait for the writer: each statement sees the last commit before it.
//!
//! Guards against slow queries taking every blocking thread of the runtime.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task};

use super::connection::{meaning, open_reader};
use crate::platform::{sqlite::file::Pinned, store::StoreError};

/// Most reads at once; further ones wait.
const READERS: usize = 4;

/// Clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    file: Arc<Pinned>,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(file: Arc<Pinned>) -> Self {
        Self(Arc::new(Pool { file, free: Arc::new(Semaphore::new(READERS)), idle: Mutex::new(Vec::new()) }))
    }

    /// Runs `read` off the runtime's threads. A connection that gave an error is not used again.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.0.free)
            .acquire_owned()
            .await
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let pool = Arc::clone(&self.0);
        let reading = task::spawn_blocking(move || {
            let _permit = permit; // held until the read is over, even if the caller goes away
            let conn = match pool.take() {
                Some(conn) => conn,
                None => open_reader(&pool.file.path).map_err(|e| meaning(&e))?,
            };
            // After a new one was opened: it must be of the same file.
            pool.file.check().map_err(StoreError::Unavailable)?;
            let result = read(&conn)?;
            pool.give_back(conn);
            Ok(result)
        });
        reading.await.map_err(|e| StoreError::Unavailable(format!("a read was cut short: {e}")))?
    }
}

impl Pool {
    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, conn: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
    }
}
