//! An installation in a database that a server has for itself: older releases took these, too.

use bson::{RawDocumentBuf, doc};
use mongodb::{Client, Database};
use waybill::{
    app::copy::copy,
    features::orders::model::Order,
    platform::store::{Store, StoreError},
};

use super::copy::waybill;
use crate::support::{TestApp, guarded::Guarded, mongodb::Lab, orders::order};

/// Puts all that the instance keeps there, as an older release has done.
async fn put(app: &TestApp, there: &Database) {
    let lab = Lab::new().await;
    copy(&app.app.store, &lab.store().await, app.clock.now(), |_| {}).await.unwrap();
    for (collection, document) in lab.stored().await {
        let document = RawDocumentBuf::from_bytes(document).unwrap();
        there.collection::<RawDocumentBuf>(&collection).insert_one(document).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_copied_from_there_alone_and_nothing_is_written_to_it() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let id = app.merchant("u1").create(&order("A-1")).await;
    let server = Guarded::start().await;
    let client = Client::with_uri_str(server.url("root", "root", "admin")).await.unwrap();
    let admin = client.database("admin");
    put(&app, &admin).await;
    // The server refuses whatever this user would write, a collection or an index too.
    let reader = doc! { "createUser": "reader", "pwd": "r", "roles": [{ "role": "read", "db": "admin" }] };
    server.command("admin", reader).await;
    let from = server.url("reader", "r", "admin");

    for opened in [Store::open(&from).await, Store::open_existing(&from).await] {
        let Err(StoreError::Unavailable(told)) = opened else { panic!("it was opened") };
        assert!(told.contains("the server's own") && told.contains("`waybill copy` takes there"), "{told}");
    }
    let (done, told) = waybill(&["copy", "--from", &app.backend.store_url(), "--to", &from]);
    assert!(!done && told.contains("to: ") && told.contains("the server's own"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let to = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let (done, told) = waybill(&["copy", "--from", &from, "--to", &to("moved.db")]);
    assert!(done, "{told}");
    let moved = Store::open(&to("moved.db")).await.unwrap();
    let (before, after) = (app.app.store.get::<Order>(&id).await, moved.get::<Order>(&id).await);
    let (before, after) = (before.unwrap().unwrap(), after.unwrap().unwrap());
    assert_eq!(after.order_number(), before.order_number());
    moved.close().await;

    // Nobody can make its steps there, and what is of an older form is not copied whole.
    let steps = admin.collection::<RawDocumentBuf>("migrations");
    assert_eq!(steps.delete_one(doc! { "_id": "0001" }).await.unwrap().deleted_count, 1);
    let (done, told) = waybill(&["copy", "--from", &from, "--to", &to("older.db")]);
    assert!(!done && told.contains("(step 1: ") && told.contains("with the release that"), "{told}");
    assert!(told.lines().count() == 1 && !folder.path().join("older.db").exists(), "{told}");
    client.shutdown().immediate(true).await;
}
