//! The proxy through which `ParcelX` is called. Nothing else is, and the variables by which other programs
//! are told of one count for nothing.
//!
//! Guards against a service that is believed to go through a proxy and does not.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Config;

impl Config {
    /// Its URL, which may hold a password; none if there is no proxy.
    #[must_use]
    pub fn proxy(&self) -> Option<SecretString> {
        let url = self.parcelx.proxy.expose_secret().trim();
        (!url.is_empty()).then(|| SecretString::from(url))
    }

    /// Its host and port, as people may see them.
    #[must_use]
    pub fn proxy_host(&self) -> Option<String> {
        let url = read(self.proxy()?.expose_secret())?;
        Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
    }
}

/// `http://HOST:PORT`, with a user and a password or without.
fn read(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    (url.scheme() == "http" && plain && url.has_host()).then_some(url)
}

/// The variable of this process that names a proxy for other programs, if one is set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "settings and the environment are read here")]
pub fn proxy_of_others() -> Option<&'static str> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    names.into_iter().find(|name| std::env::var(name).is_ok_and(|url| !url.trim().is_empty()))
}
