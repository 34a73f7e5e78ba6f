//! The sections of the settings. `config/default.toml` documents each key.

use std::{collections::BTreeMap, net::SocketAddr};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use super::{HostNames, Networks, Offsets, Span};
use crate::platform::telemetry::LogFormat;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    #[serde(deserialize_with = "address")]
    pub bind: SocketAddr,
    pub timeout: Span,
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
    pub timeout: Span,
    pub send_within: Span,
    pub settle_within: Span,
    pub reconcile: Offsets,
    pub confirm_cancel: Offsets,
    pub lookup: Lookup,
    pub rate: u32,
    pub concurrency: u32,
    pub breaker_after: u32,
    pub label_life: Span,
    pub label_wait: Span,
    pub label_hosts: HostNames,
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
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}
