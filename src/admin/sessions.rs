//! Sessions: who is signed in, since when, from where.
//!
//! A token is random and known to the browser alone; the store has its hash. So no key is needed, nothing can
//! be forged, and a session that is ended in the store is over with the next request, in every process.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::users::{AdminUser, Users};
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::{
        auth::digest,
        store::{
            Decision, Document, Field, Index, Order as Sort, Query, Store, StoreError, Updated,
            id_and_version,
        },
    },
};

/// How far `seenAt` may be behind: not every request is a write.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// Most sessions of a user that a list shows, and that one call ends.
const MOST: usize = 100;
/// How long ended ones are kept, and how many go at once.
const KEPT: Duration = Duration::from_secs(24 * 3600);
const CLEARED: usize = 100;

/// One session; the id is the token's hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminSession {
    pub id: String,
    pub version: i64,
    /// What it is called where people see it: says nothing of the token.
    pub name: String,
    pub user: String,
    /// The user's when it began.
    pub era: i64,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// At the latest; moved to the present to end it.
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for AdminSession {
    const COLLECTION: &'static str = "admin_sessions";
    const INDEXES: &'static [Index] = &[
        Index::on("user", &[Field::text("user"), Field::time("expiresAt")]),
        Index::on("expires", &[Field::time("expiresAt")]),
    ];

    id_and_version!();
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub life: Duration,
}

/// Where a login came from.
#[derive(Debug, Clone, Default)]
pub struct From {
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

/// Keeps the sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    clock: Clock,
    users: Users,
    lives: Lives,
}

impl Sessions {
    #[must_use]
    pub fn new(store: Store, clock: Clock, lives: Lives) -> Self {
        Self { users: Users::new(store.clone(), clock.clone()), store, clock, lives }
    }

    /// A new session of `user`, and its token, which nothing shows again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(&self, user: &AdminUser, from: From) -> Result<(String, AdminSession), StoreError> {
        let (token, now) = (ids::secret(), self.clock.now());
        let session = AdminSession {
            id: digest(&token),
            version: 1,
            name: ids::session(now),
            user: user.id.clone(),
            era: user.era,
            created_at: now,
            seen_at: now,
            expires_at: now + self.lives.life,
            address: from.address,
            user_agent: from.user_agent,
            extra: Map::new(),
        };
        self.store.insert(&session).await?;
        let old = self.store.delete_before::<AdminSession>("expiresAt", now - KEPT, CLEARED);
        if let Err(error) = old.await {
            tracing::warn!(%error, "old sessions were not removed");
        }
        Ok((token, session))
    }

    /// The session of a token, and its user; nothing when it is none, or over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_token(&self, token: &str) -> Result<Option<(AdminSession, AdminUser)>, StoreError> {
        let Some(session) = self.store.get::<AdminSession>(&digest(token)).await? else { return Ok(None) };
        self.checked(session).await
    }

    /// The same for one that was seen before: whether it still counts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn still(&self, id: &str) -> Result<Option<(AdminSession, AdminUser)>, StoreError> {
        let Some(session) = self.store.get::<AdminSession>(id).await? else { return Ok(None) };
        self.checked(session).await
    }

    async fn checked(&self, session: AdminSession) -> Result<Option<(AdminSession, AdminUser)>, StoreError> {
        let now = self.clock.now();
        if session.expires_at <= now || self.idle_expires_at(&session) <= now {
            return Ok(None);
        }
        let user = self.users.get(&session.user).await?;
        Ok(user.filter(|user| !user.disabled && user.era == session.era).map(|user| (session, user)))
    }

    /// When it ends unless it is used.
    #[must_use]
    pub fn idle_expires_at(&self, session: &AdminSession) -> Timestamp {
        (session.seen_at + self.lives.idle).min(session.expires_at)
    }

    /// Notes that it was used, now and then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seen(&self, session: AdminSession) -> Result<AdminSession, StoreError> {
        let (now, every) = (self.clock.now(), SEEN_EVERY.min(self.lives.idle / 4));
        if session.seen_at + every > now {
            return Ok(session);
        }
        let id = session.id.clone();
        let seen = self.store.update_from::<AdminSession, (), StoreError>(&id, Some(session), |s| {
            if s.seen_at + every > now {
                return Ok(Decision::Leave(()));
            }
            s.seen_at = now;
            Ok(Decision::Save(()))
        });
        match seen.await? {
            Updated::Done(session, ()) => Ok(session),
            Updated::Missing => Err(StoreError::Contended),
        }
    }

    /// Those of `user` that are not over, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, user: &AdminUser) -> Result<Vec<AdminSession>, StoreError> {
        let now = self.clock.now();
        let query = Query::sorted_by("expiresAt", Sort::Descending).equal("user", &*user.id).from(now);
        let all = self.store.find::<AdminSession>(&query.limit(MOST)).await?.docs;
        let counts = |s: &AdminSession| s.era == user.era && s.expires_at > now;
        Ok(all.into_iter().filter(|s| counts(s) && self.idle_expires_at(s) > now).collect())
    }

    /// Ends it. One that is over already stays so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(&self, id: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let ended = self.store.update::<AdminSession, (), StoreError>(id, |session| {
            if session.expires_at <= now {
                return Ok(Decision::Leave(()));
            }
            session.expires_at = now;
            Ok(Decision::Save(()))
        });
        ended.await.map(|_| ())
    }

    /// Takes one session into the user's new era, in which the others have ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep(&self, id: &str, era: i64) -> Result<(), StoreError> {
        let kept = self.store.update::<AdminSession, (), StoreError>(id, |session| {
            session.era = era;
            Ok(Decision::Save(()))
        });
        kept.await.map(|_| ())
    }
}
