//! What went wrong lately, grouped by its cause.
//!
//! Guards against a list of a thousand failures that are one: words that differ only in numbers, ids and
//! quoted names count as the same. Reads the newest orders by an index, and says where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OrderService;
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        jobs::words::words_of,
        model::{Order, Review},
        reason,
    },
    platform::store::{self, Cursor, Document, Index, Key, Query, Store, StoreError, id_and_version},
    provider::carrier::OrderPayload,
};

/// Most failed orders, and most that wait for a person, that are read.
pub const MOST_READ: usize = 5000;
/// Read at a time.
const CHUNK: usize = 500;
/// Most hours of a trend.
pub const MOST_HOURS: i64 = 7 * 24;
const HOUR_MS: i64 = 3_600_000;
/// Merchants are counted to here.
const MOST_MERCHANTS: usize = 1000;

/// Whose fault a group is, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The provider refused the orders, or a person gave them up.
    Refused,
    /// Nobody but a person can settle them.
    Review,
    /// Our own code failed.
    Internal,
    /// The provider could not be reached.
    Provider,
}

/// Orders that failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureGroup {
    /// The words, without personal data; `#` stands for what differs.
    #[schema(example = "Pincode # is not serviceable")]
    pub cause: String,
    pub kind: FailureKind,
    pub count: u64,
    /// There may be more, and older ones: reading stopped at its bound.
    pub capped: bool,
    /// How many merchants have such orders, up to 1000.
    pub merchants: u64,
    #[schema(inline)]
    pub first_at: Timestamp,
    #[schema(inline)]
    pub last_at: Timestamp,
    /// The newest of them.
    pub sample_order_id: String,
    /// How many in each hour since the beginning, the oldest first.
    pub trend: Vec<u64>,
}

/// An order as far as it matters here: the rest is not read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailedOrder {
    id: String,
    version: i64,
    user_id: String,
    #[serde(default)]
    sync_reason: Option<String>,
    #[serde(default)]
    failed_at: Option<Timestamp>,
    #[serde(default)]
    review: Option<Review>,
    payload: OrderPayload,
}

impl Document for FailedOrder {
    const COLLECTION: &'static str = Order::COLLECTION;
    const INDEXES: &'static [Index] = Order::INDEXES;

    id_and_version!();
}

impl FailedOrder {
    fn at(&self) -> Option<Timestamp> {
        self.failed_at.or(self.review.as_ref().map(|review| review.since))
    }

    fn kind(&self) -> FailureKind {
        match self.review.as_ref().map(|review| review.reason.as_str()) {
            None => FailureKind::Refused,
            Some(reason::INTERNAL_ERROR | reason::POISON) => FailureKind::Internal,
            Some(reason::PROVIDER_UNREACHABLE | reason::ACCOUNT_HELD) => FailureKind::Provider,
            Some(_) => FailureKind::Review,
        }
    }

    fn cause(&self) -> String {
        let words = self.sync_reason.as_deref();
        let words = words.or(self.review.as_ref().map(|review| review.reason.as_str()));
        folded(&words_of(&self.payload, words.unwrap_or("without words")))
    }
}

/// `words` with `#` for what differs between orders of one cause: numbers, ids, quoted texts, what was
/// masked.
#[must_use]
pub fn folded(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    let mut quote: Option<char> = None;
    let mut before = ' ';
    for c in words.chars() {
        let opens = matches!(c, '"' | '\'' | '`' | '“' | '‘') && !before.is_alphanumeric();
        match quote {
            Some(end) if c == end => {
                plain.push('#');
                quote = None;
            }
            Some(_) => {}
            None if opens => quote = Some(closing(c)),
            None => plain.push(c),
        }
        before = c;
    }
    let folded = plain.split_whitespace().map(|word| {
        let varies = word.contains("[…]") || word.chars().any(|c| c.is_ascii_digit() || c == '#');
        if !varies {
            return word.to_owned();
        }
        let end = word.trim_end_matches([',', '.', ';', ':', '!', '?']).len();
        format!("#{}", word.get(end..).unwrap_or_default())
    });
    let mut words: Vec<String> = folded.collect();
    words.dedup_by(|a, b| a == "#" && b == "#");
    words.join(" ")
}

fn closing(open: char) -> char {
    match open {
        '“' => '”',
        '‘' => '’',
        other => other,
    }
}

impl OrderService {
    /// What failed, or came to wait for a person, since `since`: the largest groups first, at most `limit`.
    /// At most [`MOST_HOURS`] back.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failures(&self, since: Timestamp, limit: usize) -> Result<Vec<FailureGroup>, StoreError> {
        let now = self.clock.now();
        let mut groups = Groups::new(since, now);
        for field in ["failedAt", "review.since"] {
            let capped = each_since(&self.store, field, since, |order| groups.count(order)).await?;
            groups.capped |= capped;
        }
        Ok(groups.largest(limit))
    }
}

/// Which failed orders. What is not named does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedFilter {
    pub user_id: Option<String>,
    /// Failed at this time or later.
    pub from: Option<Timestamp>,
    /// Failed before this time.
    pub before: Option<Timestamp>,
    /// As [`FailureGroup::cause`].
    pub cause: Option<String>,
    /// Words that the reason, or its cause, contains, in any case.
    pub text: Option<String>,
}

/// A page of failed orders.
#[derive(Debug)]
pub struct FailedPage {
    /// Their ids and merchants.
    pub orders: Vec<(String, String)>,
    /// Where the next ones begin; nothing at the end.
    pub next: Option<Cursor>,
}

impl FailedFilter {
    fn takes(&self, order: &FailedOrder) -> bool {
        if self.user_id.as_ref().is_some_and(|user| *user != order.user_id) {
            return false;
        }
        if self.cause.is_none() && self.text.is_none() {
            return true;
        }
        let (cause, reason) = (order.cause(), order.sync_reason.as_deref().unwrap_or_default());
        let contains = |text: &String| {
            let text = text.to_lowercase();
            [&cause, reason].iter().any(|words| words.to_lowercase().contains(&text))
        };
        self.cause.as_ref().is_none_or(|wanted| *wanted == cause) && self.text.as_ref().is_none_or(contains)
    }
}

impl OrderService {
    /// A page of failed orders, those that failed first before the others; at most `limit`. It may have
    /// fewer, and orders behind it all the same: it looks at [`CHUNK`] of them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failed(
        &self,
        filter: &FailedFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<FailedPage, StoreError> {
        let mut query = Query::sorted_by("failedAt", store::Order::Ascending).limit(CHUNK);
        if let Some(at) = filter.from {
            query = query.from(at);
        }
        if let Some(at) = filter.before {
            query = query.before(at);
        }
        if let Some(cursor) = after {
            query = query.after(cursor);
        }
        let page = self.store.find::<FailedOrder>(&query).await?;
        let (mut orders, mut last) = (Vec::new(), None);
        for order in page.docs {
            let Some(at) = order.failed_at else { continue };
            if filter.takes(&order) {
                if orders.len() == limit {
                    return Ok(FailedPage { orders, next: last });
                }
                orders.push((order.id.clone(), order.user_id.clone()));
            }
            last = Some(Cursor { key: Key::Time(at), id: order.id });
        }
        Ok(FailedPage { orders, next: page.next })
    }
}

/// Tells of every order whose `field` is `since` or later, newest first; `true` when there were more.
async fn each_since(
    store: &Store,
    field: &'static str,
    since: Timestamp,
    mut tell: impl FnMut(&FailedOrder),
) -> Result<bool, StoreError> {
    let mut query = Query::sorted_by(field, store::Order::Descending).from(since).limit(CHUNK);
    let mut read = 0;
    loop {
        let page = store.find::<FailedOrder>(&query).await?;
        read += page.docs.len() + page.unreadable.len();
        page.docs.iter().for_each(&mut tell);
        match page.next {
            None => return Ok(false),
            Some(_) if read >= MOST_READ => return Ok(true),
            Some(next) => query = query.after(next),
        }
    }
}

struct Groups {
    from_hour: i64,
    hours: usize,
    groups: BTreeMap<(FailureKind, String), (FailureGroup, BTreeSet<String>)>,
    capped: bool,
}

impl Groups {
    fn new(since: Timestamp, now: Timestamp) -> Self {
        let hour = |at: Timestamp| at.as_millis().div_euclid(HOUR_MS);
        let from_hour = hour(since).max(hour(now) - MOST_HOURS);
        let hours = usize::try_from(hour(now) - from_hour + 1).unwrap_or(1);
        Self { from_hour, hours, groups: BTreeMap::new(), capped: false }
    }

    fn count(&mut self, order: &FailedOrder) {
        let Some(at) = order.at() else { return };
        let (kind, cause) = (order.kind(), order.cause());
        let (group, merchants) = self.groups.entry((kind, cause.clone())).or_insert_with(|| {
            let group = FailureGroup {
                cause,
                kind,
                count: 0,
                capped: false,
                merchants: 0,
                first_at: at,
                last_at: at,
                sample_order_id: order.id.clone(),
                trend: vec![0; self.hours],
            };
            (group, BTreeSet::new())
        });
        group.count += 1;
        group.first_at = group.first_at.min(at);
        if at > group.last_at {
            (group.last_at, group.sample_order_id) = (at, order.id.clone());
        }
        if merchants.len() < MOST_MERCHANTS {
            merchants.insert(order.user_id.clone());
        }
        let hour = usize::try_from(at.as_millis().div_euclid(HOUR_MS) - self.from_hour);
        if let Some(n) = hour.ok().and_then(|hour| group.trend.get_mut(hour)) {
            *n += 1;
        }
    }

    fn largest(self, limit: usize) -> Vec<FailureGroup> {
        let capped = self.capped;
        let mut all: Vec<_> = self
            .groups
            .into_values()
            .map(|(group, merchants)| {
                let merchants = u64::try_from(merchants.len()).unwrap_or(u64::MAX);
                FailureGroup { merchants, capped, ..group }
            })
            .collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then(b.last_at.cmp(&a.last_at)));
        all.truncate(limit);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_only_in_numbers_names_and_ids_is_the_same() {
        for (words, cause) in [
            ("Pincode 560001 is not serviceable", "Pincode # is not serviceable"),
            ("Pincode [\u{2026}] is not serviceable", "Pincode # is not serviceable"),
            ("The pick address 'Shop 7, Main Road' does not exist", "The pick address # does not exist"),
            ("Order ORD-7K2M9QXW4TBHA, weight 0.5 kg: too light.", "Order #, weight # kg: too light."),
            ("Don't know; it's gone", "Don't know; it's gone"),
            ("ids 12 34 56", "ids #"),
            ("an open \"quote", "an open"),
            ("", ""),
        ] {
            assert_eq!(folded(words), cause);
        }
    }
}
