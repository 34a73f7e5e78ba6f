//! `waybill copy`, both ways between SQLite and MongoDB.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use bson::doc;
use serde_json::{Value, json};
use waybill::{
    app::copy::{CopyError, copy},
    base::clock::Clock,
    platform::{
        outbox::LeaseDocument,
        store::{Document, Store, StoreError},
    },
};

use crate::support::{TestApp, file::edit, mongodb::Lab, orders::order};

/// Names and hashes of what was copied.
async fn copied(app: &TestApp, from: &Store, to: &Store) -> Result<BTreeMap<String, String>, CopyError> {
    let mut all = BTreeMap::new();
    copy(from, to, app.clock.now(), |c| {
        all.insert(c.name.to_owned(), format!("{} {}", c.contents.documents, c.contents.sha256));
    })
    .await?;
    Ok(all)
}

/// Orders in several states; gives the bodies of their creates with their ids.
async fn orders(app: &TestApp) -> Vec<(Value, String)> {
    let merchant = app.merchant("u1");
    let mut all = Vec::new();
    for n in 0..130 {
        let body = order(&format!("A-{n}"));
        all.push((body.clone(), merchant.create(&body).await));
        if n == 2 {
            app.run_pending_jobs().await;
            app.assert_calls(&[("create", 3)]);
        }
    }
    let cancel = json!({ "orderId": all[5].1, "reason": "no longer" });
    assert_eq!(merchant.post("/orders/cancel", &cancel).await.status, 200);
    app.leave_jobs();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_create_is_a_replay_afterwards_and_back_again() {
    let app = TestApp::builder().on_files().start().await;
    let old = orders(&app).await;
    let lab = Lab::new().await;
    let there = copied(&app, &app.app.store, &lab.store().await).await.unwrap();
    assert!(
        there["orders"].starts_with("130 ") && there["parcelx_request_logs"].starts_with("3 "),
        "{there:?}"
    );
    let again = copied(&app, &app.app.store, &lab.store().await).await;
    assert!(matches!(again, Err(CopyError::NotEmpty(_))), "{again:?}");

    let (id, raw) = (&old[0].1, lab.raw("orders", &old[0].1).await);
    let before = app.merchant("u1").order(id).await;
    assert!(raw.get_datetime("createdAt").is_ok(), "a date: {raw}");
    assert!(raw.get_i64("version").unwrap() > 1, "its version is kept: {raw}");

    // ParcelX is the same.
    let parcelx = format!("http://{}", app.provider_address);
    let moved = TestApp::builder().mongodb(&lab.url).provider(&parcelx).start().await;
    let merchant = moved.merchant("u1");
    for (body, id) in &old {
        let answer = merchant.post("/orders/create", body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["data"]["id"]),
            (200, &json!(id)),
            "{}",
            answer.text()
        );
    }
    assert_eq!(merchant.order(id).await, before);

    // The queue is a new one: what was open is booked all the same, and nothing else.
    moved.advance(Duration::from_secs(3600));
    let mut booked = 0;
    for _ in 0..10 {
        moved.app.walker().pass().await.unwrap();
        booked += moved.run_pending_jobs().await;
    }
    assert_eq!(booked, 126);
    app.assert_calls(&[("create", 126)]);

    let file = moved.folder.path().join("back.db");
    let back = Store::open(&format!("sqlite:{}", file.display())).await.unwrap();
    let there = copied(&moved, &moved.app.store, &back).await.unwrap();
    let third = Lab::new().await;
    assert_eq!(
        copied(&moved, &back, &third.store().await).await.unwrap(),
        there,
        "the same in every database"
    );
}

#[tokio::test]
async fn nothing_is_copied_while_a_worker_runs_or_when_a_document_cannot_be_read() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let id = app.merchant("u1").create(&order("A-1")).await;
    let target = async || {
        let folder = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("t.db").display());
        (Store::open(&url).await.unwrap(), folder)
    };
    let (to, _folder) = target().await;
    let until = app.clock.now() + Duration::from_secs(5);
    let mut lease = LeaseDocument {
        id: "outbox".to_owned(),
        version: 1,
        holder: Some("w".to_owned()),
        until,
        extra: serde_json::Map::new(),
    };
    app.app.store.insert(&lease).await.unwrap();
    let refused = copied(&app, &app.app.store, &to).await;
    assert!(matches!(refused, Err(CopyError::Running(at)) if at == until), "{refused:?}");
    lease.holder = None;
    assert!(app.app.store.replace(&lease).await.unwrap());

    let newer = "json_set(json, '$.providerSyncStatus', 'newer')";
    edit(&app.folder.path().join("waybill.db"), "orders", newer, [&id]);
    let Err(error @ CopyError::Unreadable(1, _)) = copied(&app, &app.app.store, &to).await else { panic!() };
    assert!(error.to_string().contains(&id) && !error.to_string().contains("newer"), "{error}");
    let (empty, _folder) = target().await;
    let nothing = copied(&app, &to, &empty).await;
    assert!(matches!(nothing, Err(CopyError::Nothing)), "nothing was written: {nothing:?}");
}

pub(super) fn waybill(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybill"));
    let ended = command.args(arguments).env_clear().output().unwrap();
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_what_it_copied_and_refuses_a_second_time() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.merchant("u1").create(&order("A-1")).await;
    let lab = Lab::new().await;
    let from = app.backend.store_url();
    let (done, told) = waybill(&["copy", "--from", &from, "--to", &lab.url]);
    assert!(done && told.contains("copied 4 documents"), "{told}");
    assert!(told.lines().any(|l| l.starts_with("orders ") && l.contains(" 1 documents, hash ")), "{told}");
    assert_eq!(
        lab.documents(waybill::features::orders::model::Order::COLLECTION)
            .count_documents(doc! {})
            .await
            .unwrap(),
        1
    );
    drop(lab.store().await); // it is whole, and may be opened
    let (done, told) = waybill(&["copy", "--from", &from, "--to", &lab.url]);
    assert!(!done && told.contains("the target is not empty"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    drop(lab.store().await); // as it was before
    let nobodys = Lab::new().await;
    let (done, told) = waybill(&["copy", "--from", &nobodys.url, "--to", &lab.url]);
    assert!(!done && told.contains("no Waybill has run on") && told.contains("is its name right?"), "{told}");
    assert!(nobodys.database.list_collection_names().await.unwrap().is_empty());
    let nowhere = app.folder.path().join("nowhere.db");
    let (done, told) =
        waybill(&["copy", "--from", &format!("sqlite:{}", nowhere.display()), "--to", &lab.url]);
    assert!(!done && told.contains("there is no file") && !nowhere.exists(), "{told}");
}

/// What lacks documents would pass for a whole database, and a process start on it.
#[tokio::test]
async fn what_a_copy_that_was_cut_off_has_left_is_not_opened() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.merchant("u1").create(&order("A-1")).await;
    let (lab, file) = (Lab::new().await, app.folder.path().join("backup.db"));
    for url in [lab.url.clone(), format!("sqlite:{}", file.display())] {
        let to = Store::open(&url).await.unwrap();
        to.set_unfinished(true).await.unwrap();
        to.close().await;
        let Err(StoreError::Unavailable(told)) = Store::open(&url).await else { panic!("{url} was opened") };
        assert!(told.contains("was cut off") && told.contains("copy again"), "{told}");
        let from = app.backend.store_url();
        for (from, to) in [(&from, &url), (&url, &from)] {
            let (done, told) = waybill(&["copy", "--from", from, "--to", to]);
            assert!(!done && told.contains("was cut off") && told.lines().count() == 1, "{told}");
        }
    }
    assert!(file.exists(), "it was there before, and is its owner's to remove");
}

#[tokio::test]
async fn the_file_of_a_copy_is_whole_and_nothing_is_left_of_one_that_was_refused() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    app.merchant("u1").create(&order("A-1")).await;
    let from = app.backend.store_url();
    let names = |folder: &Path| -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
        names.collect()
    };
    let folder = tempfile::TempDir::new().unwrap();
    let to = format!("sqlite:{}", folder.path().join("deep/er/backup.db").display());
    let mut lease = LeaseDocument {
        id: "outbox".to_owned(),
        version: 1,
        holder: Some("w".to_owned()),
        until: Clock::system().now() + Duration::from_secs(3600),
        extra: serde_json::Map::new(),
    };
    app.app.store.insert(&lease).await.unwrap();
    let (done, told) = waybill(&["copy", "--from", &from, "--to", &to]);
    assert!(!done && told.contains("a worker is running"), "{told}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    lease.holder = None;
    assert!(app.app.store.replace(&lease).await.unwrap());
    let file = folder.path().join("taken.db");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)").unwrap();
    drop(other);
    let (done, told) = waybill(&["copy", "--from", &from, "--to", &format!("sqlite:{}", file.display())]);
    assert!(!done && told.contains("another program"), "{told}");
    assert_eq!(names(folder.path()), ["taken.db"], "what was there stays, and gets nothing beside it");

    let (done, told) = waybill(&["copy", "--from", &from, "--to", &to]);
    assert!(done, "{told}");
    let made = folder.path().join("deep/er");
    assert_eq!(names(&made), ["backup.db"]);
    let alone = folder.path().join("alone.db");
    fs::copy(made.join("backup.db"), &alone).unwrap();
    let alone = rusqlite::Connection::open(&alone).unwrap();
    let orders: i64 = alone.query_row("SELECT COUNT(*) FROM orders", [], |row| row.get(0)).unwrap();
    assert_eq!(orders, 1);
}
