//! Which declared index serves a query.
//!
//! Guards against a query that works on a laptop and reads the whole collection in production, and against
//! adapters that disagree on what may be asked: a query without a serving index is refused by all of them.

use super::document::{Index, Query};

/// How the index gives the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A unique index with an equal value for every field: one document at most.
    Point,
    /// Equal values for every field but the last, which is the sort field.
    Ordered,
    /// Equal values for every field, the sort field among the query's equal ones: in the order of the ids.
    ById,
}

/// The index that serves `query`: the one that narrows it most. Further equal fields are compared document by
/// document, so each must be indexed somewhere, which keeps out misspelt ones. `None`: nothing serves it.
pub(super) fn serving<'i>(indexes: &'i [Index], query: &Query) -> Option<(&'i Index, Shape)> {
    let known = |field: &str| indexes.iter().any(|i| i.fields.contains(&field));
    if !known(query.sort) || !query.equal.iter().all(|(field, _)| known(field)) {
        return None;
    }
    let equal = |field: &&str| query.equal.iter().any(|(f, _)| f == field);
    let sort_is_equal = equal(&query.sort);
    let mut best: Option<(usize, &Index, Shape)> = None;
    for index in indexes {
        let Some((last, before)) = index.fields.split_last() else { continue };
        let (rank, shape) = if index.unique && index.fields.iter().all(equal) {
            (usize::MAX, Shape::Point)
        } else if sort_is_equal && index.fields.iter().all(equal) {
            (index.fields.len(), Shape::ById)
        } else if !sort_is_equal && *last == query.sort && before.iter().all(equal) {
            (before.len(), Shape::Ordered)
        } else {
            continue;
        };
        if best.is_none_or(|(r, ..)| rank > r) {
            best = Some((rank, index, shape));
        }
    }
    best.map(|(_, index, shape)| (index, shape))
}

/// The index that gives all documents with a value in `field` in its order; the narrowest one. A sparse index
/// over further fields will not do, since it leaves documents out.
pub(super) fn leading<'i>(indexes: &'i [Index], field: &str) -> Option<&'i Index> {
    indexes
        .iter()
        .filter(|i| i.fields.first() == Some(&field) && (!i.sparse || i.fields.len() == 1))
        .min_by_key(|i| i.fields.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::store::document::Order;

    const INDEXES: &[Index] = &[
        Index::on("created", &["createdAt"]),
        Index::on("user", &["userId", "createdAt"]),
        Index::on("user_status", &["userId", "status", "createdAt"]),
        Index::on("status", &["status"]),
        Index::on("client", &["userId", "clientOrderId"]).unique().sparse(),
        Index::on("due", &["due", "userId"]).sparse(),
    ];

    fn by(query: &Query) -> Option<(&'static str, Shape)> {
        serving(INDEXES, query).map(|(i, s)| (i.name, s))
    }

    #[test]
    fn the_most_specific_index_serves() {
        let q = |sort| Query::sorted_by(sort, Order::Ascending);
        assert_eq!(by(&q("createdAt")), Some(("created", Shape::Ordered)));
        assert_eq!(by(&q("createdAt").equal("userId", "u")), Some(("user", Shape::Ordered)));
        assert_eq!(
            by(&q("createdAt").equal("status", "s").equal("userId", "u")),
            Some(("user_status", Shape::Ordered))
        );
        assert_eq!(
            by(&q("createdAt").equal("userId", "u").equal("clientOrderId", "c")),
            Some(("client", Shape::Point))
        );
        assert_eq!(by(&q("status").equal("status", "s")), Some(("status", Shape::ById)));
    }

    #[test]
    fn what_no_index_serves_is_refused() {
        let q = |sort| Query::sorted_by(sort, Order::Ascending);
        assert_eq!(by(&q("missing")), None, "no such index");
        assert_eq!(by(&q("createdAt").equal("missing", 1)), None, "an unknown equal field");
        assert_eq!(by(&q("clientOrderId")), None, "indexed, but behind the user");
        assert_eq!(by(&q("userId").equal("due", true)), Some(("due", Shape::Ordered)));
    }

    #[test]
    fn a_sparse_index_over_more_fields_does_not_lead() {
        assert_eq!(leading(INDEXES, "due"), None);
        assert_eq!(leading(INDEXES, "userId").map(|i| i.name), Some("user"));
        assert_eq!(leading(INDEXES, "createdAt").map(|i| i.name), Some("created"));
    }
}
