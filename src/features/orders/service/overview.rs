//! How many orders stand where, for people: capped, and each by an index of its own.

use super::OrderService;
use crate::{
    base::timestamp::Timestamp,
    features::orders::{model::Order, status::SyncStatus},
    platform::{
        outbox::Dispatched,
        store::{Count, Order as Sort, Query, StoreError},
    },
};

/// Counted to here.
const MOST_COUNTED: usize = 10_000;

impl OrderService {
    /// How many orders are in each state.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self) -> Result<Vec<(SyncStatus, Count)>, StoreError> {
        let mut counts = Vec::new();
        for status in SyncStatus::ALL {
            let query =
                Query::sorted_by("createdAt", Sort::Ascending).equal("providerSyncStatus", status.as_str());
            counts.push((status, self.store.count::<Order>(&query, MOST_COUNTED).await?));
        }
        Ok(counts)
    }

    /// The oldest order that is not booked yet, and not with a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn oldest_open(&self) -> Result<Option<Order>, StoreError> {
        let open = SyncStatus::ALL.into_iter().filter(|status| status.is_open()).map(SyncStatus::as_str);
        let query =
            Query::sorted_by("createdAt", Sort::Ascending).one_of("providerSyncStatus", open).limit(1);
        Ok(self.store.find::<Order>(&query).await?.docs.pop())
    }

    /// How many orders have jobs that the queue does not have yet, and since when the first one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn outbox(&self) -> Result<(Count, Option<Timestamp>), StoreError> {
        let query = Query::sorted_by(Order::OUTBOX, Sort::Ascending).limit(1);
        let oldest = self.store.find::<Order>(&query).await?.docs.pop();
        let oldest_at = oldest.and_then(|order| order.outbox().iter().map(|entry| entry.at).min());
        Ok((self.store.count::<Order>(&query, MOST_COUNTED).await?, oldest_at))
    }
}
