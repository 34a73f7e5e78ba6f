//! The people of merchants: signing up, signing in, and who works for whom.
//!
//! Guards against telling who has an account (the same answer after the same work, whether the address is
//! known or not), against guessing (a brake per account and address; hashes are bounded in number), and
//! against sessions that nobody can end.

mod members;
mod phones;
mod sign_in;
mod sign_up;

use std::{net::IpAddr, time::Duration};

pub use self::{
    members::{Invitation, MemberError},
    phones::PhoneError,
    sign_in::{LoginError, RefreshError, SignedInAs},
    sign_up::{LinkError, Registration},
};
use super::{
    fresh::Fresh,
    link::Link,
    scope::Role,
    session::{RefreshTokens, Session},
    user::User,
};
use crate::{
    base::clock::Clock,
    features::{audit::Audit, mail::Mails},
    platform::{
        auth::{Cost, PasswordError, Passwords, Throttle, Tokens, digest},
        http::limits::{Limiter, Rule},
        store::{Decision, Order as Sort, Query, Store, StoreError, Updated},
    },
};

/// How long an access token counts.
pub const ACCESS: Duration = Duration::from_secs(15 * 60);
/// How long links and sessions that are over are kept, and how many go at once.
const KEPT: Duration = Duration::from_secs(24 * 3600);
const CLEARED: usize = 20;
/// Passwords that may be in hand: one is computed at a time, so the last of them waits for a second or two.
const AT_ONCE: usize = 32;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct From {
    pub address: Option<IpAddr>,
}

/// What the gate needs to know of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub user: String,
    pub merchant_id: String,
    pub role: Role,
}

/// Manages people. Clones share what they know.
#[derive(Debug, Clone)]
pub struct People {
    store: Store,
    clock: Clock,
    mails: Mails,
    audit: Audit,
    tokens: Tokens,
    refresh: RefreshTokens,
    passwords: Passwords,
    throttle: Throttle,
    limiter: Limiter,
    sessions: Fresh<Option<Standing>>,
}

/// What managing people is made of.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub mails: Mails,
    pub tokens: Tokens,
    pub refresh: RefreshTokens,
    /// Counts the mails of each mailbox, and the codes of each phone.
    pub limiter: Limiter,
    /// Of a new hash.
    pub cost: Cost,
}

/// A password that cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum NewPasswordError {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl People {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, clock, mails, tokens, refresh, limiter, cost } = parts;
        Self {
            audit: Audit::new(store.clone(), clock.clone()),
            passwords: Passwords::new(AT_ONCE).costing(cost),
            throttle: Throttle::new(clock.clone()),
            sessions: Fresh::new(clock.clone()),
            store,
            clock,
            mails,
            tokens,
            refresh,
            limiter,
        }
    }

    /// Whether one more mail that anybody may ask for goes to this mailbox. Counted by its hash: other
    /// processes may be told, and need not know whose it is.
    fn may_mail(&self, email: &str) -> bool {
        self.limiter.take(Rule::Mailbox, &digest(email)).is_ok()
    }

    /// Who has signed in with this session, if it counts; at most a second old.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn standing(&self, session: &str) -> Result<Option<Standing>, StoreError> {
        let read = async {
            let Some(session) = self.store.get::<Session>(session).await? else { return Ok(None) };
            if session.is_over(self.clock.now()) {
                return Ok(None);
            }
            let user = self.store.get::<User>(&session.user).await?;
            let user = user.filter(|user| user.is_member() && user.era == session.era);
            Ok(user.map(|user| Standing { user: user.id, merchant_id: user.merchant_id, role: user.role }))
        };
        self.sessions.get(session, read).await
    }

    /// # Errors
    /// When the store fails.
    pub async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        Ok(self.store.get::<User>(id).await?.filter(User::is_member))
    }

    async fn by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let query = Query::sorted_by("email", Sort::Ascending).equal("email", email).limit(1);
        Ok(self.store.find::<User>(&query).await?.whole()?.pop().filter(User::is_member))
    }

    /// Saves what `change` makes of a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn update(
        &self,
        id: &str,
        mut change: impl FnMut(&mut User) -> bool,
    ) -> Result<Option<User>, StoreError> {
        let updated = self.store.update::<User, (), StoreError>(id, |user| {
            let saves = user.is_member() && change(user);
            Ok(if saves { Decision::Save(()) } else { Decision::Leave(()) })
        });
        Ok(match updated.await? {
            Updated::Done(user, ()) => Some(user).filter(User::is_member),
            Updated::Missing => None,
        })
    }

    /// Removes what is over, a little at a time, where somebody waits for a write anyway.
    async fn clear(&self) {
        let before = self.clock.now() - KEPT;
        let links = self.store.delete_before::<Link>("expiresAt", before, CLEARED).await;
        let sessions = self.store.delete_before::<Session>("expiresAt", before, CLEARED).await;
        if let Err(error) = links.and(sessions) {
            tracing::warn!(%error, "old sessions and codes were not removed");
        }
    }
}
