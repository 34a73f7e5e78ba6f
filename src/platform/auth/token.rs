//! Issues and verifies access tokens.
//!
//! Guards against the known attacks on JWTs: the server chooses the algorithm, headers that name keys are
//! ignored, every claim but `iat` must be present and of the right type, and times are compared with our own
//! clock.

use std::{fmt, sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{SignedIn, hs256, numeric_dates};
use crate::base::{clock::Clock, timestamp::Timestamp, visible};

const ISSUER: &str = "waybill";
const AUDIENCE: &str = "waybill-api";

/// The allowed difference between the clocks of two machines, in seconds.
const LEEWAY: i64 = 30;

/// In bytes, checked before anything is decoded. Ours have about 350.
const MAX_TOKEN: usize = 4096;

/// In characters.
const MAX_SUBJECT: usize = 128;

/// What a token's `role` says. There is no other: operators have no tokens, but sessions of their own.
const ROLE: &str = "merchant";

/// The caller that a verified token identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub user_id: String,
    /// The person who has signed in; none in a token that stands for the merchant's systems.
    pub person: Option<SignedIn>,
}

/// Why a token is refused. The texts are safe to send: none names the right key or algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub enum TokenError {
    /// Wrong format, algorithm or signature, or a missing or wrong claim.
    Invalid,
    Expired,
    NotYetValid,
}

impl TokenError {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Invalid => "The access token is not valid.",
            Self::Expired => "The access token has expired.",
            Self::NotYetValid => "The access token is not valid yet.",
        }
    }
}

/// The secret cannot sign, or the claims are not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct IssueError;

#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    sub: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "numeric_dates::some")]
    iat: Option<i64>,
    #[serde(deserialize_with = "numeric_dates::one")]
    nbf: i64,
    #[serde(deserialize_with = "numeric_dates::one")]
    exp: i64,
    /// The person, the session and the person's role: all three, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// Written as one string. `jsonwebtoken` checks it when reading, and also accepts a list with ours.
    #[serde(skip_deserializing)]
    aud: &'static str,
}

/// Issues and verifies tokens with one secret. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    clock: Clock,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens { .. }")
    }
}

impl Tokens {
    /// Does not check the secret's length: the configuration does (at least 32 bytes).
    #[must_use]
    pub fn new(secret: &SecretString, clock: Clock) -> Self {
        hs256::install();
        let secret = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // `exp` and `nbf` are required by `Wire`, which reads every number that the standard allows.
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        // The library would read the system clock; `check_times` checks both with ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self(Arc::new(Inner {
            signing: EncodingKey::from_secret(secret),
            verifying: DecodingKey::from_secret(secret),
            validation,
            clock,
        }))
    }

    /// A merchant's token for `user_id`, valid from now for `ttl`.
    ///
    /// # Errors
    /// Fails if [`Tokens::verify`] would refuse `user_id` (empty, too long, blanks around it, characters that
    /// cannot be seen), or if signing fails.
    pub fn issue(&self, user_id: &str, ttl: Duration) -> Result<String, IssueError> {
        self.sign(user_id, ttl, None)
    }

    /// The token of a person who has signed in for the merchant `user_id`: it counts only as long as the
    /// session does.
    ///
    /// # Errors
    /// As [`Tokens::issue`].
    pub fn issue_to(
        &self,
        user_id: &str,
        (user, session, role): (&str, &str, &str),
        ttl: Duration,
    ) -> Result<String, IssueError> {
        self.sign(user_id, ttl, Some((user, session, role)))
    }

    fn sign(
        &self,
        user_id: &str,
        ttl: Duration,
        person: Option<(&str, &str, &str)>,
    ) -> Result<String, IssueError> {
        if !is_subject(user_id) || !is_plain(user_id) {
            return Err(IssueError);
        }
        let now = self.0.clock.now();
        let wire = Wire {
            iss: ISSUER.to_owned(),
            sub: user_id.to_owned(),
            role: ROLE.to_owned(),
            iat: Some(seconds(now)),
            nbf: seconds(now),
            exp: seconds(now + ttl),
            usr: person.map(|(user, ..)| user.to_owned()),
            sid: person.map(|(_, session, _)| session.to_owned()),
            member: person.map(|(.., role)| role.to_owned()),
            aud: AUDIENCE,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wire, &self.0.signing).map_err(|_| IssueError)
    }

    /// The caller that `token` identifies.
    ///
    /// # Errors
    /// Fails if the token is not one of ours, or is not valid now.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
            return Err(TokenError::Invalid);
        }
        let data = jsonwebtoken::decode::<Wire>(token, &self.0.verifying, &self.0.validation).map_err(
            |e| match e.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                ErrorKind::ImmatureSignature => TokenError::NotYetValid,
                _ => TokenError::Invalid,
            },
        )?;
        // We support no critical header (RFC 7515 section 4.1.11) and no other type of token.
        let typed = data.header.typ.as_deref().is_none_or(|t| t.eq_ignore_ascii_case("JWT"));
        let wire = data.claims;
        if data.header.crit.is_some()
            || !typed
            || wire.iss != ISSUER
            || wire.role != ROLE
            || !is_subject(&wire.sub)
        {
            return Err(TokenError::Invalid);
        }
        self.check_times(&wire)?;
        let expires_at = Timestamp::from_millis(wire.exp.saturating_mul(1000));
        let person = match (wire.usr, wire.sid, wire.member) {
            (Some(user), Some(session), Some(role)) => Some(SignedIn { user, session, role, expires_at }),
            (None, None, None) => None,
            // Half a person would be a token that nothing can end.
            _ => return Err(TokenError::Invalid),
        };
        Ok(Claims { user_id: wire.sub, person })
    }

    fn check_times(&self, wire: &Wire) -> Result<(), TokenError> {
        let now = seconds(self.0.clock.now());
        if now >= wire.exp.saturating_add(LEEWAY) {
            return Err(TokenError::Expired);
        }
        if now < wire.nbf.saturating_sub(LEEWAY)
            || wire.iat.is_some_and(|iat| now < iat.saturating_sub(LEEWAY))
        {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

fn seconds(t: Timestamp) -> i64 {
    t.as_millis().div_euclid(1000)
}

fn is_subject(sub: &str) -> bool {
    !sub.trim().is_empty() && sub.chars().count() <= MAX_SUBJECT && !sub.chars().any(char::is_control)
}

/// Whether nobody can take it for another one that looks the same: that would be a merchant of its own. Asked
/// of tokens that are made here. One of another issuer is taken, as ever: orders may stand under its `sub`,
/// and a repeat under a trimmed one would be a second order.
fn is_plain(sub: &str) -> bool {
    sub.trim() == sub && !sub.chars().any(visible::is_invisible)
}
