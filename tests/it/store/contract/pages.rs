//! Pages: documents that do not read, one of a few values, filters, and counts.

use serde::{Deserialize, Serialize};
use waybill::{
    base::timestamp::Timestamp,
    platform::store::{Count, Document, Index, Order, Query, Store, StoreError},
};

use super::{
    Outbox, Parcel, fill,
    finding::{newest, numbers, oldest},
    id, prepared, second,
};

/// What another program, or a fault of ours, wrote into the collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stranger {
    id: String,
    version: i64,
    weight: String,
    created_at: Timestamp,
}

impl Document for Stranger {
    const COLLECTION: &'static str = "parcels";
    const INDEXES: &'static [Index] = &[];

    fn id(&self) -> &str {
        &self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn set_version(&mut self, version: i64) {
        self.version = version;
    }
}

/// Numbers `unreadable`, between others.
async fn strangers(store: &Store, unreadable: impl IntoIterator<Item = i64>) {
    for n in unreadable {
        let created_at = second(n);
        let weight = "9876543210".to_owned();
        store.insert(&Stranger { id: id(n), version: 1, weight, created_at }).await.unwrap();
    }
}

/// All pages of a query: their documents, the ids of those that do not read, and how many pages there were.
async fn pages(store: &Store, query: Query) -> (Vec<i64>, Vec<String>, usize) {
    let (mut found, mut unreadable, mut count) = (Vec::new(), Vec::new(), 0);
    let mut next = Some(query);
    while let Some(query) = next {
        let page = store.find::<Parcel>(&query).await.unwrap();
        found.extend(page.docs.iter().map(|doc| doc.weight));
        unreadable.extend(page.unreadable.into_iter().map(|u| u.id));
        next = page.next.map(|cursor| query.after(cursor));
        count += 1;
    }
    (found, unreadable, count)
}

pub(crate) async fn an_unreadable_document_is_a_fault_that_tells_no_value(store: Store) {
    let store = prepared(store).await;
    strangers(&store, [1]).await;
    let Err(StoreError::Fault(text)) = store.get::<Parcel>(&id(1)).await else { panic!("no fault") };
    assert!(text.contains(&id(1)) && text.contains("parcels"), "{text}");
    assert!(!text.contains("9876543210"), "{text}");
}

pub(crate) async fn unreadable_documents_are_left_out_and_named(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1, 4, 5], |_, _| {}).await;
    strangers(&store, [0, 2, 3]).await;
    let page = store.find::<Parcel>(&oldest()).await.unwrap();
    assert_eq!(page.docs.iter().map(|d| d.weight).collect::<Vec<_>>(), [1, 4, 5]);
    assert_eq!(page.unreadable.iter().map(|u| u.id.clone()).collect::<Vec<_>>(), [0, 2, 3].map(id));
    assert!(page.unreadable.iter().all(|u| !u.why.is_empty() && !u.why.contains("9876543210")), "{page:?}");
    assert_eq!((page.next, page.stopped), (None, false));
    for limit in 1..=3 {
        let (found, unreadable, _) = pages(&store, oldest().limit(limit)).await;
        assert_eq!((found, unreadable), (vec![1, 4, 5], [0, 2, 3].map(id).to_vec()), "{limit} a page");
        let (found, unreadable, _) = pages(&store, newest().limit(limit)).await;
        assert_eq!((found, unreadable), (vec![5, 4, 1], [3, 2, 0].map(id).to_vec()), "{limit} a page");
    }
    let ids: Vec<_> = (0..6).map(id).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let many = store.get_many::<Parcel>(&ids).await.unwrap();
    assert_eq!((many.docs.len(), many.unreadable.len()), (3, 3));
}

pub(crate) async fn many_come_in_the_order_they_are_asked_for(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..10, |_, _| {}).await;
    let many = async |numbers: &[i64]| -> Vec<i64> {
        let ids: Vec<_> = numbers.iter().map(|n| id(*n)).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        store.get_many::<Parcel>(&ids).await.unwrap().docs.iter().map(|doc| doc.weight).collect()
    };
    assert_eq!(many(&[7, 2, 99, 5, 2]).await, [7, 2, 5], "each once, and none that is not there");
    assert!(many(&[]).await.is_empty());
    assert_eq!(many(&(0..1000).rev().collect::<Vec<_>>()).await.len(), 10);
    assert!(store.get_many::<Parcel>(&["x' OR 1=1 --", "\"", "]"]).await.unwrap().docs.is_empty());
}

pub(crate) async fn a_page_tells_where_the_next_one_begins(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..6, |_, _| {}).await;
    assert_eq!(
        store.find::<Parcel>(&oldest().limit(6)).await.unwrap().next,
        None,
        "exactly full, and the end"
    );
    let page = store.find::<Parcel>(&oldest().limit(5)).await.unwrap();
    let next = page.next.unwrap();
    assert_eq!((next.key.clone(), next.id.as_str()), (second(4).into(), id(4).as_str()));
    assert_eq!(numbers(&store, &oldest().after(next)).await, [5]);
    let weights = || Query::sorted_by("weight", Order::Descending);
    assert_eq!(pages(&store, weights().limit(2)).await, (vec![5, 4, 3, 2, 1, 0], vec![], 3));
    let express = || Query::sorted_by("weight", Order::Ascending).equal("express", false);
    assert_eq!(pages(&store, express().limit(2)).await, (vec![1, 3, 5], vec![], 2));
}

pub(crate) async fn all_documents_by_id(store: Store) {
    let store = prepared(store).await;
    fill(&store, [3, 1, 2, 0], |d, n| d.created_at = second(9 - n)).await;
    for limit in 1..=5 {
        assert_eq!(pages(&store, Query::by_id(Order::Ascending).limit(limit)).await.0, [0, 1, 2, 3]);
        assert_eq!(pages(&store, Query::by_id(Order::Descending).limit(limit)).await.0, [3, 2, 1, 0]);
    }
    assert_eq!(pages(&store, Query::by_id(Order::Ascending).from(id(1)).before(id(3))).await.0, [1, 2]);
    let express = Query::by_id(Order::Ascending).equal("express", true).filtered(10);
    assert_eq!(pages(&store, express).await.0, [0, 2]);
}

pub(crate) async fn one_of_a_few_values(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..24, |d, n| {
        d.user_id = format!("u{}", n % 2);
        d.status = format!("s{}", n % 4);
        d.created_at = second(n / 6);
    })
    .await;
    let some = |query: Query| query.equal("userId", "u1").one_of("status", ["s1", "s3", "s9", "s1"]);
    let expected: Vec<_> = (0..24).filter(|n| n % 2 == 1).collect();
    assert_eq!(numbers(&store, &some(oldest())).await, expected);
    let mut backwards = expected.clone();
    backwards.reverse();
    for limit in [1, 2, 5, 12, 13] {
        assert_eq!(pages(&store, some(oldest()).limit(limit)).await.0, expected, "{limit} a page");
        assert_eq!(pages(&store, some(newest()).limit(limit)).await.0, backwards, "{limit} a page");
    }
    let both = oldest().one_of("userId", ["u0", "u1"]).one_of("status", ["s0", "s1"]);
    let expected: Vec<_> = (0..24).filter(|n| n % 4 < 2).collect();
    assert_eq!(numbers(&store, &both).await, expected);
    let range = some(newest()).from(second(1)).before(second(2));
    assert_eq!(numbers(&store, &range).await, [11, 9, 7]);
    assert!(numbers(&store, &oldest().equal("userId", "u1").one_of("status", [""; 0])).await.is_empty());
}

pub(crate) async fn a_filtered_page_stops_at_its_limit_and_goes_on(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..100, |d, n| d.status = if n % 25 == 3 { "rare" } else { "queued" }.to_owned()).await;
    let rare = |query: Query| query.equal("userId", "u").one_of("status", ["rare", "none"]).filtered(20);
    let first = store.find::<Parcel>(&rare(oldest()).limit(3)).await.unwrap();
    assert_eq!(first.docs.iter().map(|d| d.weight).collect::<Vec<_>>(), [3]);
    assert!(first.stopped);
    assert_eq!(first.next.as_ref().map(|next| next.id.clone()), Some(id(19)), "behind what was looked at");
    let full = store.find::<Parcel>(&rare(oldest()).limit(1)).await.unwrap();
    assert_eq!((full.docs.len(), full.stopped), (1, false), "full before the limit");
    assert_eq!(pages(&store, rare(oldest()).limit(3)).await, (vec![3, 28, 53, 78], vec![], 5));
    assert_eq!(pages(&store, rare(newest()).limit(1)).await.0, [78, 53, 28, 3]);
    let none = store.find::<Parcel>(&rare(oldest()).from(second(90))).await.unwrap();
    assert_eq!((none.docs.len(), none.next, none.stopped), (0, None, false), "the end is no stop");
    assert_eq!(
        pages(&store, oldest().equal("status", "rare").filtered(1000)).await,
        (vec![3, 28, 53, 78], vec![], 1)
    );
}

pub(crate) async fn heads_are_pages_without_their_documents(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..6, |_, _| {}).await;
    let mut third: Parcel = store.get(&id(3)).await.unwrap().unwrap();
    third.weight = 33;
    assert!(store.replace(&third).await.unwrap());
    // What does not read as its type has a head all the same.
    strangers(&store, [7]).await;
    let versions = async |query: Query| {
        let (mut seen, mut query) = (Vec::new(), query);
        loop {
            let page = store.heads::<Parcel>(&query).await.unwrap();
            seen.extend(page.heads.iter().map(|head| (head.place.id.clone(), head.version)));
            match page.next {
                Some(next) => query = query.after(next),
                None => return seen,
            }
        }
    };
    let all: Vec<_> =
        [(0, 1), (1, 1), (2, 1), (3, 2), (4, 1), (5, 1), (7, 1)].map(|(n, v)| (id(n), v)).into();
    for limit in [1, 3, 7, 8] {
        assert_eq!(versions(oldest().limit(limit)).await, all, "{limit} at once");
        let newest = Query::sorted_by("createdAt", Order::Descending).equal("userId", "u").limit(limit);
        let of_u: Vec<_> = all.iter().take(6).rev().cloned().collect();
        assert_eq!(versions(newest).await, of_u, "what is filled in has a user");
    }
    assert_eq!(versions(oldest().from(second(2)).before(second(4))).await, all.get(2..4).unwrap());
    assert_eq!(versions(Query::by_id(Order::Ascending).limit(2)).await, all);
    let nothing = oldest().equal("userId", "u").one_of("status", [""; 0]);
    assert_eq!(versions(nothing).await, []);
    let first = store.heads::<Parcel>(&oldest().limit(1)).await.unwrap();
    assert_eq!(first.heads.first().map(|head| head.place.clone()), first.next, "where it stands");
    let filtered = Query::by_id(Order::Ascending).equal("express", true).filtered(10);
    assert!(matches!(store.heads::<Parcel>(&filtered).await, Err(StoreError::Fault(_))));
}

pub(crate) async fn counts_go_to_their_cap(store: Store) {
    let store = prepared(store).await;
    fill(&store, 0..30, |d, n| {
        d.status = format!("s{}", n % 3);
        d.outbox = (n % 2 == 0).then_some(Outbox { at: second(n) });
    })
    .await;
    let count = async |query: &Query, cap| store.count::<Parcel>(query, cap).await.unwrap();
    let exactly = |n| Count { n, capped: false };
    assert_eq!(count(&oldest(), 1000).await, exactly(30));
    assert_eq!(count(&oldest().limit(3), 30).await, exactly(30), "whatever the page's limit");
    let capped = count(&oldest(), 29).await;
    assert_eq!(capped, Count { n: 29, capped: true });
    assert_eq!(capped.to_string(), "29+");
    let due = Query::sorted_by("outbox.at", Order::Ascending);
    assert_eq!(count(&due, 1000).await, exactly(15));
    assert_eq!(count(&due.clone().before(second(10)), 1000).await, exactly(5));
    let some = oldest().equal("userId", "u").one_of("status", ["s0", "s2"]);
    assert_eq!(count(&some, 1000).await, exactly(20));
    assert_eq!(count(&some, 7).await, Count { n: 7, capped: true });
    assert_eq!(count(&oldest().equal("userId", "u").one_of("status", [""; 0]), 5).await, exactly(0));
    strangers(&store, [50]).await;
    assert_eq!(count(&Query::by_id(Order::Ascending), 1000).await, exactly(31), "readable or not");
}
