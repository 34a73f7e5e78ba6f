//! The SQL of pages and counts: which part of which index is walked.

use std::cmp::Ordering;

use rusqlite::types::Value;

use super::{Statement, bound, clamp, column, compare, present, refused};
use crate::platform::store::{
    StoreError,
    document::{FieldType, Index},
    plan::{self, Plan, Shape},
    query::{Cursor, ID, Key, Order, Query},
};

/// One page: `id`, `version`, `json`, the sort field's value. `json` is NULL where the filter does not take
/// it.
#[derive(Debug)]
pub(in crate::platform::store::sqlite) struct Find {
    pub(in crate::platform::store::sqlite) statement: Statement,
    /// What the sort field holds.
    pub(in crate::platform::store::sqlite) sort: FieldType,
}

/// Asks for one row more than the page may have: it tells that there is a next page. `None`: a field may have
/// none of no values, and nothing is to be found.
pub(in crate::platform::store::sqlite) fn find(
    collection: &str,
    indexes: &[Index],
    query: &Query,
) -> Result<Option<Find>, StoreError> {
    page(collection, indexes, query, "json")
}

/// The same without the documents.
pub(in crate::platform::store::sqlite) fn heads(
    collection: &str,
    indexes: &[Index],
    query: &Query,
) -> Result<Option<Find>, StoreError> {
    if query.max_scanned.is_some() {
        return Err(refused(collection, "heads cannot be filtered"));
    }
    page(collection, indexes, query, "NULL")
}

fn page(collection: &str, indexes: &[Index], query: &Query, json: &str) -> Result<Option<Find>, StoreError> {
    let plan = plan::serving(indexes, query).map_err(|why| refused(collection, &why))?;
    if query.one_of.iter().any(|(_, keys)| keys.is_empty()) {
        return Ok(None);
    }
    let rows = query.max_scanned.unwrap_or(query.limit).saturating_add(1);
    let mut walk = Walk::new(collection, query, plan);
    let json =
        walk.filter().map_or_else(|| json.to_owned(), |takes| format!("CASE WHEN {takes} THEN {json} END"));
    let columns = format!("id, version, {json}, {}", walk.sort);
    let sql = walk.union(&columns, rows, query.after.as_ref(), true);
    Ok(Some(Find { statement: Statement { sql, values: walk.values.0 }, sort: plan.sort }))
}

/// How many documents `find` would give without its limit, `cap` and one more at most.
pub(in crate::platform::store::sqlite) fn count(
    collection: &str,
    indexes: &[Index],
    query: &Query,
    cap: usize,
) -> Result<Option<Statement>, StoreError> {
    if query.max_scanned.is_some() {
        return Err(refused(collection, "a count cannot be filtered"));
    }
    let plan = plan::serving(indexes, query).map_err(|why| refused(collection, &why))?;
    if query.one_of.iter().any(|(_, keys)| keys.is_empty()) {
        return Ok(None);
    }
    let mut walk = Walk::new(collection, query, plan);
    let all = walk.union("1", cap.saturating_add(1), None, false);
    let sql = format!("SELECT COUNT(*) FROM ({all})");
    Ok(Some(Statement { sql, values: walk.values.0 }))
}

/// The statement while it is made.
struct Walk<'q> {
    collection: &'q str,
    query: &'q Query,
    plan: Plan<'q>,
    /// The sort field's value.
    sort: String,
    values: Values,
}

impl<'q> Walk<'q> {
    fn new(collection: &'q str, query: &'q Query, plan: Plan<'q>) -> Self {
        let sort = if query.sort == ID { ID.to_owned() } else { column(query.sort) };
        Self { collection, query, plan, sort, values: Values::default() }
    }

    /// The term for what is compared document by document.
    fn filter(&mut self) -> Option<String> {
        let (plan, query) = (self.plan, self.query);
        query.max_scanned?;
        let mut terms = Vec::new();
        for (field, key) in query.equal.iter().filter(|(field, _)| !plan.seeks(field)) {
            terms.push(format!("{} = {}", column(field), self.values.bind(bound(key.clone()))));
        }
        for (field, keys) in &query.one_of {
            let keys: Vec<_> = keys.iter().map(|key| self.values.bind(bound(key.clone()))).collect();
            terms.push(format!("{} IN ({})", column(field), keys.join(", ")));
        }
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }

    /// A seek for each choice of `one_of` values. Several are put in order together: at most `rows` of each.
    fn union(&mut self, columns: &str, rows: usize, after: Option<&Cursor>, ordered: bool) -> String {
        let rows = self.values.bind(Value::Integer(clamp(rows)));
        let dir = self.direction();
        let choices = self.choices();
        let mut parts = Vec::new();
        for choice in &choices {
            parts.extend(self.seek(choice, columns, &rows, after, ordered));
        }
        if let [only] = &parts[..] {
            return only.clone();
        }
        let parts: Vec<_> = parts.iter().map(|part| format!("SELECT * FROM ({part})")).collect();
        let order =
            if ordered && choices.len() > 1 { format!(" ORDER BY 4 {dir}, 1 {dir}") } else { String::new() };
        format!("{}{order} LIMIT {rows}", parts.join(" UNION ALL "))
    }

    /// The product of the `one_of` fields that the index narrows by; one empty choice where there are none.
    fn choices(&self) -> Vec<Vec<(&'static str, &'q Key)>> {
        let mut choices = vec![Vec::new()];
        let fields =
            self.query.one_of.iter().filter(|(field, _)| self.plan.seeks_each(field, self.query.sort));
        for (field, keys) in fields {
            let longer = choices.iter().flat_map(|choice| {
                keys.iter().map(move |key| choice.iter().copied().chain([(*field, key)]).collect())
            });
            choices = longer.collect();
        }
        choices
    }

    /// One seek, or the two of a page behind a cursor.
    fn seek(
        &mut self,
        choice: &[(&'static str, &Key)],
        columns: &str,
        rows: &str,
        after: Option<&Cursor>,
        ordered: bool,
    ) -> Vec<String> {
        let (plan, query) = (self.plan, self.query);
        // Without a filter, what the index does not narrow by is compared here: of one document, or none is.
        let equal = query.equal.iter().filter(|(field, _)| query.max_scanned.is_none() || plan.seeks(field));
        let mut terms = Vec::new();
        for (field, key) in equal.map(|(field, key)| (*field, key)).chain(choice.iter().copied()) {
            terms.push(format!("{} = {}", column(field), self.values.bind(bound(key.clone()))));
        }
        if let Some(index) = plan.index.filter(|index| index.partial) {
            terms.extend(present(index));
        }
        if matches!(plan.sort, FieldType::Int | FieldType::Bool) {
            terms.push(format!("typeof({}) = 'integer'", self.sort));
        }
        let behind = self.bounds(&mut terms, after);
        let dir = self.direction();
        let unique = plan.index.is_some_and(|index| index.unique);
        let by_id = if unique { String::new() } else { format!("id {dir}") };
        let order = match plan.shape {
            Shape::Point => String::new(),
            Shape::Ordered if unique => format!("{} {dir}", self.sort),
            Shape::Ordered => format!("{} {dir}, id {dir}", self.sort),
            Shape::ById | Shape::Ids => by_id.clone(),
        };
        let from = plan
            .index
            .map_or_else(String::new, |index| format!(" INDEXED BY \"{}_{}\"", self.collection, index.name));
        let select = |more: Option<String>, order: &str| {
            let terms: Vec<_> = terms.iter().cloned().chain(more).collect();
            let by = if order.is_empty() || !ordered { String::new() } else { format!(" ORDER BY {order}") };
            format!(
                "SELECT {columns} FROM \"{}\"{from} WHERE {}{by} LIMIT {rows}",
                self.collection,
                terms.join(" AND ")
            )
        };
        match behind {
            None => vec![select(None, &order)],
            Some([same, next]) => vec![select(Some(same), &by_id), select(Some(next), &order)],
        }
    }

    /// Adds the range of the sort field to `terms`. SQLite seeks to one lower and one upper bound, so of the
    /// range's own and the cursor's only the tighter is named; otherwise every page would start at the
    /// range's end.
    ///
    /// A page behind a cursor comes in two parts, each a plain seek: the rest of those with the cursor's own
    /// key, then what follows. The two are given back as further terms.
    fn bounds(&mut self, terms: &mut Vec<String>, mut after: Option<&Cursor>) -> Option<[String; 2]> {
        let (query, sort, shape) = (self.query, self.sort.as_str(), self.plan.shape);
        let (mut from, mut before) = (query.from.as_ref(), query.before.as_ref());
        if let (Shape::Ordered, Some(cursor)) = (shape, after) {
            let to = |key: Option<&Key>| key.map(|k| compare(k, &cursor.key));
            match query.order {
                Order::Ascending if to(from) == Some(Ordering::Greater) => after = None,
                Order::Ascending => from = None,
                Order::Descending if matches!(to(before), Some(Ordering::Less | Ordering::Equal)) => {
                    after = None;
                }
                Order::Descending => before = None,
            }
        }
        let ascending = query.order == Order::Ascending;
        match from {
            Some(key) => terms.push(format!("{sort} >= {}", self.values.bind(bound(key.clone())))),
            None if shape == Shape::Ordered && ascending && after.is_some() => {}
            None => terms.push(format!("{sort} >= {}", floor(self.plan.sort))),
        }
        if let Some(key) = before {
            terms.push(format!("{sort} < {}", self.values.bind(bound(key.clone()))));
        }
        let Cursor { key, id } = after?;
        let sign = if ascending { '>' } else { '<' };
        let (key, id) = (self.values.bind(bound(key.clone())), self.values.bind(Value::Text(id.clone())));
        match shape {
            Shape::Ordered => {
                return Some([format!("{sort} = {key} AND id {sign} {id}"), format!("{sort} {sign} {key}")]);
            }
            Shape::ById | Shape::Ids => terms.push(format!("id {sign} {id}")),
            Shape::Point => terms.push(format!("({sort}, id) {sign} ({key}, {id})")),
        }
        None
    }

    fn direction(&self) -> &'static str {
        match self.query.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        }
    }
}

/// The least value of its type: "has a value" in a form that an index can seek.
fn floor(holds: FieldType) -> &'static str {
    match holds {
        FieldType::Text | FieldType::Time => "''",
        FieldType::Int | FieldType::Bool => "-9e999",
    }
}

/// Values in the order of their numbers.
#[derive(Default)]
struct Values(Vec<Value>);

impl Values {
    /// `?1`, `?2`, …
    fn bind(&mut self, value: Value) -> String {
        self.0.push(value);
        format!("?{}", self.0.len())
    }
}
