//! Writes whose outcome is not known, and documents that are not yet safe.
//!
//! Guards against an order told as there that a majority does not have, and against one told as refused that
//! was taken: what is not found may still come, and is told as unknown.

use std::{collections::BTreeMap, time::Duration};

use bson::{RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, InsertManyError};

use super::{
    Mongo, document,
    failure::{meaning, of_write},
};
use crate::platform::store::{Index, StoreError, batch::Stored, kind::Kind};

/// How often a document is looked for whose write was not answered: for a second and more, since a majority
/// may be that much behind.
const LOOKS: usize = 14;
const LONGEST: Duration = Duration::from_millis(160);

/// 1, 2, 4, … 160 ms, of which up to a half is left out.
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(Duration::from_millis(1))
    }
}

impl Pauses {
    pub(super) async fn next(&mut self, random: f64) {
        tokio::time::sleep(self.0.mul_f64(1.0 - random / 2.0)).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}

impl Mongo {
    /// With the version that stands beside each.
    pub(in crate::platform::store) async fn insert_all(
        &self,
        kind: Kind,
        docs: &[(&dyn Stored, i64)],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let mut outcomes: Vec<Result<(), StoreError>> = docs.iter().map(|_| Ok(())).collect();
        let mut sent = Vec::with_capacity(docs.len());
        for ((doc, version), outcome) in docs.iter().zip(&mut outcomes) {
            match doc.stored(*version) {
                Ok(stored) => sent.push((stored, outcome)),
                Err(error) => *outcome = Err(error),
            }
        }
        if sent.is_empty() {
            return Ok(outcomes);
        }
        let stored: Vec<_> = sent.iter().map(|(stored, _)| stored.clone()).collect();
        let collection = self.collection(kind.collection);
        let inserted =
            self.under_way.spawn(async move { collection.insert_many(stored).ordered(false).await });
        let error = match inserted.await {
            Ok(Ok(_)) => return Ok(outcomes),
            Ok(Err(error)) => error,
            Err(_) => return Err(StoreError::Unavailable(format!("{}: the driver failed", self.place))),
        };
        let (told, unknown) = match error.kind.as_ref() {
            ErrorKind::InsertMany(InsertManyError { write_errors, write_concern_error, .. }) => {
                let each = write_errors.iter().flatten();
                let told = each.map(|e| (e.index, of_write(&self.place, e.code, &e.message)));
                let unsafe_yet =
                    write_concern_error.as_ref().map(|_| format!("{}: not yet safe", self.place));
                (told.collect::<BTreeMap<_, _>>(), unsafe_yet)
            }
            _ => (BTreeMap::new(), Some(StoreError::from(meaning(&self.place, &error)).to_string())),
        };
        for (at, (stored, outcome)) in sent.into_iter().enumerate() {
            *outcome = match (told.get(&at), &unknown) {
                (Some(failure), _) => Err(failure.clone().into()),
                (None, Some(why)) => self.settle_insert(kind.collection, &stored, why.clone()).await,
                (None, None) => Ok(()),
            };
        }
        Ok(outcomes)
    }

    /// Looks by id for what an unanswered insert should have left. Another document under the same id is
    /// somebody else's.
    pub(super) async fn settle_insert(
        &self,
        collection: &str,
        stored: &RawDocumentBuf,
        why: String,
    ) -> Result<(), StoreError> {
        let mut pauses = Pauses::default();
        for _ in 0..LOOKS {
            match self.stored(collection, &document::id(stored)).await {
                Ok(Some(found)) if found == *stored => return Ok(()),
                Ok(Some(found)) if found.get_i64("version").is_ok_and(|version| version == 1) => {
                    return Err(StoreError::Conflict { index: "id".to_owned() });
                }
                // Changed since: whose it was cannot be told.
                Ok(Some(_)) => break,
                Ok(None) | Err(_) => pauses.next(0.0).await,
            }
        }
        Err(StoreError::Unavailable(why))
    }

    /// Whether this very version is there, and safe.
    pub(super) async fn is_there(&self, collection: &str, stored: &RawDocumentBuf) -> bool {
        let mut pauses = Pauses::default();
        for _ in 0..LOOKS {
            match self.stored(collection, &document::id(stored)).await {
                Ok(Some(found)) if found == *stored => return true,
                _ => pauses.next(0.0).await,
            }
        }
        false
    }

    /// The document that has the same values in the index as `stored`, as soon as a majority has it: it was
    /// there when the insert was refused, so it is looked for until the caller's time is over.
    pub(super) async fn twin(
        &self,
        collection: &str,
        index: &Index,
        stored: &RawDocumentBuf,
    ) -> Result<RawDocumentBuf, StoreError> {
        let mut pauses = Pauses::default();
        loop {
            if let Some(found) = self.look(collection, index, stored).await? {
                return Ok(found);
            }
            pauses.next(0.0).await;
        }
    }

    /// The same after an insert that was not answered: none may come.
    pub(super) async fn possible_twin(
        &self,
        collection: &str,
        index: &Index,
        stored: &RawDocumentBuf,
        why: String,
    ) -> Result<RawDocumentBuf, StoreError> {
        let mut pauses = Pauses::default();
        for _ in 0..LOOKS {
            match self.look(collection, index, stored).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) | Err(StoreError::Unavailable(_)) => pauses.next(0.0).await,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Unavailable(why))
    }

    /// The document that has the same values in the index as `stored`, if a majority has one.
    pub(super) async fn look(
        &self,
        collection: &str,
        index: &Index,
        stored: &RawDocumentBuf,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        let mut filter = bson::Document::new();
        for field in index.fields {
            let Some(value) = document::at(stored, field.path) else { return Ok(None) };
            let value = bson::Bson::try_from(value)
                .map_err(|_| StoreError::Fault(format!("{collection}.{} is no sound BSON", field.path)))?;
            filter.insert(field.path, doc! { "$eq": value });
        }
        let (collection, reads) = (self.collection(collection), self.reads);
        Ok(self.run(async move { collection.find_one(filter).max_time(reads).await }).await?)
    }
}
