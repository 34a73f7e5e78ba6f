//! What merchants do with their dossiers.
//!
//! Guards against documents that are kept without a trace (the dossier notes a file before it is written),
//! against erasures that did nothing (what is erased is looked for), and against memory that a few merchants'
//! uploads could fill.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    content::{self, Unfit},
    details::Details,
    model::{DocumentKind, Dossier, StepError, StoredFile},
};
use crate::{
    base::{clock::Clock, ids},
    features::{
        audit::{Audit, AuditedAction, Outcome},
        mail::Mails,
        merchants::{Merchants, People, keys::By},
    },
    platform::{
        files::{Files, FilesError},
        store::{Decision, Document, Order as Sort, Query, Store, StoreError, Updated},
    },
};

/// Uploads and downloads at the same time: each holds a whole document.
const AT_ONCE: usize = 12;
/// How often a change is tried that others come before, five times each.
const TRIES: usize = 20;
/// Dossiers that one sweep erases files of.
const SWEPT: usize = 50;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum KycError {
    /// Another merchant's is as absent as none at all.
    #[error("There is no such document.")]
    NoDocument,
    #[error("No merchant with this id has told anything of its business.")]
    NoDossier,
    #[error(transparent)]
    Step(#[from] StepError),
    /// It was changed by somebody else.
    #[error("The KYC was changed meanwhile: it has version {now}. Read it again.")]
    Stale { now: i64 },
    #[error("The document {0}.")]
    Unfit(#[from] Unfit),
    #[error("Too many documents are on their way: try again.")]
    Busy,
    /// What is kept is not what was uploaded.
    #[error("the file {0} is not the one that was uploaded")]
    Altered(String),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps dossiers. Clones share all of it.
#[derive(Debug, Clone)]
pub struct Kyc(Arc<Shared>);

#[derive(Debug)]
pub struct Shared {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) audit: Audit,
    pub(super) files: Files,
    pub(super) merchants: Merchants,
    pub(super) people: People,
    pub(super) mails: Mails,
    slots: Arc<Semaphore>,
    required: bool,
}

impl Deref for Kyc {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What it stands on.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub files: Files,
    pub merchants: Merchants,
    pub people: People,
    pub mails: Mails,
    /// Whether live orders wait for an approval.
    pub required: bool,
}

/// The right to hold one document in memory.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Kyc {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, clock, files, merchants, people, mails, required } = parts;
        let audit = Audit::new(store.clone(), clock.clone());
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        Self(Arc::new(Shared { store, clock, audit, files, merchants, people, mails, slots, required }))
    }

    /// Whether live orders wait for an approval.
    #[must_use]
    pub fn required(&self) -> bool {
        self.required
    }

    /// Where the documents are.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// To be held while a document is in memory.
    ///
    /// # Errors
    /// [`KycError::Busy`].
    pub fn slot(&self) -> Result<Slot, KycError> {
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        permit.map(|permit| Slot { _permit: permit }).map_err(|_| KycError::Busy)
    }

    /// A merchant's dossier; one that nobody has begun has version 0.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dossier(&self, merchant_id: &str) -> Result<Dossier, StoreError> {
        let found = self.store.get::<Dossier>(merchant_id).await?;
        Ok(found.unwrap_or_else(|| Dossier::new(merchant_id, self.clock.now())))
    }

    /// Replaces the details. With a version: only over that one.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn tell(&self, details: Details, version: Option<i64>, by: &By) -> Result<Dossier, KycError> {
        let now = self.clock.now();
        let told = self.change(&by.merchant_id, |dossier| {
            fresh(dossier, version)?;
            dossier.tell(details.clone(), &by.name, now)?;
            Ok(Decision::Save(()))
        });
        Ok(told.await?.0)
    }

    /// Keeps a document in place of the one of its kind.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn upload(
        &self,
        kind: DocumentKind,
        name: Option<String>,
        bytes: Bytes,
        by: &By,
    ) -> Result<Dossier, KycError> {
        let (file_type, now) = (content::read(&bytes)?, self.clock.now());
        let merchant = by.merchant_id.as_str();
        let key = format!("kyc/{}", ids::file(now));
        let begun = self.change(merchant, |dossier| {
            dossier.begin_upload(kind, &key, now)?;
            Ok(Decision::Save(()))
        });
        begun.await?;
        let file = StoredFile {
            kind,
            key: key.clone(),
            name,
            file_type,
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: sha256(&bytes),
            uploaded_at: now,
            uploaded_by: by.name.clone(),
        };
        // If this fails, the file may be there or not: it stays noted, and a sweep erases it.
        self.files.put(&key, bytes).await?;
        let ended = self.change(merchant, |dossier| {
            let before = dossier.end_upload(file.clone(), self.clock.now())?;
            Ok(Decision::Save(before))
        });
        match ended.await {
            Ok((dossier, None)) => Ok(dossier),
            Ok((_, Some(before))) => self.erase_beside(merchant, &before).await,
            Err(error) => {
                // Handed in meanwhile: nobody sees the file.
                drop(self.erase_beside(merchant, &key).await);
                Err(error)
            }
        }
    }

    /// Erases a document, and looks for it afterwards. That none is left is no error.
    ///
    /// # Errors
    /// [`KycError`]; of the file store: it may be there still, and the same call tries again.
    pub async fn erase(&self, kind: DocumentKind, by: &By) -> Result<(), KycError> {
        let (merchant, now) = (by.merchant_id.as_str(), self.clock.now());
        let begun = self.change(merchant, |dossier| {
            let is_there = dossier.begin_erase(kind, &by.name, now)?;
            Ok(if is_there { Decision::Save(()) } else { Decision::Leave(()) })
        });
        let (dossier, ()) = begun.await?;
        for leftover in dossier.due(now).into_iter().filter(|leftover| leftover.kind == kind) {
            self.erase_file(merchant, &leftover.key).await?;
        }
        Ok(())
    }

    /// A document and its bytes, which are those that were uploaded.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn document(
        &self,
        merchant_id: &str,
        kind: DocumentKind,
    ) -> Result<(StoredFile, Bytes), KycError> {
        let dossier = self.store.get::<Dossier>(merchant_id).await?.ok_or(KycError::NoDocument)?;
        let file = dossier.document(kind).cloned().ok_or(KycError::NoDocument)?;
        let bytes = match self.files.get(&file.key).await {
            Ok(bytes) => bytes,
            // Replaced or erased since.
            Err(FilesError::NotFound) => return Err(KycError::NoDocument),
            Err(error) => return Err(error.into()),
        };
        if sha256(&bytes) != file.sha256 {
            return Err(KycError::Altered(file.key));
        }
        Ok((file, bytes))
    }

    /// Hands the dossier in. With a version: only that one.
    ///
    /// # Errors
    /// [`KycError`].
    pub async fn submit(&self, version: Option<i64>, by: &By) -> Result<Dossier, KycError> {
        let (merchant, now) = (by.merchant_id.as_str(), self.clock.now());
        let act = AuditedAction {
            action: "kyc.submit",
            collection: Dossier::COLLECTION,
            id: merchant,
            user_id: Some(merchant),
            before: None,
        };
        let line = self.audit.begin(&by.audit, &act).await?;
        let submitted = self.change(merchant, |dossier| {
            fresh(dossier, version)?;
            dossier.submit(&by.name, now)?;
            Ok(Decision::Save(()))
        });
        let submitted = submitted.await.map(|(dossier, ())| dossier);
        self.audit.close(&line, ended(&submitted)).await;
        submitted
    }

    /// Erases files that were abandoned, of all merchants.
    ///
    /// # Errors
    /// When the store fails; files that could not be erased are logged, and tried again.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let query = Query::sorted_by("leftoverAt", Sort::Ascending);
        let query = query.before(now + std::time::Duration::from_millis(1)).limit(SWEPT);
        let mut erased = 0;
        for dossier in self.store.find::<Dossier>(&query).await?.docs {
            for leftover in dossier.due(now) {
                match self.erase_file(&dossier.id, &leftover.key).await {
                    Ok(_) => erased += 1,
                    Err(error) => tracing::warn!(%error, key = leftover.key, "a file was not erased"),
                }
            }
        }
        Ok(erased)
    }

    /// Erases a file that nobody waits for: what fails is tried again by the sweep.
    async fn erase_beside(&self, merchant_id: &str, key: &str) -> Result<Dossier, KycError> {
        match self.erase_file(merchant_id, key).await {
            Ok(dossier) => Ok(dossier),
            Err(error) => {
                tracing::warn!(%error, key, "a file was not erased: it is tried again");
                Ok(self.dossier(merchant_id).await?)
            }
        }
    }

    async fn erase_file(&self, merchant_id: &str, key: &str) -> Result<Dossier, KycError> {
        self.files.erase(key).await?;
        let forgotten = self.change(merchant_id, |dossier| {
            let was_known = dossier.erased(key);
            Ok(if was_known { Decision::Save(()) } else { Decision::Leave(()) })
        });
        Ok(forgotten.await?.0)
    }

    /// Saves what `decide` makes of a dossier, which is begun if there is none.
    pub(super) async fn change<T>(
        &self,
        merchant_id: &str,
        mut decide: impl FnMut(&mut Dossier) -> Result<Decision<T>, KycError>,
    ) -> Result<(Dossier, T), KycError> {
        for _ in 0..TRIES {
            match self.store.update::<Dossier, T, KycError>(merchant_id, &mut decide).await {
                Ok(Updated::Done(dossier, word)) => return Ok((dossier, word)),
                Ok(Updated::Missing) => {}
                // A form sends all its documents at once, and each is several changes of the one dossier.
                Err(KycError::Store(StoreError::Contended)) => continue,
                Err(error) => return Err(error),
            }
            let mut begun = Dossier::new(merchant_id, self.clock.now());
            let word = match decide(&mut begun)? {
                Decision::Leave(word) => return Ok((begun, word)),
                Decision::Save(word) => word,
            };
            match self.store.insert(&begun).await {
                Ok(()) => {
                    begun.version = 1;
                    return Ok((begun, word));
                }
                // Somebody has just begun it.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Contended.into())
    }
}

/// That nobody has changed the dossier since the caller has read `version`.
pub(super) fn fresh(dossier: &Dossier, version: Option<i64>) -> Result<(), KycError> {
    match version {
        Some(version) if version != dossier.version => Err(KycError::Stale { now: dossier.version }),
        _ => Ok(()),
    }
}

/// What the audit log is told of the end of an action.
pub(super) fn ended<T>(done: &Result<T, KycError>) -> Option<(Outcome, Option<String>, Option<String>)> {
    match done {
        Ok(_) => Some((Outcome::Done, None, None)),
        // Whether it was done is not known: the line stays as it is.
        Err(KycError::Store(_)) => None,
        Err(error @ (KycError::Files(_) | KycError::Altered(_))) => {
            Some((Outcome::Failed, None, Some(error.to_string())))
        }
        Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
