//! What somebody asks to be sent: a test, a delivery again, earlier events. Each ends the pause of an address
//! that has failed.

use super::{TRIES, WebhookError, Webhooks};
use crate::{
    base::timestamp::Timestamp,
    features::{
        audit::{Audit, AuditContext, AuditedAction, Outcome},
        events::Events,
        webhooks::{
            model::{Delivery, Endpoint, EndpointState},
            replay::{self, ReplayOf},
        },
    },
    platform::store::{Batch, CommitError, Document, StoreError, Updated},
};

impl Webhooks {
    /// Sends a test.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn test(&self, merchant: &str, id: &str) -> Result<Delivery, WebhookError> {
        for _ in 0..TRIES {
            let mut endpoint = self.enabled(merchant, id).await?;
            let now = self.clock.now();
            let delivery = Delivery::test(&endpoint, now);
            endpoint.wake(now);
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
            let mut found = self.store.get::<Endpoint>(endpoint).await?.ok_or(WebhookError::NotFound)?;
            if found.state != EndpointState::Enabled {
                return Err(WebhookError::NotEnabled(found.state));
            }
            let mut delivery = self.store.get::<Delivery>(id).await?.ok_or(WebhookError::NotFound)?;
            let now = self.clock.now();
            delivery.send_again(now);
            found.wake(now);
            match self.store.commit(Batch::new().replace(&delivery).replace(&found)).await {
                Ok(()) => return Ok(delivery),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
        }
        Err(StoreError::Contended.into())
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
