//! Files that a disk has damaged: the queue's is made anew, loudly; what the other one has is nowhere else.

use std::{fs, path::Path};

use reqwest::Method;
use rusqlite::Connection;

use super::{
    process::{Ended, Process, Run},
    web::Web,
};
use crate::support::orders::order;

const QUEUE: &str = "parcelx-orders-queue";

fn start(folder: &Path) -> Process {
    // A job that is gone is told to the queue again at once.
    Run::waybill(folder).set("OUTBOX__RELAY_AFTER", "1ms").set("OUTBOX__EVERY", "200ms").start()
}

/// Fills a page of the file, which nobody has open, with something else. It counts from 1.
fn overwrite(path: &Path, page: u32) {
    let conn = Connection::open(path).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let size: u32 = conn.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    drop(conn);
    let mut bytes = fs::read(path).unwrap();
    let (size, page) = (usize::try_from(size).unwrap(), usize::try_from(page).unwrap());
    for (n, byte) in bytes[(page - 1) * size..page * size].iter_mut().enumerate() {
        *byte = u8::try_from(n.wrapping_mul(151) % 251).unwrap();
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_queue_is_told_and_made_anew_and_every_order_is_booked() {
    for page in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
        let mut waybill = start(folder.path());
        let web = Web::new(&waybill.url()).token(&token);
        let paused = Run::waybill(folder.path()).args(&["queue", "pause", QUEUE, "--reason", "a test"]).end();
        assert!(paused.status.success(), "{paused:?}");
        let id = web.create(&order("Q-1")).await;
        assert_eq!(web.order(&id).await["providerSyncStatus"], "queued");
        waybill.stop();

        overwrite(&folder.path().join("data/queue.db"), page);
        let mut again = start(folder.path());
        let told = again.log("the jobs are rebuilt from the orders");
        for words in ["ERROR", "the queue file /", "queue.db is damaged (", "queue.db.damaged-"] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let web = Web::new(&again.url()).token(&token);
        web.order_becomes(&id, "success").await;
        let metrics = web.text("/metrics").await.1;
        assert!(metrics.contains("\nwaybill_queue_file_damaged_total 1\n"), "{metrics}");
        again.stop();
        let aside = fs::read_dir(folder.path().join("data")).unwrap().filter(|file| {
            let name = file.as_ref().unwrap().file_name().into_string().unwrap();
            name.starts_with("queue.db.damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")
        });
        assert_eq!(aside.count(), 1, "page {page}");
    }
}

fn order_command(folder: &Path, id: &str) -> Ended {
    Run::waybill(folder).args(&["order", id]).end()
}

/// What is in it is nowhere else: nothing is made anew, and nothing is said to be stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_refuses_orders_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let mut waybill = start(folder.path());
    let web = Web::new(&waybill.url()).token(&token);
    let id = web.create(&order("D-1")).await;
    web.order_becomes(&id, "success").await;
    waybill.stop();
    let path = folder.path().join("data/waybill.db");
    let whole = fs::read(&path).unwrap();

    let conn = Connection::open(&path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'orders'";
    let root: u32 = conn.query_row(root, [], |row| row.get(0)).unwrap();
    drop(conn);
    overwrite(&path, root);
    let mut again = start(folder.path());
    let web = Web::new(&again.url()).token(&token);
    let (status, body) = web.send(Method::POST, "/orders/create", Some(&order("D-2"))).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (503, Some("temporarily-unavailable")), "{body}");
    assert!(!body.to_string().contains("damaged"), "that is the operator's: {body}");
    let told = again.log("the database did not answer");
    assert!(told.contains("ERROR") && told.contains(" is damaged ("), "{told}");
    assert!(told.contains("restore a copy"), "{told}");
    order_command(folder.path(), &id).refused(&[&[" is damaged (", "restore a copy"]]);
    drop(again);

    // Its beginning is gone: it is not even known to be one.
    for side in ["waybill.db-wal", "waybill.db-shm"] {
        drop(fs::remove_file(folder.path().join("data").join(side)));
    }
    fs::write(&path, whole).unwrap();
    overwrite(&path, 1);
    let before = fs::read(&path).unwrap();
    order_command(folder.path(), &id).refused(&[&["waybill.db", "not an SQLite database"]]);
    Run::waybill(folder.path()).end().refused(&[&["store.url", "waybill.db", "not an SQLite database"]]);
    assert!(fs::read(&path).unwrap() == before, "it is left as it was");
}
