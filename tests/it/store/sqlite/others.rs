//! Files that are something else: they are told, and left as they are.

use std::{fs, path::Path};

use rusqlite::Connection;
use tempfile::TempDir;
use waybill::{
    base::clock::Clock,
    platform::{
        queue::{Keep, Queue, QueueError},
        store::{Store, StoreError},
    },
};

use super::{Parcel, id, open, parcel, prepared, refusal};

async fn queue(path: &Path) -> Result<Queue, QueueError> {
    Queue::open(&format!("sqlite:{}", path.display()), Clock::system(), Keep::default()).await
}

fn number(path: &Path) -> i64 {
    let conn = Connection::open(path).unwrap();
    conn.query_row("PRAGMA application_id", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn another_program_s_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shop.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)").unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    assert!(refusal(&path).await.contains("it is a database of another program"));
    let Err(QueueError::Unavailable(told)) = queue(&path).await else { panic!("it was opened") };
    assert!(told.contains("it is a database of another program") && !told.contains('\n'), "{told}");
    assert!(fs::read(&path).unwrap() == before, "it is left as it was");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is put beside it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_and_jobs_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let (documents, jobs) = (folder.path().join("waybill.db"), folder.path().join("queue.db"));
    let store = prepared(open(&documents).await.unwrap()).await;
    store.insert(&parcel(1)).await.unwrap();
    let broker = queue(&jobs).await.unwrap();
    for marked in [true, false] {
        assert!(refusal(&jobs).await.contains("it is a queue"), "{marked}");
        let Err(QueueError::Unavailable(told)) = queue(&documents).await else { panic!("it was opened") };
        assert!(told.contains("it is a database of documents") && !told.contains('\n'), "{marked}: {told}");
        assert_eq!(store.get::<Parcel>(&id(1)).await.unwrap(), Some(parcel(1)), "{marked}");
        broker.inspect.ping().await.unwrap();
        // As releases before the marks made them.
        for path in [&documents, &jobs] {
            let conn = Connection::open(path).unwrap();
            conn.execute_batch("PRAGMA application_id = 0").unwrap();
        }
    }
    for path in [&documents, &jobs] {
        assert_eq!(number(path), 0);
    }
    drop(open(&documents).await.unwrap());
    drop(queue(&jobs).await.unwrap());
    for path in [&documents, &jobs] {
        assert_ne!(number(path), 0, "they get them");
    }
}

/// What lacks documents is no database that a process starts on, nor a backup.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_cut_off_is_not_opened() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waybill.db");
    let store = prepared(open(&path).await.unwrap()).await;
    store.insert(&parcel(1)).await.unwrap();
    store.set_unfinished(true).await.unwrap();
    store.insert(&parcel(2)).await.unwrap();
    for _ in 0..2 {
        assert!(refusal(&path).await.contains("a copy into it was cut off"));
        assert!(Store::open_existing(&format!("sqlite:{}", path.display())).await.is_err());
        let Err(QueueError::Unavailable(told)) = queue(&path).await else { panic!("it was opened") };
        assert!(told.contains("a copy into it was cut off"), "{told}");
    }
    store.set_unfinished(false).await.unwrap();
    assert_eq!(open(&path).await.unwrap().get::<Parcel>(&id(2)).await.unwrap(), Some(parcel(2)));
    store.close().await;
    assert!(matches!(store.set_unfinished(true).await, Err(StoreError::Unavailable(_))));
}
