//! The sections of the settings. `config/default.toml` documents each key.

use std::{collections::BTreeMap, net::SocketAddr};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use super::{Countries, HostNames, Networks, Offsets, Origins, Pause, Phrases, Span};
use crate::platform::{
    http::{limits::Quotas, serve::Edge},
    telemetry::LogFormat,
};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    #[serde(deserialize_with = "address")]
    pub bind: SocketAddr,
    pub timeout: Span,
    pub header_timeout: Span,
    pub idle: Span,
    pub linger: Pause,
    pub connections: u32,
    /// An address, or empty for `http://` and `bind`.
    pub public_url: String,
    pub proxies: Networks,
    pub origins: Origins,
}

impl Http {
    /// How connections are served.
    #[must_use]
    pub fn edge(&self) -> Edge {
        Edge {
            headers: self.header_timeout.get(),
            idle: self.idle.get(),
            linger: self.linger.get(),
            connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
            ..Edge::default()
        }
    }
}

fn address<'de, D: Deserializer<'de>>(d: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(d)?;
    text.trim().parse().map_err(|_| {
        de::Error::custom("must be an IP address and a port, such as 127.0.0.1:3000 or 0.0.0.0:80")
    })
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreUrl {
    pub url: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queues {
    pub url: String,
    pub prefix: String,
    pub lease: Span,
    pub backoff: Span,
    pub attempts: u32,
    pub concurrency: u32,
    pub max_stalled: u32,
    pub keep_completed: u32,
    pub keep_failed: u32,
    pub per_queue: BTreeMap<String, PerQueue>,
}

/// The settings in which one queue differs from the others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerQueue {
    pub lease: Option<Span>,
    pub backoff: Option<Span>,
    pub attempts: Option<u32>,
    pub concurrency: Option<u32>,
    pub max_stalled: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelX {
    pub access_key: SecretString,
    pub secret_key: SecretString,
    pub base_url: String,
    /// A URL that may hold a password, or empty for none.
    pub proxy: SecretString,
    pub simulator_on_servers: bool,
    pub timeout: Span,
    pub send_within: Span,
    pub settle_within: Span,
    pub reconcile: Offsets,
    pub confirm_cancel: Offsets,
    pub lookup: Lookup,
    pub rate: u32,
    pub concurrency: u32,
    pub breaker_after: u32,
    pub refusals_in_a_row: u32,
    pub words: Words,
    pub label_life: Span,
    pub label_wait: Span,
    pub label_hosts: HostNames,
}

/// By which words a refusal says that it is not about its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub wallet: Phrases,
    pub credentials: Phrases,
    pub account: Phrases,
    pub try_again: Phrases,
    pub timed_out: Phrases,
}

impl Words {
    /// Those of `default` for each entry `+`.
    pub(super) fn complete(&mut self, default: &Self) {
        self.wallet.complete(&default.wallet);
        self.credentials.complete(&default.credentials);
        self.account.complete(&default.account);
        self.try_again.complete(&default.try_again);
        self.timed_out.complete(&default.timed_out);
    }
}

/// Whether an empty result of a look-up proves that there is no shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lookup {
    Auto,
    Untrusted,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub jwt_secret: SecretString,
    pub password_cost: PasswordCost,
}

/// What one hash of a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordCost {
    /// What this machine does in a tenth of a second.
    Measured,
    Least,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    pub address: u32,
    pub sign_in: u32,
    pub register: u32,
    pub merchant: u32,
    pub key: u32,
}

impl RateLimits {
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        let Self { address, sign_in, register, merchant, key } = *self;
        Quotas { address, sign_in, register, merchant, key }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// An address, or empty for none.
    pub url: SecretString,
    pub from: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// An address, or empty for none.
    pub url: SecretString,
    /// `Name: value`, or empty for none.
    pub header: SecretString,
    /// May hold a key of ours.
    pub body: SecretString,
    pub expect: String,
    pub countries: Countries,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// `file:PATH`, `s3://BUCKET/PREFIX`, or empty.
    pub url: String,
    pub endpoint: String,
    pub region: String,
    pub access_key: SecretString,
    pub secret_key: SecretString,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kyc {
    pub required: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// An address, or empty for that of the API.
    pub bind: String,
    pub idle: Span,
    pub life: Span,
    pub proxies: Networks,
    /// A header's name, or empty for none.
    pub user_header: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    pub drain: Span,
    /// An address, or empty for none.
    pub bind: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    pub relay_after: Span,
    pub grace: Span,
    pub every: Span,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    pub allow_private: Private,
    pub source_addresses: Networks,
}

/// Whether addresses that are not on the public internet may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Private {
    Auto,
    Yes,
    No,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}
