//! The contract on SQLite, and what only a file can get wrong.

mod closing;
mod others;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    thread,
    time::Duration,
};

use futures_util::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;
use waybill::platform::store::{Batch, CommitError, Decision, Order, Query, Store, StoreError};

use super::contract::{Parcel, fill, id, parcel, prepared, second};

contract_suite!(contract, crate::store::sqlite::fresh().await);

/// A store in a folder of its own, which goes with the second value.
pub(crate) async fn fresh() -> (Store, TempDir) {
    let folder = TempDir::new().unwrap();
    (open(&folder.path().join("waybill.db")).await.unwrap(), folder)
}

async fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(&format!("sqlite:{}", path.display())).await
}

/// The text of the error, which must be one line and name the path.
async fn refusal(path: &Path) -> String {
    let Err(StoreError::Unavailable(text)) = open(path).await else {
        panic!("{} was opened", path.display())
    };
    assert!(text.contains(&path.display().to_string()) && !text.contains('\n'), "{text}");
    text
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_is_made_is_for_this_user_alone() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("deep/data");
    let store = prepared(open(&data.join("waybill.db")).await.unwrap()).await;
    store.insert(&parcel(1)).await.unwrap();
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(files.len() >= 2, "the database and its log: {files:?}");
    assert!(files.iter().all(|f| mode(f) == 0o600), "{files:?}");
}

#[tokio::test]
async fn what_is_there_keeps_its_mode_and_its_documents() {
    let (store, folder) = fresh().await;
    let path = folder.path().join("waybill.db");
    prepared(store).await.insert(&parcel(1)).await.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let again = open(&path).await.unwrap();
    assert_eq!(again.get::<Parcel>(&id(1)).await.unwrap(), Some(parcel(1)));
    assert_eq!(mode(&path), 0o640);
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "this is no database, but long enough to have a header in it: ".repeat(40)).unwrap();
    assert!(refusal(&text).await.contains("not an SQLite database"));
    assert!(fs::read_to_string(&text).unwrap().starts_with("this is no database"), "it is left alone");

    assert!(
        refusal(&text.join("waybill.db")).await.contains("irectory"),
        "a file in the place of the folder"
    );
    assert!(refusal(folder.path()).await.contains("it is a directory"));

    let dangling = folder.path().join("dangling.db");
    symlink(folder.path().join("nowhere/else.db"), &dangling).unwrap();
    refusal(&dangling).await;

    for url in ["sqlite:", "sqlite::memory:", "sqlite:waybill.db?mode=ro", "postgres://localhost/waybill"] {
        assert!(matches!(Store::open(url).await, Err(StoreError::Unavailable(_))), "{url}");
    }
}

#[tokio::test]
async fn an_unprepared_collection_is_a_fault() {
    let (store, _folder) = fresh().await;
    assert!(matches!(store.insert(&parcel(1)).await, Err(StoreError::Fault(_))));
    assert!(matches!(store.get::<Parcel>("x").await, Err(StoreError::Fault(_))));
}

/// Two programs as far as SQLite can tell: a handle and a runtime each.
#[test]
fn two_handles_on_one_file_lose_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("waybill.db");
    let side = |first: i64| {
        let path = path.clone();
        move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let store = prepared(open(&path).await.unwrap()).await;
                drop(store.insert(&parcel(0)).await); // the other one may have been faster
                join_all((0..10).map(async |task| {
                    for n in 0..30 {
                        store.insert(&parcel(first + task * 30 + n)).await.unwrap();
                        count_up(&store).await;
                    }
                }))
                .await;
            });
        }
    };
    let (a, b) = (thread::spawn(side(1000)), thread::spawn(side(2000)));
    a.join().unwrap();
    b.join().unwrap();
    let conn = Connection::open(&path).unwrap();
    let count: i64 = conn.query_row("SELECT COUNT(*) FROM parcels", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 601);
    let (version, in_json, counted): (i64, i64, i64) = conn
        .query_row(
            "SELECT version, json_extract(json, '$.version'), json_extract(json, '$.count') \
             FROM parcels WHERE id = ?1",
            [id(0)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!((version, in_json, counted), (601, 601, 600));
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

async fn count_up(store: &Store) {
    loop {
        let updated = store
            .update::<Parcel, _, StoreError>(&id(0), |d| {
                d.count += 1;
                Ok(Decision::Save(()))
            })
            .await;
        match updated {
            Ok(_) => return,
            Err(StoreError::Contended) => {}
            Err(e) => panic!("{e:?}"),
        }
    }
}

/// While another program holds the file, reads go on and writes wait; then they share a commit and each has
/// an answer of its own.
#[tokio::test]
async fn writes_wait_for_another_program_and_reads_do_not() {
    let (store, folder) = fresh().await;
    let store = prepared(store).await;
    fill(&store, [1], |_, _| {}).await;
    let other = Connection::open(folder.path().join("waybill.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let docs: Vec<_> = [2, 3, 1, 4].map(parcel).into();
    let writes = join_all(docs.iter().map(|d| store.insert(d)));
    tokio::pin!(writes);
    assert!(futures_util::poll!(&mut writes).is_pending());
    assert_eq!(
        store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending)).await.unwrap().docs.len(),
        1
    );
    assert!(futures_util::poll!(&mut writes).is_pending());
    other.execute_batch("COMMIT").unwrap();
    let told = writes.await;
    assert!(
        matches!(&told[..], [Ok(()), Ok(()), Err(StoreError::Conflict { index }), Ok(())] if index == "id"),
        "{told:?}"
    );
}

/// More readers than there are connections, some of which go away half-way.
#[tokio::test]
async fn many_reads_at_once_all_come_back() {
    let (store, _folder) = fresh().await;
    let store = prepared(store).await;
    fill(&store, 0..50, |_, _| {}).await;
    for n in 0..20 {
        let store = store.clone();
        let task = tokio::spawn(async move { store.get::<Parcel>(&id(n)).await });
        tokio::task::yield_now().await;
        task.abort();
    }
    let found = join_all((0..50).map(async |n| (n, store.get::<Parcel>(&id(n)).await))).await;
    assert!(found.into_iter().all(|(n, doc)| doc.unwrap() == Some(parcel(n))));
}

/// Another program holds the file's write lock: nothing is known of a write when its time is over, and the
/// caller is told so.
#[tokio::test]
async fn a_write_ends_at_its_deadline() {
    let (store, folder) = fresh().await;
    let store = prepared(store).await;
    fill(&store, [1], |_, _| {}).await;
    let other = Connection::open(folder.path().join("waybill.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let hurried = store.within(Duration::from_millis(20));
    let (doc, seen) = (parcel(2), parcel(1));
    let late = |told: Result<(), StoreError>| {
        let Err(StoreError::Unavailable(text)) = told else { panic!("{told:?}") };
        assert!(text.contains("20ms"), "{text}");
    };
    late(hurried.insert(&doc).await);
    late(hurried.insert_or_existing(&doc, "client_order").await.map(drop));
    late(hurried.replace(&seen).await.map(drop));
    late(hurried.delete_before::<Parcel>("createdAt", second(0), 1).await.map(drop));
    let change = |d: &mut Parcel| {
        d.count += 1;
        Ok::<_, StoreError>(Decision::Save(()))
    };
    late(hurried.update(&id(1), change).await.map(drop));
    for outcome in hurried.insert_all(&[parcel(3), parcel(4)]).await {
        late(outcome);
    }
    let Err(CommitError::Store(error)) = hurried.commit(Batch::new().insert(&parcel(5))).await else {
        panic!("committed")
    };
    late(Err(error));
    other.execute_batch("ROLLBACK").unwrap();
    store.insert(&parcel(6)).await.unwrap();
}

#[tokio::test]
async fn while_another_file_or_none_is_in_its_place_nothing_is_written_or_read() {
    let (store, folder) = fresh().await;
    let (path, away) = (folder.path().join("waybill.db"), folder.path().join("away.db"));
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let refused = async || {
        assert!(matches!(store.insert(&parcel(2)).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.get::<Parcel>(&id(1)).await, Err(StoreError::Unavailable(_))));
        let Err(StoreError::Unavailable(text)) = store.ping().await else { panic!("it passes for well") };
        assert!(text.contains(path.to_str().unwrap()), "{text}");
    };
    fs::rename(&path, &away).unwrap();
    refused().await;
    assert!(!path.exists(), "it is not made anew");
    fs::copy(&away, &path).unwrap();
    refused().await;
    fs::rename(&away, &path).unwrap();
    store.ping().await.unwrap();
    store.insert(&parcel(2)).await.unwrap();
    let again = open(&path).await.unwrap();
    for n in 1..=2 {
        assert_eq!(again.get::<Parcel>(&id(n)).await.unwrap(), Some(parcel(n)));
    }
}
