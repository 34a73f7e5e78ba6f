//! What webhooks are signed with: a secret of one address, after Standard Webhooks 1.0.
//!
//! 24 bytes in plain letters and digits: other forms are read differently by the libraries that merchants
//! verify with.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::base::ids;

const PREFIX: &str = "whsec_";

/// Shown once, to the merchant who made it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(format!("{PREFIX}{}", ids::signing_key()))
    }

    /// One that somebody has; nothing when it cannot sign.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let secret = Self(text.trim().to_owned());
        secret.sign("", 0, "").is_some().then_some(secret)
    }

    /// For its merchant's eyes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `v1,` and the signature of this message; nothing when what is stored is no secret of ours.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> Option<String> {
        let key = STANDARD.decode(self.0.strip_prefix(PREFIX)?).ok().filter(|key| !key.is_empty())?;
        let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        let mac = mac.chain_update(format!("{id}.{seconds}.")).chain_update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_standard_says() {
        // The example of the specification's own libraries.
        let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        for broken in ["", "whsec_", "whsec_***", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(Secret(broken.to_owned()).sign("a", 1, "b"), None, "{broken}");
        }
    }

    #[test]
    fn one_that_somebody_has_is_read_if_it_can_sign() {
        let secret = Secret::generate();
        assert_eq!(Secret::read(&format!(" {}\n", secret.reveal())), Some(secret));
        for none in ["", "whsec_", "whsec_***", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(Secret::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        let secret = Secret::generate();
        assert!(secret.reveal().len() == 38 && secret.sign("a", 1, "b").is_some());
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
