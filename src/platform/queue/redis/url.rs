//! The URL that names a Redis server and the queues' prefix on it.

use std::sync::Arc;

use fred::types::config::{Config, ServerConfig};
use url::Url;

use crate::platform::queue::QueueError;

/// What the keys of all queues begin with, unless the URL says otherwise: BullMQ's own.
const PREFIX: &str = "bull";

/// Where the queues are.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) config: Config,
    pub(super) prefix: String,
    /// How messages name it: never with a password.
    pub(super) shown: Arc<str>,
}

/// Whether a URL is one of this adapter's.
pub(in crate::platform::queue) fn is_ours(url: &str) -> bool {
    let schemes =
        ["redis", "rediss"].map(|tls| ["", "-sentinel", "-cluster"].map(|kind| format!("{tls}{kind}://")));
    schemes.as_flattened().iter().any(|scheme| url.starts_with(scheme))
}

/// Whether `url` and `prefix` can be used together.
///
/// # Errors
/// Those of [`Place::read`].
pub(in crate::platform::queue) fn check(url: &str, prefix: &str) -> Result<(), QueueError> {
    Place::read(url, prefix).map(drop)
}

/// What the keys begin with; nothing if `url` and `prefix` cannot be used together.
pub(in crate::platform::queue) fn prefix(url: &str, prefix: &str) -> Option<String> {
    Place::read(url, prefix).ok().map(|place| place.prefix)
}

impl Place {
    /// Reads `redis://[user:password@]host[:port][/database][?prefix=bull]`, or the same with `rediss`,
    /// `redis-sentinel`, `rediss-sentinel`, `redis-cluster` or `rediss-cluster`. `prefix`: another way to
    /// name it, or empty.
    ///
    /// # Errors
    /// [`QueueError::Fault`], in one line without the URL: it may contain a password.
    pub(super) fn read(url: &str, prefix: &str) -> Result<Self, QueueError> {
        let bad = |why: &str| QueueError::Fault(format!("the queue's Redis URL cannot be used: {why}"));
        let mut url = Url::parse(url).map_err(|e| bad(&e.to_string()))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?;
        let shown = match url.port() {
            Some(port) => format!("Redis at {host}:{port}"),
            None => format!("Redis at {host}"),
        };
        let of_prefix = |key: &str| key == "prefix";
        let own = url.query_pairs().find(|(key, _)| of_prefix(key)).map(|(_, value)| value.into_owned());
        let told = Some(prefix).filter(|prefix| !prefix.is_empty());
        if let (Some(own), Some(told)) = (&own, told)
            && own != told
        {
            return Err(bad("it names another prefix than queue.prefix: leave one of them out"));
        }
        let rest: Vec<_> = url.query_pairs().into_owned().filter(|(key, _)| !of_prefix(key)).collect();
        url.query_pairs_mut().clear().extend_pairs(rest);
        let prefix = own.unwrap_or_else(|| told.unwrap_or(PREFIX).to_owned());
        if prefix.is_empty() || prefix.contains(':') {
            return Err(bad("the prefix must not be empty and has no `:`"));
        }
        if url.scheme().starts_with("rediss") {
            // Fails where the process has chosen one already, which is as good.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let config = Config::from_url(url.as_str()).map_err(|e| bad(e.details()))?;
        let in_braces = prefix.starts_with('{') && prefix.ends_with('}') && prefix.len() > 2;
        if matches!(config.server, ServerConfig::Clustered { .. }) && !in_braces {
            return Err(bad("on a cluster the prefix must be in braces, such as {bull}"));
        }
        Ok(Self { config, prefix, shown: shown.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_server_and_the_prefix() {
        let place = Place::read("redis://user:pass%20word@queue.internal:6380/3?prefix=ship", "").unwrap();
        assert_eq!((place.prefix.as_str(), place.config.database), ("ship", Some(3)));
        assert_eq!(place.config.password.as_deref(), Some("pass word"));
        assert_eq!(&*place.shown, "Redis at queue.internal:6380");
        assert_eq!(Place::read("redis://localhost", "").unwrap().prefix, "bull");
        assert_eq!(Place::read("redis://localhost", "ship").unwrap().prefix, "ship");
        assert_eq!(Place::read("redis://localhost?prefix=ship", "ship").unwrap().prefix, "ship");
        let sentinel = Place::read("redis-sentinel://:pw@s1:26379?node=s2:26379&sentinelServiceName=m", "");
        assert!(matches!(sentinel.unwrap().config.server, ServerConfig::Sentinel { .. }));
        assert!(Place::read("redis-cluster://a:1?prefix={bull}", "").is_ok());
        assert!(Place::read("redis-cluster://a:1", "{bull}").is_ok());
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_its_password() {
        for url in [
            "redis://",
            "redis://:secret@h:99999",
            "redis://:secret@h/notanumber",
            "redis://:secret@h?prefix=",
            "redis://:secret@h?prefix=a:b",
            "redis-cluster://:secret@h:1",
        ] {
            let Err(QueueError::Fault(why)) = Place::read(url, "") else { panic!("{url} was taken") };
            assert!(!why.contains("secret"), "{why}");
        }
        let Err(QueueError::Fault(why)) = Place::read("redis://:secret@h?prefix=a", "b") else {
            panic!("of two prefixes one was taken")
        };
        assert!(why.contains("queue.prefix") && !why.contains("secret"), "{why}");
        for (url, ours) in [("redis://h", true), ("rediss-sentinel://h", true), ("sqlite:a", false)] {
            assert_eq!(is_ours(url), ours);
        }
    }
}
