//! What `waybill doctor` finds out about the database: its indexes, its server, its documents, and what the
//! queue knows that it does not.

use std::{path::Path, time::Duration};

use bson::{DateTime, doc};
use mongodb::{IndexModel, options::IndexOptions};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::process::{Ended, Run};
use crate::support::{TestApp, mongodb::Lab, orders::order};

/// With the settings that a database on a server needs.
fn run(folder: &Path, (store, queue): (&str, &str), args: &[&str]) -> Ended {
    let run = Run::waybill(folder).args(args).set("STORE__URL", store).set("QUEUE__URL", queue);
    run.set("PARCELX__ACCESS_KEY", "a").set("PARCELX__SECRET_KEY", "s").end()
}

fn facts(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap()
}

#[track_caller]
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    for words in words {
        assert!(ended.out.lines().any(|line| line.contains(words)), "{words}: {ended:?}");
    }
}

#[test]
fn indexes_that_are_missing_not_ours_or_changed_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.db");
    let (store, queue) = (format!("sqlite:{}", file.display()), "sqlite:queue.db");
    let run = |args: &[&str]| run(folder.path(), (&store, queue), args);
    assert!(run(&["migrate"]).status.success());
    let well = run(&["doctor"]);
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    let of_all = |line: &str| line.starts_with("indexes    ") && line.ends_with(" declared, all there");
    assert!(well.out.lines().any(of_all), "{well:?}");

    let conn = Connection::open(&file).unwrap();
    let others = "DROP INDEX orders_awb; CREATE INDEX mine ON orders (version);
                  CREATE UNIQUE INDEX strict ON merchants (version)";
    conn.execute_batch(others).unwrap();
    let told = run(&["doctor"]);
    says(
        &told,
        2,
        &[
            " declared; 1 missing (orders.awb); 2 not ours (orders.mine, merchants.strict)",
            "attention  1 indexes were missing, and have been made: orders.awb",
            "attention  unique indexes that are not ours may refuse orders: merchants.strict",
        ],
    );
    conn.execute_batch("DROP INDEX strict").unwrap();
    let made = run(&["doctor", "--json"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let indexes = &facts(&made)["indexes"];
    assert_eq!((&indexes["missing"], &indexes["foreign"]), (&json!([]), &json!(["orders.mine"])));

    conn.execute_batch("DROP INDEX orders_awb; CREATE INDEX orders_awb ON orders (version)").unwrap();
    let refused = run(&["doctor"]);
    says(&refused, 1, &[" declared; 1 not as declared (orders.awb)"]);
    assert!(
        refused.err.contains("orders.awb") && refused.err.contains("run `waybill migrate`"),
        "{refused:?}"
    );
    let refused = run(&["doctor", "--json"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let found = facts(&refused);
    assert_eq!(found["indexes"]["changed"], json!(["orders.awb"]));
    assert!(found["broken"][0].as_str().unwrap().contains("run `waybill migrate`"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_mongodb_its_set_its_clock_its_indexes_and_its_documents_are_told() {
    let lab = Lab::new().await;
    let app = TestApp::builder().on_files().mongodb(&lab.url).start().await;
    app.leave_jobs();
    let queue = app.backend.queue_url();
    let run = |args: &[&str]| run(app.folder.path(), (&lab.url, &queue), args);
    let well = run(&["doctor", "--json"]);
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    let found = facts(&well);
    let server = found["server"].as_str().unwrap();
    assert!(server.starts_with("MongoDB ") && server.contains(", set rs0, primary 127.0.0.1:"), "{server}");
    assert!(found["clockOffsetMs"].as_i64().unwrap().abs() < 60_000, "{found}");
    assert_eq!(found["indexes"]["missing"], json!([]));

    let orders = lab.documents("orders");
    orders.drop_index("awb").await.unwrap();
    let named = IndexOptions::builder().name("mine".to_owned()).build();
    let mine = IndexModel::builder().keys(doc! { "colour": 1 }).options(named).build();
    orders.create_index(mine).await.unwrap();
    says(
        &run(&["doctor"]),
        2,
        &["1 missing (orders.awb); 1 not ours (orders.mine)", "attention  1 indexes were"],
    );
    says(&run(&["doctor"]), 0, &["declared, all there; 1 not ours (orders.mine)"]);

    // Nobody has brought its job to the queue for two minutes.
    let id = app.merchant("u1").create(&order("A-1")).await;
    let at = DateTime::from_millis(DateTime::now().timestamp_millis() - 120_000);
    let late = doc! { "$set": { "outboxAt": at, "outbox.0.at": at } };
    assert_eq!(orders.update_one(doc! { "_id": &id }, late).await.unwrap().modified_count, 1);
    let behind = run(&["doctor", "--json"]);
    assert_eq!(behind.status.code(), Some(1), "{behind:?}");
    let lag = facts(&behind)["outboxSeconds"].as_u64().unwrap();
    assert!(lag >= 120 && behind.err.contains("jobs are waiting to be added to the queue"), "{behind:?}");

    let newer = doc! { "$set": { "status": "newer" }, "$inc": { "version": 1_i64 } };
    orders.update_one(doc! { "_id": &id }, newer).await.unwrap();
    let unreadable = run(&["doctor"]);
    says(&unreadable, 1, &[&format!("unreadable {id}: ")]);
    assert!(unreadable.err.contains("open orders cannot be read"), "{unreadable:?}");
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = "mongodb://127.0.0.1:1/w?replicaSet=rs0&serverSelectionTimeoutMS=500";
    let dead = run(folder.path(), (nobody, "sqlite:queue.db"), &["doctor"]);
    assert_eq!((dead.status.code(), dead.out.as_str()), (Some(1), ""), "{dead:?}");
    assert!(dead.err.contains("store.url") && dead.err.contains("127.0.0.1:1/w"), "{dead:?}");
}

/// A database that was put back from a backup, and the queue of before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_only_the_queue_knows_are_told() {
    let app = TestApp::builder().on_files().start().await;
    let merchant = app.merchant("u1");
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(merchant.create(&order(&format!("A-{n}"))).await);
    }
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 3)]);
    app.advance(Duration::from_secs(1));
    let places = (app.backend.store_url(), app.backend.queue_url());
    let doctor =
        |args: &[&str]| run(app.folder.path(), (&places.0, &places.1), &[&["doctor"], args].concat());
    let well = doctor(&["--json"]);
    assert_eq!((well.status.code(), &facts(&well)["unknownOrders"]), (Some(0), &json!([])), "{well:?}");

    let file = Connection::open(app.folder.path().join("waybill.db")).unwrap();
    assert_eq!(file.execute("DELETE FROM orders WHERE id = ?1", [&ids[1]]).unwrap(), 1);
    let words = format!("jobs are for 1 orders that the database does not have ({})", ids[1]);
    says(&doctor(&[]), 2, &[&format!("attention  {words}")]);
    assert_eq!(facts(&doctor(&["--json"]))["unknownOrders"], json!([ids[1]]));
}
