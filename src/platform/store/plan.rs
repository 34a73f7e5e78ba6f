//! Which declared index serves a query.
//!
//! Guards against a query that works on a laptop and reads the whole collection in production, and against
//! adapters that disagree on what may be asked: a query without a serving index is refused by all of them,
//! and so is a value of another type than its field.

use super::{
    document::{FieldType, Index},
    query::{ID, Key, Query},
};

/// Most seeks of one query: the product of its `one_of` values.
const SEEKS: usize = 50;

/// How the index gives the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A unique index with an equal value for every field: one document at most.
    Point,
    /// A value for every field but the last, which is the sort field.
    Ordered,
    /// A value for every field, the sort field among the query's equal ones: in the order of the ids.
    ById,
    /// No declared index: all documents in the order of the ids.
    Ids,
}

/// How a query is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'i> {
    /// None for [`Shape::Ids`].
    pub(super) index: Option<&'i Index>,
    pub(super) shape: Shape,
    /// What the sort field holds.
    pub(super) sort: FieldType,
    one_of_seeks: bool,
}

impl Plan<'_> {
    /// Whether the index narrows the query by this field of its equal ones.
    pub(super) fn seeks(&self, field: &str) -> bool {
        self.index.is_some_and(|index| index.has(field))
    }

    /// The same for a field that has one of a few values.
    pub(super) fn seeks_each(&self, field: &str, sort: &str) -> bool {
        self.one_of_seeks && field != sort && self.seeks(field)
    }
}

/// The index that serves `query`: the one that narrows it most. Further fields are compared document by
/// document, which the query must allow; each must be indexed somewhere, which keeps out misspelt ones.
///
/// # Errors
/// What cannot be asked.
pub(super) fn serving<'i>(indexes: &'i [Index], query: &Query) -> Result<Plan<'i>, String> {
    let sort = holds(indexes, query.sort)?;
    for (field, key) in &query.equal {
        fits(holds(indexes, field)?, field, key)?;
    }
    for (field, keys) in &query.one_of {
        let holds = holds(indexes, field)?;
        keys.iter().try_for_each(|key| fits(holds, field, key))?;
    }
    query.from.iter().chain(&query.before).try_for_each(|key| fits(sort, query.sort, key))?;
    let one_of_seeks = query.max_scanned.is_none();
    let plan =
        best(indexes, query, one_of_seeks).map(|(index, shape)| Plan { index, shape, sort, one_of_seeks });
    let plan = plan.ok_or_else(|| format!("no index serves {}", asked(query)))?;
    let compared = query.equal.iter().any(|(field, _)| !plan.seeks(field))
        || query.one_of.iter().any(|(field, _)| !plan.seeks_each(field, query.sort));
    if compared && query.max_scanned.is_none() && plan.shape != Shape::Point {
        return Err(format!("no one index serves {}: it must say `filtered`", asked(query)));
    }
    let seeks = query.one_of.iter().filter(|(field, _)| plan.seeks_each(field, query.sort));
    if seeks.map(|(_, keys)| keys.len()).try_fold(1_usize, usize::checked_mul).is_none_or(|n| n > SEEKS) {
        return Err(format!("more than {SEEKS} values in {}", asked(query)));
    }
    Ok(plan)
}

fn best<'i>(indexes: &'i [Index], query: &Query, one_of_seeks: bool) -> Option<(Option<&'i Index>, Shape)> {
    if query.sort == ID {
        return Some((None, Shape::Ids));
    }
    let equal = |path: &str| query.equal.iter().any(|(f, _)| *f == path);
    let given = |path: &str| {
        equal(path) || (one_of_seeks && path != query.sort && query.one_of.iter().any(|(f, _)| *f == path))
    };
    let sort_is_equal = equal(query.sort);
    let mut best: Option<(usize, &Index, Shape)> = None;
    for index in indexes {
        let Some((last, before)) = index.fields.split_last() else { continue };
        let (rank, shape) = if index.unique && index.fields.iter().all(|f| equal(f.path)) {
            (usize::MAX, Shape::Point)
        } else if sort_is_equal && index.fields.iter().all(|f| given(f.path)) {
            (index.fields.len(), Shape::ById)
        } else if !sort_is_equal && last.path == query.sort && before.iter().all(|f| given(f.path)) {
            (before.len(), Shape::Ordered)
        } else {
            continue;
        };
        if best.is_none_or(|(r, ..)| rank > r) {
            best = Some((rank, index, shape));
        }
    }
    best.map(|(_, index, shape)| (Some(index), shape))
}

fn holds(indexes: &[Index], path: &str) -> Result<FieldType, String> {
    if path == ID {
        return Ok(FieldType::Text);
    }
    let mut fields = indexes.iter().flat_map(|index| index.fields);
    let field = fields.find(|field| field.path == path);
    field.map(|field| field.holds).ok_or_else(|| format!("no index serves {path}"))
}

fn fits(holds: FieldType, field: &str, key: &Key) -> Result<(), String> {
    if key.holds() == holds {
        Ok(())
    } else {
        Err(format!("{field} holds {holds:?} and is compared with {:?}", key.holds()))
    }
}

fn asked(query: &Query) -> String {
    let equal = query.equal.iter().map(|(field, _)| *field);
    let fields: Vec<_> = equal.chain(query.one_of.iter().map(|(field, _)| *field)).collect();
    format!("[{}] in the order of {}", fields.join(", "), query.sort)
}

/// The index that gives all documents with a value in `field` in its order; the narrowest one. A partial
/// index over further fields will not do, since it leaves documents out.
pub(super) fn leading<'i>(indexes: &'i [Index], field: &str) -> Option<&'i Index> {
    indexes
        .iter()
        .filter(|i| i.fields.first().is_some_and(|f| f.path == field) && (!i.partial || i.fields.len() == 1))
        .min_by_key(|i| i.fields.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::timestamp::Timestamp,
        platform::store::{document::Field, query::Order},
    };

    const INDEXES: &[Index] = &[
        Index::on("created", &[Field::time("createdAt")]),
        Index::on("user", &[Field::text("userId"), Field::time("createdAt")]),
        Index::on("user_status", &[Field::text("userId"), Field::text("status"), Field::time("createdAt")]),
        Index::on("status", &[Field::text("status")]),
        Index::on("client", &[Field::text("userId"), Field::text("clientOrderId")]).unique().partial(),
        Index::on("due", &[Field::bool("due"), Field::text("userId")]).partial(),
    ];

    fn by(query: &Query) -> Option<(&'static str, Shape)> {
        serving(INDEXES, query).ok().map(|plan| (plan.index.map_or("", |i| i.name), plan.shape))
    }

    fn q(sort: &'static str) -> Query {
        Query::sorted_by(sort, Order::Ascending)
    }

    #[test]
    fn the_most_specific_index_serves() {
        assert_eq!(by(&q("createdAt")), Some(("created", Shape::Ordered)));
        assert_eq!(by(&q("createdAt").equal("userId", "u")), Some(("user", Shape::Ordered)));
        assert_eq!(
            by(&q("createdAt").equal("status", "s").equal("userId", "u")),
            Some(("user_status", Shape::Ordered))
        );
        assert_eq!(
            by(&q("createdAt").equal("userId", "u").equal("clientOrderId", "c").equal("status", "s")),
            Some(("client", Shape::Point)),
            "what is compared of one document costs nothing"
        );
        assert_eq!(by(&q("status").equal("status", "s")), Some(("status", Shape::ById)));
        let some = q("createdAt").equal("userId", "u").one_of("status", ["a", "b"]);
        assert_eq!(by(&some), Some(("user_status", Shape::Ordered)));
        assert_eq!(by(&Query::by_id(Order::Ascending)), Some(("", Shape::Ids)));
    }

    #[test]
    fn what_no_index_serves_is_refused() {
        assert_eq!(by(&q("missing")), None, "no such index");
        assert_eq!(by(&q("createdAt").equal("missing", 1)), None, "an unknown equal field");
        assert_eq!(by(&q("createdAt").filtered(9).equal("missing", 1)), None);
        assert_eq!(by(&q("clientOrderId")), None, "indexed, but behind the user");
        assert_eq!(by(&q("userId").equal("due", true)), Some(("due", Shape::Ordered)));
    }

    #[test]
    fn what_is_compared_document_by_document_must_be_allowed() {
        let compared = [
            q("createdAt").equal("status", "s"),
            q("createdAt").equal("userId", "u").equal("due", true),
            q("createdAt").one_of("status", ["a"]),
            q("createdAt").one_of("createdAt", [Timestamp::from_millis(0)]),
            Query::by_id(Order::Ascending).equal("status", "s"),
        ];
        for query in compared {
            assert_eq!(by(&query), None, "{query:?}");
            assert!(by(&query.clone().filtered(10)).is_some(), "{query:?}");
        }
        let filtered = q("createdAt").equal("userId", "u").one_of("status", ["a"]).filtered(10);
        assert_eq!(by(&filtered), Some(("user", Shape::Ordered)), "its values are compared");
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        for query in [
            q("createdAt").equal("userId", 1),
            q("createdAt").from("2026"),
            q("userId").equal("due", "true"),
            q("createdAt").equal("userId", "u").one_of("status", [1]),
        ] {
            assert_eq!(by(&query), None, "{query:?}");
        }
    }

    #[test]
    fn many_values_are_refused() {
        let of = |n: i64| q("createdAt").equal("userId", "u").one_of("status", (0..n).map(|n| n.to_string()));
        assert!(by(&of(50)).is_some());
        assert_eq!(by(&of(51)), None);
        assert!(by(&of(51).filtered(9)).is_some(), "they are compared, not looked up");
    }

    #[test]
    fn a_partial_index_over_more_fields_does_not_lead() {
        assert_eq!(leading(INDEXES, "due"), None);
        assert_eq!(leading(INDEXES, "userId").map(|i| i.name), Some("user"));
        assert_eq!(leading(INDEXES, "createdAt").map(|i| i.name), Some("created"));
    }
}
