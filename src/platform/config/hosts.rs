//! Lists of host names: `files.example.com, *.cdn.example.com`.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use super::list::list;

/// Whether every host that a database's URL names is this machine. A host name that is looked up counts as
/// none, but for `localhost`.
pub(super) fn all_loopback(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    // `mongodb+srv` asks the DNS for the hosts; `?node=` of Redis names more of them.
    let hidden = scheme.ends_with("+srv") || rest.contains("node=");
    !hidden && hosts.split(',').all(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Host names in lower case; a leading `*.` matches any host below the name. A list, or a string with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNames(Vec<String>);

impl HostNames {
    #[must_use]
    pub fn get(&self) -> &[String] {
        &self.0
    }
}

const FORM: &str = "must be host names such as files.example.com or *.example.com, without scheme and port, \
                    separated by commas";

fn parse(text: &str) -> Result<String, &'static str> {
    let name = text.trim().to_ascii_lowercase();
    let labels: Vec<_> = name.strip_prefix("*.").unwrap_or(&name).split('.').collect();
    let good = |label: &&str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    // The last label contains a letter: otherwise it would be an IP address.
    let top = labels.last().is_some_and(|label| label.bytes().any(|b| b.is_ascii_alphabetic()));
    if labels.len() >= 2 && top && labels.iter().all(good) { Ok(name) } else { Err(FORM) }
}

impl<'de> Deserialize<'de> for HostNames {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        list(d, FORM, parse).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Option<Vec<String>> {
        serde_json::from_value::<HostNames>(value).ok().map(|names| names.get().to_vec())
    }

    #[test]
    fn a_database_is_of_this_machine_when_each_of_its_hosts_is() {
        for url in [
            "mongodb://127.0.0.1:27017/waybill?replicaSet=rs0",
            "mongodb://user:p@ss@localhost,127.0.0.2:1/x",
            "mongodb://[::1]:27017",
            "redis://127.0.0.1:6379?prefix=x",
            "rediss://:pw@localhost",
        ] {
            assert!(all_loopback(url), "{url}");
        }
        for url in [
            "mongodb://127.0.0.1,db.example.com/waybill",
            "mongodb://127.0.0.1@db.example.com/waybill",
            "mongodb+srv://localhost/waybill",
            "redis://10.0.0.5:6379",
            "redis://127.0.0.1.example.com",
            "redis-cluster://127.0.0.1:1?node=10.0.0.5:1",
            "redis://",
            "redis:127.0.0.1",
        ] {
            assert!(!all_loopback(url), "{url}");
        }
    }

    #[test]
    fn reads_a_list_or_a_string() {
        let both = vec!["files.example.com".to_owned(), "*.example.org".to_owned()];
        assert_eq!(read(json!(" Files.example.com , *.example.org")), Some(both.clone()));
        assert_eq!(read(json!(["files.example.com", "*.example.org"])), Some(both));
        assert_eq!(read(json!("  ")), Some(Vec::new()));
        assert_eq!(read(json!([])), Some(Vec::new()));
    }

    #[test]
    fn refuses_what_would_allow_too_much_or_nothing() {
        for text in [
            "*",
            "*.",
            "*.com",
            "com",
            "localhost",
            "a.*.com",
            "**.example.com",
            "https://example.com",
            "example.com:443",
            "example.com/x",
            "user@example.com",
            "192.0.2.1",
            "[::1]",
            "example..com",
            ".example.com",
            "example.com.",
            "-a.example.com",
            "a,b",
            "example.com,,example.org",
        ] {
            assert_eq!(read(json!(text)), None, "{text}");
        }
        assert_eq!(read(json!([1])), None);
        assert_eq!(read(json!(7)), None);
    }
}
