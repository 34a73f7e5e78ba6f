//! A key of a merchant's system: what it looks like, and what the store keeps of it.
//!
//! Guards against keys that somebody reads in the database (it has their hash alone), against mistyped ones
//! that cost a look into it (check digits), and against one that books with another carrier than its name
//! says: `wbk_live_` is for installations that book for money, `wbk_test_` for those with the simulator.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scope::Scope;
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::{
        auth::digest,
        store::{Document, Field, Index, id_and_version},
    },
    provider::carrier::ProviderEnv,
};

const PREFIX: &str = "wbk_";
/// 160 random bits in hexadecimal, and the check digits.
const RANDOM: usize = 40;
const CHECK: usize = 6;

/// Which installations a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Live,
    Test,
}

impl Mode {
    /// The one that an installation takes.
    #[must_use]
    pub fn of(env: ProviderEnv) -> Self {
        match env {
            ProviderEnv::Live => Self::Live,
            ProviderEnv::Simulator => Self::Test,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// Whether `text` means to be a key.
#[must_use]
pub fn is_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// A new key: shown once, and never again.
#[must_use]
pub fn generated(mode: Mode) -> SecretString {
    let random: String = ids::secret().chars().take(RANDOM).collect();
    let body = format!("{PREFIX}{}_{random}", mode.as_str());
    SecretString::from(format!("{body}{}", check(&body)))
}

/// The mode of a key that may be one of ours; nothing for one that is mistyped.
#[must_use]
pub fn read(text: &str) -> Option<Mode> {
    let (mode, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let mode = [Mode::Live, Mode::Test].into_iter().find(|m| m.as_str() == mode)?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if rest.len() != RANDOM + CHECK || !rest.bytes().all(hex) {
        return None;
    }
    let (body, digits) = text.split_at_checked(text.len() - CHECK)?;
    (check(body) == digits).then_some(mode)
}

/// Of mistakes, not of attacks: whoever makes keys up can compute them.
fn check(body: &str) -> String {
    digest(body).chars().take(CHECK).collect()
}

/// The last characters, by which people tell keys apart.
fn ending(key: &SecretString) -> String {
    let text = key.expose_secret();
    text.get(text.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

/// One key as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    pub id: String,
    pub version: i64,
    /// Of the whole key.
    pub hash: String,
    pub merchant_id: String,
    /// What people call it.
    pub name: String,
    pub mode: Mode,
    pub ending: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    /// Whoever made it: a person, a key, or the installation's operator.
    pub created_by: String,
    /// From then on it counts no more: as it was made, after a rotation, or because it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// The key that came in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for ApiKey {
    const COLLECTION: &'static str = "api_keys";
    const INDEXES: &'static [Index] = &[
        Index::on(Self::HASH, &[Field::text("hash")]).unique(),
        Index::on("merchant", &[Field::text("merchantId"), Field::time("createdAt")]),
    ];

    id_and_version!();
}

impl ApiKey {
    const HASH: &'static str = "hash";

    /// A key that counts from now on, and its text.
    #[must_use]
    pub fn new(merchant_id: &str, name: &str, mode: Mode, by: &str, now: Timestamp) -> (Self, SecretString) {
        let text = generated(mode);
        let key = Self {
            id: ids::api_key(now),
            version: 1,
            hash: digest(text.expose_secret()),
            merchant_id: merchant_id.to_owned(),
            name: name.to_owned(),
            mode,
            ending: ending(&text),
            scopes: Vec::new(),
            created_at: now,
            created_by: by.to_owned(),
            expires_at: None,
            removed_at: None,
            replaced_by: None,
            last_used_at: None,
            extra: Map::new(),
        };
        (key, text)
    }

    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.removed_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_it_is_for_and_a_mistyped_one_is_none() {
        for mode in [Mode::Live, Mode::Test] {
            let key = generated(mode);
            let text = key.expose_secret();
            assert!(text.starts_with(&format!("wbk_{}_", mode.as_str())) && text.len() == 55, "{text}");
            assert_eq!(read(text), Some(mode));
            assert_ne!(generated(mode).expose_secret(), text);
            // Any one character that is another one, and any two that changed places.
            for at in 0..text.len() {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
                assert_eq!(read(std::str::from_utf8(&bytes).unwrap()), None, "{at}");
                let mut bytes = text.as_bytes().to_vec();
                if at > 0 && bytes[at] != bytes[at - 1] {
                    bytes.swap(at, at - 1);
                    assert_eq!(read(std::str::from_utf8(&bytes).unwrap()), None, "{at}");
                }
            }
        }
        for text in ["", "wbk_", "wbk_live_", "wbk_live_é", "wbk_prod_00", &"wbk_live_0".repeat(9)] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
