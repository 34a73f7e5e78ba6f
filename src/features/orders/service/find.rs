//! Orders over all merchants, for people: by what is known of one, and in lists.
//!
//! Guards against a search that reads the collection: each way has an index, and what none serves ends at a
//! number of documents and says so.

use super::{MOST_LOOKED_AT, OrderService};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::Order,
        status::{OrderStatus, SyncStatus},
    },
    platform::store::{self, Cursor, Page, Query, StoreError},
};

/// Most orders that one search gives: two merchants may share a `clientOrderId`, and a household a phone.
pub const MOST_FOUND: usize = 50;
/// What ids of jobs begin with; the order's id and a number follow.
const JOBS: [&str; 3] = ["create-order-", "cancel-order-", "fetch-label-"];

/// By what orders were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    Id,
    JobId,
    OrderNumber,
    Awb,
    ClientOrderId,
    Phone,
}

impl FoundBy {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::JobId => "jobId",
            Self::OrderNumber => "orderNumber",
            Self::Awb => "awb",
            Self::ClientOrderId => "clientOrderId",
            Self::Phone => "phone",
        }
    }
}

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// How the first of them was found; nothing when there are none.
    pub by: Option<FoundBy>,
    /// Newest first; one that was found by its AWB comes before those of a `clientOrderId`.
    pub orders: Vec<Order>,
    /// There are more than these.
    pub more: bool,
}

/// Which orders to list, newest first. What is not named does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllFilter {
    pub provider_sync_status: Option<SyncStatus>,
    pub status: Option<OrderStatus>,
    pub user_id: Option<String>,
    /// Made at this time or later.
    pub from: Option<Timestamp>,
    /// Made before this time.
    pub to: Option<Timestamp>,
}

/// The ten digits of a number as people write it (`+91 90000-00001`, `090000 00001`); nothing when it is
/// none.
#[must_use]
pub fn phone(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | ' ' | '.');
    if !text.chars().all(plain) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let local = match digits.len() {
        10 => Some(digits.as_str()),
        11 => digits.strip_prefix('0'),
        12 => digits.strip_prefix("91"),
        _ => None,
    };
    local.map(str::to_owned)
}

impl OrderService {
    /// The orders that have `text` for their id, the id of one of their jobs, their number, AWB or
    /// `clientOrderId`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, text: &str) -> Result<Found, StoreError> {
        let text = text.trim();
        if let Some(id) = JOBS.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            let id = id.rsplit_once('-').map_or(id, |(id, _)| id);
            return Ok(found(FoundBy::JobId, self.load(id).await?));
        }
        if let Some(order) = self.load(text).await? {
            return Ok(found(FoundBy::Id, Some(order)));
        }
        let number = text.to_ascii_uppercase();
        if number.starts_with("ORD-") {
            let by_number = self.newest("orderNumber", &number, "orderNumber", 1).await?.docs;
            if !by_number.is_empty() {
                return Ok(found(FoundBy::OrderNumber, by_number.into_iter().next()));
            }
        }
        let by_awb = self.newest("awb", text, "awb", 1).await?.docs;
        let by_client = self.newest("clientOrderId", text, "createdAt", MOST_FOUND).await?;
        let by = match (by_awb.is_empty(), by_client.docs.is_empty()) {
            (false, _) => Some(FoundBy::Awb),
            (true, false) => Some(FoundBy::ClientOrderId),
            (true, true) => None,
        };
        let more = by_client.next.is_some();
        let mut orders = by_awb;
        for order in by_client.docs {
            if orders.iter().all(|known| known.id() != order.id()) {
                orders.push(order);
            }
        }
        Ok(Found { by, orders, more })
    }

    /// The newest orders that go to this phone, as [`phone`] reads it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_phone(&self, digits: &str) -> Result<Found, StoreError> {
        let page = self.newest(Order::MOBILE, digits, "createdAt", MOST_FOUND).await?;
        let by = (!page.docs.is_empty()).then_some(FoundBy::Phone);
        Ok(Found { by, more: page.next.is_some(), orders: page.docs })
    }

    async fn newest(
        &self,
        field: &'static str,
        value: &str,
        sort: &'static str,
        limit: usize,
    ) -> Result<Page<Order>, StoreError> {
        let query = Query::sorted_by(sort, store::Order::Descending).equal(field, value).limit(limit);
        self.store.find(&query).await
    }

    /// A page of all merchants' orders, newest first; at most `limit`. It may have fewer, and orders behind
    /// it all the same ([`Page::stopped`]).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_all(
        &self,
        filter: &AllFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Order>, StoreError> {
        let mut query = filter.query().limit(limit);
        if let Some(cursor) = after {
            query = query.after(cursor);
        }
        let mut page = self.store.find::<Order>(&query).await?;
        page.docs.retain(|order| filter.takes(order));
        Ok(page)
    }
}

fn found(by: FoundBy, order: Option<Order>) -> Found {
    Found { by: order.is_some().then_some(by), orders: order.into_iter().collect(), more: false }
}

impl AllFilter {
    /// An index leads to each state, and to each merchant's orders. Only what was cancelled at either end of
    /// a booking has none: there all orders are walked, the newest first.
    fn query(&self) -> Query {
        let newest = store::Order::Descending;
        let state = self.provider_sync_status.or(match self.status {
            Some(OrderStatus::Failed) => Some(SyncStatus::Failed),
            Some(OrderStatus::Booked) => Some(SyncStatus::Success),
            _ => None,
        });
        if self.walks() {
            return Query::by_id(newest)
                .equal("status", OrderStatus::Cancelled.as_str())
                .filtered(MOST_LOOKED_AT);
        }
        let mut query = Query::sorted_by("createdAt", newest);
        if let Some(at) = self.from {
            query = query.from(at);
        }
        if let Some(at) = self.to {
            query = query.before(at);
        }
        if let Some(user) = &self.user_id {
            query = query.equal("userId", user.as_str());
        }
        match (state, self.status) {
            (Some(state), _) => query = query.equal("providerSyncStatus", state.as_str()),
            (None, Some(status)) if self.user_id.is_none() => {
                let of = SyncStatus::ALL.into_iter().filter(|state| state.order_status() == status);
                return query.one_of("providerSyncStatus", of.map(SyncStatus::as_str));
            }
            (None, None) if self.user_id.is_none() => {
                return query.one_of("providerSyncStatus", SyncStatus::ALL.map(SyncStatus::as_str));
            }
            (None, _) => {}
        }
        if let Some(status) = self.status {
            query = query.equal("status", status.as_str());
        }
        query.filtered(MOST_LOOKED_AT)
    }

    fn walks(&self) -> bool {
        let status = self.status == Some(OrderStatus::Cancelled);
        status && self.provider_sync_status.is_none() && self.user_id.is_none()
    }

    fn takes(&self, order: &Order) -> bool {
        self.from.is_none_or(|from| order.created_at() >= from)
            && self.to.is_none_or(|to| order.created_at() < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_read_as_people_write_them() {
        for text in ["9000000001", "+91 90000 00001", "090000-00001", "(900) 000.0001", "919000000001"] {
            assert_eq!(phone(text).as_deref(), Some("9000000001"), "{text}");
        }
        for text in ["900000000", "ORD-9000000001", "19000000001", "99000000001234", "9000000001x", ""] {
            assert_eq!(phone(text), None, "{text}");
        }
    }
}
