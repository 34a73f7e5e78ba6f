//! What `waybill doctor` says of files that are not whole, and that it leaves them as they are.

use std::{fs, path::Path};

use rusqlite::Connection;
use serde_json::Value;
use waybill::platform::store::Store;

use super::process::{Ended, Run};
use crate::support::{TestApp, orders::order};

fn run(app: &TestApp, args: &[&str]) -> Ended {
    let run = Run::waybill(app.folder.path()).args(args);
    run.set("STORE__URL", &app.backend.store_url()).set("QUEUE__URL", &app.backend.queue_url()).end()
}

/// Fills a page of the file, which nobody has open, with something else. It counts from 1.
fn overwrite(path: &Path, page: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xA5);
    fs::write(path, bytes).unwrap();
}

/// The first page of a table and of an index of the orders.
fn pages_of_orders(path: &Path) -> Vec<usize> {
    let conn = Connection::open(path).unwrap();
    let root = |which: &str| -> usize {
        let root = "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'orders' AND";
        let root = format!("{root} {which} ORDER BY name LIMIT 1");
        conn.query_row(&root, [], |row| row.get::<_, u32>(0)).unwrap().try_into().unwrap()
    };
    vec![root("type = 'table'"), root("type = 'index' AND sql IS NOT NULL")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_that_nobody_has_come_across_is_told() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.merchant("u1").create(&order("A-1")).await;
    app.app.store.close().await;
    let well = run(&app, &["doctor"]);
    assert!(well.out.lines().any(|line| line == "check      whole"), "{well:?}");
    let path = app.folder.path().join("waybill.db");
    let whole = fs::read(&path).unwrap();
    for page in pages_of_orders(&path) {
        fs::write(&path, &whole).unwrap();
        overwrite(&path, page);
        let told = run(&app, &["doctor"]);
        assert_eq!(told.status.code(), Some(1), "{page}: {told:?}");
        assert!(told.out.lines().any(|line| line == "check      damaged"), "{page}: {told:?}");
        assert!(
            told.err.contains("waybill.db is damaged (") && told.err.contains("restore a copy"),
            "{told:?}"
        );
        assert_eq!(told.err.lines().count(), 1, "{told:?}");
        let told: Value = serde_json::from_str(&run(&app, &["doctor", "--json"]).out).unwrap();
        assert_eq!((told["check"].as_str(), told["broken"].as_array().unwrap().len()), (Some("damaged"), 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_queue_is_told_and_left_by_the_doctor_and_moved_by_no_other_without_a_word() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.merchant("u1").create(&order("A-1")).await;
    app.app.queue.broker.close().await;
    let path = app.folder.path().join("queue.db");
    overwrite(&path, 3);
    let damaged = fs::read(&path).unwrap();
    let aside = || {
        let names = fs::read_dir(app.folder.path()).unwrap().map(|f| f.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with("queue.db.damaged-")).count()
    };
    for _ in 0..2 {
        let told = run(&app, &["doctor"]);
        assert_eq!(told.status.code(), Some(1), "{told:?}");
        assert!(
            told.err.contains("queue.db is damaged (") && told.err.contains("pauses of queues"),
            "{told:?}"
        );
        assert!(fs::read(&path).unwrap() == damaged && aside() == 0, "it is left as it was");
    }
    let other = run(&app, &["queue", "list"]);
    assert!(other.status.success(), "{other:?}");
    assert_eq!(other.err.lines().count(), 1, "{other:?}");
    for words in ["queue.db is damaged (", "pauses of queues"] {
        assert!(other.err.contains(words), "{words}: {other:?}");
    }
    assert!(aside() > 0, "it is kept for whoever wants to look");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_cut_off_is_no_database_that_all_is_well_with() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let url = format!("sqlite:{}", app.folder.path().join("backup.db").display());
    let copy = Store::open(&url).await.unwrap();
    copy.set_unfinished(true).await.unwrap();
    copy.close().await;
    let told = Run::waybill(app.folder.path()).args(&["doctor"]).set("STORE__URL", &url).end();
    told.refused(&[&["store.url", "backup.db: a copy into it was cut off"]]);
}
