//! What merchants do with their addresses. Nothing here sends: it is written down what is to be sent, and the
//! worker that sends looks at what has changed.

mod again;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        outbound::{AddressProblem, Rules},
        store::{Cursor, Decision, Order as Sort, Page, Query, Store, StoreError, Updated},
    },
};

use super::model::{Delivery, DeliveryState, Endpoint, EndpointState};

/// A merchant has so many addresses at most.
pub const MOST_ENDPOINTS: usize = 20;
/// How often a commit is decided again when somebody was faster.
const TRIES: usize = 5;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Also what is another merchant's.
    #[error("there is no such address or delivery")]
    NotFound,
    #[error("{0}")]
    Url(AddressProblem),
    /// Another endpoint has the address.
    #[error("the address is taken")]
    Taken,
    #[error("there are as many addresses as there may be")]
    TooMany,
    #[error("it is {}", .0.as_str())]
    NotEnabled(EndpointState),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a merchant changes of an address.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub url: Option<String>,
    pub event_types: Option<Vec<String>>,
    pub description: Option<String>,
}

/// The addresses and deliveries of all merchants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    pub(super) store: Store,
    pub(super) clock: Clock,
    rules: Rules,
    sources: Arc<[String]>,
}

impl Webhooks {
    #[must_use]
    pub fn new(store: Store, clock: Clock, rules: Rules) -> Self {
        Self { store, clock, rules, sources: Arc::default() }
    }

    /// The same, which tells merchants that it calls them from these addresses.
    #[must_use]
    pub fn calling_from(self, sources: Vec<String>) -> Self {
        Self { sources: sources.into(), ..self }
    }

    /// The addresses and networks that merchants are called from; none: the operator does not say.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// A handle whose operations may take this long.
    #[must_use]
    pub fn within(&self, within: std::time::Duration) -> Self {
        Self { store: self.store.within(within), ..self.clone() }
    }

    /// Which addresses may be named.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// # Errors
    /// [`WebhookError`].
    pub async fn create(&self, merchant: &str, wanted: Change) -> Result<Endpoint, WebhookError> {
        let url = self.read(wanted.url.as_deref().unwrap_or_default())?;
        let so_far = self.list(merchant).await?;
        if so_far.len() >= MOST_ENDPOINTS {
            return Err(WebhookError::TooMany);
        }
        let types = wanted.event_types.unwrap_or_default();
        let mut endpoint = Endpoint::new(merchant, url, types, self.clock.now());
        endpoint.description = wanted.description.filter(|text| !text.is_empty());
        for slot in free_slots(&so_far) {
            endpoint.slot = Some(slot);
            match self.store.insert(&endpoint).await {
                Ok(()) => return Ok(endpoint),
                Err(StoreError::Conflict { index }) if index == Endpoint::URL => {
                    return Err(WebhookError::Taken);
                }
                // Somebody who makes one at the same time was faster.
                Err(StoreError::Conflict { index }) if index == Endpoint::SLOT => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(WebhookError::TooMany)
    }

    fn read(&self, url: &str) -> Result<String, WebhookError> {
        self.rules.read(url).map(String::from).map_err(WebhookError::Url)
    }

    /// All of a merchant, in the order in which they were made.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, merchant: &str) -> Result<Vec<Endpoint>, StoreError> {
        let query = Query::sorted_by("createdAt", Sort::Ascending).equal("listed", merchant);
        Ok(self.store.find(&query).await?.docs)
    }

    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn get(&self, merchant: &str, id: &str) -> Result<Endpoint, WebhookError> {
        let found = self.store.get::<Endpoint>(id).await?;
        found.filter(|endpoint| is_of(endpoint, merchant)).ok_or(WebhookError::NotFound)
    }

    /// # Errors
    /// [`WebhookError`].
    pub async fn change(&self, merchant: &str, id: &str, change: Change) -> Result<Endpoint, WebhookError> {
        let url = change.url.as_deref().map(|url| self.read(url)).transpose()?;
        let changed = self.update(merchant, id, |endpoint, now| {
            if let Some(url) = url.as_ref().filter(|url| **url != endpoint.url) {
                endpoint.url.clone_from(url);
                // What failed was another address.
                (endpoint.failing_since, endpoint.failing) = (None, None);
            }
            if let Some(types) = &change.event_types {
                endpoint.event_types.clone_from(types);
            }
            if let Some(text) = &change.description {
                endpoint.description = Some(text.clone()).filter(|text| !text.is_empty());
            }
            endpoint.updated_at = now;
            Ok(())
        });
        changed.await
    }

    /// Waits for `resume`: what happens meanwhile is kept.
    ///
    /// # Errors
    /// [`WebhookError::NotEnabled`] of one that was given up.
    pub async fn pause(&self, merchant: &str, id: &str) -> Result<Endpoint, WebhookError> {
        let paused = self.update(merchant, id, |endpoint, now| match endpoint.state {
            EndpointState::Enabled | EndpointState::Paused => {
                (endpoint.state, endpoint.updated_at) = (EndpointState::Paused, now);
                Ok(())
            }
            other => Err(WebhookError::NotEnabled(other)),
        });
        paused.await
    }

    /// Enables one that was paused or given up, and sends what waits; also if it is enabled, and fails.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn resume(&self, merchant: &str, id: &str) -> Result<Endpoint, WebhookError> {
        let resumed = self.update(merchant, id, |endpoint, now| {
            endpoint.resume(now);
            Ok(())
        });
        resumed.await
    }

    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn rotate(&self, merchant: &str, id: &str) -> Result<Endpoint, WebhookError> {
        let rotated = self.update(merchant, id, |endpoint, now| {
            endpoint.rotate(now);
            Ok(())
        });
        rotated.await
    }

    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn delete(&self, merchant: &str, id: &str) -> Result<(), WebhookError> {
        let deleted = self.update(merchant, id, |endpoint, now| {
            endpoint.delete(now);
            Ok(())
        });
        deleted.await.map(|_| ())
    }

    async fn update(
        &self,
        merchant: &str,
        id: &str,
        mut change: impl FnMut(&mut Endpoint, Timestamp) -> Result<(), WebhookError>,
    ) -> Result<Endpoint, WebhookError> {
        let now = self.clock.now();
        let updated = self.store.update::<Endpoint, (), WebhookError>(id, |endpoint| {
            if !is_of(endpoint, merchant) {
                return Err(WebhookError::NotFound);
            }
            change(endpoint, now)?;
            Ok(Decision::Save(()))
        });
        match updated.await {
            Ok(Updated::Done(endpoint, ())) => Ok(endpoint),
            Ok(Updated::Missing) => Err(WebhookError::NotFound),
            Err(WebhookError::Store(StoreError::Conflict { index })) if index == Endpoint::URL => {
                Err(WebhookError::Taken)
            }
            Err(error) => Err(error),
        }
    }

    /// The deliveries to an address, newest first.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn deliveries(
        &self,
        merchant: &str,
        id: &str,
        state: Option<DeliveryState>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Delivery>, WebhookError> {
        self.get(merchant, id).await?;
        let mut query = Query::sorted_by("createdAt", Sort::Descending).equal("endpoint", id).limit(limit);
        if let Some(state) = state {
            query = query.equal("state", state.as_str());
        }
        if let Some(after) = after {
            query = query.after(after);
        }
        Ok(self.store.find(&query).await?)
    }

    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn delivery(&self, merchant: &str, id: &str) -> Result<Delivery, WebhookError> {
        let found = self.store.get::<Delivery>(id).await?;
        let delivery =
            found.filter(|delivery| delivery.merchant == merchant).ok_or(WebhookError::NotFound)?;
        // Those of an address that was removed are gone with it.
        self.get(merchant, &delivery.endpoint).await?;
        Ok(delivery)
    }

    /// Deliveries of all merchants that have failed, the last ones first: what nobody will send again by
    /// itself.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dead(&self, after: Option<Cursor>, limit: usize) -> Result<Page<Delivery>, StoreError> {
        let query = Query::sorted_by("failedAt", Sort::Descending).limit(limit);
        self.store.find(&after.into_iter().fold(query, Query::after)).await
    }
}

fn is_of(endpoint: &Endpoint, merchant: &str) -> bool {
    endpoint.listed.as_deref() == Some(merchant)
}

/// The numbers that are free. Addresses of older versions have none, and stand for the highest ones.
fn free_slots(so_far: &[Endpoint]) -> Vec<i64> {
    let taken: BTreeSet<i64> = so_far.iter().filter_map(|endpoint| endpoint.slot).collect();
    let without = so_far.len().saturating_sub(taken.len());
    let end = i64::try_from(MOST_ENDPOINTS.saturating_sub(without)).unwrap_or_default();
    (0..end).filter(|slot| !taken.contains(slot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_older_versions_count_too() {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let with = |slot| Endpoint { slot, ..Endpoint::new("shop", String::new(), Vec::new(), now) };
        let most = i64::try_from(MOST_ENDPOINTS).unwrap();
        assert_eq!(free_slots(&[]), (0..most).collect::<Vec<_>>());
        let some = [with(None), with(Some(1)), with(None)];
        assert_eq!(free_slots(&some), [0].into_iter().chain(2..most - 2).collect::<Vec<_>>());
        let old: Vec<_> = (0..=MOST_ENDPOINTS).map(|_| with(None)).collect();
        assert!(free_slots(&old).is_empty());
    }
}
