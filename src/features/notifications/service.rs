//! What members do with notifications.

use super::model::{Channels, Inbox, KEPT, Notification, NotificationKind, Reader, Watch};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::merchants::user::User,
    platform::store::{Batch, CommitError, Order as Sort, Query, Store, StoreError},
};

/// Notifications that are read at once.
const CHUNK: usize = 100;
/// How often a mark is tried that others come before.
const TRIES: usize = 8;
/// Of one sweep: inboxes, notifications of one, and rounds.
const INBOXES: usize = 20;
const PRUNED: usize = 500;
const ROUNDS: usize = 40;
/// How long looks at orders are kept after they were made.
const ENDED: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// Also what is another merchant's.
    #[error("there is no such notification")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of a member's list, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Each, and whether it is read.
    pub page: Vec<(Notification, bool)>,
    pub more: bool,
    /// All that are unread.
    pub unread: usize,
}

/// The notifications of all merchants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notifications {
    store: Store,
    clock: Clock,
}

impl Notifications {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    async fn reader(&self, user: &User) -> Result<Reader, StoreError> {
        Ok(self.store.get::<Reader>(&user.id).await?.unwrap_or_else(|| Reader::new(user)))
    }

    /// At most `limit` of a member's notifications older than the one with the number `before`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        user: &User,
        unread_alone: bool,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        let Some(inbox) = self.store.get::<Inbox>(&user.merchant_id).await? else {
            return Ok(Listed { page: Vec::new(), more: false, unread: 0 });
        };
        let (reader, now) = (self.reader(user).await?, self.clock.now());
        let wanted = |one: &Notification| {
            one.expires_at > now && reader.sees(one, user) && !(unread_alone && reader.has_read(one.no))
        };
        let kept = Query::sorted_by("no", Sort::Descending)
            .equal("merchant", user.merchant_id.as_str())
            .from(inbox.first_kept())
            .limit(CHUNK);
        let mut query = before.into_iter().fold(kept, Query::before);
        let mut found = Vec::new();
        loop {
            let page = self.store.find::<Notification>(&query).await?;
            found.extend(page.docs.into_iter().filter(wanted).map(|one| {
                let read = reader.has_read(one.no);
                (one, read)
            }));
            match page.next {
                Some(next) if found.len() <= limit => query = query.after(next),
                _ => break,
            }
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let unread = self.unread(user, &inbox, &reader, now).await?;
        Ok(Listed { page: found, more, unread })
    }

    async fn unread(
        &self,
        user: &User,
        inbox: &Inbox,
        reader: &Reader,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let from = inbox.first_kept().max(reader.read_to + 1);
        if from > inbox.last {
            return Ok(0);
        }
        let query = Query::sorted_by("no", Sort::Ascending)
            .equal("merchant", user.merchant_id.as_str())
            .from(from)
            .limit(usize::try_from(KEPT).unwrap_or(usize::MAX));
        let all = self.store.find::<Notification>(&query).await?.docs;
        let counts =
            |one: &&Notification| one.expires_at > now && reader.sees(one, user) && !reader.has_read(one.no);
        Ok(all.iter().filter(counts).count())
    }

    async fn of(&self, user: &User, id: &str) -> Result<(Notification, Inbox), NotificationError> {
        let found = self.store.get::<Notification>(id).await?;
        let found =
            found.filter(|one| one.merchant == user.merchant_id).ok_or(NotificationError::NotFound)?;
        let inbox = self.store.get::<Inbox>(&user.merchant_id).await?.ok_or(NotificationError::NotFound)?;
        if found.no < inbox.first_kept() || found.expires_at <= self.clock.now() {
            return Err(NotificationError::NotFound);
        }
        Ok((found, inbox))
    }

    /// Notes that a member has read one.
    ///
    /// # Errors
    /// [`NotificationError`].
    pub async fn mark(&self, user: &User, id: &str) -> Result<(), NotificationError> {
        let (found, inbox) = self.of(user, id).await?;
        self.change(user, Some(&inbox), |reader| reader.mark(found.no, &inbox)).await?;
        Ok(())
    }

    /// Notes that a member has read all, or all up to one.
    ///
    /// # Errors
    /// [`NotificationError`].
    pub async fn mark_all(&self, user: &User, up_to: Option<&str>) -> Result<(), NotificationError> {
        let (to, inbox) = match up_to {
            Some(id) => {
                let (found, inbox) = self.of(user, id).await?;
                (found.no, inbox)
            }
            None => match self.store.get::<Inbox>(&user.merchant_id).await? {
                Some(inbox) => (inbox.last, inbox),
                None => return Ok(()),
            },
        };
        self.change(user, Some(&inbox), |reader| reader.mark_all(to)).await?;
        Ok(())
    }

    /// By which ways a member is told of each kind.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn preferences(&self, user: &User) -> Result<Reader, StoreError> {
        self.reader(user).await
    }

    /// Sets what a member has chosen; a kind that is not named has its default again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prefer(
        &self,
        user: &User,
        chosen: &[(NotificationKind, Channels)],
    ) -> Result<Reader, StoreError> {
        self.change(user, None, |reader| {
            reader.chosen = chosen.iter().map(|(kind, ways)| (kind.as_str().to_owned(), *ways)).collect();
            true
        })
        .await
    }

    /// A mark says which inbox it is in: then it is noted how many are unread behind it.
    async fn change(
        &self,
        user: &User,
        marked: Option<&Inbox>,
        change: impl Fn(&mut Reader) -> bool,
    ) -> Result<Reader, StoreError> {
        for _ in 0..TRIES {
            let stored = self.store.get::<Reader>(&user.id).await?;
            let first = stored.is_none();
            let mut reader = stored.unwrap_or_else(|| Reader::new(user));
            if !change(&mut reader) {
                return Ok(reader);
            }
            if let Some(inbox) = marked {
                let now = self.clock.now();
                let unread = self.unread(user, inbox, &reader, now).await?;
                (reader.marked_at, reader.unread) = (Some(now), i64::try_from(unread).unwrap_or(i64::MAX));
            }
            let saved = if first {
                match self.store.insert(&reader).await {
                    Ok(()) => true,
                    Err(StoreError::Conflict { .. }) => false,
                    Err(error) => return Err(error),
                }
            } else {
                self.store.replace(&reader).await?
            };
            if saved {
                return Ok(reader);
            }
        }
        Err(StoreError::Contended)
    }

    /// Removes what is older or more than is kept.
    ///
    /// # Errors
    /// When the store fails; the next sweep goes on.
    pub async fn remove_old(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let over = Query::sorted_by("overAt", Sort::Ascending).limit(INBOXES);
        for inbox in self.store.find::<Inbox>(&over).await?.docs {
            self.prune(inbox).await?;
        }
        let mut removed = 0;
        for _ in 0..ROUNDS {
            // As lists have it: what expires at this moment has expired.
            let before = now + std::time::Duration::from_millis(1);
            let some = self.store.delete_before::<Notification>("expiresAt", before, PRUNED).await?;
            removed += some;
            if usize::try_from(some).is_ok_and(|some| some < PRUNED) {
                break;
            }
        }
        self.store.delete_before::<Watch>("endedAt", now - ENDED, PRUNED).await?;
        Ok(removed)
    }

    /// Lets those go that are more than are kept. Whoever lists has not shown them since.
    async fn prune(&self, mut inbox: Inbox) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let query = Query::sorted_by("no", Sort::Ascending)
                .equal("merchant", inbox.id.as_str())
                .from(inbox.pruned + 1)
                .before(inbox.last - KEPT + 1)
                .limit(PRUNED);
            let page = self.store.find::<Notification>(&query).await?;
            let more = page.next.is_some();
            let last = page.docs.last().map_or(inbox.last - KEPT, |one| one.no);
            let mut batch = Batch::new();
            for mut one in page.docs {
                one.expires_at = one.created_at;
                batch = batch.replace(&one);
            }
            inbox.pruned = last.max(inbox.pruned);
            if !more {
                inbox.over_at = None;
            }
            match self.store.commit(batch.replace(&inbox)).await {
                Ok(()) if more => inbox.version += 1,
                Ok(()) => return Ok(()),
                // A new one came meanwhile.
                Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => return Ok(()),
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
