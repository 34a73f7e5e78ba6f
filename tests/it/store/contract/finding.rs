//! `find` and `count_by`.

use std::{collections::BTreeMap, time::Duration};

use waybill::{
    base::timestamp::Timestamp,
    platform::store::{Cursor, Key, Order, Query, Store, StoreError},
};

use super::{Outbox, Parcel, fill, id, parcel, prepared, second};

pub(super) async fn numbers(store: &Store, query: &Query) -> Vec<i64> {
    store
        .find::<Parcel>(query)
        .await
        .unwrap()
        .docs
        .iter()
        .map(|d| d.id.trim_start_matches("par_").parse().unwrap())
        .collect()
}

pub(super) fn oldest() -> Query {
    Query::sorted_by("createdAt", Order::Ascending)
}

pub(super) fn newest() -> Query {
    Query::sorted_by("createdAt", Order::Descending)
}

fn cursor(key: impl Into<Key>, n: i64) -> Cursor {
    Cursor { key: key.into(), id: id(n) }
}

pub(crate) async fn equal_fields_narrow(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..12, |d, n| {
        d.user_id = format!("u{}", n % 2);
        d.status = format!("s{}", n % 3);
    })
    .await;
    assert_eq!(numbers(&store, &oldest().equal("userId", "u1")).await, [1, 3, 5, 7, 9, 11]);
    assert_eq!(numbers(&store, &oldest().equal("userId", "u1").equal("status", "s2")).await, [5, 11]);
    assert_eq!(numbers(&store, &newest().equal("status", "s2").equal("userId", "u1")).await, [11, 5]);
    assert!(numbers(&store, &oldest().equal("userId", "u9")).await.is_empty());
}

pub(crate) async fn a_range_is_half_open(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..8, |_, _| {}).await;
    assert_eq!(numbers(&store, &oldest().from(second(2)).before(second(5))).await, [2, 3, 4]);
    assert_eq!(numbers(&store, &newest().from(second(2)).before(second(5))).await, [4, 3, 2]);
    assert_eq!(numbers(&store, &oldest().from(second(6))).await, [6, 7]);
    assert_eq!(numbers(&store, &newest().before(second(2)).equal("userId", "u")).await, [1, 0]);
    assert!(numbers(&store, &oldest().from(second(5)).before(second(5))).await.is_empty());
}

pub(crate) async fn both_orders_are_total(store: Store) {
    let store = prepared(store).await;
    fill(&store, [3, 1, 4, 0, 2, 5], |d, n| d.created_at = second(n / 3)).await;
    assert_eq!(numbers(&store, &oldest()).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(numbers(&store, &newest()).await, [5, 4, 3, 2, 1, 0]);
}

pub(crate) async fn ties_are_paged_by_id(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..9, |d, n| d.created_at = second(n / 6)).await;
    for order in [Order::Ascending, Order::Descending] {
        let mut all: Vec<_> = (0..9).collect();
        if order == Order::Descending {
            all.reverse();
        }
        for user in [false, true] {
            let query = || {
                let query = Query::sorted_by("createdAt", order);
                if user { query.equal("userId", "u") } else { query }
            };
            for (at, n) in all.iter().enumerate() {
                let behind = query().after(cursor(second(n / 6), *n));
                assert_eq!(numbers(&store, &behind).await, all[at + 1..], "{order:?} behind {n}");
                assert_eq!(
                    numbers(&store, &behind.limit(2)).await,
                    all[at + 1..all.len().min(at + 3)],
                    "{order:?}, two behind {n}"
                );
            }
        }
    }
    // A range cuts what a cursor would let through, and the other way round.
    assert_eq!(numbers(&store, &oldest().from(second(1)).after(cursor(second(0), 4))).await, [6, 7, 8]);
    assert_eq!(numbers(&store, &oldest().before(second(1)).after(cursor(second(0), 3))).await, [4, 5]);
    assert_eq!(
        numbers(&store, &newest().before(second(1)).after(cursor(second(1), 7))).await,
        [5, 4, 3, 2, 1, 0]
    );
    assert_eq!(numbers(&store, &newest().from(second(1)).after(cursor(second(1), 8))).await, [7, 6]);
}

pub(crate) async fn pages_behind_a_cursor_are_complete_while_others_insert(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..200, |d, n| d.created_at = second(n / 7)).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let inserting = {
        let (store, stop) = (store.clone(), stop.clone());
        tokio::spawn(async move {
            // An end of its own: where inserting is faster than reading, the pages would never end.
            for n in 1000..2500 {
                let mut doc = parcel(n);
                doc.created_at = second(n % 30);
                store.insert(&doc).await.unwrap();
                if stop.is_cancelled() {
                    break;
                }
            }
        })
    };
    for query in [oldest(), newest()] {
        let (mut seen, mut next) = (Vec::new(), Some(query.limit(7)));
        while let Some(query) = next {
            let page = store.find::<Parcel>(&query).await.unwrap();
            next = page.next.map(|cursor| query.after(cursor));
            seen.extend(page.docs.into_iter().map(|d| d.id));
        }
        let first_ones: Vec<_> = seen.iter().filter(|i| **i < id(1000)).collect();
        let different: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(first_ones.len(), 200);
        assert_eq!(different.len(), seen.len(), "no document twice");
    }
    stop.cancel();
    inserting.await.unwrap();
}

pub(crate) async fn the_limit_holds(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..120, |_, _| {}).await;
    assert_eq!(numbers(&store, &oldest()).await.len(), 100, "unless told otherwise");
    assert_eq!(numbers(&store, &oldest().limit(3)).await, [0, 1, 2]);
    assert_eq!(numbers(&store, &oldest().limit(1000)).await.len(), 120);
    assert_eq!(numbers(&store, &oldest().limit(usize::MAX)).await.len(), 120);
}

pub(crate) async fn a_nested_field_is_found(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..10, |d, n| d.outbox = (n % 3 == 0).then_some(Outbox { at: second(100 - n) })).await;
    let due = Query::sorted_by("outbox.at", Order::Ascending);
    assert_eq!(numbers(&store, &due).await, [9, 6, 3, 0]);
    assert_eq!(numbers(&store, &due.clone().before(second(97))).await, [9, 6]);
    assert_eq!(numbers(&store, &due.after(cursor(second(94), 6))).await, [3, 0]);
}

pub(crate) async fn documents_without_the_sort_field_are_left_out(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..6, |d, n| d.awb = (n > 3).then(|| format!("A{n}"))).await;
    assert_eq!(numbers(&store, &Query::sorted_by("awb", Order::Ascending)).await, [4, 5]);
    assert_eq!(numbers(&store, &Query::sorted_by("awb", Order::Descending).before("A5")).await, [4]);
    assert_eq!(
        numbers(
            &store,
            &Query::sorted_by("awb", Order::Descending).after(Cursor { key: "A5".into(), id: id(5) })
        )
        .await,
        [4]
    );
}

pub(crate) async fn times_sort(store: Store) {
    let store = prepared(store).await;
    let ms = [-86_400_000, -1, 0, 1, 999, 1_763_687_100_123, 32_503_680_000_000];
    fill(&store, 0..7, |d, n| d.created_at = Timestamp::from_millis(ms[usize::try_from(n).unwrap()])).await;
    assert_eq!(numbers(&store, &oldest()).await, [0, 1, 2, 3, 4, 5, 6]);
    let around_zero = oldest()
        .from(Timestamp::from_millis(-1))
        .before(Timestamp::from_millis(0) + Duration::from_millis(2));
    assert_eq!(numbers(&store, &around_zero).await, [1, 2, 3]);
}

pub(crate) async fn booleans_and_integers_are_keys(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..6, |d, n| d.weight = [-5, 100, 20, 3, i64::MAX, i64::MIN][usize::try_from(n).unwrap()])
        .await;
    assert_eq!(numbers(&store, &Query::sorted_by("weight", Order::Ascending)).await, [5, 0, 3, 2, 1, 4]);
    assert_eq!(
        numbers(&store, &Query::sorted_by("weight", Order::Ascending).from(3).before(100)).await,
        [3, 2]
    );
    assert_eq!(
        numbers(&store, &Query::sorted_by("weight", Order::Descending).equal("express", true)).await,
        [4, 2, 0]
    );
    assert_eq!(
        numbers(&store, &Query::sorted_by("weight", Order::Descending).equal("express", false).from(0)).await,
        [1, 3]
    );
    assert_eq!(numbers(&store, &Query::sorted_by("weight", Order::Ascending).equal("weight", 20)).await, [2]);
}

pub(crate) async fn a_unique_key_finds_its_document(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..20, |d, n| {
        d.user_id = format!("u{}", n % 2);
        d.client_order_id = Some(format!("C{}", n / 2));
    })
    .await;
    for sort in ["createdAt", "clientOrderId"] {
        let by_key =
            Query::sorted_by(sort, Order::Descending).equal("userId", "u1").equal("clientOrderId", "C3");
        assert_eq!(numbers(&store, &by_key).await, [7]);
    }
}

pub(crate) async fn a_unique_key_beside_other_fields_is_compared(store: Store) {
    let store = prepared(store).await;
    fill(&store, 1..4, |d, n| d.client_order_id = Some(format!("C{n}"))).await;
    let of = |status: &str| {
        newest().equal("userId", "u").equal("clientOrderId", "C2").equal("status", status).filtered(10)
    };
    assert_eq!(numbers(&store, &of("queued")).await, [2]);
    assert!(numbers(&store, &of("booked")).await.is_empty());
    assert!(numbers(&store, &of("queued").from(second(3))).await.is_empty());
}

pub(crate) async fn equal_fields_beside_the_index_are_compared(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..12, |d, n| d.user_id = format!("u{}", n % 3)).await;
    let both = |query: Query| query.equal("userId", "u1").equal("express", true).filtered(100);
    assert_eq!(numbers(&store, &both(oldest())).await, [4, 10]);
    assert_eq!(numbers(&store, &both(newest()).after(cursor(second(10), 10))).await, [4]);
}

pub(crate) async fn counts_per_value(store: Store) {
    let store = prepared(store).await;
    assert!(store.count_by::<Parcel>("status").await.unwrap().is_empty());
    fill(&store, 0..10, |d, n| d.status = if n < 3 { "queued" } else { "booked" }.to_owned()).await;
    let counts = store.count_by::<Parcel>("status").await.unwrap();
    assert_eq!(counts, BTreeMap::from([("queued".to_owned(), 3), ("booked".to_owned(), 7)]));
}

pub(crate) async fn what_no_index_serves_is_a_fault(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..3, |_, _| {}).await;
    for query in [
        Query::sorted_by("count", Order::Ascending),
        oldest().equal("count", 0),
        Query::sorted_by("clientOrderId", Order::Ascending),
        Query::sorted_by("status", Order::Ascending),
        oldest().equal("userId", "u").equal("express", true),
        oldest().one_of("express", [true]),
        Query::by_id(Order::Ascending).equal("userId", "u"),
        oldest().equal("userId", 5),
        oldest().from(5),
    ] {
        assert!(matches!(store.find::<Parcel>(&query).await, Err(StoreError::Fault(_))), "{query:?}");
    }
    assert!(matches!(store.count_by::<Parcel>("count").await, Err(StoreError::Fault(_))));
    let filtered = oldest().equal("express", true).filtered(10);
    assert!(matches!(store.count::<Parcel>(&filtered, 10).await, Err(StoreError::Fault(_))));
}

pub(crate) async fn values_are_never_read_as_code(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..3, |_, _| {}).await;
    for text in ["' OR 1=1 --", "\" OR \"\"=\"", "u' AND '1'='1", "{\"$ne\": null}", "$ne", "%"] {
        assert!(numbers(&store, &oldest().equal("userId", text)).await.is_empty(), "{text}");
        let behind = Cursor { key: second(0).into(), id: format!("{text}zzz") };
        store.find::<Parcel>(&oldest().after(behind)).await.unwrap();
    }
    assert_eq!(numbers(&store, &oldest()).await, [0, 1, 2]);
}
