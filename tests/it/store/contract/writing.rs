//! `prepare`, `insert` and `get`.

use futures_util::future::join_all;
use serde_json::json;
use waybill::platform::store::{Cursor, Order, Query, Store, StoreError};

use super::{NewParcel, Outbox, Parcel, conflict, id, parcel, prepared, second};

pub(crate) async fn a_document_comes_back_as_it_was_put_in(store: Store) {
    let store = prepared(store).await;
    let mut doc = parcel(1);
    doc.client_order_id = Some("C-1".to_owned());
    doc.outbox = Some(Outbox { at: second(5) });
    doc.extra.insert("later".to_owned(), json!({ "deep": [1, 2.5, null, "x"] }));
    store.insert(&doc).await.unwrap();
    assert_eq!(store.get::<Parcel>(&doc.id).await.unwrap(), Some(doc));
}

pub(crate) async fn what_is_not_there_is_none(store: Store) {
    let store = prepared(store).await;
    assert_eq!(store.get::<Parcel>("par_none").await.unwrap(), None);
}

pub(crate) async fn prepare_may_be_repeated(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let again = join_all((0..8).map(|_| store.prepare::<Parcel>())).await;
    assert!(again.iter().all(Result::is_ok), "{again:?}");
    assert!(store.get::<Parcel>(&id(1)).await.unwrap().is_some());
}

pub(crate) async fn a_newer_declaration_adds_its_index(store: Store) {
    let store = prepared(store).await;
    let doc = NewParcel { parcel: parcel(1), colour: "red".to_owned() };
    store.insert(&doc).await.unwrap();
    store.prepare::<NewParcel>().await.unwrap();
    let red = Query::sorted_by("colour", Order::Ascending).equal("colour", "red");
    assert_eq!(store.find::<NewParcel>(&red).await.unwrap().docs, [doc]);
    store.prepare::<Parcel>().await.unwrap();
    assert_eq!(
        store.find::<NewParcel>(&red).await.unwrap().docs.len(),
        1,
        "an older binary's start leaves it"
    );
}

pub(crate) async fn the_stored_version_is_one_whatever_the_document_says(store: Store) {
    let store = prepared(store).await;
    let mut doc = parcel(1);
    doc.version = 7;
    store.insert(&doc).await.unwrap();
    assert_eq!(store.get::<Parcel>(&doc.id).await.unwrap().unwrap().version, 1);
}

pub(crate) async fn a_taken_id_is_a_conflict(store: Store) {
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let mut other = parcel(1);
    other.status = "other".to_owned();
    assert_eq!(conflict(store.insert(&other).await), "id");
    assert_eq!(store.get::<Parcel>(&id(1)).await.unwrap(), Some(parcel(1)));
}

pub(crate) async fn a_unique_index_is_a_conflict_under_its_name(store: Store) {
    let store = prepared(store).await;
    let with = |n: i64, user: &str, client: &str, awb: &str| {
        let mut doc = parcel(n);
        (doc.user_id, doc.client_order_id, doc.awb) =
            (user.to_owned(), Some(client.to_owned()), Some(awb.to_owned()));
        doc
    };
    store.insert(&with(1, "u", "C", "A1")).await.unwrap();
    assert_eq!(conflict(store.insert(&with(2, "u", "C", "A2")).await), "client_order");
    assert_eq!(conflict(store.insert(&with(3, "u", "D", "A1")).await), "awb");
    store.insert(&with(4, "v", "C", "A4")).await.unwrap();
    assert!(store.get::<Parcel>(&id(2)).await.unwrap().is_none(), "what conflicted is not there");
}

pub(crate) async fn absent_values_never_conflict(store: Store) {
    let store = prepared(store).await;
    for n in 0..5 {
        store.insert(&parcel(n)).await.unwrap();
    }
    assert_eq!(
        store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending)).await.unwrap().docs.len(),
        5
    );
}

pub(crate) async fn one_of_many_inserts_of_a_key_wins(store: Store) {
    let store = prepared(store).await;
    let tasks = (0..200).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut doc = parcel(n);
            doc.client_order_id = Some("only".to_owned());
            store.insert(&doc).await.map(|()| n)
        })
    });
    let mut won = Vec::new();
    for result in join_all(tasks).await {
        match result.unwrap() {
            Ok(n) => won.push(n),
            Err(StoreError::Conflict { index }) => assert_eq!(index, "client_order"),
            Err(e) => panic!("{e:?}"),
        }
    }
    let stored = store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending)).await.unwrap().docs;
    assert_eq!(won.len(), 1);
    assert_eq!(stored.iter().map(|d| d.id.clone()).collect::<Vec<_>>(), [id(won[0])]);
}

pub(crate) async fn inserts_at_once_are_all_kept(store: Store) {
    let store = prepared(store).await;
    let docs: Vec<_> = (0..600).map(parcel).collect();
    let results = join_all(docs.iter().map(|d| store.insert(d))).await;
    assert!(results.iter().all(Result::is_ok));
    let mut found = Vec::new();
    loop {
        let mut query = Query::sorted_by("createdAt", Order::Ascending).limit(250);
        if let Some(Parcel { id, created_at, .. }) = found.last() {
            query = query.after(Cursor { key: (*created_at).into(), id: id.clone() });
        }
        let page = store.find::<Parcel>(&query).await.unwrap().docs;
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, docs);
}

pub(crate) async fn a_caller_that_goes_away_breaks_nothing(store: Store) {
    let store = prepared(store).await;
    for n in 0..50 {
        let store = store.clone();
        let task = tokio::spawn(async move { store.insert(&parcel(n)).await });
        tokio::task::yield_now().await;
        task.abort();
    }
    // A half-made insert would show as a document that cannot be read, a broken writer as an error.
    store.insert(&parcel(1000)).await.unwrap();
    let there = store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Descending)).await.unwrap().docs;
    assert_eq!(there.first(), Some(&parcel(1000)));
    assert!(there.iter().skip(1).all(|d| *d == parcel(d.weight)));
}

pub(crate) async fn odd_texts_are_kept(store: Store) {
    let store = prepared(store).await;
    for (n, text) in
        ["", "'; DROP TABLE parcels; --", "\"\\\u{7f}", "नमस्ते 📦", "line\nline\ttab", "$.a", "\u{0}zero"]
            .iter()
            .enumerate()
    {
        let mut doc = parcel(i64::try_from(n).unwrap());
        doc.user_id = (*text).to_owned();
        store.insert(&doc).await.unwrap();
        let by_user = Query::sorted_by("createdAt", Order::Ascending).equal("userId", *text);
        assert_eq!(store.find::<Parcel>(&by_user).await.unwrap().docs, [doc], "{text:?}");
    }
}

pub(crate) async fn the_database_answers(store: Store) {
    store.ping().await.unwrap();
}
