//! A session of a person, and its refresh tokens: a family of which one counts at a time.
//!
//! Guards against a refresh token that was stolen: the family ends when one comes again that was used before.
//! Two tabs of a browser that send the same one at once are no theft: within a few seconds both get the same
//! successor. A refresh token is computed from the session and a key of the installation, so that the same
//! one can be given twice, and a copy of the database has none.

use std::{fmt, sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::{
    base::{ids, timestamp::Timestamp},
    platform::store::{Document, Field, Index, id_and_version},
};

/// What a session may last without a refresh, and in all.
pub const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
pub const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a token that was used gets the same successor.
pub const GRACE: Duration = Duration::from_secs(10);
const PREFIX: &str = "wbr_";

/// One session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: String,
    pub version: i64,
    pub user: String,
    pub merchant_id: String,
    /// The person's when it began.
    pub era: i64,
    /// Which refresh token of the family counts, and since when.
    pub generation: i64,
    pub rotated_at: Timestamp,
    pub created_at: Timestamp,
    /// At the latest; moved to the present to end it.
    pub expires_at: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Session {
    const COLLECTION: &'static str = "user_sessions";
    const INDEXES: &'static [Index] = &[
        Index::on("user", &[Field::text("user"), Field::time("expiresAt")]),
        Index::on("expires", &[Field::time("expiresAt")]),
    ];

    id_and_version!();
}

/// What becomes of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The family goes on with the next token.
    Rotated,
    /// The token was used a moment ago: its successor, once more.
    Again,
    /// The token was used long ago: somebody else has it, too.
    Reused,
    Over,
}

impl Session {
    #[must_use]
    pub fn new(user: &str, merchant_id: &str, era: i64, now: Timestamp) -> Self {
        Self {
            id: ids::session(now),
            version: 1,
            user: user.to_owned(),
            merchant_id: merchant_id.to_owned(),
            era,
            generation: 1,
            rotated_at: now,
            created_at: now,
            expires_at: now + IDLE.min(LIFE),
            extra: Map::new(),
        }
    }

    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// Decides on the refresh token of `generation`, and makes the step.
    pub fn refresh(&mut self, generation: i64, now: Timestamp) -> Refresh {
        if self.is_over(now) {
            return Refresh::Over;
        }
        if generation == self.generation {
            self.generation += 1;
            self.rotated_at = now;
            self.expires_at = (now + IDLE).min(self.created_at + LIFE);
            return Refresh::Rotated;
        }
        if generation + 1 == self.generation && now.since(self.rotated_at) < GRACE {
            return Refresh::Again;
        }
        self.expires_at = now;
        Refresh::Reused
    }
}

/// Makes and reads refresh tokens. Cheap to clone.
#[derive(Clone)]
pub struct RefreshTokens(Arc<SecretString>);

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshTokens")
    }
}

impl RefreshTokens {
    /// With the installation's secret, of which only these tokens use what is made of it here.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        let key = mac(secret.expose_secret().as_bytes(), &["waybill refresh tokens"]);
        Self(Arc::new(SecretString::from(
            key.map_or_else(ids::secret, |mac| hex(&mac.finalize().into_bytes())),
        )))
    }

    /// The token of a session's present generation.
    #[must_use]
    pub fn of(&self, session: &Session) -> String {
        let generation = session.generation.to_string();
        let seal = self.mac(&session.id, &generation).map(|mac| hex(&mac.finalize().into_bytes()));
        format!("{PREFIX}{}.{generation}.{}", session.id, seal.unwrap_or_default())
    }

    /// The session's id and the generation of a token that was made here.
    #[must_use]
    pub fn read<'t>(&self, token: &'t str) -> Option<(&'t str, i64)> {
        let mut parts = token.strip_prefix(PREFIX)?.split('.');
        let (id, generation, seal) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || token.len() > 200 {
            return None;
        }
        let seal = unhex(seal)?;
        // In constant time.
        self.mac(id, generation)?.verify_slice(&seal).ok()?;
        Some((id, generation.parse().ok()?))
    }

    fn mac(&self, id: &str, generation: &str) -> Option<Hmac<Sha256>> {
        mac(self.0.expose_secret().as_bytes(), &[id, ".", generation])
    }
}

fn mac(key: &[u8], parts: &[&str]) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(parts.iter().fold(mac, |mac, part| mac.chain_update(part.as_bytes())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    let digits = digits.filter(|d| d.len() == 64)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |n, d| (n << 4) | d)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    #[test]
    fn a_family_goes_on_by_its_last_token_alone() {
        let mut session = Session::new("usr_1", "mer_1", 1, at(0));
        assert_eq!(session.refresh(1, at(100)), Refresh::Rotated);
        assert_eq!(session.refresh(1, at(109)), Refresh::Again, "two tabs");
        assert_eq!(session.refresh(2, at(109)), Refresh::Rotated);
        assert!(!session.is_over(at(109)));
        // Before the last one, even within the grace.
        assert_eq!(session.clone().refresh(1, at(110)), Refresh::Reused);
        assert_eq!(session.refresh(2, at(119)), Refresh::Reused);
        assert!(session.is_over(at(119)));
        assert_eq!(session.refresh(3, at(120)), Refresh::Over, "the family is dead");
    }

    #[test]
    fn a_session_ends_by_itself() {
        let days = |n: i64| at(n * 86_400);
        let mut session = Session::new("usr_1", "mer_1", 1, days(0));
        assert_eq!(session.clone().refresh(1, days(30)), Refresh::Over);
        for n in 0..3 {
            assert_eq!(session.refresh(n + 1, days(29 * (n + 1))), Refresh::Rotated, "{n}");
        }
        assert_eq!(session.refresh(4, days(90)), Refresh::Over);
    }

    #[test]
    fn a_token_is_known_by_its_seal() {
        let key = |text: &str| RefreshTokens::new(&SecretString::from(text));
        let (tokens, session) = (key("a"), Session::new("usr_1", "mer_1", 1, at(0)));
        let token = tokens.of(&session);
        assert_eq!(tokens.read(&token), Some((session.id.as_str(), 1)));
        assert_eq!(tokens.of(&session), token, "the same again");
        assert_eq!(key("b").read(&token), None);
        for other in [
            token.replacen(".1.", ".2.", 1),
            token.replacen("ses_", "sez_", 1),
            format!("{token}0"),
            format!("{token}."),
            token.get(..token.len() - 1).unwrap().to_owned(),
            String::new(),
            "wbr_.1.".to_owned(),
        ] {
            assert_eq!(tokens.read(&other), None, "{other}");
        }
    }
}
