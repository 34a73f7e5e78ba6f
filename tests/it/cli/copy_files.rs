//! The files of programs that have ended: each is a backup as it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    process::{Run, WORKER},
    web::Web,
};
use crate::support::orders::order;

const QUEUE: &str = "parcelx-orders-queue";

/// How the orders stand that somebody finds who takes this one file alone.
fn in_a_copy_of(path: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(path, &copy).unwrap();
    let conn = Connection::open(&copy).unwrap();
    let mut orders = conn.prepare("SELECT json_extract(json, '$.providerSyncStatus') FROM orders").unwrap();
    orders.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The files beside the two databases that have something in them.
fn beside(folder: &Path) -> Vec<PathBuf> {
    let ends = ["waybill.db-wal", "waybill.db-shm", "queue.db-wal", "queue.db-shm"];
    let files = ends.map(|name| folder.join("data").join(name));
    files.into_iter().filter(|path| path.metadata().is_ok_and(|m| m.len() > 0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_stopped_leaves_its_orders_in_one_file() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
        let mut waybill = Run::waybill(folder.path()).start();
        let web = Web::new(&waybill.url()).token(&token);
        let id = web.create(&order("C-1")).await;
        web.order_becomes(&id, "success").await;
        assert!(!beside(folder.path()).is_empty(), "otherwise this shows nothing");
        waybill.signal(signal);
        let ended = waybill.end();
        assert_eq!(ended.status.code(), Some(0), "{signal}: {ended:?}");
        assert_eq!(beside(folder.path()), Vec::<PathBuf>::new(), "{signal}");
        assert_eq!(in_a_copy_of(&folder.path().join("data/waybill.db")), ["success"], "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_api_and_a_worker_that_are_stopped_at_once_one_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let live = |run: Run| {
        let run = run.set("PARCELX__ACCESS_KEY", "k").set("PARCELX__SECRET_KEY", "k");
        run.set("PARCELX__BASE_URL", "http://127.0.0.1:1")
    };
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let mut api = live(Run::waybill(folder.path()).args(&["api"])).start();
    let web = Web::new(&api.url()).token(&token);
    for number in 0..3 {
        web.create(&order(&format!("C-{number}"))).await;
    }
    let mut worker = live(Run::new(WORKER, folder.path())).start();
    worker.line("Waybill ");
    api.signal("TERM");
    worker.signal("TERM");
    for process in [api, worker] {
        let ended = process.end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    let logs = beside(folder.path()).into_iter().filter(|path| path.to_str().unwrap().ends_with("-wal"));
    assert_eq!(logs.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    assert_eq!(in_a_copy_of(&folder.path().join("data/waybill.db")).len(), 3);
}

#[test]
fn a_command_leaves_nothing_beside_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let pause = ["queue", "pause", QUEUE, "--reason", "a test"];
    let commands: [&[&str]; 7] = [
        &["migrate"],
        &pause,
        &["sweep"],
        &["review", "list"],
        &["account", "list"],
        &["audit"],
        &["doctor"],
    ];
    for args in commands {
        let ended = Run::waybill(folder.path()).args(args).end();
        assert_ne!(ended.status.code(), Some(1), "{args:?}: {ended:?}");
        assert_eq!(beside(folder.path()), Vec::<PathBuf>::new(), "{args:?}");
    }
    let conn = Connection::open(folder.path().join("data/queue.db")).unwrap();
    let paused: i64 = conn.query_row("SELECT COUNT(*) FROM pauses", [], |row| row.get(0)).unwrap();
    assert_eq!(paused, 1, "and what it did is there");
}
