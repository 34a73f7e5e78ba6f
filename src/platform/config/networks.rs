//! Lists of addresses and networks: `10.0.0.7, 10.1.0.0/16`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::list::list;

/// Networks; an address is one of a single host. A list, or a string with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of them. An IPv4 address counts as such in its IPv6 form, too.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// As others read them, in the order of the setting: a single host without the length of its network.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let text = |network: &IpNet| match network.trunc() {
            host if host.prefix_len() == host.max_prefix_len() => host.addr().to_string(),
            network => network.to_string(),
        };
        self.0.iter().map(text).collect()
    }
}

const FORM: &str = "must be addresses or networks such as 10.0.0.7 or 10.1.0.0/16, separated by commas";

fn parse(text: &str) -> Result<IpNet, &'static str> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(|a| IpNet::from(a.to_canonical()));
    text.parse::<IpNet>().or_else(|_| address()).map_err(|_| FORM)
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        list(d, FORM, parse).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Networks> {
        serde_json::from_value(text.into()).ok()
    }

    #[test]
    fn an_address_is_in_its_networks_alone() {
        let networks = read("10.0.0.7, 10.1.0.0/16,fd00::/8").unwrap();
        for (address, inside) in [
            ("10.0.0.7", true),
            ("::ffff:10.0.0.7", true),
            ("10.0.0.8", false),
            ("10.1.255.1", true),
            ("fd12::1", true),
            ("::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(read(" ").unwrap().is_empty());
    }

    #[test]
    fn they_are_told_as_firewalls_take_them() {
        let networks = read("2001:db8:7::9/48, 203.0.113.77/24,198.51.100.7, 198.51.100.8/32, 2001:db8::1");
        assert_eq!(
            networks.unwrap().texts(),
            ["2001:db8:7::/48", "203.0.113.0/24", "198.51.100.7", "198.51.100.8", "2001:db8::1"]
        );
        assert!(Networks::default().texts().is_empty());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["*", "10.0.0", "10.0.0.0/33", "proxy.local", "10.0.0.1,,10.0.0.2", "10.0.0.1:80"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
