//! A server that fails: by its own fail points, and by having no primary.

use std::time::{Duration, Instant};

use bson::doc;
use waybill::platform::store::{Batch, InsertOutcome, Store, StoreError};

use crate::{
    store::contract::{Parcel, id, parcel, prepared},
    support::mongodb::Lab,
};

/// The server fails only for programs that call themselves so: other tests share it.
async fn named(lab: &Lab) -> (Store, String) {
    let app = lab.database.name().to_owned();
    let url = format!("{}&appName={app}", lab.url);
    (prepared(Store::open(&url).await.unwrap()).await, app)
}

fn of_client(n: i64) -> Parcel {
    let mut doc = parcel(n);
    doc.client_order_id = Some("C".to_owned());
    doc
}

async fn there(lab: &Lab) -> u64 {
    lab.documents("parcels").count_documents(doc! {}).await.unwrap()
}

#[tokio::test]
async fn a_connection_that_breaks_once_is_not_seen() {
    let lab = Lab::new().await;
    let (store, app) = named(&lab).await;
    let fault = doc! { "failCommands": ["insert"], "closeConnection": true };
    let _failing = lab.fail(&app, doc! { "times": 1 }, fault).await;
    store.insert(&parcel(1)).await.unwrap();
    assert_eq!(there(&lab).await, 1);
}

/// The write is done and its answer says that it is not yet safe.
#[tokio::test]
async fn a_write_that_is_not_yet_safe_is_looked_for() {
    let lab = Lab::new().await;
    let (store, app) = named(&lab).await;
    let concern = doc! { "code": 64, "errmsg": "waiting for replication timed out" };
    let fault = doc! { "failCommands": ["insert", "update"], "writeConcernError": concern.clone() };
    let failing = lab.fail(&app, "alwaysOn", fault).await;
    store.insert(&parcel(1)).await.unwrap();
    let told = store.insert_or_existing(&of_client(2), "client_order").await.unwrap();
    assert!(matches!(told, InsertOutcome::Inserted), "{told:?}");
    let told = store.insert_or_existing(&of_client(3), "client_order").await.unwrap();
    assert!(matches!(&told, InsertOutcome::Existing(twin) if twin.id == id(2)), "{told:?}");
    assert!(store.insert_all(&[parcel(4), parcel(5)]).await.iter().all(Result::is_ok));
    let mut doc = parcel(1);
    doc.count = 5;
    assert!(store.replace(&doc).await.unwrap());
    drop(failing);
    let fault = doc! { "failCommands": ["commitTransaction"], "writeConcernError": concern };
    let failing = lab.fail(&app, "alwaysOn", fault).await;
    store.commit(Batch::new().insert(&parcel(6)).insert(&parcel(7))).await.unwrap();
    drop(failing);
    assert_eq!(there(&lab).await, 6);
    assert_eq!(store.get::<Parcel>(&id(1)).await.unwrap().unwrap().count, 5);
}

/// The write was not done, and the answer does not say so: unknown, never told as there or as refused.
#[tokio::test]
async fn what_is_not_found_is_unknown() {
    let lab = Lab::new().await;
    let (store, app) = named(&lab).await;
    for fault in [
        doc! { "failCommands": ["insert", "update"], "closeConnection": true },
        doc! { "failCommands": ["insert", "update"], "errorCode": 10107 },
        doc! { "failCommands": ["insert", "update"], "errorCode": 91,
        "errorLabels": ["RetryableWriteError"] },
    ] {
        let failing = lab.fail(&app, "alwaysOn", fault.clone()).await;
        let started = Instant::now();
        let unknown = |told: Result<(), StoreError>| {
            assert!(matches!(told, Err(StoreError::Unavailable(_))), "{fault}: {told:?}");
        };
        unknown(store.insert(&parcel(1)).await);
        unknown(store.insert_or_existing(&of_client(2), "client_order").await.map(drop));
        unknown(store.replace(&parcel(1)).await.map(drop));
        for told in store.insert_all(&[parcel(3)]).await {
            unknown(told);
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        drop(failing);
    }
    assert_eq!(there(&lab).await, 0);
    // By its next heartbeat the driver knows the primary again.
    let healed = async { while store.insert(&parcel(1)).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), healed).await.unwrap();
}

/// Conflicts of transactions pass: they are done again.
#[tokio::test]
async fn a_transaction_is_repeated() {
    let lab = Lab::new().await;
    let (store, app) = named(&lab).await;
    let fault =
        doc! { "failCommands": ["insert"], "errorCode": 112, "errorLabels": ["TransientTransactionError"] };
    let _failing = lab.fail(&app, doc! { "times": 3 }, fault).await;
    store.commit(Batch::new().insert(&parcel(1)).insert(&parcel(2))).await.unwrap();
    assert_eq!(there(&lab).await, 2);
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_is_asked_for_again() {
    let lab = Lab::new().await;
    let (store, app) = named(&lab).await;
    let fault = doc! { "failCommands": ["commitTransaction"], "closeConnection": true };
    let _failing = lab.fail(&app, doc! { "times": 3 }, fault).await;
    store.commit(Batch::new().insert(&parcel(1)).insert(&parcel(2))).await.unwrap();
    assert_eq!(there(&lab).await, 2);
}
