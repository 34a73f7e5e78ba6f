//! Which addresses of labels may be handed out.
//!
//! Guards against an answer that sends a merchant's browser anywhere else than to the provider: what is not
//! certainly one of its hosts is not handed out, look-alikes included.

use url::{Host, Url};

/// Longest address that is taken.
const LONGEST: usize = 2048;

/// The provider's own, where nothing is set.
const USUAL: [&str; 2] = ["parcelx.in", "*.parcelx.in"];

/// The hosts that labels may lie on.
#[derive(Debug, Clone)]
pub struct LabelHosts {
    base_url: Url,
    /// Whether the base URL's own host is one of them.
    own: bool,
    /// Host names in lower case; `*.` in front: any host below that name.
    names: Vec<String>,
}

impl LabelHosts {
    /// `names` as they are set; none: the base URL's host and the provider's own.
    #[must_use]
    pub fn new(base_url: Url, names: &[String]) -> Self {
        let own = names.is_empty();
        let names = if own { USUAL.map(str::to_owned).to_vec() } else { names.to_vec() };
        Self { base_url, own, names }
    }

    /// The address in its plain form, if it may be handed out.
    ///
    /// # Errors
    /// The host that is not allowed, as far as there is one.
    pub fn allowed(&self, url: &str) -> Result<String, Option<String>> {
        let parsed = Url::parse(url).ok().filter(|_| url.len() <= LONGEST).ok_or(None)?;
        let plain = parsed.username().is_empty() && parsed.password().is_none();
        if plain && (self.is_own(&parsed) || self.is_named(&parsed)) {
            return Ok(parsed.into());
        }
        Err(parsed.host_str().map(str::to_owned))
    }

    /// On the base URL's own scheme, host and port; plain http is possible there only on this machine. Or on
    /// its host in the usual way.
    fn is_own(&self, url: &Url) -> bool {
        let same_port = url.port_or_known_default() == self.base_url.port_or_known_default();
        let usual = url.scheme() == "https" && url.port().is_none() && !is_loopback(&self.base_url);
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&self.base_url));
        self.own
            && url.host() == self.base_url.host()
            && scheme
            && ((url.scheme() == self.base_url.scheme() && same_port) || usual)
    }

    fn is_named(&self, url: &Url) -> bool {
        let Some(Host::Domain(host)) = url.host() else { return false };
        let named = |name: &String| match name.strip_prefix('*') {
            Some(below) => host.strip_suffix(below).is_some_and(|label| !label.is_empty()),
            None => host == name,
        };
        url.scheme() == "https" && url.port().is_none() && self.names.iter().any(named)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(base: &str, names: &[&str]) -> LabelHosts {
        LabelHosts::new(Url::parse(base).unwrap(), &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_the_providers_hosts_are_allowed() {
        let usual = hosts("https://app.parcelx.in", &[]);
        for url in [
            "https://app.parcelx.in/label/1.pdf",
            "https://parcelx.in/label/1.pdf?x=1",
            "https://files.cdn.parcelx.in/1.pdf",
            "HTTPS://FILES.ParcelX.IN/1.pdf",
            "https://files.parcelx.in:443/1.pdf",
        ] {
            assert!(usual.allowed(url).is_ok(), "{url}");
        }
        for url in [
            "http://app.parcelx.in/label/1.pdf",
            "https://parcelx.in.evil.test/1.pdf",
            "https://evilparcelx.in/1.pdf",
            "https://parcelx.in@evil.test/1.pdf",
            "https://evil.test@parcelx.in/1.pdf",
            "https://user:secret@files.parcelx.in/1.pdf",
            "https://evil.test/parcelx.in",
            "https://evil.test\\@parcelx.in/1.pdf",
            "https://evil.test#parcelx.in",
            "https://parcelx.in.:443/1.pdf",
            "https://.parcelx.in/1.pdf",
            "https://parcelx.in:8443/1.pdf",
            "https://app.parcelx.in:8443/1.pdf",
            "https://192.0.2.7/1.pdf",
            "https://3221225991/1.pdf",
            "https://[2001:db8::1]/1.pdf",
            "https://127.0.0.1/1.pdf",
            "http://127.0.0.1:4000/1.pdf",
            "https://раrcelx.in/1.pdf",
            "javascript:alert(1)",
            "data:application/pdf;base64,AAAA",
            "ftp://parcelx.in/1.pdf",
            "file:///etc/passwd",
            "//parcelx.in/1.pdf",
            "/label/1.pdf",
            "",
        ] {
            assert!(usual.allowed(url).is_err(), "{url}");
        }
        assert!(usual.allowed(&format!("https://parcelx.in/{}", "x".repeat(LONGEST))).is_err());
    }

    #[test]
    fn what_is_set_takes_the_place_of_the_usual_hosts() {
        let own = hosts("https://app.parcelx.in", &["labels.example.test", "*.cdn.example.test"]);
        for url in ["https://labels.example.test/1.pdf", "https://a.b.cdn.example.test/1.pdf"] {
            assert!(own.allowed(url).is_ok(), "{url}");
        }
        for url in [
            "https://app.parcelx.in/1.pdf",
            "https://cdn.example.test/1.pdf",
            "https://x.labels.example.test/1.pdf",
        ] {
            assert!(own.allowed(url).is_err(), "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_a_provider_on_this_machine_at_its_own_port() {
        let double = hosts("http://127.0.0.1:4000/simulator", &[]);
        assert!(double.allowed("http://127.0.0.1:4000/_sim/label/1.pdf").is_ok());
        for url in [
            "http://127.0.0.1:4001/1.pdf",
            "http://127.0.0.2:4000/1.pdf",
            "http://localhost:4000/1.pdf",
            "https://127.0.0.1/1.pdf",
        ] {
            assert!(double.allowed(url).is_err(), "{url}");
        }
        assert!(
            hosts("https://px.example.test:8443", &[]).allowed("https://px.example.test:8443/1.pdf").is_ok()
        );
        assert!(hosts("https://px.example.test", &[]).allowed("http://px.example.test:443/1.pdf").is_err());
    }

    #[test]
    fn a_refusal_names_the_host_alone() {
        let refused = hosts("https://app.parcelx.in", &[])
            .allowed("https://user:secret@evil.test:99/asha?token=1")
            .unwrap_err();
        assert_eq!(refused.as_deref(), Some("evil.test"));
    }

    #[test]
    fn what_is_handed_out_is_the_address_that_was_checked() {
        let url =
            hosts("https://app.parcelx.in", &[]).allowed("\thttps://files.par\ncelx.in/a b\"c\r\n").unwrap();
        assert_eq!(url, "https://files.parcelx.in/a%20b%22c");
    }
}
