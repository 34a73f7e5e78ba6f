//! Declarations that differ from what is stored: an added index is made, a changed one is refused and named,
//! and made anew only when that is asked for.

use serde::{Deserialize, Serialize};
use waybill::platform::store::{Document, Field, Index, IndexReport, Order, Query, Store, StoreError};

use super::{Parcel, conflict, fill, finding::numbers, id, parcel, prepared};

/// The same documents under another declaration.
macro_rules! declared {
    ($name:ident, $($index:expr),+) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        struct $name(Parcel);

        impl Document for $name {
            const COLLECTION: &'static str = "parcels";
            const INDEXES: &'static [Index] = &[$($index),+];

            fn id(&self) -> &str {
                &self.0.id
            }

            fn version(&self) -> i64 {
                self.0.version
            }

            fn set_version(&mut self, version: i64) {
                self.0.version = version;
            }
        }
    };
}

declared!(
    Changed,
    Index::on("created", &[Field::time("createdAt")]),
    Index::on("express", &[Field::bool("express"), Field::time("createdAt")]),
    Index::on("weight", &[Field::int("weight")]).partial(),
    Index::on("count", &[Field::int("count")])
);
declared!(OtherUnique, Index::on("awb", &[Field::text("status")]).unique());
declared!(NoLongerUnique, Index::on("awb", &[Field::text("awb")]).partial());

fn outdated(told: Result<(), StoreError>) -> Vec<String> {
    let Err(error @ StoreError::Outdated(_)) = told else { panic!("{told:?}") };
    assert!(error.to_string().contains("waybill migrate"), "{error}");
    let StoreError::Outdated(indexes) = error else { return Vec::new() };
    indexes
}

pub(crate) async fn a_changed_declaration_is_refused_and_named(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..4, |_, _| {}).await;
    for _ in 0..2 {
        assert_eq!(outdated(store.prepare::<Changed>().await), ["parcels.express", "parcels.weight"]);
    }
    store.prepare::<Parcel>().await.unwrap();
    let by_weight = Query::sorted_by("weight", Order::Ascending).equal("express", true);
    assert_eq!(numbers(&store, &by_weight).await, [0, 2], "what is stored stays");
}

pub(crate) async fn a_changed_index_is_made_anew_when_that_is_asked_for(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..4, |_, _| {}).await;
    assert!(store.remake::<Parcel>().await.unwrap().is_empty(), "nothing has changed");
    assert_eq!(store.remake::<Changed>().await.unwrap(), ["parcels.express", "parcels.weight"]);
    store.prepare::<Changed>().await.unwrap();
    let express = Query::sorted_by("createdAt", Order::Descending).equal("express", true);
    let found = store.find::<Changed>(&express).await.unwrap().docs;
    assert_eq!(found.iter().map(|d| d.0.weight).collect::<Vec<_>>(), [2, 0]);
    let counts = Query::sorted_by("count", Order::Ascending);
    assert_eq!(store.count::<Changed>(&counts, 10).await.unwrap().n, 4, "the added one is there, too");
    assert_eq!(outdated(store.prepare::<Parcel>().await), ["parcels.express", "parcels.weight"]);
}

pub(crate) async fn a_unique_index_stays_until_its_successor_is_built(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1, 2], |d, n| d.awb = Some(format!("A{n}"))).await;
    let Err(StoreError::Fault(text)) = store.remake::<OtherUnique>().await else {
        panic!("two documents have one status")
    };
    assert!(text.contains("parcels") && text.contains("awb"), "{text}");
    let mut same = parcel(3);
    same.awb = Some("A1".to_owned());
    assert_eq!(conflict(store.insert(&same).await), "awb", "the old one stands");
    store.prepare::<Parcel>().await.unwrap();
    assert_eq!(store.remake::<NoLongerUnique>().await.unwrap(), ["parcels.awb"]);
    store.insert(&same).await.unwrap();
    let Err(StoreError::Fault(text)) = store.remake::<Parcel>().await else { panic!("one AWB, two parcels") };
    assert!(text.contains("awb"), "{text}");
    assert!(store.get::<Parcel>(&id(3)).await.unwrap().is_some());
}

pub(crate) async fn a_look_tells_how_indexes_stand_and_makes_none(store: Store) {
    let all = Parcel::INDEXES.iter().map(|index| format!("parcels.{}", index.name));
    let none =
        IndexReport { declared: Parcel::INDEXES.len(), missing: all.collect(), ..IndexReport::default() };
    for _ in 0..2 {
        assert_eq!(store.indexes::<Parcel>().await.unwrap(), none);
    }
    let store = prepared(store).await;
    let well = IndexReport { declared: Parcel::INDEXES.len(), ..IndexReport::default() };
    assert_eq!(store.indexes::<Parcel>().await.unwrap(), well);

    let mut told = store.indexes::<Changed>().await.unwrap();
    told.foreign.sort();
    told.foreign_unique.sort();
    let names = |names: &[&str]| names.iter().map(|name| format!("parcels.{name}")).collect::<Vec<_>>();
    let expected = IndexReport {
        declared: 4,
        missing: names(&["count"]),
        changed: names(&["express", "weight"]),
        foreign: names(&["outbox", "status", "user"]),
        foreign_unique: names(&["awb", "client_order"]),
    };
    assert_eq!(told, expected);
    assert_eq!(store.indexes::<Parcel>().await.unwrap(), well, "nothing was changed by looking");
}
