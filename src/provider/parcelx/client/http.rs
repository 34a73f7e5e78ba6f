//! How the connection to `ParcelX` is made, and what of its answers is worth a repeat.

use std::time::Duration;

use reqwest::{
    Proxy,
    header::{ACCEPT, HeaderMap, HeaderValue},
};
use reqwest_retry::{
    DefaultRetryableStrategy, Retryable, RetryableStrategy,
    policies::{ExponentialBackoff, ExponentialBackoffTimed},
};
use secrecy::ExposeSecret;

use super::{ClientError, Settings};

/// What `reqwest-retry` repeats, but for a call that was too fast: a second one within moments is that too.
pub(super) struct UnlessTooFast;

impl RetryableStrategy for UnlessTooFast {
    fn handle(&self, result: &Result<reqwest::Response, reqwest_middleware::Error>) -> Option<Retryable> {
        match result {
            Ok(response) if response.status() == http::StatusCode::TOO_MANY_REQUESTS => None,
            _ => DefaultRetryableStrategy.handle(result),
        }
    }
}

/// At most two repeats, which begin within the time that the call may take. They also end with it
/// (`Recording::until`).
pub(super) fn repeats(call: Duration) -> ExponentialBackoffTimed {
    let longest = (call / 4).min(Duration::from_secs(2));
    ExponentialBackoff::builder()
        .retry_bounds(longest / 2, longest)
        .build_with_total_retry_duration_and_max_retries(call.saturating_sub(longest), 2)
}

/// Chooses the program's TLS: ring. Needed once before any HTTP client is built; later calls do nothing.
pub fn install_crypto() {
    // An error says that one is already chosen.
    drop(rustls::crypto::ring::default_provider().install_default());
}

pub(super) fn http_client(settings: &Settings) -> Result<reqwest::Client, ClientError> {
    install_crypto();
    let mut token = HeaderValue::from_str(settings.access_token().expose_secret())
        .map_err(|_| ClientError::Credentials)?;
    token.set_sensitive(true);
    let headers = HeaderMap::from_iter([
        (http::HeaderName::from_static("access-token"), token),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("waybill/", env!("CARGO_PKG_VERSION")))
        .timeout(settings.timeout)
        .connect_timeout(settings.connect_timeout())
        // An answer is never followed elsewhere, a create never repeated below us, and an idle connection not
        // kept until the other side closes it under the next create.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(Duration::from_secs(2))
        .http1_only();
    // Never that of the environment: the settings say which one, or none.
    let client = match &settings.proxy {
        Some(url) => client.proxy(Proxy::all(url.expose_secret()).map_err(|_| ClientError::Proxy)?),
        None => client.no_proxy(),
    };
    Ok(client.build()?)
}
