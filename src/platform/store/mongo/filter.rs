//! Queries as MongoDB is asked them.
//!
//! Guards against client text that becomes an operator or a field path (values are only ever compared, names
//! come from declarations) and against slow pages: a lower bound is always named, without which a partial
//! index is not used, and no index is ever hinted, since a partial one would then leave documents out.

use std::cmp::Ordering;

use bson::{Bson, DateTime, Document, doc};

use crate::platform::store::{
    StoreError,
    document::{FieldType, Index},
    plan::{self, Plan, Shape},
    query::{Cursor, ID, Key, Order, Query},
};

/// What is asked for one page or count.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) filter: Document,
    pub(super) sort: Document,
    /// The stored name of the sort field.
    pub(super) key: &'static str,
    /// What the sort field holds.
    pub(super) holds: FieldType,
    /// What is compared document by document, as an expression of an aggregation.
    pub(super) takes: Option<Bson>,
}

/// `None`: a field may have none of no values, and nothing is to be found.
pub(super) fn walk(
    collection: &str,
    indexes: &'static [Index],
    query: &Query,
) -> Result<Option<Walk>, StoreError> {
    let plan = plan::serving(indexes, query).map_err(|why| refused(collection, &why))?;
    if query.one_of.iter().any(|(_, keys)| keys.is_empty()) {
        return Ok(None);
    }
    let mut filter = Document::new();
    for (field, key) in query.equal.iter().filter(|(f, _)| query.max_scanned.is_none() || plan.seeks(f)) {
        and(&mut filter, stored(field), doc! { "$eq": value(key) });
    }
    for (field, keys) in &query.one_of {
        if plan.seeks_each(field, query.sort) || query.max_scanned.is_none() {
            and(&mut filter, stored(field), doc! { "$in": keys.iter().map(value).collect::<Vec<_>>() });
        }
    }
    bounds(&mut filter, query, plan);
    let takes = takes(query, plan);
    Ok(Some(Walk { filter, sort: sort(query, plan), key: stored(query.sort), holds: plan.sort, takes }))
}

/// Adds a condition on a field. Several on one field hold together.
fn and(filter: &mut Document, field: &str, condition: Document) {
    match filter.get_mut(field) {
        None => {
            filter.insert(field, condition);
        }
        Some(Bson::Document(own)) if condition.keys().all(|operator| !own.contains_key(operator)) => {
            own.extend(condition);
        }
        Some(_) => match filter.get_mut("$and") {
            Some(Bson::Array(terms)) => terms.push(doc! { field: condition }.into()),
            _ => {
                filter.insert("$and", vec![doc! { field: condition }]);
            }
        },
    }
}

/// The range of the sort field. Of the range's own bound and the cursor's the tighter is named; a page begins
/// at the cursor's key, and what has this key and came before is told by its id in the index's own keys.
fn bounds(filter: &mut Document, query: &Query, plan: Plan<'_>) {
    let ascending = query.order == Order::Ascending;
    let (mut from, mut before) = (query.from.as_ref().map(value), query.before.as_ref().map(value));
    let mut to = None;
    let (greater, sort) = (if ascending { "$gt" } else { "$lt" }, stored(query.sort));
    if let Some(Cursor { key, id }) = &query.after {
        let behind = vec![doc! { sort: { greater: value(key) } }, doc! { "_id": { greater: id } }];
        match plan.shape {
            Shape::ById | Shape::Ids => and(filter, "_id", doc! { greater: id }),
            Shape::Point | Shape::Ordered if ascending => {
                if query.from.as_ref().is_none_or(|from| compare(from, key) != Some(Ordering::Greater)) {
                    from = Some(value(key));
                    filter.insert("$or", behind);
                }
            }
            Shape::Point | Shape::Ordered => {
                if query.before.as_ref().is_none_or(|b| compare(b, key) == Some(Ordering::Greater)) {
                    before = None;
                    to = Some(value(key));
                    filter.insert("$or", behind);
                }
            }
        }
    }
    let condition = match (from, plan.sort) {
        (Some(from), _) => doc! { "$gte": from },
        (None, holds) => floor(holds),
    };
    and(filter, sort, condition);
    if let Some(before) = before {
        and(filter, sort, doc! { "$lt": before });
    }
    if let Some(to) = to {
        and(filter, sort, doc! { "$lte": to });
    }
}

fn sort(query: &Query, plan: Plan<'_>) -> Document {
    let direction = if query.order == Order::Ascending { 1 } else { -1 };
    let each = query.one_of.iter().any(|(field, _)| plan.seeks_each(field, query.sort));
    match plan.shape {
        Shape::Point => Document::new(), // one at most
        Shape::ById | Shape::Ids => doc! { "_id": direction },
        // The id is not in a unique index, and nothing is left for it to decide.
        Shape::Ordered if plan.index.is_some_and(|index| index.unique) && !each => {
            doc! { query.sort: direction }
        }
        Shape::Ordered => doc! { query.sort: direction, "_id": direction },
    }
}

/// A literal is never read as a field's path, whatever it begins with.
fn takes(query: &Query, plan: Plan<'_>) -> Option<Bson> {
    query.max_scanned?;
    let mut terms = Vec::new();
    for (field, key) in query.equal.iter().filter(|(field, _)| !plan.seeks(field)) {
        terms.push(doc! { "$eq": [format!("${}", stored(field)), { "$literal": value(key) }] });
    }
    for (field, keys) in query.one_of.iter().filter(|(field, _)| !plan.seeks_each(field, query.sort)) {
        let keys: Vec<_> = keys.iter().map(value).collect();
        terms.push(doc! { "$in": [format!("${}", stored(field)), { "$literal": keys }] });
    }
    (!terms.is_empty()).then(|| doc! { "$and": terms }.into())
}

/// "Has a value", in a form that a plain query and a partial index share.
pub(super) fn floor(holds: FieldType) -> Document {
    match holds {
        FieldType::Text => doc! { "$gte": "" },
        FieldType::Int => doc! { "$gte": i64::MIN },
        FieldType::Time => doc! { "$gte": DateTime::MIN },
        FieldType::Bool => doc! { "$in": [true, false] },
    }
}

/// All fields of an index that leaves documents out have a value.
fn present(filter: &mut Document, index: &Index) {
    for field in index.fields.iter().filter(|_| index.partial) {
        if !filter.contains_key(field.path) {
            filter.insert(field.path, floor(field.holds));
        }
    }
}

/// All documents with a text in `field`, which an index leads with.
pub(super) fn texts(collection: &str, indexes: &[Index], field: &str) -> Result<Document, StoreError> {
    let index = leading(collection, indexes, field)?;
    let mut filter = doc! { field: { "$gte": "" } };
    present(&mut filter, index);
    Ok(filter)
}

/// All documents with a time before `before` in `field`, and the order of the oldest first.
pub(super) fn older(
    collection: &str,
    indexes: &[Index],
    field: &str,
    before: &Key,
) -> Result<(Document, Document), StoreError> {
    let index = leading(collection, indexes, field)?;
    let mut filter = doc! { field: { "$gte": DateTime::MIN, "$lt": value(before) } };
    present(&mut filter, index);
    Ok((filter, doc! { field: 1 }))
}

fn leading<'i>(collection: &str, indexes: &'i [Index], field: &str) -> Result<&'i Index, StoreError> {
    plan::leading(indexes, field).ok_or_else(|| refused(collection, &format!("no index serves {field}")))
}

pub(super) fn value(key: &Key) -> Bson {
    match key {
        Key::Text(v) => Bson::String(v.clone()),
        Key::Int(v) => Bson::Int64(*v),
        Key::Bool(v) => Bson::Boolean(*v),
        Key::Time(v) => Bson::DateTime(DateTime::from_millis(v.as_millis())),
    }
}

fn compare(a: &Key, b: &Key) -> Option<Ordering> {
    match (a, b) {
        (Key::Text(a), Key::Text(b)) => Some(a.cmp(b)),
        (Key::Int(a), Key::Int(b)) => Some(a.cmp(b)),
        (Key::Bool(a), Key::Bool(b)) => Some(a.cmp(b)),
        (Key::Time(a), Key::Time(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn stored(field: &'static str) -> &'static str {
    if field == ID { "_id" } else { field }
}

pub(super) fn refused(collection: &str, why: &str) -> StoreError {
    StoreError::Fault(format!("{collection}: {why}"))
}
