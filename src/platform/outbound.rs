//! Calls to addresses that customers, or operators, choose.
//!
//! Guards against being made to call what only this machine or its network can reach (databases, metadata
//! services, neighbours): an address counts when the connection is made, not when its name was written down,
//! so a name that resolves to something else by then gains nothing. No redirect is followed, no proxy asked,
//! no more of an answer read than is kept, and each call has an end.

mod address;
mod form;

use std::{error::Error as _, net::SocketAddr, sync::Arc, time::Duration};

pub use address::{AddressProblem, Rules};
use bytes::Bytes;
pub use form::{Form, FormProblem, header};
use http::HeaderMap;
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
};
use url::Url;

use crate::{base::timestamp::Timestamp, platform::http::retry_after};

/// The longest that a call may take, unless somebody says otherwise, and that its connection may.
const CALL: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// Connections that are kept for the next call, of one host and for so long.
const KEPT: usize = 4;
const KEPT_FOR: Duration = Duration::from_secs(20);
/// How much of an answer is kept, and how much is read so that its connection can be used again.
const FIRST: usize = 512;
const READ: usize = 16 * 1024;

/// Sends to addresses that customers choose. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    rules: Rules,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// How long the other side asks us to wait.
    pub retry_after: Option<Duration>,
    /// The beginning of its body, as text without control characters.
    pub first: String,
}

/// Why nothing came back. The words may be shown to the customer: none names an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("the host has no public address")]
    NotPublic,
    #[error("the host is not known")]
    UnknownHost,
    #[error("no connection")]
    NoConnection,
    #[error("no TLS connection: the certificate or the protocol is not accepted")]
    Tls,
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection ended before the answer")]
    Cut,
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the client for outgoing calls could not be built: {0}")]
pub struct OutboundError(#[from] reqwest::Error);

impl Outbound {
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(rules: Rules) -> Result<Self, OutboundError> {
        Self::within(rules, CALL)
    }

    /// The same for calls that take at most `call`.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn within(rules: Rules, call: Duration) -> Result<Self, OutboundError> {
        // An error says that one is already chosen.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .user_agent(concat!("Waybill-Webhooks/", env!("CARGO_PKG_VERSION")))
            .https_only(!rules.allow_private)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .no_proxy()
            .no_gzip()
            .connect_timeout(CONNECT)
            .timeout(call)
            .pool_max_idle_per_host(KEPT)
            .pool_idle_timeout(KEPT_FOR)
            .dns_resolver(Arc::new(PublicOnly(rules)))
            .build()?;
        Ok(Self { client, rules })
    }

    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Posts `body` to `url`, once.
    ///
    /// # Errors
    /// [`CallError`]: no answer, or none that could be read.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Result<Answer, CallError> {
        // A literal address is never resolved.
        self.rules.check_url(url).map_err(|_| CallError::NotPublic)?;
        let sent = self.client.post(url.clone()).headers(headers).body(body).send().await;
        let mut response = sent.map_err(|error| reason(&error))?;
        let retry_after = retry_after::read(response.headers(), now);
        let retry_after =
            retry_after.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        let (status, mut first, mut read) = (response.status().as_u16(), Vec::new(), 0);
        // The status is the answer: a body that ends early changes nothing.
        while let Ok(Some(chunk)) = response.chunk().await {
            first.extend(chunk.iter().take(FIRST.saturating_sub(first.len())));
            read += chunk.len();
            if read > READ {
                break;
            }
        }
        Ok(Answer { status, retry_after, first: plain(&first) })
    }
}

/// As text: what is no UTF-8, and what a terminal or a page would act on, is replaced.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

fn reason(error: &reqwest::Error) -> CallError {
    let mut below = error.source();
    let (mut tls, mut unknown) = (false, false);
    while let Some(cause) = below {
        if cause.is::<NotPublic>() {
            return CallError::NotPublic;
        }
        unknown |= cause.is::<UnknownHost>();
        tls |= cause.is::<rustls::Error>()
            || cause
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref)
                .is_some_and(|e| e.is::<rustls::Error>());
        below = cause.source();
    }
    match error {
        _ if unknown => CallError::UnknownHost,
        _ if tls => CallError::Tls,
        _ if error.is_timeout() => CallError::TimedOut,
        _ if error.is_connect() => CallError::NoConnection,
        _ => CallError::Cut,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no public address")]
struct NotPublic;

#[derive(Debug, thiserror::Error)]
#[error("not known")]
struct UnknownHost;

/// Gives only those addresses of a name that may be called, at the moment of the connection.
#[derive(Debug)]
struct PublicOnly(Rules);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| UnknownHost)?;
            let allowed: Vec<SocketAddr> = found.filter(|address| rules.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic.into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_counts_by_what_it_resolves_to_and_a_literal_address_by_itself() {
        let outbound = Outbound::new(Rules { allow_private: false }).unwrap();
        let now = Timestamp::from_millis(0);
        // The second is a name that the system resolves to a loopback address; it passed no check before.
        for url in
            ["https://127.0.0.1:9/", "https://localhost:9/", "https://[::1]:9/", "https://[::ffff:7f00:1]/"]
        {
            let url = Url::parse(url).unwrap();
            let posted = outbound.post(&url, HeaderMap::new(), Bytes::new(), now).await;
            assert_eq!(posted, Err(CallError::NotPublic), "{url}");
        }
        // The resolver alone, as after a rebinding: the name was fine when it was written down.
        let resolver = PublicOnly(Rules { allow_private: false });
        let resolved = resolver.resolve("localhost".parse().unwrap()).await.map(Iterator::count);
        assert!(resolved.unwrap_err().is::<NotPublic>());
        let resolver = PublicOnly(Rules { allow_private: true });
        assert!(resolver.resolve("localhost".parse().unwrap()).await.unwrap().count() > 0);
    }

    #[tokio::test]
    async fn a_call_that_nobody_answers_ends_in_time() {
        // Connections are made, and nobody takes them.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let short = Duration::from_millis(100);
        let outbound = Outbound::within(Rules { allow_private: true }, short).unwrap();
        let posted = outbound.post(&url, HeaderMap::new(), Bytes::new(), Timestamp::from_millis(0)).await;
        assert_eq!(posted, Err(CallError::TimedOut));
    }

    #[test]
    fn what_is_kept_of_an_answer_is_plain_text() {
        assert_eq!(plain(b"a\x1b[31mb\r\n\tc\xff"), "a\u{fffd}[31mb\u{fffd}\n\tc\u{fffd}");
    }
}
