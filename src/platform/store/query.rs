//! What may be asked of a collection, and the form of what comes back.

use super::{
    Document, StoreError,
    document::FieldType,
    kind::{AnyDoc, typed},
};
use crate::base::timestamp::Timestamp;

/// The field that every collection has an index on: [`Query::by_id`].
pub(super) const ID: &str = "id";
/// Most documents of a page, unless told otherwise.
const LIMIT: usize = 100;

/// A value to compare an indexed field with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Text(String),
    Int(i64),
    Bool(bool),
    Time(Timestamp),
}

impl Key {
    pub(super) fn holds(&self) -> FieldType {
        match self {
            Self::Text(_) => FieldType::Text,
            Self::Int(_) => FieldType::Int,
            Self::Bool(_) => FieldType::Bool,
            Self::Time(_) => FieldType::Time,
        }
    }
}

impl From<&str> for Key {
    fn from(v: &str) -> Self {
        Self::Text(v.to_owned())
    }
}

impl From<String> for Key {
    fn from(v: String) -> Self {
        Self::Text(v)
    }
}

impl From<i64> for Key {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}

impl From<bool> for Key {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

impl From<Timestamp> for Key {
    fn from(v: Timestamp) -> Self {
        Self::Time(v)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Where a page ends: the sort field's value and the id of the last document that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub key: Key,
    pub id: String,
}

/// What `find` looks for: fields with one value or one of a few, one range on the sort field, a total order
/// (the sort field, then the id), a page. One declared index serves the whole query, or it says
/// [`Query::filtered`].
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) equal: Vec<(&'static str, Key)>,
    pub(super) one_of: Vec<(&'static str, Vec<Key>)>,
    pub(super) from: Option<Key>,
    pub(super) before: Option<Key>,
    pub(super) sort: &'static str,
    pub(super) order: Order,
    pub(super) after: Option<Cursor>,
    pub(super) limit: usize,
    pub(super) max_scanned: Option<usize>,
}

impl Query {
    /// All documents that have a value in `field`, in its order. At most 100, unless [`Query::limit`] says
    /// otherwise.
    #[must_use]
    pub fn sorted_by(field: &'static str, order: Order) -> Self {
        Self {
            equal: Vec::new(),
            one_of: Vec::new(),
            from: None,
            before: None,
            sort: field,
            order,
            after: None,
            limit: LIMIT,
            max_scanned: None,
        }
    }

    /// All documents, in the order of their ids.
    #[must_use]
    pub fn by_id(order: Order) -> Self {
        Self::sorted_by(ID, order)
    }

    #[must_use]
    pub fn equal(mut self, field: &'static str, key: impl Into<Key>) -> Self {
        self.equal.push((field, key.into()));
        self
    }

    /// The field has one of these values, 50 at most; with none of them nothing is found. Several such fields
    /// count by the product of their values.
    #[must_use]
    pub fn one_of(mut self, field: &'static str, keys: impl IntoIterator<Item = impl Into<Key>>) -> Self {
        let mut values: Vec<Key> = Vec::new();
        for key in keys {
            let key = key.into();
            if !values.contains(&key) {
                values.push(key);
            }
        }
        self.one_of.push((field, values));
        self
    }

    /// The sort field is `from` or greater.
    #[must_use]
    pub fn from(mut self, from: impl Into<Key>) -> Self {
        self.from = Some(from.into());
        self
    }

    /// The sort field is less than `before`.
    #[must_use]
    pub fn before(mut self, before: impl Into<Key>) -> Self {
        self.before = Some(before.into());
        self
    }

    /// Only what comes behind `cursor` in the query's order.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// What the index cannot ask is compared document by document, for at most `max_scanned` documents:
    /// then the page ends, however few it has ([`Page::stopped`]). Values of `one_of` are always compared
    /// here.
    #[must_use]
    pub fn filtered(mut self, max_scanned: usize) -> Self {
        self.max_scanned = Some(max_scanned);
        self
    }
}

/// What `find` gives: one page, in the query's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<D> {
    pub docs: Vec<D>,
    /// Documents of this page that do not read as their type. They are left out, and the page has as many
    /// fewer.
    pub unreadable: Vec<Unreadable>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<Cursor>,
    /// The page ended at [`Query::filtered`]'s limit: behind `next` there may be more.
    pub stopped: bool,
}

/// A stored document that does not read as its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub id: String,
    /// Where it went wrong, without any of its values.
    pub why: String,
}

impl<D> Page<D> {
    pub(super) fn empty() -> Self {
        Self { docs: Vec::new(), unreadable: Vec::new(), next: None, stopped: false }
    }

    /// How many documents it has, readable or not.
    pub(super) fn len(&self) -> usize {
        self.docs.len() + self.unreadable.len()
    }

    /// The documents, for decisions that must not miss one.
    ///
    /// # Errors
    /// [`StoreError::Fault`] when one does not read as its type.
    pub fn whole(self) -> Result<Vec<D>, StoreError> {
        match self.unreadable.first() {
            None => Ok(self.docs),
            Some(u) => Err(StoreError::Fault(format!("{} does not read as its type: {}", u.id, u.why))),
        }
    }
}

impl Page<AnyDoc> {
    pub(super) fn typed<D: Document>(self) -> Result<Page<D>, StoreError> {
        let Self { docs, unreadable, next, stopped } = self;
        let docs = docs.into_iter().map(typed).collect::<Result<_, _>>()?;
        Ok(Page { docs, unreadable, next, stopped })
    }
}

/// Which documents a query finds, without what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    pub heads: Vec<Head>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<Cursor>,
}

/// One document: where it stands in the query's order, and at which version it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub place: Cursor,
    pub version: i64,
}

impl Heads {
    /// Of one row more than the page may have. A row that is no document of ours has no head, but counts:
    /// else it would seem that there is no next page.
    pub(super) fn of(rows: Vec<Option<Head>>, limit: usize) -> Self {
        let more = rows.len() > limit;
        let heads: Vec<_> = rows.into_iter().take(limit).flatten().collect();
        Self { next: heads.last().filter(|_| more).map(|last| last.place.clone()), heads }
    }
}

/// How many documents there are, as far as they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub n: u64,
    /// There are more than `n`.
    pub capped: bool,
}

impl std::fmt::Display for Count {
    /// `17`, or `1000+`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.n, if self.capped { "+" } else { "" })
    }
}
