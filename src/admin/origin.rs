//! Whether a request comes from the dashboard's own pages.
//!
//! Guards against other sites that have a signed-in browser act for them (CSRF), and against their reading
//! what it answers. The session cookie is `SameSite=Strict` already; this does not rely on it.

use http::{HeaderMap, Method, header};

/// A program without a browser says by this header that it is none: no page of another site can send it, as
/// that needs a leave (CORS) that is never given.
pub const NO_BROWSER: &str = "x-waybill-admin";

/// Whether the request may go on.
///
/// - A browser says where the page is from (`Sec-Fetch-Site`): only `same-origin` will do, and for reading
///   also `none`, an address that a person typed.
/// - An `Origin` must be the host that was asked.
/// - Reading needs neither. What changes something needs one of them, or the header [`NO_BROWSER`].
#[must_use]
pub fn is_own(method: &Method, headers: &HeaderMap) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let site = headers.get("sec-fetch-site").map(|v| v.as_bytes());
    let own_site = site.map(|site| site == b"same-origin" || (reads && site == b"none"));
    let own_origin = headers.get(header::ORIGIN).map(|_| same_host(headers));
    match (own_site, own_origin) {
        (Some(false), _) | (_, Some(false)) => false,
        (None, None) => reads || headers.contains_key(NO_BROWSER),
        _ => true,
    }
}

/// Whether `Origin` names the host that `Host` names. A proxy may end TLS, so the scheme is not compared.
fn same_host(headers: &HeaderMap) -> bool {
    let text = |name| {
        let mut all = headers.get_all(name).iter();
        let one = all.next().and_then(|v| v.to_str().ok());
        one.filter(|_| all.next().is_none())
    };
    let origin = text(header::ORIGIN).and_then(|o| o.split_once("://")).map(|(_, host)| host);
    match (origin, text(header::HOST)) {
        (Some(origin), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(method: &Method, all: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        is_own(method, &headers)
    }

    #[test]
    fn only_own_pages_change_anything() {
        let host = ("host", "waybill.example:3000");
        let site = |value| ("sec-fetch-site", value);
        for (headers, allowed) in [
            (vec![host], false),
            (vec![host, site("same-origin")], true),
            (vec![host, site("none")], false),
            (vec![host, site("same-site")], false),
            (vec![host, site("cross-site")], false),
            (vec![host, ("origin", "https://Waybill.example:3000")], true),
            (vec![host, ("origin", "https://waybill.example")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "https://evil.example"), site("same-origin")], false),
            (vec![host, ("origin", "http://waybill.example:3000"), site("cross-site")], false),
            (vec![host, (NO_BROWSER, "1")], true),
            (vec![host, (NO_BROWSER, "1"), site("cross-site")], false),
            (vec![host, (NO_BROWSER, "1"), ("origin", "https://evil.example")], false),
            (vec![("origin", "https://waybill.example")], false),
        ] {
            assert_eq!(own(&Method::POST, &headers), allowed, "{headers:?}");
            assert_eq!(own(&Method::DELETE, &headers), allowed, "{headers:?}");
        }
    }

    #[test]
    fn other_sites_do_not_read() {
        for (headers, allowed) in [
            (vec![("host", "a")], true),
            (vec![("host", "a"), ("sec-fetch-site", "none")], true),
            (vec![("host", "a"), ("sec-fetch-site", "same-origin")], true),
            (vec![("host", "a"), ("sec-fetch-site", "cross-site")], false),
            (vec![("host", "a"), ("sec-fetch-site", "same-site")], false),
            (vec![("host", "a"), ("origin", "https://b")], false),
        ] {
            assert_eq!(own(&Method::GET, &headers), allowed, "{headers:?}");
        }
    }
}
