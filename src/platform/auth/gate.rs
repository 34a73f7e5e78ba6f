//! Who decides whether a credential counts. Guards against a route that forgets to ask: the extractors of
//! handlers know no other way to a caller than this one.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use http::{Extensions, request::Parts};

use super::{Claims, Merchant, Tokens};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        http::{
            Proxies,
            limits::{Limiter, OverLimit, Rule, tell},
        },
        store::StoreError,
    },
};

/// What a request brings, as far as it could be checked without the database.
#[derive(Debug)]
pub enum Credential<'r> {
    /// A token of ours, signed, and valid now.
    Token(Claims),
    /// Anything else that has the form of a key.
    Key(&'r str),
}

/// What is asked for: the route, not the address.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'r> {
    pub method: &'r str,
    pub route: &'r str,
}

/// Among a request's extensions: it was let in before and is only asked again, which counts against no limit.
#[derive(Debug, Clone, Copy)]
pub struct Again;

/// Why a caller is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The words are safe to send.
    #[error("{0}")]
    Invalid(&'static str),
    #[error("This merchant is suspended. Nothing is accepted and nothing is shown until that ends.")]
    Suspended,
    #[error("Orders are taken once the KYC of this merchant is approved: see GET /v1/kyc.")]
    Kyc,
    /// The key is for the other kind of installation.
    #[error("{0}")]
    OtherEnvironment(&'static str),
    /// The caller is known, and may not do this.
    #[error("This needs the scope {0}.")]
    Scope(&'static str),
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    #[error("Only a person who has signed in may do this, not a key or a token of an installation.")]
    Person,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lets callers pass, or not.
#[async_trait]
pub trait Gate: fmt::Debug + Send + Sync {
    /// Whether `text` is a key, and no token.
    fn is_key(&self, text: &str) -> bool;

    /// The merchant for whom the caller speaks. What else is known of the caller goes into `extensions`.
    ///
    /// # Errors
    /// [`Refusal`].
    async fn admit(
        &self,
        credential: Credential<'_>,
        asked: Asked<'_>,
        extensions: &mut Extensions,
    ) -> Result<Merchant, Refusal>;
}

/// Checks what requests bring. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator {
    tokens: Tokens,
    gate: Arc<dyn Gate>,
    limiter: Limiter,
    proxies: Proxies,
}

impl Authenticator {
    #[must_use]
    pub fn new(tokens: Tokens, gate: Arc<dyn Gate>, limiter: Limiter, proxies: Proxies) -> Self {
        Self { tokens, gate, limiter, proxies }
    }

    /// Counts a request that no valid credential came with: whoever guesses at keys is slowed down. Whoever
    /// was let in before has not guessed, and many streams may end at once.
    ///
    /// # Errors
    /// [`OverLimit`].
    pub(super) fn count_refused(&self, parts: &Parts) -> Result<(), OverLimit> {
        if parts.extensions.get::<Again>().is_some() {
            return Ok(());
        }
        let address = self.proxies.peer(&parts.extensions, &parts.headers).address;
        tell(&parts.extensions, self.limiter.take_address(Rule::Address, address)?);
        Ok(())
    }

    /// Signatures first: what is no token of ours costs no look into the database.
    pub(super) async fn authenticate(
        &self,
        text: &str,
        asked: Asked<'_>,
        extensions: &mut Extensions,
    ) -> Result<Merchant, Refusal> {
        let credential = if self.gate.is_key(text) {
            Credential::Key(text)
        } else {
            Credential::Token(self.tokens.verify(text).map_err(|error| Refusal::Invalid(error.words()))?)
        };
        self.gate.admit(credential, asked, extensions).await
    }
}

/// What a token says of the person who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub user: String,
    pub session: String,
    /// As it was when the token was made.
    pub role: String,
    pub expires_at: Timestamp,
}
