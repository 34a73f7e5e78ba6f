//! Copies that end half-way: what one leaves is no database for anybody, and everybody says how to mend that.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use bson::doc;
use waybill::{
    features::orders::model::Order,
    platform::store::{Store, StoreError},
};

use super::copy::waybill;
use crate::support::{
    TestApp,
    file::edit,
    mongodb::{self, Lab},
    orders::order,
};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");

/// The programs, and the commands that open the database of their settings.
const PROGRAMS: &[&[&str]] = &[
    &[WAYBILL],
    &[WAYBILL, "api"],
    &[env!("CARGO_BIN_EXE_worker")],
    &[WAYBILL, "account", "list"],
    &[WAYBILL, "admin", "list"],
    &[WAYBILL, "audit"],
    &[WAYBILL, "doctor"],
    &[WAYBILL, "doctor", "--json"],
    &[WAYBILL, "merchant", "add", "Shop"],
    &[WAYBILL, "merchant", "list"],
    &[WAYBILL, "migrate"],
    &[WAYBILL, "operation", "list"],
    &[WAYBILL, "order", "ord_1"],
    &[WAYBILL, "queue", "list"],
    &[WAYBILL, "restored", "--reason", "x"],
    &[WAYBILL, "review", "list"],
    &[WAYBILL, "sweep"],
];

/// What mends a file, and a database of a server.
const REMOVE: &str = "a copy into it was cut off: remove it, and copy again";
const DROP: &str = "a copy into this database was cut off: drop it, and copy again";

/// An instance with two orders, and their ids in the order in which they are copied.
async fn source() -> (TestApp, [String; 2]) {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let mut ids = [merchant.create(&order("A-1")).await, merchant.create(&order("A-2")).await];
    ids.sort();
    (app, ids)
}

/// Has the row of one order say that it is this one. When that is the other one, both can be read, and one of
/// them alone can be written.
fn says(app: &TestApp, row: &str, id: &str) {
    edit(&app.folder.path().join("waybill.db"), "orders", "json_set(json, '$.id', ?2)", [row, id]);
}

fn copy(from: &str, to: &str) -> (bool, String) {
    waybill(&["copy", "--from", from, "--to", to])
}

/// Asserts that the program refuses the database at once, in one line that ends with how it is mended.
#[track_caller]
fn refused(folder: &Path, store: &str, program: &[&str], mended: &str) {
    let mut command = Command::new("timeout"); // what is not refused may run for ever
    command.arg("60").args(program).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    for (name, value) in [
        ("STORE__URL", store),
        ("QUEUE__URL", "sqlite:queue.db"),
        ("HTTP__BIND", "127.0.0.1:0"),
        ("AUTH__JWT_SECRET", "a-key-of-this-test-and-of-nothing-else"),
        ("PARCELX__ACCESS_KEY", "k"),
        ("PARCELX__SECRET_KEY", "k"),
        ("PARCELX__BASE_URL", "http://127.0.0.1:1"),
    ] {
        command.env(format!("WAYBILL_{name}"), value);
    }
    let ended = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0), "{program:?}: {told}");
    assert!(told.contains(mended) && told.lines().count() == 1, "{program:?}: {told}");
}

/// The same of all of them, and of a copy either way.
#[track_caller]
fn refused_by_all(folder: &Path, app: &TestApp, url: &str, mended: &str) {
    for program in PROGRAMS {
        refused(folder, url, program, mended);
    }
    let theirs = mongodb::url("none", "");
    refused(folder, url, &[WAYBILL, "import-legacy", "--from", &theirs], mended);
    let (own, none) = (app.backend.store_url(), "sqlite:none.db");
    refused(folder, none, &[WAYBILL, "copy", "--from", &own, "--to", url], mended);
    refused(folder, none, &[WAYBILL, "copy", "--from", url, "--to", "sqlite:other.db"], mended);
    assert!(!folder.join("none.db").exists() && !folder.join("other.db").exists());
}

async fn is_whole(url: &str, orders: &[String; 2]) {
    let store = Store::open(url).await.unwrap();
    for id in orders {
        assert!(store.get::<Order>(id).await.unwrap().is_some(), "{url} lacks {id}");
    }
    store.close().await;
}

/// A server's database, and a file that was there before: both are their owners' to remove.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_that_failed_half_way_has_left_is_refused_by_all_until_it_is_removed() {
    let (app, orders) = source().await;
    let [first, last] = &orders;
    let (from, lab, folder) = (app.backend.store_url(), Lab::new().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("backup.db");
    let url = format!("sqlite:{}", file.display());
    Store::open(&url).await.unwrap().close().await;
    says(&app, last, first);
    for (to, mended) in [(&url, REMOVE), (&lab.url, DROP)] {
        let (done, told) = copy(&from, to);
        let why = format!("to: orders {first}: another document of the source has the same id");
        assert!(!done && told.contains(&why) && told.lines().count() == 1, "{told}");
        refused_by_all(folder.path(), &app, to, mended);
    }

    // That was half of it. What an older release looks for, which does not know the mark, is not there.
    let conn = rusqlite::Connection::open(&file).unwrap();
    for (collection, count) in [("orders", 1), ("migrations", 0)] {
        let sql = format!("SELECT COUNT(*) FROM {collection}");
        assert_eq!(conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), count, "{collection}");
        let there = lab.documents(collection).count_documents(doc! {}).await.unwrap();
        assert_eq!(i64::try_from(there).unwrap(), count, "{collection}");
    }
    drop(conn);

    says(&app, last, last);
    fs::remove_file(&file).unwrap();
    lab.database.drop().await.unwrap();
    for to in [&url, &lab.url] {
        let (done, told) = copy(&from, to);
        assert!(done, "{told}");
        is_whole(to, &orders).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_fails_half_way_takes_the_file_away_that_it_has_made() {
    let (app, orders) = source().await;
    let [first, last] = &orders;
    let (from, folder) = (app.backend.store_url(), tempfile::tempdir().unwrap());
    let to = format!("sqlite:{}", folder.path().join("deep/backup.db").display());
    says(&app, last, first);
    let (done, told) = copy(&from, &to);
    assert!(!done && told.contains("has the same id"), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    says(&app, last, last);
    let (done, told) = copy(&from, &to);
    assert!(done, "{told}");
    is_whole(&to, &orders).await;
}

/// A process that starts when a copy has only just begun would take orders, and the copy leave their database
/// as one that is to be dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_has_opened_nobody_else_opens() {
    let (lab, folder) = (Lab::new().await, tempfile::tempdir().unwrap());
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    fs::write(folder.path().join("empty.db"), "").unwrap();
    for (url, mended) in [(file("new.db"), REMOVE), (file("empty.db"), REMOVE), (lab.url.clone(), DROP)] {
        let to = Store::open_target(&url).await.unwrap();
        for program in [[WAYBILL, "api"], [WAYBILL, "migrate"], [WAYBILL, "doctor"]] {
            refused(folder.path(), &url, &program, mended);
        }
        let Err(StoreError::Unavailable(told)) = Store::open_target(&url).await else { panic!("{url}") };
        assert!(told.contains(mended), "{told}");
        to.set_unfinished(false).await.unwrap();
        to.close().await;
        Store::open(&url).await.unwrap().close().await;
    }
}

/// The copy's mark comes after the looks of whoever opens it, and before their own mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_marks_while_another_one_opens_it_is_refused() {
    let lab = Lab::new().await;
    let client = lab.database.client();
    lab.database.create_collection("waybill").await.unwrap();
    // Until it is committed nobody sees it, and whoever writes the same waits.
    let mut copy = client.start_session().await.unwrap();
    copy.start_transaction().await.unwrap();
    let mark = doc! { "_id": "installation", "form": 1, "unfinished": true };
    lab.documents("waybill").insert_one(mark).session(&mut copy).await.unwrap();
    let url = lab.url.clone();
    let opening = tokio::spawn(async move { Store::open(&url).await });
    let name = format!("{}.waybill", lab.database.name());
    let writes = doc! { "currentOp": 1, "active": true, "op": "insert", "ns": name };
    loop {
        let found = client.database("admin").run_command(writes.clone()).await.unwrap();
        if !found.get_array("inprog").unwrap().is_empty() {
            break;
        }
        assert!(!opening.is_finished(), "it did not wait");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    copy.commit_transaction().await.unwrap();
    let Err(StoreError::Unavailable(told)) = opening.await.unwrap() else { panic!("it was opened") };
    assert!(told.contains(DROP), "{told}");
}

/// Ends a copy by force at this point.
#[cfg(feature = "fault-points")]
fn killed_at(point: &str, from: &str, to: &str) {
    use std::os::unix::process::ExitStatusExt;
    let mut copy = Command::new(WAYBILL);
    copy.args(["copy", "--from", from, "--to", to]).env_clear().env("WAYBILL_FAULT_POINT", point);
    let ended = copy.stdin(Stdio::null()).output().unwrap();
    assert_eq!(ended.status.signal(), Some(6), "{point}: {ended:?}");
}

/// When it is opened and nothing else, before any document, between two collections, and when all of it is
/// there and nobody has said so.
#[cfg(feature = "fault-points")]
const POINTS: [&str; 4] = ["copy:opened", "copy:prepared", "copy:page", "copy:compared"];

#[cfg(feature = "fault-points")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_a_copy_that_was_killed_is_refused_until_it_is_removed() {
    let (app, orders) = source().await;
    let from = app.backend.store_url();
    // The last one is empty, and was there before.
    let new = POINTS.map(|point| (point, false));
    for (point, empty) in new.into_iter().chain([("copy:opened", true)]) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.db");
        let to = format!("sqlite:{}", file.display());
        if empty {
            fs::write(&file, "").unwrap();
        }
        killed_at(point, &from, &to);
        refused(folder.path(), &to, &[WAYBILL, "copy", "--from", &from, "--to", &to], REMOVE);
        refused(folder.path(), &to, &[WAYBILL, "api"], REMOVE);
        assert!(file.exists(), "{point}: it was not made by the one that was refused");

        // The line names this file alone, and not what the other one has left beside it.
        fs::remove_file(&file).unwrap();
        let (done, told) = copy(&from, &to);
        assert!(done, "{point}: {told}");
        is_whole(&to, &orders).await;
    }
}

/// There the collections and their indexes take the most time.
#[cfg(feature = "fault-points")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_of_a_copy_that_was_killed_is_refused_until_it_is_dropped() {
    let (app, orders) = source().await;
    let (from, folder) = (app.backend.store_url(), tempfile::tempdir().unwrap());
    let lab = Lab::new().await;
    for (point, copied) in POINTS.into_iter().zip([0, 0, 2, 2]) {
        killed_at(point, &from, &lab.url);
        let there = lab.documents("orders").count_documents(doc! {}).await.unwrap();
        assert_eq!(there, copied, "{point}");
        refused(folder.path(), &lab.url, &[WAYBILL, "copy", "--from", &from, "--to", &lab.url], DROP);
        refused(folder.path(), &lab.url, &[WAYBILL, "api"], DROP);
        lab.database.drop().await.unwrap();
    }
    let (done, told) = copy(&from, &lab.url);
    assert!(done, "{told}");
    is_whole(&lab.url, &orders).await;
}
