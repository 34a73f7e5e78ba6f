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
        // The last proxy added the last address; what is before it anybody could have written.
        let forwarded = || {
            let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
        };
        let address = if proxied { forwarded().or(peer) } else { peer };
        Self { address, peer, proxied }
    }
}
