//! The address and the format of webhooks.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An `http` URL on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl(Url);

impl TryFrom<String> for WebhookUrl {
    type Error = String;

    /// Other names than `localhost` are refused, even if they resolve to this machine now.
    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("webhookUrl: {error}"))?;
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
            None => false,
        };
        if here && url.scheme() == "http" {
            Ok(Self(url))
        } else {
            Err("webhookUrl: only http and a loopback address, such as http://127.0.0.1:3000/path: webhooks \
                 never leave this machine"
                .to_owned())
        }
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0.into()
    }
}

/// See [`crate::provider::simulator::Faults::webhook_form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WebhookForm {
    Flat,
    /// Everything inside `current_status`, without `client_order_id`.
    Wrapped,
    /// In turn, flat first (*tests*).
    Alternating,
}
