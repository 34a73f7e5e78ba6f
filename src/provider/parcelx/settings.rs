//! What the client must be told.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::LabelHosts;
use crate::platform::config::Words;

/// A `ParcelX` account and how to call it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Without a trailing slash; operations add `/api/…`.
    pub base_url: Url,
    pub access_key: SecretString,
    pub secret_key: SecretString,
    /// Longest time one call may take, with its repeats.
    pub timeout: Duration,
    /// The URL of the proxy through which it is called, if there is one.
    pub proxy: Option<SecretString>,
    /// By which words a refusal says that it is not about its order.
    pub words: Arc<Words>,
    /// Where a label may lie.
    pub label_hosts: LabelHosts,
}

impl Settings {
    /// Longest time that connecting may take: a host that does not answer must not use up the time of the
    /// call.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        (self.timeout / 2).min(Duration::from_secs(5))
    }

    /// The `access-token` header: base64 of `access:secret`, no scheme in front.
    pub(super) fn access_token(&self) -> SecretString {
        let plain =
            format!("{}:{}", self.access_key.expose_secret().trim(), self.secret_key.expose_secret().trim());
        SecretString::from(STANDARD.encode(plain))
    }
}
