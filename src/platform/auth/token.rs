//! Issues and verifies access tokens.
//!
//! Guards against the known attacks on JWTs: the server chooses the algorithm, headers that name keys are
//! ignored, every claim must be present and of the right type, and times are compared with our own clock.

use std::{fmt, sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::hs256;
use crate::base::{clock::Clock, timestamp::Timestamp};

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
}

/// Why a token is refused. The texts are safe to send: none names the right key or algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Wrong format, algorithm or signature, or a missing or wrong claim.
    #[error("The access token is not valid.")]
    Invalid,
    #[error("The access token has expired.")]
    Expired,
    #[error("The access token is not valid yet.")]
    NotYetValid,
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
    iat: i64,
    nbf: i64,
    exp: i64,
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
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
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
    /// Fails if [`Tokens::verify`] would refuse `user_id` (empty, too long, control characters), or if
    /// signing fails.
    pub fn issue(&self, user_id: &str, ttl: Duration) -> Result<String, IssueError> {
        if !is_subject(user_id) {
            return Err(IssueError);
        }
        let now = self.0.clock.now();
        let wire = Wire {
            iss: ISSUER.to_owned(),
            sub: user_id.to_owned(),
            role: ROLE.to_owned(),
            iat: seconds(now),
            nbf: seconds(now),
            exp: seconds(now + ttl),
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
        Ok(Claims { user_id: wire.sub })
    }

    fn check_times(&self, wire: &Wire) -> Result<(), TokenError> {
        let now = seconds(self.0.clock.now());
        if now >= wire.exp.saturating_add(LEEWAY) {
            return Err(TokenError::Expired);
        }
        if now < wire.nbf.saturating_sub(LEEWAY) || now < wire.iat.saturating_sub(LEEWAY) {
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
