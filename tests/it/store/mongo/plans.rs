//! What the server does with the queries: each walks its declared index, reads no key more than the page
//! needs, and sorts nothing. The server's profiler tells what was really asked.

use std::collections::BTreeSet;

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use waybill::{
    features::orders::model,
    platform::store::{Cursor, Key, Order, Query, Store},
};

use super::fresh;
use crate::{
    store::contract::{Outbox, Parcel, fill, id, prepared, second},
    support::mongodb::Lab,
};

/// What one operation did on the server.
#[derive(Debug)]
struct Done {
    keys: i64,
    docs: i64,
    stages: BTreeSet<String>,
    indexes: BTreeSet<String>,
}

fn walk(plan: &Bson, done: &mut Done) {
    match plan {
        Bson::Document(doc) => {
            done.stages.extend(doc.get_str("stage").ok().map(ToOwned::to_owned));
            done.indexes.extend(doc.get_str("indexName").ok().map(ToOwned::to_owned));
            doc.iter().filter(|(name, _)| *name != "rejectedPlans").for_each(|(_, value)| walk(value, done));
        }
        Bson::Array(list) => list.iter().for_each(|value| walk(value, done)),
        _ => {}
    }
}

fn number(entry: &Document, name: &str) -> i64 {
    entry.get_i64(name).or_else(|_| entry.get_i32(name).map(i64::from)).unwrap_or(0)
}

/// Profiles what `work` asks of the collection: the operations of kind `op` that it was.
async fn profiled(lab: &Lab, collection: &str, work: impl Future<Output = ()>) -> Vec<Done> {
    lab.database.run_command(doc! { "profile": 2 }).await.unwrap();
    work.await;
    lab.database.run_command(doc! { "profile": 0 }).await.unwrap();
    let ns = format!("{}.{collection}", lab.database.name());
    let filter = doc! { "ns": ns, "op": { "$in": ["query", "command", "remove", "getmore"] } };
    let entries = lab.documents("system.profile").find(filter).sort(doc! { "ts": 1 }).await.unwrap();
    let entries: Vec<_> = entries.try_collect().await.unwrap();
    lab.documents("system.profile").drop().await.unwrap();
    let done = entries.iter().filter(|entry| entry.contains_key("keysExamined")).map(|entry| {
        let (keys, docs) = (number(entry, "keysExamined"), number(entry, "docsExamined"));
        let mut done = Done { keys, docs, stages: BTreeSet::new(), indexes: BTreeSet::new() };
        if let Some(plan) = entry.get("execStats") {
            walk(plan, &mut done);
        }
        done
    });
    done.collect()
}

async fn filled() -> (Store, Lab) {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    fill(&store, 0..300, |d, n| {
        d.user_id = format!("u{}", n % 2);
        d.status = format!("s{}", n % 3);
        d.awb = (n % 2 == 0).then(|| format!("A{n:05}"));
        d.client_order_id = (n % 3 == 0).then(|| format!("C{n:05}"));
        d.outbox = (n % 5 == 0).then(|| Outbox { at: second(n) });
    })
    .await;
    (store, lab)
}

fn after(key: impl Into<Key>, n: i64) -> Cursor {
    Cursor { key: key.into(), id: id(n) }
}

#[tokio::test]
async fn pages_walk_their_index_and_no_further() {
    const LIMIT: i64 = 10;
    let (store, lab) = filled().await;
    for order in [Order::Ascending, Order::Descending] {
        let by = |sort: &'static str| Query::sorted_by(sort, order).limit(10);
        for (index, query) in [
            ("created", by("createdAt")),
            ("created", by("createdAt").from(second(20)).before(second(250))),
            ("created", by("createdAt").after(after(second(100), 100))),
            ("user", by("createdAt").equal("userId", "u1")),
            ("user", by("createdAt").equal("userId", "u1").after(after(second(101), 101))),
            ("status", by("createdAt").equal("userId", "u1").equal("status", "s1")),
            ("outbox", by("outbox.at")),
            ("outbox", by("outbox.at").before(second(200))),
            ("outbox", by("outbox.at").after(after(second(100), 100))),
            ("awb", by("awb")),
            ("awb", by("awb").equal("awb", "A00010")),
            ("awb", by("awb").after(after("A00100", 100))),
            ("client_order", by("clientOrderId").equal("userId", "u0")),
            ("client_order", by("createdAt").equal("userId", "u0").equal("clientOrderId", "C00006")),
            ("express", by("weight").equal("express", true)),
            ("weight", by("weight").from(5)),
            ("_id_", Query::by_id(order).limit(10)),
            ("_id_", Query::by_id(order).limit(10).after(after(id(50), 50))),
        ] {
            let done = profiled(&lab, "parcels", async {
                store.find::<Parcel>(&query).await.unwrap();
            })
            .await;
            let [done] = &done[..] else { panic!("{query:?}: {done:?}") };
            // One row more tells that there is a next page; the cursor's own is seen again.
            let most = LIMIT + 1 + i64::from(query_goes_on(&query));
            assert!(done.keys <= most && done.docs <= most, "{query:?}: {done:?}");
            assert_eq!(done.indexes, BTreeSet::from([index.to_owned()]), "{query:?}: {done:?}");
            assert!(!done.stages.contains("SORT") && !done.stages.contains("COLLSCAN"), "{done:?}");
        }
    }
}

fn query_goes_on(query: &Query) -> bool {
    format!("{query:?}").contains("after: Some")
}

#[tokio::test]
async fn one_of_a_few_values_sorts_nothing() {
    let (store, lab) = filled().await;
    let query = Query::sorted_by("createdAt", Order::Descending).limit(10);
    let query = query.equal("userId", "u1").one_of("status", ["s1", "s2"]);
    for query in [query.clone(), query.after(after(second(101), 101))] {
        let done = profiled(&lab, "parcels", async {
            store.find::<Parcel>(&query).await.unwrap();
        })
        .await;
        // The server chooses between merging walks of `status` and one of `user`.
        assert!(!done[0].stages.contains("SORT") && !done[0].stages.contains("COLLSCAN"), "{done:?}");
        assert!(done[0].keys <= 20 && done[0].docs <= 20, "{done:?}");
    }
}

/// A filtered page that is full early stops early.
#[tokio::test]
async fn filters_look_at_no_more_than_they_need() {
    let (store, lab) = filled().await;
    let query = Query::sorted_by("createdAt", Order::Ascending).equal("status", "s1");
    let looked = async |query: Query| {
        let done = profiled(&lab, "parcels", async {
            store.find::<Parcel>(&query).await.unwrap();
        })
        .await;
        assert!(
            done.iter().all(|d| !d.stages.contains("SORT") && !d.stages.contains("COLLSCAN")),
            "{done:?}"
        );
        done.iter().map(|d| d.docs).sum::<i64>()
    };
    let few = looked(query.clone().filtered(250).limit(5)).await;
    assert!(few <= 60, "{few}");
    assert!(looked(query.filtered(50).limit(100)).await <= 51);
}

#[tokio::test]
async fn counts_and_retention_read_the_index_alone() {
    let (store, lab) = filled().await;
    let all = || Query::sorted_by("createdAt", Order::Ascending);
    let due = Query::sorted_by("outbox.at", Order::Ascending).before(second(200));
    let some = all().equal("userId", "u1").one_of("status", ["s1", "s2"]);
    for (query, cap) in [(all(), 20_usize), (due, 10), (some, 20)] {
        let done = profiled(&lab, "parcels", async {
            store.count::<Parcel>(&query, cap).await.unwrap();
        })
        .await;
        let cap = i64::try_from(cap).unwrap();
        assert!(done[0].docs == 0 && done[0].keys <= cap + 3, "{query:?}: {done:?}");
    }
    let done = profiled(&lab, "parcels", async {
        assert_eq!(store.delete_before::<Parcel>("outbox.at", second(100), 7).await.unwrap(), 7);
    })
    .await;
    assert!(done[0].docs == 0 && done[0].keys <= 8, "{done:?}");
    assert_eq!(done[0].indexes, BTreeSet::from(["outbox".to_owned()]), "{done:?}");
}

/// The real collection: native indexes under their declared names.
#[tokio::test]
async fn the_indexes_are_as_a_person_would_make_them() {
    let (store, lab) = fresh().await;
    store.prepare::<model::Order>().await.unwrap();
    let indexes: Vec<_> = lab.documents("orders").list_indexes().await.unwrap().try_collect().await.unwrap();
    let of = |name: &str| {
        let index = indexes.iter().find(|i| i.options.as_ref().unwrap().name.as_deref() == Some(name));
        index.unwrap_or_else(|| panic!("{name}: {indexes:?}")).clone()
    };
    let created = of("user_created");
    assert_eq!(created.keys, doc! { "userId": 1, "createdAt": 1, "_id": 1 });
    assert_eq!(created.options.unwrap().partial_filter_expression, None);
    let awb = of(model::Order::BY_AWB);
    let options = awb.options.unwrap();
    assert_eq!((awb.keys, options.unique), (doc! { "awb": 1 }, Some(true)));
    assert_eq!(options.partial_filter_expression, Some(doc! { "awb": { "$gte": "" } }));
    let updated = of("updated_version");
    assert_eq!(updated.keys, doc! { "updatedAt": 1, "_id": 1, "version": 1 });
    let done = profiled(&lab, "orders", async {
        let heads = Query::sorted_by("updatedAt", Order::Ascending).from(second(0));
        store.heads::<model::Order>(&heads).await.unwrap();
    })
    .await;
    assert_eq!(done[0].indexes, BTreeSet::from(["updated_version".to_owned()]), "{done:?}");
    assert!(!done[0].stages.contains("FETCH"), "{done:?}");
    let outbox = of("outbox").options.unwrap().partial_filter_expression.unwrap();
    assert_eq!(outbox, doc! { "outboxAt": { "$gte": bson::DateTime::MIN } });
}

/// Index sets of an older release, as another hand may have left them.
#[tokio::test]
async fn an_older_release_s_indexes_are_named() {
    use mongodb::{IndexModel, options::IndexOptions};
    use waybill::platform::store::StoreError;
    let (store, lab) = fresh().await;
    let make = async |name: &str, keys: Document, options: IndexOptions| {
        let mut options = options;
        options.name = Some(name.to_owned());
        let model = IndexModel::builder().keys(keys).options(options).build();
        lab.documents("parcels").create_index(model).await.unwrap();
    };
    let plain = IndexOptions::default;
    make("awb", doc! { "awb": 1 }, IndexOptions::builder().unique(true).sparse(true).build()).await;
    make("weight", doc! { "weight": -1, "_id": 1 }, plain()).await;
    make("created", doc! { "createdAt": 1.0, "_id": 1 }, plain()).await;
    make("userId_1", doc! { "userId": 1, "createdAt": 1, "_id": 1 }, plain()).await;
    make("unknown", doc! { "colour": 1 }, plain()).await;
    let look = store.indexes::<Parcel>().await.unwrap();
    let names = |names: &[&str]| names.iter().map(|name| format!("parcels.{name}")).collect::<Vec<_>>();
    assert_eq!(look.changed, names(&["user", "awb", "weight"]), "one of another name stands in its place");
    assert_eq!(look.missing, names(&["status", "client_order", "outbox", "express"]));
    assert_eq!((look.foreign, look.foreign_unique), (names(&["unknown"]), Vec::new()));
    let Err(StoreError::Outdated(named)) = store.prepare::<Parcel>().await else {
        panic!("taken as they are")
    };
    assert_eq!(named, ["parcels.user", "parcels.awb", "parcels.weight"]);
    let mut made = store.remake::<Parcel>().await.unwrap();
    made.sort();
    assert_eq!(made, ["parcels.awb", "parcels.user", "parcels.weight"]);
    store.prepare::<Parcel>().await.unwrap();
    let names = lab.documents("parcels").list_index_names().await.unwrap();
    assert!(names.contains(&"unknown".to_owned()), "what nobody declared stays");
    assert!(!names.iter().any(|name| name.ends_with(".next") || name == "userId_1"), "{names:?}");
}
