//! Making, rotating and removing keys.

use std::time::Duration;

use secrecy::SecretString;

use super::{
    fresh::Fresh,
    key::{ApiKey, Mode},
    places::Places,
    scope::Scope,
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::audit::{Audit, AuditContext, AuditedAction, Outcome},
    platform::store::{CommitError, Decision, Document, Order as Sort, Query, Store, StoreError, Updated},
};

/// Keys of one merchant that count at the same time.
pub const MOST: usize = 100;
/// The same where rotated keys go on beside those that came in their place: a merchant that has [`MOST`] can
/// still rotate each of them once.
const MOST_ROTATED: usize = 2 * MOST;
/// Keys that are listed whether they count or not, and that are read at once.
const LISTED: usize = 10 * MOST;
/// How far `lastUsedAt` may be behind: not every request is a write.
const USED_EVERY: Duration = Duration::from_secs(60);

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Another merchant's key is as absent as none at all.
    #[error("No key of yours has this id.")]
    Unknown,
    #[error("The key counts no more: it was removed, or has expired.")]
    Over,
    #[error("There are {MOST} keys or more: remove some first.")]
    TooMany,
    /// The caller may not give what it has not itself.
    #[error("The scope {} is not yours to give.", .0.as_str())]
    Scope(Scope),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
}

/// Who asks, and for whom.
#[derive(Debug, Clone)]
pub struct By {
    pub merchant_id: String,
    /// A person, a key, or a token of the installation.
    pub name: String,
    pub audit: AuditContext,
}

/// Keeps the keys. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Keys {
    store: Store,
    clock: Clock,
    audit: Audit,
    mode: Mode,
    by_hash: Fresh<Option<ApiKey>>,
}

impl Keys {
    #[must_use]
    pub fn new(store: Store, clock: Clock, mode: Mode) -> Self {
        let audit = Audit::new(store.clone(), clock.clone());
        Self { audit, by_hash: Fresh::new(clock.clone()), store, clock, mode }
    }

    /// The kind of key that this installation takes.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The key with this hash; at most a second old. That it is asked for is its use, which is noted now and
    /// then, beside the request: nobody waits for it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_hash(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let read = async {
            let query = Query::sorted_by("hash", Sort::Ascending).equal("hash", hash).limit(1);
            let key = self.store.find::<ApiKey>(&query).await?.whole()?.pop();
            let now = self.clock.now();
            if let Some(key) = key.as_ref().filter(|key| key.counts(now) && was_long_ago(key, now)) {
                tokio::spawn(note_use(self.store.clone(), key.id.clone(), now));
            }
            Ok(key)
        };
        self.by_hash.get(hash, read).await
    }

    /// Makes a key, and gives its text, which nothing shows again.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn add(&self, new: NewKey, by: &By) -> Result<(ApiKey, SecretString), KeyError> {
        let now = self.clock.now();
        let places = self.free(&by.merchant_id, MOST).await?;
        let (key, text) = ApiKey::new(&by.merchant_id, &new.name, self.mode, &by.name, now);
        let key = ApiKey { scopes: new.scopes, expires_at: new.expires_at, ..key };
        let line = self.begin("key.add", &key.id, by).await?;
        let added = self.insert(&key, places).await;
        self.end(&line, added).await?;
        Ok((key, text))
    }

    /// The places of a merchant, if fewer than `most` of its keys count.
    async fn free(&self, merchant_id: &str, most: usize) -> Result<Places, KeyError> {
        let places = Places::of(&self.store, merchant_id).await?;
        let now = self.clock.now();
        let counting = self.list(merchant_id).await?.iter().filter(|key| key.counts(now)).count();
        if counting >= most { Err(KeyError::TooMany) } else { Ok(places) }
    }

    /// Inserts a key where one of `places` was free; where others are faster, if one is free still.
    async fn insert(&self, key: &ApiKey, mut places: Places) -> Result<(), KeyError> {
        for _ in 0..Places::TRIES {
            match self.store.commit(places.take().insert(key)).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            }
            places = self.free(&key.merchant_id, MOST).await?;
        }
        Err(StoreError::Contended.into())
    }

    /// Those of a merchant, the newest first: the last thousand, and of older ones all that count.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, merchant_id: &str) -> Result<Vec<ApiKey>, StoreError> {
        let newest = Query::sorted_by("createdAt", Sort::Descending);
        let mut next = Some(newest.equal("merchantId", merchant_id).limit(LISTED));
        let (now, mut listed) = (self.clock.now(), Vec::new());
        // To the end: an old key opens everything still, however many were made and removed since.
        while let Some(query) = next {
            let page = self.store.find::<ApiKey>(&query).await?;
            for key in page.docs {
                if listed.len() < LISTED || key.counts(now) {
                    listed.push(key);
                }
            }
            next = page.next.map(|cursor| query.after(cursor));
        }
        Ok(listed)
    }

    /// # Errors
    /// [`KeyError::Unknown`], or when the store fails.
    pub async fn get(&self, merchant_id: &str, id: &str) -> Result<ApiKey, KeyError> {
        let key = self.store.get::<ApiKey>(id).await?;
        key.filter(|key| key.merchant_id == merchant_id).ok_or(KeyError::Unknown)
    }

    /// Ends a key. In this process it counts no more, in others within a second.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn remove(&self, id: &str, by: &By) -> Result<ApiKey, KeyError> {
        let key = self.get(&by.merchant_id, id).await?;
        if key.removed_at.is_some() {
            return Ok(key); // a repeated call is no error
        }
        let now = self.clock.now();
        let line = self.begin("key.remove", id, by).await?;
        let removed = self.store.update::<ApiKey, (), StoreError>(id, |key| {
            key.removed_at.get_or_insert(now);
            Ok(Decision::Save(()))
        });
        let removed = match removed.await {
            Ok(Updated::Done(key, ())) => Ok(key),
            Ok(Updated::Missing) => Err(KeyError::Unknown),
            Err(error) => Err(error.into()),
        };
        self.by_hash.forget(&key.hash);
        self.end(&line, removed).await
    }

    /// Makes a key in the place of another, which counts for `overlap` longer, so that no request fails while
    /// systems take the new one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotate(
        &self,
        id: &str,
        overlap: Duration,
        by: &By,
    ) -> Result<(ApiKey, ApiKey, SecretString), KeyError> {
        self.rotatable(id, by).await?;
        let line = self.begin("key.rotate", id, by).await?;
        let mut rotated = self.rotate_once(id, overlap, by).await;
        for _ in 1..Places::TRIES {
            // The note of its last use may come between, or another key that takes a place.
            if !matches!(rotated, Err(KeyError::Store(StoreError::Contended))) {
                break;
            }
            rotated = self.rotate_once(id, overlap, by).await;
        }
        self.end(&line, rotated).await
    }

    async fn rotatable(&self, id: &str, by: &By) -> Result<ApiKey, KeyError> {
        let key = self.get(&by.merchant_id, id).await?;
        if !key.counts(self.clock.now()) || key.replaced_by.is_some() {
            return Err(KeyError::Over);
        }
        Ok(key)
    }

    async fn rotate_once(
        &self,
        id: &str,
        overlap: Duration,
        by: &By,
    ) -> Result<(ApiKey, ApiKey, SecretString), KeyError> {
        let now = self.clock.now();
        let places = self.free(&by.merchant_id, MOST_ROTATED).await?;
        let old = self.rotatable(id, by).await?;
        let (new, text) = ApiKey::new(&by.merchant_id, &old.name, old.mode, &by.name, now);
        let new = ApiKey { scopes: old.scopes.clone(), expires_at: old.expires_at, ..new };
        let mut ending = old;
        let until = now + overlap;
        ending.expires_at = Some(ending.expires_at.map_or(until, |at| at.min(until)));
        ending.replaced_by = Some(new.id.clone());
        let committed = self.store.commit(places.take().insert(&new).replace(&ending)).await;
        self.by_hash.forget(&ending.hash);
        committed.map_err(|error| match error {
            CommitError::Store(error) => KeyError::Store(error),
            CommitError::Lost { .. } | CommitError::Conflict { .. } => StoreError::Contended.into(),
        })?;
        Ok((new, ending, text))
    }

    async fn begin(&self, action: &str, id: &str, by: &By) -> Result<String, StoreError> {
        let (collection, user_id) = (ApiKey::COLLECTION, Some(by.merchant_id.as_str()));
        self.audit.begin(&by.audit, &AuditedAction { action, collection, id, user_id, before: None }).await
    }

    async fn end<T>(&self, line: &str, done: Result<T, KeyError>) -> Result<T, KeyError> {
        let ended = match &done {
            Ok(_) => Some((Outcome::Done, None, None)),
            Err(KeyError::Store(_)) => None,
            Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
        };
        self.audit.close(line, ended).await;
        done
    }
}

fn was_long_ago(key: &ApiKey, now: Timestamp) -> bool {
    key.last_used_at.is_none_or(|at| at + USED_EVERY <= now)
}

async fn note_use(store: Store, id: String, now: Timestamp) {
    let noted = store.update::<ApiKey, (), StoreError>(&id, |key| {
        // Somebody else may have noted it in this minute.
        if !was_long_ago(key, now) {
            return Ok(Decision::Leave(()));
        }
        key.last_used_at = Some(now);
        Ok(Decision::Save(()))
    });
    if let Err(error) = noted.await {
        tracing::warn!(%error, key.id = id, "the use of a key was not noted");
    }
}
