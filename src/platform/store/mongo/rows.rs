//! From what a cursor gives to pages.
//!
//! Guards against one document that does not read as its type ending a whole page: each is read by itself.

use std::{collections::BTreeMap, time::Duration};

use bson::{Bson, Document as Bsons, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::{Collection, Cursor as Rows, error::Result};

use super::{document, filter::Walk};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{
        Cursor, FieldType, Head, Key, Order, Page, Query, Unreadable,
        kind::{AnyDoc, Kind},
    },
};

/// Most rows that come in one answer.
const BATCH: usize = 1000;

/// One row of a page. `doc`: nothing where the filter does not take it.
pub(super) struct Row {
    doc: Option<RawDocumentBuf>,
    cursor: Option<Cursor>,
}

/// How far a page goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    limit: usize,
    max_scanned: Option<usize>,
    ascending: bool,
}

impl Extent {
    pub(super) fn of(query: &Query) -> Self {
        let Query { limit, max_scanned, order, .. } = *query;
        Self { limit, max_scanned, ascending: order == Order::Ascending }
    }

    /// One row more than the page may have: it tells that there is a next page.
    fn rows(self, filtered: bool) -> usize {
        let scanned = self.max_scanned.unwrap_or(usize::MAX);
        if filtered { scanned } else { scanned.min(self.limit) }.saturating_add(1)
    }
}

/// The rows that decide on the page.
pub(super) async fn fetch(
    collection: Collection<RawDocumentBuf>,
    walk: Walk,
    extent: Extent,
    within: Duration,
) -> Result<Vec<Row>> {
    let count = extent.rows(walk.takes.is_some());
    let batch = u32::try_from(extent.limit.saturating_add(1).min(BATCH)).unwrap_or(u32::MAX);
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let Walk { filter, sort, key, holds, takes } = walk;
    let filtered = takes.is_some();
    let mut rows: Rows<RawDocumentBuf> = match takes {
        None => collection.find(filter).sort(sort).limit(limit).batch_size(batch).max_time(within).await?,
        Some(takes) => {
            let row =
                doc! { "$cond": [takes, { "doc": "$$ROOT" }, { "id": "$_id", "key": format!("${key}") }] };
            let mut stages = vec![doc! { "$match": filter }];
            // Of one document at most there is no order, and the server refuses to sort by nothing.
            stages.extend((!sort.is_empty()).then(|| doc! { "$sort": sort }));
            stages.extend([doc! { "$limit": limit }, doc! { "$replaceWith": row }]);
            collection.aggregate(stages).batch_size(batch).max_time(within).with_type().await?
        }
    };
    let (mut fetched, mut taken) = (Vec::new(), 0);
    while rows.advance().await? {
        let row = row(rows.current(), filtered, key, holds, extent.ascending);
        let full = taken >= extent.limit;
        taken += usize::from(row.doc.is_some());
        fetched.push(row);
        if full {
            break;
        }
    }
    Ok(fetched)
}

/// The rows of a page without its documents, and the one that tells of a next page.
pub(super) async fn heads(
    collection: Collection<RawDocumentBuf>,
    walk: Walk,
    extent: Extent,
    within: Duration,
) -> Result<Vec<Option<Head>>> {
    let limit = extent.rows(false);
    let batch = u32::try_from(limit.min(BATCH)).unwrap_or(u32::MAX);
    let Walk { filter, sort, key, holds, .. } = walk;
    let find = collection.find(filter).projection(doc! { "version": 1, key: 1 }).sort(sort);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows: Rows<RawDocumentBuf> = find.limit(limit).batch_size(batch).max_time(within).await?;
    let mut heads = Vec::new();
    while rows.advance().await? {
        let raw = rows.current();
        let version = document::at(raw, "version").and_then(|v| sort_key(v, FieldType::Int, true));
        let version = if let Some(Key::Int(version)) = version { version } else { 0 };
        // One whose id is no text is none of ours.
        let place = row(raw, false, key, holds, extent.ascending).cursor;
        heads.push(place.map(|place| Head { place, version }));
    }
    Ok(heads)
}

fn row(raw: &RawDocument, filtered: bool, key: &str, holds: FieldType, ascending: bool) -> Row {
    let (doc, id, value) = match raw.get("doc") {
        _ if !filtered => (Some(raw), raw.get("_id"), document::at(raw, key)),
        Ok(Some(RawBsonRef::Document(doc))) => (Some(doc), doc.get("_id"), document::at(doc, key)),
        _ => (None, raw.get("id"), document::at(raw, "key")),
    };
    let id = match id {
        Ok(Some(RawBsonRef::String(id))) => Some(id.to_owned()),
        _ => None,
    };
    let key = value.and_then(|value| sort_key(value, holds, ascending));
    let cursor = id.zip(key).map(|(id, key)| Cursor { key, id });
    Row { doc: doc.map(ToOwned::to_owned), cursor }
}

/// A fraction, which only a neighbour writes, ends a page behind itself.
fn sort_key(value: RawBsonRef<'_>, holds: FieldType, ascending: bool) -> Option<Key> {
    match (holds, value) {
        (FieldType::Text, RawBsonRef::String(text)) => Some(Key::Text(text.to_owned())),
        (FieldType::Int, RawBsonRef::Int64(n)) => Some(Key::Int(n)),
        (FieldType::Int, RawBsonRef::Int32(n)) => Some(Key::Int(n.into())),
        (FieldType::Int, RawBsonRef::Double(n)) => {
            document::whole(if ascending { n.ceil() } else { n.floor() }).map(Key::Int)
        }
        (FieldType::Bool, RawBsonRef::Boolean(b)) => Some(Key::Bool(b)),
        (FieldType::Time, RawBsonRef::DateTime(at)) => {
            Some(Key::Time(Timestamp::from_millis(at.timestamp_millis())))
        }
        _ => None,
    }
}

/// The first documents that the filter takes, and the place behind the last row that was looked at.
pub(super) fn page(kind: Kind, rows: Vec<Row>, extent: Extent) -> Page<AnyDoc> {
    let (mut page, mut scanned, mut last) = (Page::empty(), 0, None);
    for row in rows {
        let full = page.len() >= extent.limit;
        if full || extent.max_scanned.is_some_and(|max| scanned >= max) {
            (page.next, page.stopped) = (last, !full);
            break;
        }
        scanned += 1;
        // Without one, as of an id that is no text, the page goes on behind the row before.
        last = row.cursor.or(last);
        if let Some(doc) = row.doc {
            take(&mut page, kind, &doc);
        }
    }
    page
}

pub(super) fn take(page: &mut Page<AnyDoc>, kind: Kind, raw: &RawDocument) {
    match (kind.from_bson)(raw) {
        Ok(doc) => page.docs.push(doc),
        Err(why) => page.unreadable.push(Unreadable { id: document::id(raw), why }),
    }
}

pub(super) async fn all(mut rows: Rows<RawDocumentBuf>) -> Result<Vec<RawDocumentBuf>> {
    let mut all = Vec::new();
    while rows.advance().await? {
        all.push(rows.current().to_owned());
    }
    Ok(all)
}

/// How many documents there are for each text in `field`.
pub(super) async fn count_by(
    collection: Collection<RawDocumentBuf>,
    filter: Bsons,
    field: &'static str,
    within: Duration,
) -> Result<BTreeMap<String, u64>> {
    let group = doc! { "_id": format!("${field}"), "n": { "$sum": 1 } };
    let stages = [doc! { "$match": filter }, doc! { "$group": group }];
    let groups = collection.aggregate(stages).max_time(within).await?;
    let mut counts = BTreeMap::new();
    let mut groups = groups.with_type::<RawDocumentBuf>();
    while groups.advance().await? {
        let group = groups.current();
        let n = match group.get("n")? {
            Some(RawBsonRef::Int32(n)) => u64::try_from(n),
            Some(RawBsonRef::Int64(n)) => u64::try_from(n),
            _ => Ok(0),
        };
        if let Some(RawBsonRef::String(text)) = group.get("_id")? {
            counts.insert(text.to_owned(), n.unwrap_or(0));
        }
    }
    Ok(counts)
}

/// Removes the oldest that the filter finds: there is no delete with a limit. What was moved out of the
/// filter's range since stays.
pub(super) async fn delete(
    collection: Collection<RawDocumentBuf>,
    filter: Bsons,
    sort: Bsons,
    limit: i64,
) -> Result<u64> {
    let found = collection.find(filter.clone()).projection(doc! { "_id": 1 }).sort(sort).limit(limit);
    let ids = all(found.await?).await?;
    let ids: Vec<_> = ids.iter().filter_map(|raw| Bson::try_from(raw.get("_id").ok()??).ok()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let mut gone = filter;
    gone.insert("_id", doc! { "$in": ids });
    Ok(collection.delete_many(gone).await?.deleted_count)
}
