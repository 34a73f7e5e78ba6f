//! Audit log for manual actions: who did what, to which subject, why, and how it ended.
//!
//! A line is written as `begun` *before* its action and completed after it, so no action is without a line,
//! even if the process dies in between. A line that stays `begun` does not say whether the action was done:
//! the subject's own state does. Lines are not changed in any other way, and never removed.
//!
//! Uses no business types: a subject is a collection and an id, and its states are strings.

mod actor;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::actor::{AuditContext, AuditContextError, Origin, Via, Who};
use super::Feature;
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    platform::store::{
        Cursor, Decision, Document, Field, Index, Order as Sort, Page, Query, Store, StoreError, Updated,
        id_and_version,
    },
};

/// The parts of the audit log that `app` registers.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().collection::<AuditLine>()
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Not known: still running, or the process died or lost the database.
    Begun,
    Done,
    /// Not allowed; nothing was changed.
    Refused,
    /// An error; nothing was changed.
    Failed,
}

impl Outcome {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The document that an action changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub collection: String,
    pub id: String,
}

/// An action that is about to start.
#[derive(Debug, Clone)]
pub struct AuditedAction<'a> {
    /// Separated by dots: `order.rebook`, `account.lift`.
    pub action: &'a str,
    pub collection: &'a str,
    pub id: &'a str,
    /// The account that owns the subject, if any.
    pub user_id: Option<&'a str>,
    /// The subject's state before, without personal data.
    pub before: Option<&'a str>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    pub id: String,
    pub version: i64,
    pub at: Timestamp,
    pub actor: Who,
    #[serde(default, skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
    pub action: String,
    pub subject: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// As the actor wrote it.
    pub reason: String,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The subject's state before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Why it was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// To how many it was done, where it was many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for AuditLine {
    const COLLECTION: &'static str = "audit_log";
    const INDEXES: &'static [Index] = &[
        Index::on("at", &[Field::time("at")]),
        Index::on("subject", &[Field::text("subject.id"), Field::time("at")]),
        Index::on("actor", &[Field::text("actor.name"), Field::time("at")]),
        Index::on("action", &[Field::text("action"), Field::time("at")]),
        Index::on("ended", &[Field::time("endedAt")]).partial(),
    ];

    id_and_version!();
}

/// Writes and reads the audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    store: Store,
    clock: Clock,
}

impl Audit {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Writes the line of an action that is about to start, and returns its id.
    ///
    /// # Errors
    /// Fails if the store fails; then the action must not be taken.
    pub async fn begin(&self, by: &AuditContext, act: &AuditedAction<'_>) -> Result<String, StoreError> {
        let now = self.clock.now();
        let line = AuditLine {
            id: ids::audit(now),
            version: 1,
            at: now,
            actor: by.who.clone(),
            origin: by.origin.clone(),
            action: act.action.to_owned(),
            subject: Subject { collection: act.collection.to_owned(), id: act.id.to_owned() },
            user_id: act.user_id.map(str::to_owned),
            reason: by.reason.clone(),
            outcome: Outcome::Begun,
            ended_at: None,
            before: act.before.map(str::to_owned),
            after: None,
            detail: None,
            count: None,
            extra: Map::new(),
        };
        self.store.insert(&line).await?;
        Ok(line.id)
    }

    /// Records how the action of the line `id` ended. The first outcome stays.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn end(
        &self,
        id: &str,
        outcome: Outcome,
        after: Option<&str>,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        self.end_many(id, outcome, (after, detail), None).await
    }

    /// [`Audit::end`] of an action that is over, whatever becomes of its line: that is logged. `None`:
    /// whether it was done is not known, and the line stays as it is.
    pub async fn close(&self, id: &str, ended: Option<(Outcome, Option<String>, Option<String>)>) {
        let Some((outcome, after, detail)) = ended else { return };
        if let Err(error) = self.end(id, outcome, after.as_deref(), detail.as_deref()).await {
            tracing::error!(%error, audit.id = id, "how an action ended is not in the audit log");
        }
    }

    /// [`Audit::end`] of what was done to many at once; `words` are the state after and the detail.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn end_many(
        &self,
        id: &str,
        outcome: Outcome,
        (after, detail): (Option<&str>, Option<&str>),
        count: Option<u64>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let ended = self.store.update::<AuditLine, (), StoreError>(id, |line| {
            if line.outcome != Outcome::Begun {
                return Ok(Decision::Leave(()));
            }
            (line.outcome, line.ended_at) = (outcome, Some(now));
            (line.after, line.detail) = (after.map(str::to_owned), detail.map(str::to_owned));
            line.count = count;
            Ok(Decision::Save(()))
        });
        ended.await.map(|_: Updated<AuditLine, ()>| ())
    }

    /// At most `limit` lines of one subject, or of all, newest first, starting after the cursor.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn list(
        &self,
        subject: Option<&str>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<AuditLine>, StoreError> {
        let mut query = Query::sorted_by("at", Sort::Descending).limit(limit);
        if let Some(id) = subject {
            query = query.equal("subject.id", id);
        }
        if let Some(cursor) = after {
            query = query.after(cursor);
        }
        Ok(self.store.find(&query).await?.docs)
    }
}

/// Which lines to list. What is not named does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AuditFilter {
    pub actor: Option<String>,
    /// `queue.pause`.
    pub action: Option<String>,
    /// The id of what was acted on.
    pub target: Option<String>,
    /// At this time or later, and before the other.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Lines that one search compares when no one index serves it.
const MOST_COMPARED: usize = 5000;

impl Audit {
    /// A page of lines, newest first. One filter has an index of its own; with several the page may end at a
    /// number of lines ([`Page::stopped`]).
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn search(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<AuditLine>, StoreError> {
        let mut query = Query::sorted_by("at", Sort::Descending).limit(limit);
        let fields =
            [("actor.name", &filter.actor), ("action", &filter.action), ("subject.id", &filter.target)];
        let named: Vec<_> =
            fields.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))).collect();
        if named.len() > 1 {
            query = query.filtered(MOST_COMPARED);
        }
        for (name, text) in named {
            query = query.equal(name, text.as_str());
        }
        if let Some(from) = filter.from {
            query = query.from(from);
        }
        if let Some(to) = filter.to {
            query = query.before(to);
        }
        if let Some(after) = after {
            query = query.after(after);
        }
        self.store.find(&query).await
    }
}
