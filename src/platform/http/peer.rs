//! Where a request came from. Guards against a client that writes itself another address: a header counts
//! only where a proxy of the settings has added it.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::{Extensions, HeaderMap, request::Parts};

use crate::platform::config::Networks;

/// The other end of a request's connection, and whom it speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client's, as far as it is known.
    pub address: Option<IpAddr>,
    /// That of the connection.
    pub peer: Option<IpAddr>,
    /// Whether the connection is one of the `proxies`.
    pub proxied: bool,
}

/// The proxies in front of a service. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<Networks>);

impl Proxies {
    #[must_use]
    pub fn new(networks: Networks) -> Self {
        Self(Arc::new(networks))
    }

    /// Where a request came from, if it came through these.
    #[must_use]
    pub fn peer(&self, extensions: &Extensions, headers: &HeaderMap) -> Peer {
        Peer::of(extensions, headers, &self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer
where
    Proxies: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Proxies::from_ref(state).peer(&parts.extensions, &parts.headers))
    }
}

impl Peer {
    #[must_use]
    pub fn of(extensions: &Extensions, headers: &HeaderMap, proxies: &Networks) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip().to_canonical());
        let proxied = peer.is_some_and(|peer| proxies.contains(peer));
        let address = peer.map(|peer| if proxied { client(peer, headers, proxies) } else { peer });
        Self { address, peer, proxied }
    }
}

/// Whom `proxy` speaks for. Each proxy adds the address of whom it got the request from behind the others, so
/// the way goes back from the last. What stands before the first one that is no proxy of ours, anybody could
/// have written. What is no address ends the way at the last good one.
fn client(proxy: IpAddr, headers: &HeaderMap, proxies: &Networks) -> IpAddr {
    let mut known = proxy;
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        for entry in line.to_str().unwrap_or_default().rsplit(',') {
            let Ok(address) = entry.trim().parse::<IpAddr>() else { return known };
            known = address.to_canonical();
            if !proxies.contains(known) {
                return known;
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The client of a request from `peer`, with these headers, behind `10.0.0.0/8`.
    fn client_of(peer: &str, forwarded: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 5)));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let proxies = serde_json::from_value("10.0.0.0/8, fd00::/8".into()).unwrap();
        Peer::of(&extensions, &headers, &proxies).address.unwrap().to_string()
    }

    #[test]
    fn the_client_is_the_first_behind_all_proxies() {
        for (peer, forwarded, client) in [
            ("10.0.0.1", &["1.1.1.1"][..], "1.1.1.1"),
            ("10.0.0.1", &["1.1.1.1, 10.0.0.2"], "1.1.1.1"),
            ("::ffff:10.0.0.1", &["9.9.9.9,1.1.1.1 ,fd00::2, ::ffff:10.0.0.3"], "1.1.1.1"),
            // In several lines, as in one.
            ("10.0.0.1", &["9.9.9.9, 1.1.1.1", "10.0.0.3, 10.0.0.2"], "1.1.1.1"),
            // A client cannot write itself among the proxies: before its own address nothing counts.
            ("10.0.0.1", &["10.9.9.9, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", &["2001:db8::1, 10.0.0.2"], "2001:db8::1"),
            // Who asks from inside is one of the networks, too.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[], "10.0.0.1"),
            // Nobody vouches for it.
            ("1.1.1.2", &["1.1.1.1, 10.0.0.2"], "1.1.1.2"),
        ] {
            assert_eq!(client_of(peer, forwarded), client, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_way() {
        for (forwarded, client) in [
            (&["unknown"][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["1.1.1.1, unknown"], "10.0.0.1"),
            (&["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["1.1.1.1, , 10.0.0.2"], "10.0.0.2"),
            (&["1.1.1.1", "_hidden", "10.0.0.2"], "10.0.0.2"),
            (&["1.1.1.1:80, 10.0.0.2"], "10.0.0.2"),
            (&["1.1.1.1", "a\u{e9}"], "10.0.0.1"),
        ] {
            assert_eq!(client_of("10.0.0.1", forwarded), client, "{forwarded:?}");
        }
    }
}
