//! Which sites' pages may call the API in a browser.
//!
//! Guards against a page that uses what somebody else's browser holds: no cookie counts here, so what an
//! origin is allowed is only to read answers to requests that carry a token which it already has.

use std::time::Duration;

use http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::platform::config::Origins;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// What a page may send beside what every page may.
const SENT: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
];
/// What a page may read beside what every page may.
const READ: [HeaderName; 6] = [
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
    header::WWW_AUTHENTICATE,
];
/// How long a browser need not ask again.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Nothing where no origin is allowed: then there is no layer.
#[must_use]
pub fn layer(origins: &Origins) -> Option<CorsLayer> {
    (!origins.get().is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.get().iter().cloned()))
            .allow_methods(METHODS)
            .allow_headers(SENT)
            .expose_headers(READ)
            .max_age(REMEMBERED)
    })
}
