//! What is refused at the start, with the line that mends it.

use std::time::{Duration, Instant};

use bson::doc;
use tokio::net::TcpListener;
use waybill::platform::store::{Store, StoreError};

use super::{fresh, refusal};
use crate::{
    store::contract::{Parcel, parcel, prepared},
    support::mongodb::{Lab, url},
};

#[tokio::test]
async fn a_url_that_would_lose_orders_is_refused() {
    for (options, told) in [
        ("w=1", "leave w and journal out"),
        ("journal=false", "leave w and journal out"),
        ("wtimeoutMS=100", "leave it out"),
        ("retryWrites=false", "leave it out"),
        ("readPreference=secondaryPreferred", "leave readPreference out"),
    ] {
        let text = refusal(&url("any", options)).await;
        assert!(text.contains(told) && text.contains("/any"), "{options}: {text}");
    }
    let text = refusal(&url("", "")).await;
    assert!(text.contains("names no database"), "{text}");
}

#[tokio::test]
async fn a_password_is_never_told() {
    for url in [
        "mongodb://merchant:hunter%2@127.0.0.1:1/waybill",
        "mongodb://merchant:hunter2:x@127.0.0.1:1/waybill?what=ever",
        "mongodb://merchant:hunter2@127.0.0.1:1/waybill?serverSelectionTimeoutMS=50",
        "mongodb://merchant:hunter2@127.0.0.1:1/waybill?w=1",
        "mongodb+srv://merchant:hunter2@nowhere.invalid/waybill",
        &url("any", "").replace("mongodb://", "mongodb://merchant:hunter2@"),
    ] {
        let text = refusal(url).await;
        assert!(!text.contains("hunter") && !text.contains("merchant"), "{text}");
    }
    let text = refusal("mongodb://user:secret@127.0.0.1:1/waybill?serverSelectionTimeoutMS=50").await;
    assert_eq!(text, "127.0.0.1:1/waybill: the connection is refused");
}

#[tokio::test]
async fn a_set_of_another_name_is_named() {
    let text = refusal(&url("any", "").replace("rs0", "other")).await;
    assert!(text.contains("say replicaSet=rs0"), "{text}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let lab = Lab::new().await;
    lab.documents("orders").insert_one(doc! { "userId": "u", "__v": 0 }).await.unwrap();
    let text = refusal(&lab.url).await;
    assert!(text.contains("another program (orders)"), "{text}");
    assert_eq!(lab.documents("orders").count_documents(doc! {}).await.unwrap(), 1, "it is left alone");
    assert!(!lab.database.list_collection_names().await.unwrap().contains(&"waybill".to_owned()));
}

#[tokio::test]
async fn ours_is_opened_again() {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let again = lab.store().await;
    assert_eq!(again.get::<Parcel>(&parcel(1).id).await.unwrap(), Some(parcel(1)));
    let place = again.place().unwrap().to_owned();
    assert!(place.ends_with(lab.database.name()) && !place.contains("mongodb://"), "{place}");
    assert!(again.clock_offset().await.unwrap().unwrap().abs() < jiff::SignedDuration::from_secs(30));
}

#[tokio::test]
async fn nobody_there_is_told_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let started = Instant::now();
    let text = refusal(&format!("mongodb://127.0.0.1:{port}/waybill?replicaSet=rs0")).await;
    assert!(text.starts_with(&format!("127.0.0.1:{port}/waybill: ")), "{text}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_is_closed_says_so() {
    let (store, _lab) = fresh().await;
    let store = prepared(store).await;
    store.close().await;
    let Err(StoreError::Unavailable(text)) = store.insert(&parcel(1)).await else { panic!("inserted") };
    assert!(text.contains("has closed its connections"), "{text}");
}

#[tokio::test]
async fn another_kind_of_url_is_refused() {
    for url in ["postgres://localhost/waybill", "mongodb:", "mongodb://"] {
        assert!(matches!(Store::open(url).await, Err(StoreError::Unavailable(_))), "{url}");
    }
}
