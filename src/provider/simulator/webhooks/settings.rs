//! Where webhooks go, and what they look like.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// `http`, and a host that is this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl(Url);

impl TryFrom<String> for WebhookUrl {
    type Error = String;

    /// Names but `localhost` are refused even if they lead to this machine today.
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
            Err("webhookUrl: only http and a loopback address, such as http://127.0.0.1:3000/path: webhooks never leave this machine"
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
    /// All of it in `current_status`, and no `client_order_id`.
    Wrapped,
    /// By turns, flat first (*tests*).
    Alternating,
}
