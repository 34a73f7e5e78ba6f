//! `Debug` for settings whose URLs may contain a password.

use std::fmt;

use super::{Queues, StoreUrl};

/// A URL as people may see it: of a SQLite file the whole; of any other one scheme, hosts and database,
/// without user, password and options.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| !url.starts_with("sqlite:")) else {
        let plain = url.starts_with("sqlite:");
        return if plain { url.to_owned() } else { "(no URL)".to_owned() };
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    // A password may hold a `/` or an `@`: whatever is before the last `@` is no host.
    let hosts = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{hosts}")
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUrl").field("url", &shown(&self.url)).finish()
    }
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues")
            .field("url", &shown(&self.url))
            .field("prefix", &self.prefix)
            .field("lease", &self.lease)
            .field("backoff", &self.backoff)
            .field("attempts", &self.attempts)
            .field("concurrency", &self.concurrency)
            .field("max_stalled", &self.max_stalled)
            .field("keep_completed", &self.keep_completed)
            .field("keep_failed", &self.keep_failed)
            .field("per_queue", &self.per_queue)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_is_shown_of_a_url_holds_no_secret() {
        for (url, expected) in [
            ("sqlite:data/waybill.db", "sqlite:data/waybill.db"),
            ("mongodb://db1:27017,db2:27017/waybill?replicaSet=rs0", "mongodb://db1:27017,db2:27017/waybill"),
            ("mongodb://api:hunter2@db1/waybill?authSource=admin&password=hunter2", "mongodb://db1/waybill"),
            ("rediss://default:hun/ter@2@cache:6379/3", "rediss://cache:6379/3"),
            ("redis://:hunter2@cache#hunter2", "redis://cache"),
            ("hunter2", "(no URL)"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
