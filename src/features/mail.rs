//! Mails to people: written down first, sent by a job of a queue of their own.
//!
//! Guards against requests that wait for a mail server, mails that are lost with the queue, and servers that
//! are down: those delay mails, for a day at most.

pub mod job;
pub mod model;
pub mod sender;
pub mod template;

use std::{sync::Arc, time::Duration};

use self::{
    job::SendEmail,
    model::Email,
    sender::{Local, Sender, Smtp, Unset},
    template::Template,
};
use super::Feature;
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        config::Config,
        outbox::Dispatched,
        queue::{job::Payload, producer::Producer, retry::Policies},
        store::{Batch, Store, StoreError},
    },
    provider::carrier::Needs,
};

/// How long mails that were sent are kept, without address and code, and how many go at once.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const CLEARED: usize = 20;

/// The parts of mails that `app` registers.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().dispatched::<Email>().queue(SendEmail::QUEUE, Needs::carrier(&[])).job::<SendEmail>()
}

/// What sends mails, for the job.
#[derive(Debug, Clone)]
pub struct Mailer {
    pub store: Store,
    pub clock: Clock,
    pub sender: Arc<dyn Sender>,
    /// What links begin with: a setting, never what a request says.
    pub public_url: String,
}

impl Mailer {
    #[must_use]
    pub fn new(config: &Config, store: Store, clock: Clock) -> Self {
        let url = config.mail_url();
        let sender: Arc<dyn Sender> = match url.as_deref() {
            Some(url) => match (url.strip_prefix("file:"), Smtp::new(url, &config.mail.from)) {
                (Some(path), _) => Arc::new(Local::new(path)),
                (None, Ok(smtp)) => Arc::new(smtp),
                (None, Err(why)) => {
                    tracing::error!(why, "mail.url or mail.from {why}: mails wait");
                    Arc::new(Unset)
                }
            },
            None if config.is_local() => Arc::new(Local::new(config.data_folder().join("mails.txt"))),
            None => Arc::new(Unset),
        };
        Self { store, clock, sender, public_url: config.public_url() }
    }
}

/// Takes mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mails {
    store: Store,
    producer: Producer,
    clock: Clock,
    policies: Policies,
}

impl Mails {
    #[must_use]
    pub fn new(store: Store, producer: Producer, clock: Clock, policies: Policies) -> Self {
        Self { store, producer, clock, policies }
    }

    /// A mail, which is on its way once it is stored ([`Mails::stored`]). To nobody, it costs the same.
    #[must_use]
    pub fn mail(&self, template: Template, to: Option<&str>, token: Option<&str>) -> Email {
        Email::new(template, to.map(str::to_owned), token.map(str::to_owned), self.clock.now())
    }

    /// Stores it alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn post(&self, email: &Email) -> Result<(), StoreError> {
        self.store.insert(email).await?;
        self.stored(email).await;
        Ok(())
    }

    /// Adds it to a batch of writes: it is on its way only if they are done.
    #[must_use]
    pub fn within(batch: Batch, email: &Email) -> Batch {
        batch.insert(email)
    }

    /// Tells the queue of a mail that was stored; the relay does, if this comes to nothing.
    pub async fn stored(&self, email: &Email) {
        let now = self.clock.now();
        for job in email.outbox().iter().map(|entry| entry.to_job(&self.policies, now)) {
            self.producer.offer(job).await;
        }
        self.clear(now).await;
    }

    async fn clear(&self, now: Timestamp) {
        let old = self.store.delete_before::<Email>("createdAt", now - KEPT, CLEARED);
        if let Err(error) = old.await {
            tracing::warn!(%error, "old mails were not removed");
        }
    }
}
