//! The frame of numbered steps.

use serde_json::json;
use waybill::{
    base::timestamp::Timestamp,
    platform::store::{
        Order, Query, Store, StoreError,
        migrations::{self, Migration, Step},
    },
};

use super::{
    contract::{Parcel, fill, id, prepared},
    sqlite::fresh,
};

const STEPS: [Step; 3] = [
    Step {
        number: 2,
        name: "count the heavy ones",
        make: |store| Box::pin(migrations::rewrite(store, heavy)),
    },
    Step { number: 1, name: "weights twofold", make: |store| Box::pin(migrations::rewrite(store, twofold)) },
    Step { number: 3, name: "never done", make: |_| Box::pin(async { Err(StoreError::Contended) }) },
];

/// Repeatable: what was done is noted in the document.
fn twofold(doc: &mut Parcel) -> bool {
    if doc.extra.contains_key("twofold") {
        return false;
    }
    doc.extra.insert("twofold".to_owned(), json!(true));
    doc.weight *= 2;
    true
}

fn heavy(doc: &mut Parcel) -> bool {
    let heavy = doc.weight >= 1000;
    doc.count += i64::from(heavy);
    heavy
}

async fn numbers(store: &Store) -> Vec<u32> {
    migrations::pending(store, &STEPS).await.unwrap().iter().map(|step| step.number).collect()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_763_687_100_000)
}

#[tokio::test]
async fn steps_are_made_in_their_order_and_once() {
    let (store, _folder) = fresh().await;
    let store = prepared(store).await;
    store.prepare::<Migration>().await.unwrap();
    fill(&store, 0..700, |_, _| {}).await;
    assert_eq!(numbers(&store).await, [1, 2, 3]);
    for (expected, left) in [(700, vec![2, 3]), (200, vec![3])] {
        let next = migrations::pending(&store, &STEPS).await.unwrap()[0];
        assert_eq!(migrations::make(&store, &next, now()).await.unwrap(), expected, "{next}");
        assert_eq!(numbers(&store).await, left);
    }
    let failing = migrations::pending(&store, &STEPS).await.unwrap()[0];
    assert!(migrations::make(&store, &failing, now()).await.is_err());
    assert_eq!(numbers(&store).await, [3], "what failed is made again");
    let made = store.get::<Migration>("0002").await.unwrap().unwrap();
    assert_eq!((made.name.as_str(), made.documents, made.made_at), ("count the heavy ones", 200, now()));
    let heavy = store.get::<Parcel>(&id(699)).await.unwrap().unwrap();
    assert_eq!((heavy.weight, heavy.count, heavy.version), (1398, 1, 3));
    assert_eq!(store.get::<Parcel>(&id(0)).await.unwrap().unwrap().version, 2, "saved only where it changed");
}

#[tokio::test]
async fn a_step_that_was_cut_off_goes_on_with_what_is_left() {
    let (store, _folder) = fresh().await;
    let store = prepared(store).await;
    store.prepare::<Migration>().await.unwrap();
    fill(&store, 0..10, |doc, n| {
        if n < 4 {
            assert!(twofold(doc));
        }
    })
    .await;
    let first = migrations::pending(&store, &STEPS).await.unwrap()[0];
    assert_eq!(migrations::make(&store, &first, now()).await.unwrap(), 6);
    let all = store.find::<Parcel>(&Query::by_id(Order::Ascending)).await.unwrap().docs;
    assert_eq!(all.iter().map(|d| d.weight).collect::<Vec<_>>(), (0..10).map(|n| 2 * n).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_database_needs_none() {
    let (store, _folder) = fresh().await;
    store.prepare::<Migration>().await.unwrap();
    migrations::skip(&store, &STEPS, now()).await.unwrap();
    migrations::skip(&store, &STEPS, now()).await.unwrap();
    assert_eq!(numbers(&store).await, [0; 0]);
}
