//! Orders that wait for a person, oldest first.

use super::super::{OrderService, StoreError};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Order, ReviewOf},
        reason,
        status::SyncStatus,
    },
    platform::store::{self, Count, Cursor, Key, Query},
};

/// How many orders are read at a time, and looked at for them.
const CHUNK: usize = 200;
const MOST_LOOKED_AT: usize = 2000;
/// Counted to here.
const MOST_COUNTED: usize = 10_000;

/// Which of them. What is not named does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// One of [`crate::features::orders::reason`], or the beginning of one and a `*`.
    pub code: Option<String>,
    pub of: Option<ReviewOf>,
    pub user_id: Option<String>,
    /// Waiting since this time or later.
    pub from: Option<Timestamp>,
    /// Waiting since before this time.
    pub before: Option<Timestamp>,
}

/// One page.
#[derive(Debug)]
pub struct ReviewPage {
    pub orders: Vec<Order>,
    /// Where the next one begins; nothing at the end.
    pub next: Option<Cursor>,
}

impl ReviewFilter {
    fn query(&self) -> Query {
        let mut query =
            Query::sorted_by("review.since", store::Order::Ascending).limit(CHUNK).filtered(MOST_LOOKED_AT);
        if let Some(code) = self.code.as_deref().filter(|code| !code.ends_with('*')) {
            query = query.equal("review.reason", code);
        }
        if let Some(user) = &self.user_id {
            query = query.equal("userId", user.as_str());
        }
        if let Some(at) = self.from {
            query = query.from(at);
        }
        if let Some(at) = self.before {
            query = query.before(at);
        }
        query
    }

    /// What the query cannot ask.
    fn takes(&self, order: &Order) -> bool {
        let Some(review) = order.review() else { return false };
        let begins = |code: &str| code.strip_suffix('*').is_none_or(|start| review.reason.starts_with(start));
        self.of.is_none_or(|of| review.of == of) && self.code.as_deref().is_none_or(begins)
    }
}

impl OrderService {
    /// A page of the orders that wait for a person, those that wait longest first; at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn in_review(
        &self,
        filter: &ReviewFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<ReviewPage, StoreError> {
        let (mut orders, mut cursor) = (Vec::new(), after);
        loop {
            let mut query = filter.query();
            if let Some(cursor) = &cursor {
                query = query.after(cursor.clone());
            }
            let chunk = self.store.find::<Order>(&query).await?;
            for order in chunk.docs {
                let Some(since) = order.review().map(|review| review.since) else { continue };
                let here = Cursor { key: Key::Time(since), id: order.id().to_owned() };
                if filter.takes(&order) {
                    if orders.len() == limit {
                        return Ok(ReviewPage { orders, next: cursor });
                    }
                    orders.push(order);
                }
                cursor = Some(here);
            }
            if chunk.next.is_none() {
                return Ok(ReviewPage { orders, next: None });
            }
            cursor = chunk.next;
        }
    }

    /// How many orders wait for a person, by reason, the most first; each counted to a cap.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review_codes(&self) -> Result<Vec<(&'static str, Count)>, StoreError> {
        let mut codes = Vec::new();
        for code in reason::ALL {
            let query =
                Query::sorted_by("review.since", store::Order::Ascending).equal("review.reason", code);
            let count = self.store.count::<Order>(&query, MOST_COUNTED).await?;
            if count.n > 0 {
                codes.push((code, count));
            }
        }
        codes.sort_by(|a, b| b.1.n.cmp(&a.1.n));
        Ok(codes)
    }

    /// How many orders are not booked yet, and not with a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self) -> Result<Count, StoreError> {
        let states = SyncStatus::ALL.into_iter().filter(|status| status.is_open()).map(SyncStatus::as_str);
        let query =
            Query::sorted_by("createdAt", store::Order::Ascending).one_of("providerSyncStatus", states);
        self.store.count::<Order>(&query, MOST_COUNTED).await
    }
}
