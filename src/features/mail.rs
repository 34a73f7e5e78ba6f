//! Mails and texts to people: written down first, sent by a job of a queue of their own.
//!
//! Guards against requests that wait for a mail server or a gateway, mails that are lost with the queue, and
//! servers that are down: those delay mails, for a day at most.

pub mod gateway;
pub mod job;
pub mod model;
pub mod sender;
pub mod template;

use std::{sync::Arc, time::Duration};

use self::{
    gateway::Gateway,
    job::{SendEmail, SendText},
    model::Email,
    sender::{Local, Sender, Smtp, Unset},
    template::{Template, Way},
};
use super::Feature;
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        config::{Config, Countries},
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
    Feature::new()
        .dispatched::<Email>()
        .queue(SendEmail::QUEUE, Needs::carrier(&[]))
        .queue(SendText::QUEUE, Needs::carrier(&[]))
        .job::<SendEmail>()
        .job::<SendText>()
}

/// What sends mails and texts, for the jobs.
#[derive(Debug, Clone)]
pub struct Mailer {
    pub store: Store,
    pub clock: Clock,
    mails: Arc<dyn Sender>,
    texts: Arc<dyn Sender>,
    /// What links begin with: a setting, never what a request says.
    pub public_url: String,
}

impl Mailer {
    #[must_use]
    pub fn new(config: &Config, store: Store, clock: Clock) -> Self {
        let (mails, texts) = (mails(config), texts(config, &clock));
        Self { store, clock, mails, texts, public_url: config.public_url() }
    }

    #[must_use]
    pub fn sender(&self, way: Way) -> &dyn Sender {
        match way {
            Way::Mail => &*self.mails,
            Way::Text => &*self.texts,
        }
    }
}

/// Whoever runs an installation of one machine.
fn local(config: &Config) -> Option<Arc<dyn Sender>> {
    if !config.is_local() {
        return None;
    }
    Some(Arc::new(Local::new(config.data_folder().join("mails.txt"))))
}

fn mails(config: &Config) -> Arc<dyn Sender> {
    let url = config.mail_url();
    match url.as_deref() {
        Some(url) => match (url.strip_prefix("file:"), Smtp::new(url, &config.mail.from)) {
            (Some(path), _) => Arc::new(Local::new(path)),
            (None, Ok(smtp)) => Arc::new(smtp),
            (None, Err(why)) => {
                tracing::error!(why, "mail.url or mail.from {why}: mails wait");
                Arc::new(Unset("mail.url"))
            }
        },
        None => local(config).unwrap_or_else(|| Arc::new(Unset("mail.url"))),
    }
}

fn texts(config: &Config, clock: &Clock) -> Arc<dyn Sender> {
    if config.texts_url().is_none() {
        return local(config).unwrap_or_else(|| Arc::new(Unset("texts.url")));
    }
    match Gateway::new(&config.texts, clock.clone()) {
        Ok(gateway) => Arc::new(gateway),
        Err(why) => {
            tracing::error!(why, "the gateway for texts {why}: texts wait");
            Arc::new(Unset("texts.url"))
        }
    }
}

/// Takes mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mails {
    store: Store,
    producer: Producer,
    clock: Clock,
    policies: Policies,
    /// Whose phones get texts; `None`: nobody's.
    countries: Option<Countries>,
}

impl Mails {
    #[must_use]
    pub fn new(store: Store, producer: Producer, clock: Clock, config: &Config) -> Self {
        Self { store, producer, clock, policies: config.policies(), countries: config.text_countries() }
    }

    /// Whose phones get texts; `None`: nobody's.
    #[must_use]
    pub fn texts(&self) -> Option<&Countries> {
        self.countries.as_ref()
    }

    /// A mail, which is on its way once it is stored ([`Mails::stored`]). To nobody, it costs the same.
    #[must_use]
    pub fn mail(&self, template: Template, to: Option<&str>, token: Option<&str>) -> Email {
        Email::new(template, to.map(str::to_owned), token.map(str::to_owned), self.clock.now())
    }

    /// The same as a text to this person's phone.
    #[must_use]
    pub fn text(&self, template: Template, user: &str, to: &str, token: Option<&str>) -> Email {
        let mut text = self.mail(template, Some(to), token);
        text.user = Some(user.to_owned());
        text
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
