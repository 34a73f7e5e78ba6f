//! `insert_or_existing`, `insert_all` and `commit`.

use futures_util::future::join_all;
use waybill::platform::store::{
    Batch, CommitError, Document, InsertOutcome, Order, Query, Store, StoreError,
};

use super::{NewParcel, Parcel, conflict, fill, id, parcel, prepared, second};

fn of_client(n: i64, client: &str) -> Parcel {
    let mut doc = parcel(n);
    doc.client_order_id = Some(client.to_owned());
    doc
}

fn existing(outcome: Result<InsertOutcome<Parcel>, StoreError>) -> Option<i64> {
    match outcome.unwrap() {
        InsertOutcome::Inserted => None,
        InsertOutcome::Existing(doc) => Some(doc.weight),
    }
}

pub(crate) async fn an_existing_document_comes_instead(store: Store) {
    let store = prepared(store).await;
    let insert = async |doc: &Parcel| store.insert_or_existing(doc, "client_order").await;
    assert_eq!(existing(insert(&of_client(1, "C")).await), None);
    let mut first = store.get::<Parcel>(&id(1)).await.unwrap().unwrap();
    first.count = 5;
    assert!(store.replace(&first).await.unwrap());
    let InsertOutcome::Existing(twin) = insert(&of_client(2, "C")).await.unwrap() else { panic!("twice") };
    first.version = 2;
    assert_eq!(twin, first, "as it stands");
    assert!(store.get::<Parcel>(&id(2)).await.unwrap().is_none());
    let mut other = of_client(3, "C");
    other.user_id = "v".to_owned();
    assert_eq!(existing(insert(&other).await), None, "another merchant's");
    for n in 4..7 {
        assert_eq!(existing(insert(&parcel(n)).await), None, "without a value it is not in the index");
    }
}

pub(crate) async fn a_conflict_of_another_index_stays_one(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1], |d, _| d.awb = Some("A".to_owned())).await;
    let mut same_awb = of_client(2, "C");
    same_awb.awb = Some("A".to_owned());
    assert_eq!(conflict(store.insert_or_existing(&same_awb, "client_order").await), "awb");
    assert_eq!(conflict(store.insert_or_existing(&of_client(1, "C"), "client_order").await), "id");
    assert_eq!(existing(store.insert_or_existing(&same_awb, "awb").await), Some(1));
}

pub(crate) async fn only_a_unique_index_can_be_named(store: Store) {
    let store = prepared(store).await;
    for index in ["created", "nothing", "id", ""] {
        let told = store.insert_or_existing(&parcel(1), index).await;
        assert!(matches!(told, Err(StoreError::Fault(_))), "{index}");
    }
    assert!(store.get::<Parcel>(&id(1)).await.unwrap().is_none());
}

/// A thousand requests with one key: one is new, and each of the others is shown that one.
pub(crate) async fn of_many_inserts_of_a_key_the_others_get_the_winner(store: Store) {
    let store = prepared(store).await;
    let tasks = (0..1000).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            (n, existing(store.insert_or_existing(&of_client(n, "only"), "client_order").await))
        })
    });
    let told: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let won: Vec<_> = told.iter().filter(|(_, twin)| twin.is_none()).map(|(n, _)| *n).collect();
    assert_eq!(won.len(), 1);
    assert!(told.iter().all(|(n, twin)| *twin == (*n != won[0]).then_some(won[0])));
}

pub(crate) async fn each_of_many_has_its_own_outcome(store: Store) {
    let store = prepared(store).await;
    fill(&store, [2], |_, _| {}).await;
    let mut docs: Vec<_> = (0..300).map(parcel).collect();
    for n in [10, 20] {
        docs[n].awb = Some("A".to_owned());
    }
    let outcomes = store.insert_all(&docs).await;
    assert_eq!(outcomes.len(), 300);
    let failed: Vec<_> = outcomes
        .into_iter()
        .enumerate()
        .filter_map(|(n, outcome)| outcome.err().map(|error| (n, conflict(Err::<(), _>(error)))))
        .collect();
    let awb = failed.iter().find(|(_, index)| index == "awb").unwrap().0;
    assert!(awb == 10 || awb == 20, "one of the two, whichever came later");
    assert_eq!(failed.len(), 2);
    assert!(failed.contains(&(2, "id".to_owned())));
    let all = store.count::<Parcel>(&Query::by_id(Order::Ascending), 1000).await.unwrap();
    assert_eq!(all.n, 299);
    assert!(store.insert_all::<Parcel>(&[]).await.is_empty());
}

pub(crate) async fn restored_documents_keep_their_versions(store: Store) {
    let store = prepared(store).await;
    fill(&store, [2], |_, _| {}).await;
    let mut docs = [parcel(1), parcel(2), parcel(3)];
    docs.iter_mut().for_each(|doc| doc.version = 7);
    let outcomes = store.restore_all(&docs).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(matches!(&outcomes[1], Err(StoreError::Conflict { index }) if index == "id"), "{outcomes:?}");
    for n in [1, 3] {
        let mut doc = store.get::<Parcel>(&id(n)).await.unwrap().unwrap();
        assert_eq!(doc.version, 7);
        doc.count = 1;
        assert!(store.replace(&doc).await.unwrap(), "its version counts");
    }
}

pub(crate) async fn a_batch_is_done_as_a_whole(store: Store) {
    let store = prepared(store).await;
    store.prepare::<NewParcel>().await.unwrap();
    fill(&store, [1], |_, _| {}).await;
    let mut balance = store.get::<Parcel>(&id(1)).await.unwrap().unwrap();
    balance.count = 100;
    let other = NewParcel { parcel: parcel(3), colour: "red".to_owned() };
    let batch = Batch::new().insert(&parcel(2)).replace(&balance).insert(&other);
    store.commit(batch).await.unwrap();
    let now = store.get::<Parcel>(&id(1)).await.unwrap().unwrap();
    assert_eq!((now.count, now.version), (100, 2));
    assert_eq!(store.get::<Parcel>(&id(2)).await.unwrap(), Some(parcel(2)));
    assert_eq!(store.get::<NewParcel>(other.id()).await.unwrap(), Some(other));
    store.commit(Batch::new()).await.unwrap();
    let mut twice = parcel(4);
    twice.count = 7;
    store.commit(Batch::new().insert(&parcel(4)).replace(&twice)).await.unwrap();
    let now = store.get::<Parcel>(&id(4)).await.unwrap().unwrap();
    assert_eq!((now.count, now.version), (7, 2), "a later write sees an earlier one");
}

pub(crate) async fn a_conflict_undoes_the_batch_and_is_named(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1], |d, _| d.awb = Some("A".to_owned())).await;
    let mut same = parcel(3);
    same.awb = Some("A".to_owned());
    let told = store.commit(Batch::new().insert(&parcel(2)).insert(&same).insert(&parcel(4))).await;
    assert!(matches!(&told, Err(CommitError::Conflict { at: 1, index }) if index == "awb"), "{told:?}");
    let told = store.commit(Batch::new().insert(&parcel(2)).insert(&parcel(1))).await;
    assert!(matches!(&told, Err(CommitError::Conflict { at: 1, index }) if index == "id"), "{told:?}");
    let all = store.count::<Parcel>(&Query::by_id(Order::Ascending), 10).await.unwrap();
    assert_eq!(all.n, 1);
}

pub(crate) async fn a_lost_version_undoes_the_batch_and_is_named(store: Store) {
    let store = prepared(store).await;
    fill(&store, [1, 2], |_, _| {}).await;
    let (mut mine, seen) = (parcel(1), parcel(2));
    mine.count = 5;
    assert!(store.replace(&seen).await.unwrap(), "somebody else");
    let told = store.commit(Batch::new().insert(&parcel(3)).replace(&mine).replace(&seen)).await;
    assert!(matches!(told, Err(CommitError::Lost { at: 2 })), "{told:?}");
    let told = store.commit(Batch::new().replace(&mine).replace(&parcel(9))).await;
    assert!(matches!(told, Err(CommitError::Lost { at: 1 })), "a document that is not there: {told:?}");
    assert_eq!(store.get::<Parcel>(&id(1)).await.unwrap(), Some(parcel(1)));
    assert!(store.get::<Parcel>(&id(3)).await.unwrap().is_none());
}

/// Money: whoever moves it reads, decides and commits entry and balance; no two see the same balance.
pub(crate) async fn racing_batches_lose_nothing(store: Store) {
    let store = prepared(store).await;
    fill(&store, [0], |_, _| {}).await;
    let tasks = (1..=8).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                loop {
                    let mut balance = store.get::<Parcel>(&id(0)).await.unwrap().unwrap();
                    balance.count += 1;
                    let mut entry = parcel(task * 100 + n);
                    entry.created_at = second(balance.count);
                    match store.commit(Batch::new().insert(&entry).replace(&balance)).await {
                        Ok(()) => break,
                        Err(CommitError::Lost { at: 1 }) => {}
                        Err(e) => panic!("{e:?}"),
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let entries =
        store.find::<Parcel>(&Query::sorted_by("createdAt", Order::Ascending).limit(500)).await.unwrap();
    let times: Vec<_> = entries.docs.iter().map(|d| d.created_at).collect();
    assert_eq!(times, (0..=160).map(second).collect::<Vec<_>>(), "each balance once");
}
