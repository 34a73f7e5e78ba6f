//! Numbered steps that bring stored documents from an older form to a newer one, each made once.
//!
//! Guards against a program that meets documents of an older form without knowing it: a step that was not
//! made is told at the start. A step may be cut off anywhere: it is made again, and must then change only
//! what is left. Older programs of a rolling deploy must be able to read what it writes.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Decision, Document, Index, Order, Page, Query, Store, StoreError, Updated, id_and_version};
use crate::base::timestamp::Timestamp;

/// How many documents a step reads at a time.
const PAGE: usize = 200;

/// One step.
#[derive(Clone, Copy)]
pub struct Step {
    /// From 1 on, in the order in which they are made; never given twice.
    pub number: u32,
    pub name: &'static str,
    /// Gives the number of documents that it changed.
    pub make: fn(&Store) -> BoxFuture<'_, Result<u64, StoreError>>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}: {}", self.number, self.name)
    }
}

impl Step {
    fn id(&self) -> String {
        format!("{:04}", self.number)
    }
}

/// That a step was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// The step's number, with four digits.
    pub id: String,
    pub version: i64,
    pub name: String,
    pub made_at: Timestamp,
    /// How many documents it changed.
    pub documents: u64,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Migration {
    const COLLECTION: &'static str = "migrations";
    const INDEXES: &'static [Index] = &[];

    id_and_version!();
}

/// Those of `steps` that were not made yet, in their order.
///
/// # Errors
/// When the store fails.
pub async fn pending(store: &Store, steps: &[Step]) -> Result<Vec<Step>, StoreError> {
    let ids: Vec<_> = steps.iter().map(Step::id).collect();
    let made =
        store.get_many::<Migration>(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await?.whole()?;
    let mut left: Vec<_> =
        steps.iter().filter(|step| made.iter().all(|made| made.id != step.id())).copied().collect();
    left.sort_by_key(|step| step.number);
    Ok(left)
}

/// Makes `step`, and notes that it was made. Gives the number of documents that it changed.
///
/// # Errors
/// When the store fails, or a document does not read as its type; then the step is not noted.
pub async fn make(store: &Store, step: &Step, now: Timestamp) -> Result<u64, StoreError> {
    let documents = (step.make)(store).await?;
    note(store, step, documents, now).await?;
    Ok(documents)
}

/// Notes steps that an empty database does not need.
///
/// # Errors
/// When the store fails.
pub async fn skip(store: &Store, steps: &[Step], now: Timestamp) -> Result<(), StoreError> {
    for step in steps {
        note(store, step, 0, now).await?;
    }
    Ok(())
}

async fn note(store: &Store, step: &Step, documents: u64, now: Timestamp) -> Result<(), StoreError> {
    let (id, name) = (step.id(), step.name.to_owned());
    let migration = Migration { id, version: 1, name, made_at: now, documents, extra: Map::new() };
    match store.insert(&migration).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()), // another process was as fast
        Err(error) => Err(error),
    }
}

/// For steps: walks over a whole collection and saves each document that `change` says it changed.
///
/// # Errors
/// When the store fails, or a document does not read as its type.
pub async fn rewrite<D: Document>(store: &Store, change: fn(&mut D) -> bool) -> Result<u64, StoreError> {
    walk(store, change, Page::whole).await
}

/// The same where a document that does not read as its type may stay as it is: it is told, and left out.
///
/// # Errors
/// When the store fails.
pub async fn rewrite_readable<D: Document>(
    store: &Store,
    change: fn(&mut D) -> bool,
) -> Result<u64, StoreError> {
    let readable = |page: Page<D>| {
        for left in &page.unreadable {
            tracing::warn!(document.id = left.id, why = left.why, "{} is left as it is", left.id);
        }
        Ok(page.docs)
    };
    walk(store, change, readable).await
}

async fn walk<D: Document>(
    store: &Store,
    change: fn(&mut D) -> bool,
    docs: impl Fn(Page<D>) -> Result<Vec<D>, StoreError>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    let mut next = Some(Query::by_id(Order::Ascending).limit(PAGE));
    while let Some(query) = next {
        let page = store.find::<D>(&query).await?;
        next = page.next.clone().map(|cursor| query.after(cursor));
        for doc in docs(page)? {
            let id = doc.id().to_owned();
            let decide = |doc: &mut D| {
                Ok::<_, StoreError>(if change(doc) { Decision::Save(1) } else { Decision::Leave(0) })
            };
            // What needs no change is read once.
            if change(&mut doc.clone())
                && let Updated::Done(_, n) = store.update_from(&id, Some(doc), decide).await?
            {
                changed += n;
            }
        }
    }
    Ok(changed)
}
