//! `waybill sweep` and `waybill doctor`.

use super::{process::Run, web::Web};
use crate::support::{file::edit, orders::order};

fn text(ended: &super::process::Ended) -> String {
    ended.out.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_brings_back_what_a_lost_queue_forgot_and_the_doctor_sees_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let credentials = |run: Run| {
        run.set("PARCELX__ACCESS_KEY", "a").set("PARCELX__SECRET_KEY", "s").set("OUTBOX__GRACE", "1ms")
    };
    let credentials = |run: Run| credentials(run).set("OUTBOX__RELAY_AFTER", "1ms");
    // An API without a worker: the order waits.
    let mut api = credentials(Run::waybill(folder.path()).args(&["api"])).start();
    let url = api.url();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end();
    let id = Web::new(&url).token(token.out.trim()).create(&order("A-1")).await;
    api.stop();

    let doctor = credentials(Run::waybill(folder.path()).args(&["doctor"])).end();
    assert_eq!(doctor.status.code(), Some(2), "something waits: {}", doctor.err);
    for line in [
        "attention  1 jobs wait, and no worker is running",
        "queued         1",
        "review     0 orders wait for a person",
        "parcelx-orders-queue: 1 waiting, 0 active",
        "parcelx-order-cancellation-queue: 0 waiting",
        "parcelx-labels-queue: 0 waiting",
        "none: no worker is running",
        "workers    0",
    ] {
        assert!(text(&doctor).contains(line), "{line}: {}", text(&doctor));
    }

    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let path = folder.path().join("data").join(file);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
    // As in a database that was restored: the queue knows nothing of what waits there.
    let doctor = credentials(Run::waybill(folder.path()).args(&["doctor"])).end();
    assert_eq!(doctor.status.code(), Some(2), "{}", doctor.err);
    let due = "attention  1 orders are due, and no worker is running";
    assert!(text(&doctor).lines().any(|line| line == due), "{}", text(&doctor));
    let sweep = credentials(Run::waybill(folder.path()).args(&["sweep"])).end();
    assert!(sweep.status.success(), "{}", sweep.err);
    assert!(text(&sweep).starts_with("added 1 jobs to the queue"), "{}", text(&sweep));
    let doctor = credentials(Run::waybill(folder.path()).args(&["doctor"])).end();
    assert!(text(&doctor).contains("1 waiting"), "{}", text(&doctor));
    let again = credentials(Run::waybill(folder.path()).args(&["sweep"])).end();
    assert!(
        text(&again).contains("added 0 jobs to the queue") && text(&again).contains("0 dispatched again"),
        "{id}: {}",
        text(&again)
    );

    let newer = "json_set(json, '$.status', 'newer')";
    edit(&folder.path().join("data/waybill.db"), "orders", newer, [&id]);
    let doctor = credentials(Run::waybill(folder.path()).args(&["doctor"])).end();
    assert!(!doctor.status.success(), "{}", doctor.out);
    assert!(text(&doctor).contains(&format!("unreadable {id}: ")), "{}", text(&doctor));
    let sweep = credentials(Run::waybill(folder.path()).args(&["sweep"])).end();
    assert!(sweep.status.success(), "{}", sweep.err);
}

#[test]
fn the_doctor_names_what_cannot_be_opened() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("data"), "a file where a folder should be").unwrap();
    let doctor = Run::waybill(folder.path()).args(&["doctor"]).end();
    assert!(!doctor.status.success());
    assert!(doctor.err.contains("store.url"), "{}", doctor.err);
}
