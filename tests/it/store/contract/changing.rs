//! `replace`, `update` and `delete_before`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use waybill::{
    base::timestamp::Timestamp,
    platform::store::{Decision, Document, Index, Order, Query, Store, StoreError, Updated},
};

use super::{Outbox, Parcel, conflict, fill, id, parcel, prepared, second};

async fn stored(store: &Store, n: i64) -> Parcel {
    store.get(&id(n)).await.unwrap().unwrap()
}

pub(crate) async fn replace_saves_over_its_own_version_only(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let (mut mine, mut late) = (stored(&store, 1).await, stored(&store, 1).await);
    mine.status = "mine".to_owned();
    late.status = "late".to_owned();
    assert!(store.replace(&mine).await.unwrap());
    assert!(!store.replace(&late).await.unwrap(), "its version is gone");
    let now = stored(&store, 1).await;
    assert_eq!((now.status.as_str(), now.version), ("mine", 2));
    let by_status =
        |s: &str| Query::sorted_by("createdAt", Order::Ascending).equal("status", s).equal("userId", "u");
    assert_eq!(store.find::<Parcel>(&by_status("mine")).await.unwrap().docs, [now]);
    assert!(store.find::<Parcel>(&by_status("queued")).await.unwrap().docs.is_empty(), "the indexes follow");
}

pub(crate) async fn replace_of_a_missing_document_is_false(store: Store) {
    let store = prepared(store).await;
    assert!(!store.replace(&parcel(1)).await.unwrap());
    assert!(store.get::<Parcel>(&id(1)).await.unwrap().is_none());
}

pub(crate) async fn replace_keeps_the_unique_indexes(store: Store) {
    let store = prepared(store).await;
    fill(&store, 1..=2, |d, n| d.awb = Some(format!("A{n}"))).await;
    let mut doc = stored(&store, 2).await;
    doc.awb = Some("A1".to_owned());
    assert_eq!(conflict(store.replace(&doc).await), "awb");
    let now = stored(&store, 2).await;
    assert_eq!((now.awb.as_deref(), now.version), (Some("A2"), 1));
}

pub(crate) async fn update_tells_what_it_saved(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let updated = store
        .update::<Parcel, _, StoreError>(&id(1), |d| {
            d.count += 1;
            Ok(Decision::Save("word"))
        })
        .await;
    let Updated::Done(doc, "word") = updated.unwrap() else { panic!("not done") };
    assert_eq!((doc.count, doc.version), (1, 2));
    assert_eq!(stored(&store, 1).await, doc);
}

pub(crate) async fn update_of_a_missing_document_does_not_decide(store: Store) {
    let store = prepared(store).await;
    let updated =
        store.update::<Parcel, (), StoreError>(&id(1), |_| panic!("nothing to decide on")).await.unwrap();
    assert!(matches!(updated, Updated::Missing));
}

pub(crate) async fn a_decision_to_leave_writes_nothing(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let updated = store
        .update::<Parcel, _, StoreError>(&id(1), |d| {
            d.count = 99;
            Ok(Decision::Leave(d.count))
        })
        .await;
    assert!(matches!(updated.unwrap(), Updated::Done(_, 99)));
    assert_eq!(stored(&store, 1).await, parcel(1));
}

pub(crate) async fn an_error_in_the_decision_leaves_the_document(store: Store) {
    #[derive(Debug, thiserror::Error)]
    enum Refusal {
        #[error("no")]
        No,
        #[error(transparent)]
        Store(#[from] StoreError),
    }
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let updated = store
        .update::<Parcel, (), Refusal>(&id(1), |d| {
            d.count = 99;
            Err(Refusal::No)
        })
        .await;
    assert!(matches!(updated, Err(Refusal::No)));
    assert_eq!(stored(&store, 1).await, parcel(1));
}

pub(crate) async fn racing_updates_all_land(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let tasks = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                loop {
                    let updated = store
                        .update::<Parcel, _, StoreError>(&id(1), |d| {
                            d.count += 1;
                            Ok(Decision::Save(()))
                        })
                        .await;
                    match updated {
                        Ok(_) => break,
                        Err(StoreError::Contended) => {}
                        Err(e) => panic!("{e:?}"),
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let doc = stored(&store, 1).await;
    assert_eq!((doc.count, doc.version), (800, 801));
}

/// Somebody else changes the document each time between the load and the save.
pub(crate) async fn update_decides_again_and_gives_up_after_five(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let mut seen = Vec::new();
    let handle = tokio::runtime::Handle::current();
    let updated = store
        .update::<Parcel, _, StoreError>(&id(1), |d| {
            seen.push(d.count);
            let mut other = d.clone();
            other.count += 1;
            d.status = "never".to_owned();
            assert!(tokio::task::block_in_place(|| handle.block_on(store.replace(&other))).unwrap());
            Ok(Decision::Save(()))
        })
        .await;
    assert!(matches!(updated, Err(StoreError::Contended)));
    assert_eq!(seen, [0, 1, 2, 3, 4], "each decision saw what was true");
    let doc = stored(&store, 1).await;
    assert_eq!((doc.count, doc.status.as_str()), (5, "queued"));
}

/// Fields that only a newer binary knows, one of each kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Newer {
    #[serde(flatten)]
    parcel: Parcel,
    seen_at: Timestamp,
    paise: i64,
    nested: Vec<Vec<Step>>,
    /// Data that looks like what a database writes for a time.
    quoted: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Step {
    at: Timestamp,
    note: Option<String>,
}

impl Document for Newer {
    const COLLECTION: &'static str = Parcel::COLLECTION;
    const INDEXES: &'static [Index] = Parcel::INDEXES;

    fn id(&self) -> &str {
        &self.parcel.id
    }

    fn version(&self) -> i64 {
        self.parcel.version
    }

    fn set_version(&mut self, version: i64) {
        self.parcel.version = version;
    }
}

pub(crate) async fn unknown_fields_survive_an_older_binary(store: Store) {
    let store = prepared(store).await;
    let steps = |n| (0..n).map(|n| Step { at: second(n), note: (n > 0).then(|| "x".to_owned()) }).collect();
    let mut newer = Newer {
        parcel: parcel(1),
        seen_at: second(77),
        paise: (1 << 31) + 1,
        nested: vec![steps(0), steps(2), steps(1)],
        quoted: json!([{ "$date": "tomorrow" }, { "$date": { "$numberLong": "5" } }, [1.5, null, [true]]]),
    };
    newer.parcel.extra.insert("tags".to_owned(), json!([{ "a": null }, 1.5, i64::MAX]));
    store.insert(&newer).await.unwrap();
    for n in 2..5 {
        let id = id(1);
        let updated = store.update::<Parcel, _, StoreError>(&id, |d| {
            d.status = format!("step {n}");
            Ok(Decision::Save(()))
        });
        assert!(matches!(updated.await.unwrap(), Updated::Done(..)));
        newer.parcel.status = format!("step {n}");
        newer.parcel.version = n;
        assert_eq!(store.get::<Newer>(&id).await.unwrap().as_ref(), Some(&newer));
    }
}

pub(crate) async fn a_key_that_was_freed_may_be_taken(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1], |d, _| d.awb = Some("A".to_owned())).await;
    let mut doc = stored(&store, 1).await;
    doc.awb = None;
    assert!(store.replace(&doc).await.unwrap());
    fill(&store, [2], |d, _| d.awb = Some("A".to_owned())).await;
    assert_eq!(stored(&store, 2).await.awb.as_deref(), Some("A"));
}

pub(crate) async fn old_documents_go_oldest_first(store: Store) {
    let store = prepared(store).await;
    fill(&store, [5, 3, 1, 4, 2, 0], |_, _| {}).await;
    let left = async || -> Vec<i64> {
        let all = store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending)).await.unwrap().docs;
        all.iter().map(|d| d.weight).collect()
    };
    assert_eq!(store.delete_before::<Parcel>("createdAt", second(4), 3).await.unwrap(), 3);
    assert_eq!(left().await, [3, 4, 5]);
    assert_eq!(store.delete_before::<Parcel>("createdAt", second(4), 3).await.unwrap(), 1);
    assert_eq!(left().await, [4, 5], "the bound itself stays");
    assert_eq!(store.delete_before::<Parcel>("createdAt", second(4), 3).await.unwrap(), 0);
}

pub(crate) async fn documents_without_the_time_stay(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..10, |d, n| d.outbox = (n % 2 == 0).then_some(Outbox { at: second(n) })).await;
    assert_eq!(store.delete_before::<Parcel>("outbox.at", second(100), 100).await.unwrap(), 5);
    assert_eq!(
        store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending)).await.unwrap().docs.len(),
        5
    );
}

pub(crate) async fn retention_without_an_index_is_a_fault(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1], |_, _| {}).await;
    assert!(matches!(
        store.delete_before::<Parcel>("updatedAt", second(9), 1).await,
        Err(StoreError::Fault(_))
    ));
}
