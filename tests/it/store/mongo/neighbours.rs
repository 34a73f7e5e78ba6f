//! What other programs see in the database, and what they write into it.

use bson::{Bson, DateTime, doc, spec::ElementType};
use serde_json::json;
use waybill::platform::store::{Decision, Order, Query, StoreError};

use super::fresh;
use crate::store::contract::{Outbox, Parcel, fill, id, parcel, prepared, second};

#[tokio::test]
async fn a_tool_sees_dates_integers_and_no_nulls() {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    let mut doc = parcel(1);
    doc.outbox = Some(Outbox { at: second(5) });
    doc.client_order_id = Some("C".to_owned());
    store.insert(&doc).await.unwrap();
    let seen = lab.raw("parcels", &id(1)).await;
    let types: Vec<_> = seen.iter().map(|(name, value)| (name.as_str(), value.element_type())).collect();
    assert_eq!(
        types,
        [
            ("_id", ElementType::String),
            ("version", ElementType::Int64),
            ("userId", ElementType::String),
            ("status", ElementType::String),
            ("createdAt", ElementType::DateTime),
            ("weight", ElementType::Int64),
            ("express", ElementType::Boolean),
            ("count", ElementType::Int64),
            ("clientOrderId", ElementType::String),
            ("outbox", ElementType::EmbeddedDocument),
        ]
    );
    let at = DateTime::from_millis(second(5).as_millis());
    assert_eq!(seen.get_document("outbox").unwrap().get_datetime("at").unwrap(), &at);
    let found = lab.documents("parcels").count_documents(doc! { "createdAt": { "$lte": at } }).await.unwrap();
    assert_eq!(found, 1, "a tool's range over dates");
}

/// mongoose turns numbers into doubles when it saves a document.
#[tokio::test]
async fn whole_doubles_are_read_and_others_are_named() {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    fill(&store, 0..4, |_, _| {}).await;
    let set = async |n: i64, fields| {
        lab.documents("parcels").update_one(doc! { "_id": id(n) }, doc! { "$set": fields }).await.unwrap();
    };
    set(1, doc! { "weight": 1.0, "version": 1.0, "count": 3_000_000_006.0 }).await;
    set(2, doc! { "count": 1.5 }).await;
    set(3, doc! { "createdAt": "soon" }).await;
    let read = store.get::<Parcel>(&id(1)).await.unwrap().unwrap();
    assert_eq!((read.weight, read.count, read.version), (1, 3_000_000_006, 1));
    assert!(store.with_doubles() >= 1, "and told");
    assert!(store.replace(&read).await.unwrap(), "its version counts");
    let seen = lab.raw("parcels", &id(1)).await;
    assert_eq!(seen.get("count"), Some(&Bson::Int64(3_000_000_006)), "an integer again");
    let page = store.find::<Parcel>(&Query::by_id(Order::Ascending)).await.unwrap();
    let unreadable: Vec<_> = page.unreadable.iter().map(|u| (u.id.clone(), u.why.as_str())).collect();
    assert_eq!(
        unreadable,
        [(id(2), "data error at count"), (id(3), "data error at createdAt")],
        "in their place"
    );
}

#[tokio::test]
async fn pages_go_on_past_fractions_and_foreign_ids() {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    fill(&store, 0..3, |_, _| {}).await;
    let mut foreign = lab.raw("parcels", &id(0)).await;
    foreign.insert("_id", bson::oid::ObjectId::from_bytes([1; 12]));
    lab.documents("parcels").insert_one(foreign).await.unwrap();
    lab.documents("parcels")
        .update_one(doc! { "_id": id(1) }, doc! { "$set": { "weight": 1.5 } })
        .await
        .unwrap();
    for order in [Order::Ascending, Order::Descending] {
        for sort in ["weight", "createdAt"] {
            let (mut pages, mut next) = (0, Some(Query::sorted_by(sort, order).limit(1)));
            while let Some(query) = next {
                next = store.find::<Parcel>(&query).await.unwrap().next.map(|cursor| query.after(cursor));
                pages += 1;
                assert!(pages < 10, "it does not end");
            }
        }
    }
}

/// Else what is behind them would never be read.
#[tokio::test]
async fn heads_go_on_past_foreign_ids() {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    fill(&store, 0..4, |_, _| {}).await;
    let mut foreign = lab.raw("parcels", &id(1)).await;
    foreign.insert("_id", bson::oid::ObjectId::from_bytes([1; 12]));
    lab.documents("parcels").insert_one(foreign).await.unwrap();
    for limit in [2, 3, 4, 5] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut next = Some(Query::sorted_by("createdAt", Order::Ascending).limit(limit));
        while let Some(query) = next {
            let page = store.heads::<Parcel>(&query).await.unwrap();
            seen.extend(page.heads.into_iter().map(|head| head.place.id));
            next = page.next.map(|cursor| query.after(cursor));
            pages += 1;
            assert!(pages < 10, "it does not end");
        }
        assert_eq!(seen, [id(0), id(1), id(2), id(3)], "{limit} at once");
    }
}

/// The types of what only a newer binary knows survive an older one's update, as the server has them.
#[tokio::test]
async fn unknown_dates_stay_dates() {
    let (store, lab) = fresh().await;
    let store = prepared(store).await;
    store.insert(&parcel(1)).await.unwrap();
    let newer = doc! { "seenAt": DateTime::from_millis(5), "steps": [{ "at": DateTime::from_millis(6) }],
    "ref": bson::oid::ObjectId::from_bytes([9; 12]) };
    lab.documents("parcels").update_one(doc! { "_id": id(1) }, doc! { "$set": newer.clone() }).await.unwrap();
    let id = id(1);
    let updated = store.update::<Parcel, _, StoreError>(&id, |d| {
        d.count += 1;
        Ok(Decision::Save(()))
    });
    updated.await.unwrap();
    let seen = lab.raw("parcels", &id).await;
    for (name, value) in newer {
        assert_eq!(seen.get(&name), Some(&value), "{name}");
    }
}

/// What looks like an operator, a path or a type is data, wherever it comes from.
#[tokio::test]
async fn hostile_data_is_kept_and_found() {
    let (store, _lab) = fresh().await;
    let store = prepared(store).await;
    let bodies = [
        json!({ "$where": "sleep(1000)", "a.b": 1, "": 2 }),
        json!({ "$date": "tomorrow" }),
        json!([{ "$oid": "zz" }, { "$numberLong": "5", "by": "shop" }, { "$binary": "x" }]),
        json!({ "deep": (0..60).fold(json!(1), |inner, _| json!([inner])) }),
    ];
    for (n, body) in (0..).zip(&bodies) {
        let mut doc = parcel(n);
        doc.user_id = "$userId".to_owned();
        doc.status = "{\"$gt\": \"\"}".to_owned();
        doc.extra.insert("payload".to_owned(), body.clone());
        store.insert(&doc).await.unwrap();
        assert_eq!(store.get::<Parcel>(&id(n)).await.unwrap(), Some(doc));
    }
    let count = bodies.len();
    let by_user = Query::sorted_by("createdAt", Order::Ascending).equal("userId", "$userId");
    assert_eq!(store.find::<Parcel>(&by_user).await.unwrap().docs.len(), count);
    for (status, found) in [("$status", 0), ("{\"$gt\": \"\"}", count)] {
        let filtered = by_user.clone().one_of("status", [status]).filtered(100);
        assert_eq!(store.find::<Parcel>(&filtered).await.unwrap().docs.len(), found, "{status}");
    }
}

#[tokio::test]
async fn what_bson_cannot_hold_is_a_fault_and_not_there() {
    let (store, _lab) = fresh().await;
    let store = prepared(store).await;
    let large = "x".repeat(17 << 20);
    for body in [json!(u64::MAX), json!({ "a\u{0}": 1 }), json!(large)] {
        let mut doc = parcel(1);
        doc.extra.insert("payload".to_owned(), body);
        let Err(StoreError::Fault(text)) = store.insert(&doc).await else { panic!("kept") };
        assert!(text.len() < 200 && !text.contains("xxxx"), "{text}");
    }
    assert!(store.get::<Parcel>(&id(1)).await.unwrap().is_none());
}
