//! From one database to another, collection by collection: ids, versions and types stay.
//!
//! Guards against a copy that lacks something and looks whole: what was read and what is there afterwards are
//! compared by number and by hash, and a document that does not read as its type is named before anything is
//! written. Few documents are in memory at a time.

use sha2::{Digest as _, Sha256};

use super::{Document, Order, Query, Store, StoreError, Unreadable};
use crate::base::fault;

/// How many documents are read at a time. A log has a few MB at most.
const PAGE: usize = 100;

/// What is in a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    pub documents: u64,
    /// SHA-256 over all documents in the order of their ids, in hexadecimal: the same in every database.
    pub sha256: String,
    pub unreadable: Vec<Unreadable>,
}

/// Reads a whole collection.
///
/// # Errors
/// When the store fails, or a document cannot be written as JSON.
pub async fn contents<D: Document>(store: &Store) -> Result<Contents, StoreError> {
    let (mut hash, mut contents) = (Sha256::new(), Contents::default());
    let mut next = Some(Query::by_id(Order::Ascending).limit(PAGE));
    while let Some(query) = next {
        let page = store.find::<D>(&query).await?;
        for doc in &page.docs {
            contents.documents += 1;
            hash.update(canonical(doc)?);
        }
        contents.unreadable.extend(page.unreadable);
        next = page.next.map(|cursor| query.after(cursor));
    }
    contents.sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(contents)
}

/// A form that does not depend on the database: MongoDB has no nulls at the top level.
fn canonical<D: Document>(doc: &D) -> Result<Vec<u8>, StoreError> {
    let cannot = |_| StoreError::Fault(format!("{} {}: cannot be written as JSON", D::COLLECTION, doc.id()));
    let mut value = serde_json::to_value(doc).map_err(cannot)?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.sort_keys();
    }
    let mut text = serde_json::to_vec(&value).map_err(cannot)?;
    text.push(b'\n');
    Ok(text)
}

/// Puts every document of a collection into another database, in which there are none of them.
///
/// # Errors
/// When a store fails, or a document is there already.
pub async fn copy<D: Document>(from: &Store, to: &Store) -> Result<u64, StoreError> {
    let mut copied = 0;
    let mut next = Some(Query::by_id(Order::Ascending).limit(PAGE));
    while let Some(query) = next {
        let page = from.find::<D>(&query).await?;
        next = page.next.clone().map(|cursor| query.after(cursor));
        let docs = page.whole()?;
        for (doc, outcome) in docs.iter().zip(to.restore_all(&docs).await) {
            outcome.map_err(|error| named(doc, error))?;
            copied += 1;
        }
        fault::reach("copy:page");
    }
    Ok(copied)
}

/// The target was empty, so it is the source that has two of something: somebody must look at this one there.
fn named<D: Document>(doc: &D, error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict { index } => StoreError::Fault(format!(
            "{} {}: another document of the source has the same {index}",
            D::COLLECTION,
            doc.id()
        )),
        error => error,
    }
}
