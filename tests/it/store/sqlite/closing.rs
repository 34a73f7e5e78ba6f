//! A store that is closed leaves one file, which is a backup as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;
use waybill::platform::store::{Checked, Order, Query, Store, StoreError};

use super::{Parcel, fill, fresh, id, open, parcel, prepared};

/// How long it may take at most, and a margin for a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(5 + 5);

fn beside(path: &Path) -> Vec<PathBuf> {
    let others = ["-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display())));
    others.into_iter().filter(|path| path.exists()).collect()
}

/// How many documents somebody finds who takes this one file alone.
fn in_a_copy_of(path: &Path) -> i64 {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(path, &copy).unwrap();
    let conn = Connection::open(&copy).unwrap();
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    conn.query_row("SELECT COUNT(*) FROM parcels", [], |row| row.get(0)).unwrap()
}

async fn filled(path: &Path, numbers: impl IntoIterator<Item = i64>) -> Store {
    let store = prepared(open(path).await.unwrap()).await;
    fill(&store, numbers, |_, _| {}).await;
    // Reads leave connections that wait for the next ones.
    let found = store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending)).await.unwrap();
    assert!(!found.docs.is_empty());
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_file_has_everything_and_nothing_beside_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waybill.db");
    let store = filled(&path, 0..200).await;
    assert!(!beside(&path).is_empty(), "otherwise this shows nothing");
    // What was handed over is done, whoever waits for it.
    let docs: Vec<_> = (200..220).map(parcel).collect();
    let late = join_all(docs.iter().map(|doc| store.insert(doc)));
    let (told, ()) = tokio::join!(biased; late, store.close());
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    assert_eq!(beside(&path), Vec::<PathBuf>::new());
    assert_eq!(in_a_copy_of(&path), 220);

    let begun = Instant::now();
    assert!(matches!(store.insert(&parcel(300)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.get::<Parcel>(&id(1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    store.close().await;
    assert!(begun.elapsed() < LONGEST, "nobody waits for what is closed");
    let again = open(&path).await.unwrap();
    assert_eq!(again.get::<Parcel>(&id(219)).await.unwrap(), Some(parcel(219)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_the_last_one_leaves_one_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waybill.db");
    let (first, second) = (filled(&path, 0..100).await, filled(&path, 100..200).await);
    first.close().await;
    assert_eq!(in_a_copy_of(&path), 200, "all that was written until then");
    second.insert(&parcel(200)).await.unwrap();
    assert_eq!(second.get::<Parcel>(&id(1)).await.unwrap(), Some(parcel(1)), "the other one goes on");
    second.close().await;
    assert_eq!((in_a_copy_of(&path), beside(&path)), (201, Vec::new()));
}

/// Somebody reads it and does not stop: the stop waits for a moment, and the reader keeps what it sees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_holds_nothing_up_for_long() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waybill.db");
    let store = filled(&path, 0..10).await;
    let reader = Connection::open(&path).unwrap();
    let count = |conn: &Connection| -> i64 {
        conn.query_row("SELECT COUNT(*) FROM parcels", [], |row| row.get(0)).unwrap()
    };
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(&reader), 10);
    fill(&store, 10..20, |_, _| {}).await;
    let begun = Instant::now();
    store.close().await;
    assert!(begun.elapsed() < LONGEST);
    assert_eq!(count(&reader), 10);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&reader), 20, "the rest is beside the file, as long as it is open");
}

/// Whatever belongs to the file that stands there by now is not ours to touch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_replaced_is_closed_without_touching_the_new_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waybill.db");
    let old = filled(&path, 0..10).await;
    let away = folder.path().join("away");
    fs::create_dir(&away).unwrap();
    for end in ["", "-wal", "-shm"] {
        let name = format!("waybill.db{end}");
        fs::rename(folder.path().join(&name), away.join(&name)).unwrap();
    }
    let new = filled(&path, 100..150).await;
    let before = beside(&path);
    old.close().await;
    assert_eq!(beside(&path), before);
    new.insert(&parcel(150)).await.unwrap();
    assert_eq!(new.get::<Parcel>(&id(100)).await.unwrap(), Some(parcel(100)));
    new.close().await;
    assert_eq!(in_a_copy_of(&path), 51);
    let found = open(&away.join("waybill.db")).await.unwrap();
    assert_eq!(found.get::<Parcel>(&id(9)).await.unwrap(), Some(parcel(9)), "with its own -wal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_wherever_it_is() {
    let (store, folder) = fresh().await;
    let path = folder.path().join("waybill.db");
    let store = prepared(store).await;
    fill(&store, 0..200, |_, _| {}).await;
    assert_eq!(store.check(LONGEST).await.unwrap(), Some(Checked::Whole));
    store.close().await;
    let whole = fs::read(&path).unwrap();
    let conn = Connection::open(&path).unwrap();
    let root = |name: &str| -> usize {
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        conn.query_row(root, [name], |row| row.get::<_, u32>(0)).unwrap().try_into().unwrap()
    };
    let roots = ["parcels", "parcels_status"].map(root);
    drop(conn);
    for page in roots {
        let mut bytes = whole.clone();
        bytes[(page - 1) * 4096..page * 4096].fill(0xA5);
        fs::write(&path, bytes).unwrap();
        let store = open(&path).await.unwrap();
        let found = store.check(LONGEST).await.unwrap();
        assert!(matches!(&found, Some(Checked::Damaged(why)) if !why.contains('\n')), "{page}: {found:?}");
        store.close().await;
    }
    fs::write(&path, whole).unwrap();
    let store = open(&path).await.unwrap();
    assert_eq!(store.check(LONGEST).await.unwrap(), Some(Checked::Whole));
}
