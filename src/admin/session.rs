//! Who calls: found once per request by [`super::edge`], and taken from it by handlers.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, header, request::Parts};

use super::{
    rights::{Right, Role},
    sessions::AdminSession,
    state::Edge,
    users::AdminUser,
};
use crate::{
    base::timestamp::Timestamp,
    features::{
        audit::{AuditContext, Origin, Via},
        orders::text::Text,
    },
    platform::http::{FieldError, Kind, Peer, Problem, RequestId},
};

/// Why somebody does something: kept in the audit log.
pub type Reason = Text<1, 500>;

/// Of the cookie that only a secure connection carries.
const SECURE: &str = "__Host-waybill";
/// Of the one for a browser on the same machine without TLS.
const PLAIN: &str = "waybill";
/// Most characters of a browser's name that are kept.
const USER_AGENT: usize = 200;

/// The person who calls.
#[derive(Clone, Debug)]
pub struct Admin {
    pub user: AdminUser,
    /// None: a proxy has signed the user in, and each request stands for itself.
    pub session: Option<AdminSession>,
    /// When the session ends unless it is used.
    pub idle_expires_at: Option<Timestamp>,
    pub from: Caller,
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    pub request_id: String,
    /// From this machine, without TLS and without a proxy in between.
    pub plain: bool,
    /// From one of the proxies of the settings.
    pub proxied: bool,
}

impl Admin {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.user.id
    }

    #[must_use]
    pub fn role(&self) -> Role {
        self.user.role
    }

    #[must_use]
    pub fn can(&self, right: Right) -> bool {
        self.user.can(right)
    }

    /// For what only some calls of a route need.
    ///
    /// # Errors
    /// 403, naming the right.
    pub fn require(&self, right: Right) -> Result<(), Problem> {
        if self.can(right) { Ok(()) } else { Err(forbidden(right)) }
    }

    /// What the audit log is told of an action.
    ///
    /// # Errors
    /// 422 for a reason that it does not take.
    pub fn because(&self, reason: &Reason) -> Result<AuditContext, Problem> {
        self.by(reason)
    }

    /// [`Admin::because`] for what users do to themselves, and give no reason for.
    pub(super) fn by(&self, reason: &str) -> Result<AuditContext, Problem> {
        let origin = Origin {
            role: Some(self.user.role.as_str().to_owned()),
            session: self.session.as_ref().map(|s| s.name.clone()),
            address: self.from.address.map(|a| a.to_string()),
            request_id: Some(self.from.request_id.clone()),
        };
        let by = AuditContext::new(self.name(), Via::Http, reason).map_err(|error| {
            let fault = FieldError::pointer("/reason", "invalid", error.to_string());
            Problem::new(Kind::ValidationFailed, "/reason cannot be kept.").errors(vec![fault])
        })?;
        Ok(by.from(origin))
    }
}

pub(super) fn forbidden(right: Right) -> Problem {
    Problem::new(Kind::Forbidden, format!("This needs the right {}.", right.as_str()))
        .member("right", right.as_str())
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Problem::internal(&"a handler wants to know its caller, and its route does not"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Problem::internal(&"the edge left no word of where a request came from"))
    }
}

impl Caller {
    pub(super) fn of(parts: &Parts, edge: &Edge) -> Self {
        let Peer { address, peer, proxied } = Peer::of(&parts.extensions, &parts.headers, &edge.proxies);
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(text);
        Self {
            address,
            user_agent: user_agent.map(|t| t.chars().filter(|c| !c.is_control()).take(USER_AGENT).collect()),
            request_id: parts.extensions.get::<RequestId>().map(ToString::to_string).unwrap_or_default(),
            plain: !proxied && peer.is_some_and(|p| p.is_loopback()) && is_direct(&parts.headers),
            proxied,
        }
    }

    /// The cookie that carries `token`.
    pub(super) fn cookie(&self, token: &str, life: std::time::Duration) -> HeaderValue {
        let (name, secure) = if self.plain { (PLAIN, "") } else { (SECURE, "; Secure") };
        let life = life.as_secs();
        let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}");
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }

    /// The tokens that a request brings. The cookie without `Secure` counts on this machine alone.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE);
        let all = || cookies.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
        let named = |wanted: &str| {
            all().filter_map(|c| c.trim().split_once('=')).find(|(name, _)| *name == wanted).map(|(_, v)| v)
        };
        named(SECURE).or_else(|| named(PLAIN).filter(|_| self.plain)).map(str::to_owned)
    }
}

/// Whether the request names this machine, and no proxy has left its mark.
fn is_direct(headers: &HeaderMap) -> bool {
    let marks = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via", "x-real-ip"];
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(name, _)| name);
    let loopback = name == "localhost"
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    loopback && !marks.iter().any(|mark| headers.contains_key(*mark))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use axum::extract::ConnectInfo;
    use http::Request;

    use super::*;

    fn caller(peer: &str, proxies: &str, headers: &[(&str, &str)]) -> Caller {
        let mut request = Request::get("/admin/api/me");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 5)));
        let proxies = serde_json::from_value(proxies.into()).unwrap();
        Caller::of(&parts, &Edge { proxies, user_header: None })
    }

    #[test]
    fn the_plain_cookie_is_for_a_browser_on_this_machine_alone() {
        let host = |host| [("host", host)];
        for (peer, headers, plain) in [
            ("127.0.0.1", &host("127.0.0.1:3000")[..], true),
            ("::1", &host("[::1]:3000"), true),
            ("::ffff:127.0.0.1", &host("localhost"), true),
            ("127.0.0.1", &host("waybill.example"), false),
            ("127.0.0.1", &[], false),
            ("10.0.0.1", &host("localhost"), false),
            ("127.0.0.1", &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")], false),
            ("127.0.0.1", &[("host", "localhost"), ("via", "1.1 proxy")], false),
        ] {
            let caller = caller(peer, "", headers);
            assert_eq!(caller.plain, plain, "{peer} {headers:?}");
            let cookie = caller.cookie("t", Duration::from_secs(60));
            let expected = if plain {
                "waybill=t; Path=/; HttpOnly; SameSite=Strict; Max-Age=60"
            } else {
                "__Host-waybill=t; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure"
            };
            assert_eq!(cookie, expected);
            let mut headers = HeaderMap::new();
            headers.insert("cookie", HeaderValue::from_static("a=b; waybill=low"));
            assert_eq!(caller.token(&headers).is_some(), plain);
            headers.append("cookie", HeaderValue::from_static("__Host-waybill=high"));
            assert_eq!(caller.token(&headers).as_deref(), Some("high"));
        }
    }

    #[test]
    fn only_a_proxy_of_the_settings_says_where_a_client_is() {
        let forwarded = [("x-forwarded-for", "6.6.6.6, 192.0.2.7")];
        let address = |peer, proxies| caller(peer, proxies, &forwarded).address.unwrap().to_string();
        assert_eq!(address("10.0.0.1", "10.0.0.0/8"), "192.0.2.7");
        assert_eq!(address("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(caller("10.0.0.1", "10.0.0.1", &[]).address.unwrap().to_string(), "10.0.0.1");
    }
}
