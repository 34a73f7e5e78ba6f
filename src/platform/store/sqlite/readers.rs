//! Connections that read. Readers never wait for the writer: each statement sees the last commit before it.
//!
//! Guards against slow queries taking every blocking thread of the runtime, against one that goes on when
//! nobody waits for it any more, as after its deadline, and against one that holds up the end of the process.

use std::{
    ffi::c_int,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task, time::timeout};

use super::connection::{meaning, open_reader};
use crate::platform::{sqlite::file::Pinned, store::StoreError};

/// Most reads at once; further ones wait.
pub(super) const READERS: usize = 4;

/// After so many of SQLite's own steps, a fraction of a millisecond, a read looks whether anybody waits.
const STEPS: c_int = 1000;

/// How long reads that are under way have when the connections are closed; and again when they were cut off.
const CLOSING: Duration = Duration::from_secs(1);

/// Clones share the connections.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    file: Arc<Pinned>,
    /// Closed with the connections.
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    /// What is under way is cut off.
    over: Arc<AtomicBool>,
}

/// Whoever waits for a read. Dropped where they stop waiting, as at a deadline.
#[derive(Default)]
struct Caller {
    gone: Arc<AtomicBool>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    pub(super) fn new(file: Arc<Pinned>) -> Self {
        let (free, over) = (Arc::new(Semaphore::new(READERS)), Arc::default());
        Self(Arc::new(Pool { file, free, idle: Mutex::default(), over }))
    }

    /// Runs `read` off the runtime's threads. When the caller goes away, its statement ends soon.
    /// A connection that gave an error of its own is not used again.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.0.free)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Unavailable("the database was closed".to_owned()))?;
        let pool = Arc::clone(&self.0);
        let caller = Caller::default();
        let gone = Arc::clone(&caller.gone);
        let reading = task::spawn_blocking(move || {
            let _permit = permit; // held until the read is over, even if the caller goes away
            let mut conn = match pool.take() {
                Some(conn) => conn,
                None => open_reader(&pool.file.path).map_err(|e| meaning(&e))?,
            };
            // After a new one was opened: it must be of the same file.
            pool.file.check().map_err(StoreError::Unavailable)?;
            // No interrupt: one that comes before the first step is lost, and a late one hits the next read.
            let (asked, over) = (Arc::clone(&gone), Arc::clone(&pool.over));
            let ends = move || asked.load(Ordering::Relaxed) || over.load(Ordering::Relaxed);
            conn.progress_handler(STEPS, Some(ends)).map_err(|e| meaning(&e))?;
            let result = read(&conn);
            if result.is_ok() || gone.load(Ordering::Relaxed) {
                pool.give_back(conn);
            }
            result
        });
        let read = reading.await;
        drop(caller); // not before the answer
        read.map_err(|e| StoreError::Unavailable(format!("a read was cut short: {e}")))?
    }

    /// Lets reads end, for a moment, and closes the connections. What is asked afterwards fails.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        // Whoever asks meanwhile waits behind.
        let ended = || timeout(CLOSING, self.0.free.acquire_many(all));
        let mut held = ended().await;
        if held.is_err() {
            self.0.over.store(true, Ordering::Relaxed);
            held = ended().await;
        }
        self.0.free.close();
        drop(held);
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
impl Readers {
    pub(super) fn free(&self) -> usize {
        self.0.free.available_permits()
    }
}

impl Pool {
    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, conn: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.free.is_closed() {
            idle.push(conn);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;
    use crate::platform::store::sqlite::connection::open_writer;

    /// Takes minutes; it has an end only so that a test that fails has one.
    const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000)
                        SELECT COUNT(*) FROM n";
    /// Far more than a read needs that ends at once, and far less than a whole one.
    const PATIENCE: Duration = Duration::from_secs(10);

    fn readers() -> (Readers, Connection, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (writer, file) = open_writer(&folder.path().join("test.db")).unwrap();
        (Readers::new(file), writer, folder)
    }

    fn number(conn: &Connection, sql: &str) -> Result<i64, StoreError> {
        conn.query_row(sql, [], |row| row.get(0)).map_err(|e| meaning(&e))
    }

    /// Waits until no read is under way.
    async fn over(readers: &Readers) {
        let all = readers.0.free.acquire_many(u32::try_from(READERS).unwrap());
        drop(timeout(PATIENCE, all).await.expect("a read goes on that nobody waits for").unwrap());
    }

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_ends_and_its_connection_is_used_again() {
        let (readers, _writer, _folder) = readers();
        let (begins, began) = oneshot::channel();
        let mut reading = Box::pin(readers.run(move |conn| {
            conn.execute_batch("PRAGMA cache_size = -1234").unwrap(); // to know it again by
            begins.send(()).unwrap();
            number(conn, LONG)
        }));
        tokio::select! {
            biased;
            told = &mut reading => panic!("{told:?}"),
            begun = began => begun.unwrap(),
        }
        drop(reading);
        over(&readers).await;
        assert_eq!(readers.0.idle.lock().unwrap().len(), 1);
        // Long enough for the handler to be asked, which must not answer for the last caller.
        let next = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
                    SELECT COUNT(*) FROM n";
        let both = readers.run(move |conn| Ok((number(conn, "PRAGMA cache_size")?, number(conn, next)?)));
        assert_eq!(both.await.unwrap(), (-1234, 100_000));
    }

    #[tokio::test]
    async fn reads_past_their_deadline_make_room_for_others() {
        let (readers, writer, _folder) = readers();
        writer.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (7)").unwrap();
        for _ in 0..2 {
            let late = (0..READERS)
                .map(|_| timeout(Duration::from_millis(1), readers.run(|conn| number(conn, LONG))));
            for told in futures_util::future::join_all(late).await {
                assert!(told.is_err(), "{told:?}");
            }
            let read = timeout(PATIENCE, readers.run(|conn| number(conn, "SELECT x FROM t")));
            assert_eq!(read.await.expect("every reader is taken").unwrap(), 7);
        }
        over(&readers).await;
    }

    #[tokio::test]
    async fn a_read_under_way_does_not_keep_the_connections_open_for_long() {
        let (readers, _writer, _folder) = readers();
        number_of_schema(&readers).await.unwrap();
        let (begins, began) = oneshot::channel();
        let long = readers.clone();
        let reading = tokio::spawn(async move {
            long.run(move |conn| {
                begins.send(()).unwrap();
                number(conn, LONG)
            })
            .await
        });
        began.await.unwrap();
        timeout(PATIENCE, readers.close()).await.expect("it waits for the read");
        assert!(matches!(reading.await.unwrap(), Err(StoreError::Unavailable(_))));
        assert_eq!(readers.0.idle.lock().unwrap().len(), 0);
        let asked = timeout(PATIENCE, number_of_schema(&readers)).await.expect("it waits");
        assert!(matches!(asked, Err(StoreError::Unavailable(_))), "{asked:?}");
        timeout(PATIENCE, readers.close()).await.expect("it can be closed again");
    }

    async fn number_of_schema(readers: &Readers) -> Result<i64, StoreError> {
        readers.run(|conn| number(conn, "SELECT COUNT(*) FROM sqlite_schema")).await
    }

    #[tokio::test]
    async fn a_connection_that_gave_an_error_is_not_used_again() {
        let (readers, _writer, _folder) = readers();
        assert!(readers.run(|conn| number(conn, "SELECT x FROM nowhere")).await.is_err());
        assert_eq!(readers.0.idle.lock().unwrap().len(), 0);
    }
}
