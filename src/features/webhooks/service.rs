//! What merchants do with their addresses. Nothing here sends: it is written down what is to be sent, and the
//! worker that sends looks at what has changed.

use std::sync::Arc;

use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        events::Events,
    },
    platform::{
        outbound::{AddressProblem, Rules},
        store::{
            Batch, CommitError, Cursor, Decision, Document, Order as Sort, Page, Query, Store, StoreError,
            Updated,
        },
    },
};

use super::{
    model::{Delivery, DeliveryState, Endpoint, EndpointState},
    replay::{self, ReplayOf},
};

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
        if self.list(merchant).await?.len() >= MOST_ENDPOINTS {
            return Err(WebhookError::TooMany);
        }
        let types = wanted.event_types.unwrap_or_default();
        let mut endpoint = Endpoint::new(merchant, url, types, self.clock.now());
        endpoint.description = wanted.description.filter(|text| !text.is_empty());
        match self.store.insert(&endpoint).await {
            Ok(()) => Ok(endpoint),
            Err(StoreError::Conflict { index }) if index == Endpoint::URL => Err(WebhookError::Taken),
            Err(error) => Err(error.into()),
        }
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
            if let Some(url) = &url {
                endpoint.url.clone_from(url);
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

    /// Enables one that was paused or given up, and sends what waits.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], or when the store fails.
    pub async fn resume(&self, merchant: &str, id: &str) -> Result<Endpoint, WebhookError> {
        let resumed = self.update(merchant, id, |endpoint, now| {
            (endpoint.state, endpoint.updated_at) = (EndpointState::Enabled, now);
            endpoint.failing_since = None;
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

    /// Sends a test.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn test(&self, merchant: &str, id: &str) -> Result<Delivery, WebhookError> {
        for _ in 0..TRIES {
            let mut endpoint = self.enabled(merchant, id).await?;
            let now = self.clock.now();
            let delivery = Delivery::test(&endpoint, now);
            endpoint.updated_at = now;
            let batch = Batch::new().replace(&endpoint).insert(&delivery);
            match self.store.commit(batch).await {
                Ok(()) => return Ok(delivery),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
        }
        Err(StoreError::Contended.into())
    }

    async fn enabled(&self, merchant: &str, id: &str) -> Result<Endpoint, WebhookError> {
        let endpoint = self.get(merchant, id).await?;
        match endpoint.state {
            EndpointState::Enabled => Ok(endpoint),
            other => Err(WebhookError::NotEnabled(other)),
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

    /// Sends a delivery again, whatever became of it, from its first try on.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn resend(&self, merchant: &str, id: &str) -> Result<Delivery, WebhookError> {
        let delivery = self.delivery(merchant, id).await?;
        self.send_again(&delivery.endpoint, id).await
    }

    async fn send_again(&self, endpoint: &str, id: &str) -> Result<Delivery, WebhookError> {
        for _ in 0..TRIES {
            let found = self.store.get::<Endpoint>(endpoint).await?.ok_or(WebhookError::NotFound)?;
            if found.state != EndpointState::Enabled {
                return Err(WebhookError::NotEnabled(found.state));
            }
            let mut delivery = self.store.get::<Delivery>(id).await?.ok_or(WebhookError::NotFound)?;
            let now = self.clock.now();
            delivery.send_again(now);
            let found = Endpoint { updated_at: now, ..found };
            match self.store.commit(Batch::new().replace(&delivery).replace(&found)).await {
                Ok(()) => return Ok(delivery),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
        }
        Err(StoreError::Contended.into())
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

    /// [`Webhooks::resend`] by an operator.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn drive_again(&self, id: &str, by: &AuditContext) -> Result<Delivery, WebhookError> {
        let delivery = self.store.get::<Delivery>(id).await?.ok_or(WebhookError::NotFound)?;
        let audit = Audit::new(self.store.clone(), self.clock.clone());
        let act = AuditedAction {
            action: "webhook.resend",
            collection: Delivery::COLLECTION,
            id,
            user_id: Some(&delivery.merchant),
            before: Some(delivery.state.as_str()),
        };
        let line = audit.begin(by, &act).await?;
        let sent = self.send_again(&delivery.endpoint, id).await;
        match &sent {
            Ok(sent) => audit.end(&line, Outcome::Done, Some(sent.state.as_str()), None).await?,
            Err(error @ WebhookError::Store(_)) => {
                audit.end(&line, Outcome::Failed, None, Some(&error.to_string())).await?;
            }
            Err(error) => audit.end(&line, Outcome::Refused, None, Some(&error.to_string())).await?,
        }
        sent
    }

    /// Sends events since a time again, those that did not arrive or all.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn replay(
        &self,
        merchant: &str,
        id: &str,
        of: ReplayOf,
        since: Timestamp,
    ) -> Result<Endpoint, WebhookError> {
        let endpoint = self.enabled(merchant, id).await?;
        let events = Events::new(self.store.clone());
        match replay::begin(self, &events, &endpoint.id, of, since).await? {
            Updated::Done(endpoint, true) => Ok(endpoint),
            Updated::Done(endpoint, false) => Err(WebhookError::NotEnabled(endpoint.state)),
            Updated::Missing => Err(WebhookError::NotFound),
        }
    }
}

fn is_of(endpoint: &Endpoint, merchant: &str) -> bool {
    endpoint.listed.as_deref() == Some(merchant)
}
