//! Which addresses may be called.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Longest address, in bytes, as it is sent.
const LONGEST: usize = 2000;

/// What customers may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Also plain http, and addresses of this machine and of private networks.
    pub allow_private: bool,
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    #[error(
        "must be an absolute URL, at most {LONGEST} characters as sent, such as https://shop.example/hooks"
    )]
    Form,
    #[error("must begin with https://")]
    Scheme,
    #[error("must not have a user name or a password in it")]
    UserInfo,
    /// It is never sent: two addresses that differ in it alone are one.
    #[error("must not have a fragment (`#` and what follows)")]
    Fragment,
    #[error("must name a host on the public internet")]
    NotPublic,
}

impl AddressProblem {
    /// For programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "url",
            Self::Scheme => "scheme",
            Self::UserInfo => "userinfo",
            Self::Fragment => "fragment",
            Self::NotPublic => "not-public",
        }
    }
}

impl Rules {
    /// Reads an address that a customer names.
    ///
    /// # Errors
    /// [`AddressProblem`].
    pub fn read(self, text: &str) -> Result<Url, AddressProblem> {
        let url = Url::parse(text).map_err(|_| AddressProblem::Form)?;
        // As it is kept and sent, where letters may have become longer.
        if url.as_str().len() > LONGEST || url.cannot_be_a_base() {
            return Err(AddressProblem::Form);
        }
        self.check_url(&url)?;
        if url.fragment().is_some() {
            return Err(AddressProblem::Fragment);
        }
        Ok(url)
    }

    /// # Errors
    /// [`AddressProblem`].
    pub fn check_url(self, url: &Url) -> Result<(), AddressProblem> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            _ => return Err(AddressProblem::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressProblem::UserInfo);
        }
        let allowed = match url.host() {
            None => return Err(AddressProblem::Form),
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(name)) => self.allow_private || is_public_name(name),
        };
        if allowed { Ok(()) } else { Err(AddressProblem::NotPublic) }
    }

    /// Whether a connection to this address may be made.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

/// Names that never are on the public internet; the rest shows when they are resolved.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let local = ["localhost", "local", "internal", "home.arpa", "lan", "intranet", "corp", "onion"];
    name.contains('.') && local.iter().all(|end| !name.ends_with(&format!(".{end}")))
}

/// What of IPv4 is not on the public internet: this host, private and shared networks, links (with the
/// metadata services of clouds), protocols, documentation, tests, multicast, the future.
const NOT_PUBLIC: [&str; 17] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
];

/// Of IPv6 only `2000::/3` is public at all, but for these: protocols (Teredo among them), documentation,
/// and 6to4, which may hide any address of IPv4.
const NOT_PUBLIC_V6: [&str; 5] =
    ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"];

static V4: LazyLock<Vec<Ipv4Net>> = LazyLock::new(|| {
    nets(&NOT_PUBLIC, |net| match net {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    })
});
static V6: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
    nets(&NOT_PUBLIC_V6, |net| match net {
        IpNet::V6(net) => Some(net),
        IpNet::V4(_) => None,
    })
});

fn nets<N>(texts: &[&str], of: fn(IpNet) -> Option<N>) -> Vec<N> {
    texts.iter().filter_map(|text| text.parse().ok().and_then(of)).collect()
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    V4.iter().all(|net| !net.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let [one, two] = high.to_be_bytes();
    let [three, four] = low.to_be_bytes();
    let inner = Ipv4Addr::new(one, two, three, four);
    // Forms that stand for an address of IPv4: mapped, and translated by the network (NAT64).
    if [a, b, c, d, e] == [0; 5] && f == 0xffff || [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(inner);
    }
    a & 0xe000 == 0x2000 && V6.iter().all(|net| !net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Rules = Rules { allow_private: false };

    #[test]
    fn all_networks_of_the_lists_are_read() {
        assert_eq!((V4.len(), V6.len()), (NOT_PUBLIC.len(), NOT_PUBLIC_V6.len()));
    }

    #[test]
    fn only_public_addresses_may_be_called() {
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.1",
        ] {
            assert!(PUBLIC.allows(text.parse().unwrap()), "{text}");
        }
        for text in ["2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert!(PUBLIC.allows(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!PUBLIC.allows(text.parse().unwrap()), "{text}");
            assert!(Rules { allow_private: true }.allows(text.parse().unwrap()));
        }
    }

    #[test]
    fn addresses_are_read_as_the_client_will_read_them() {
        use AddressProblem::{Form, Fragment, NotPublic, Scheme, UserInfo};
        for text in ["https://shop.example/hooks?x=1", "https://8.8.8.8:8443/", "HTTPS://Shop.Example/"] {
            assert!(PUBLIC.read(text).is_ok(), "{text}");
        }
        let long = format!("https://shop.example/{}", "a".repeat(2000));
        let longer_as_sent = format!("https://shop.example/{}", "ä".repeat(400));
        assert!(longer_as_sent.len() < LONGEST);
        for (text, problem) in [
            ("", Form),
            ("shop.example", Form),
            ("/hooks", Form),
            ("https://", Form),
            (long.as_str(), Form),
            (longer_as_sent.as_str(), Form),
            ("http://shop.example/", Scheme),
            ("ftp://shop.example/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("mailto:a@shop.example", Form),
            ("https://user@shop.example/", UserInfo),
            ("https://user:pass@shop.example/", UserInfo),
            ("https://:pass@shop.example/", UserInfo),
            ("https://shop.example/n#x", Fragment),
            ("https://shop.example/n#", Fragment),
            ("https://shop.example#/n?x=1", Fragment),
            // Every way to write a loopback address that a URL parser knows.
            ("https://127.1/", NotPublic),
            ("https://2130706433/", NotPublic),
            ("https://0x7f.1/", NotPublic),
            ("https://0177.0.0.1/", NotPublic),
            ("https://①②⑦.0.0.1/", NotPublic),
            ("https://[::1]/", NotPublic),
            ("https://[::ffff:7f00:1]/", NotPublic),
            ("https://[64:ff9b::7f00:1]/", NotPublic),
            ("https://169.254.169.254/latest/meta-data/", NotPublic),
            ("https://localhost/", NotPublic),
            ("https://LOCALHOST./", NotPublic),
            ("https://a.localhost/", NotPublic),
            ("https://metadata.google.internal/", NotPublic),
            ("https://printer.local/", NotPublic),
            ("https://intranet/", NotPublic),
        ] {
            assert_eq!(PUBLIC.read(text).err(), Some(problem), "{text}");
        }
        let all = Rules { allow_private: true };
        assert!(all.read("http://127.0.0.1:4000/hooks").is_ok());
        assert_eq!(all.read("ftp://127.0.0.1/").err(), Some(Scheme));
        assert_eq!(all.read("http://a:b@127.0.0.1/").err(), Some(UserInfo));
    }
}
