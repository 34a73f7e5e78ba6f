//! A message as it is posted, after Standard Webhooks 1.0: what is beside the body of an event.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::base::timestamp::Timestamp;

/// The time that is signed and sent.
#[must_use]
pub fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

/// The headers of the message `id` that was signed at `at`.
#[must_use]
pub fn headers(id: &str, at: Timestamp, signatures: &str) -> HeaderMap {
    let values = [
        (HeaderName::from_static("content-type"), "application/json"),
        (HeaderName::from_static("webhook-id"), id),
        (HeaderName::from_static("webhook-timestamp"), &seconds(at).to_string()),
        (HeaderName::from_static("webhook-signature"), signatures),
    ];
    let value = |(name, text)| Some((name, HeaderValue::from_str(text).ok()?));
    values.into_iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_headers_of_the_standard() {
        let headers = headers("evt_1", Timestamp::from_millis(1_769_851_800_999), "v1,abc v1,def");
        let all: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            all,
            [
                ("content-type", "application/json"),
                ("webhook-id", "evt_1"),
                ("webhook-timestamp", "1769851800"),
                ("webhook-signature", "v1,abc v1,def"),
            ]
        );
    }
}
