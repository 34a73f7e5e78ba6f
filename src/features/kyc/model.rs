//! A merchant's dossier: what it told of its business, the documents that prove it, what the desk decided.
//!
//! Guards against steps that may not follow each other (the table is [`KycState`]'s), against a decision on
//! something that was changed meanwhile, and against files that nobody knows any more: one is noted before it
//! is written, and stays noted until it was looked for and is gone.

mod forget;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{content::FileType, details::Details};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, id_and_version},
};

/// Steps that are kept.
const MOST_STEPS: usize = 200;
/// A file that was to be written for so long is not written any more: every request is over sooner.
const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);

/// Where a dossier stands. draft → submitted → approved | rejected; approved → rejected; rejected → draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KycState {
    /// The merchant works on it.
    Draft,
    /// It waits for the desk, and nobody may change it.
    Submitted,
    Approved,
    /// With a reason. The next change makes a draft of it.
    Rejected,
}

impl KycState {
    pub const ALL: [Self; 4] = [Self::Draft, Self::Submitted, Self::Approved, Self::Rejected];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// What may follow.
    const fn leads_to(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Draft | Self::Rejected, Self::Draft)
                | (Self::Draft, Self::Submitted)
                | (Self::Submitted, Self::Approved | Self::Rejected)
                | (Self::Approved, Self::Rejected)
        )
    }
}

/// What a document proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    PanCard,
    GstCertificate,
    CancelledCheque,
    AddressProof,
}

impl DocumentKind {
    pub const ALL: [Self; 4] =
        [Self::PanCard, Self::GstCertificate, Self::CancelledCheque, Self::AddressProof];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PanCard => "pan_card",
            Self::GstCertificate => "gst_certificate",
            Self::CancelledCheque => "cancelled_cheque",
            Self::AddressProof => "address_proof",
        }
    }

    #[must_use]
    pub fn of_str(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A document that was uploaded; its bytes are elsewhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredFile {
    pub kind: DocumentKind,
    /// Where its bytes are. Made here, of nothing that somebody sent.
    pub key: String,
    /// What its sender called it: a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub file_type: FileType,
    pub size: u64,
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    pub uploaded_at: Timestamp,
    pub uploaded_by: String,
}

/// Not its name, which may be somebody's.
impl std::fmt::Debug for StoredFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredFile").field("kind", &self.kind).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub at: Timestamp,
    /// A person, a key, a token, or somebody of the desk.
    pub by: String,
    /// `details`, `upload:pan_card`, `erase:pan_card`, `submitted`, `approved`, `rejected`, `erased`.
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A file that is to be erased, or is being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    pub kind: DocumentKind,
    pub key: String,
    /// From then on it is to be erased.
    pub due_at: Timestamp,
}

/// All of one merchant; the id is the merchant's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier {
    pub id: String,
    pub version: i64,
    pub state: KycState,
    /// Since when it is in this state.
    pub since: Timestamp,
    pub details: Details,
    pub documents: Vec<StoredFile>,
    /// Why it was rejected; until it is submitted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub history: Vec<Step>,
    #[serde(default)]
    pub leftovers: Vec<Leftover>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leftover_at: Option<Timestamp>,
    pub created_at: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for Dossier {
    const COLLECTION: &'static str = "kyc";
    const INDEXES: &'static [Index] = &[
        Index::on("state", &[Field::text("state"), Field::time("since")]),
        Index::on("leftover", &[Field::time("leftoverAt")]).partial(),
    ];

    id_and_version!();
}

/// A step that may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    #[error("The KYC is {}: it cannot become {} now.", from.as_str(), to.as_str())]
    Forbidden { from: KycState, to: KycState },
    /// Fields of the details, and documents.
    #[error("The KYC is not complete: `errors` lists what is missing.")]
    Incomplete { fields: Vec<&'static str>, documents: Vec<DocumentKind> },
    /// The note of the file is gone: somebody erased all of it while this one was written.
    #[error("The KYC was erased while the document was uploaded.")]
    Erased,
}

/// What the desk decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    Rejected,
}

impl Verdict {
    #[must_use]
    pub const fn state(self) -> KycState {
        match self {
            Self::Approved => KycState::Approved,
            Self::Rejected => KycState::Rejected,
        }
    }
}

impl Dossier {
    /// One of a merchant who has told nothing yet. Its version is 0: it is not stored.
    #[must_use]
    pub fn new(merchant_id: &str, now: Timestamp) -> Self {
        Self {
            id: merchant_id.to_owned(),
            version: 0,
            state: KycState::Draft,
            since: now,
            details: Details::default(),
            documents: Vec::new(),
            reason: None,
            history: Vec::new(),
            leftovers: Vec::new(),
            leftover_at: None,
            created_at: now,
            extra: Map::new(),
        }
    }

    #[must_use]
    pub fn document(&self, kind: DocumentKind) -> Option<&StoredFile> {
        self.documents.iter().find(|file| file.kind == kind)
    }

    /// What a submission needs and is not there: fields as JSON Pointers, documents as `documents/KIND`.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let fields = self.details.missing().into_iter().map(str::to_owned);
        let needed = self.details.needed().into_iter().filter(|kind| self.document(*kind).is_none());
        fields.chain(needed.map(|kind| format!("documents/{}", kind.as_str()))).collect()
    }

    /// # Errors
    /// [`StepError::Forbidden`] while it waits for the desk, and once it is approved.
    pub fn may_change(&self) -> Result<(), StepError> {
        self.may(KycState::Draft)
    }

    fn may(&self, to: KycState) -> Result<(), StepError> {
        if self.state.leads_to(to) { Ok(()) } else { Err(StepError::Forbidden { from: self.state, to }) }
    }

    fn go(&mut self, to: KycState, now: Timestamp) -> Result<(), StepError> {
        self.may(to)?;
        if self.state != to {
            (self.state, self.since) = (to, now);
        }
        Ok(())
    }

    fn note(&mut self, what: String, by: &str, reason: Option<&str>, now: Timestamp) {
        let step = Step { at: now, by: by.to_owned(), what, reason: reason.map(str::to_owned) };
        self.history.push(step);
        let over = self.history.len().saturating_sub(MOST_STEPS);
        self.history.drain(..over);
    }

    /// The merchant tells of its business anew.
    ///
    /// # Errors
    /// [`StepError::Forbidden`].
    pub fn tell(&mut self, details: Details, by: &str, now: Timestamp) -> Result<(), StepError> {
        self.go(KycState::Draft, now)?;
        self.details = details;
        self.note("details".to_owned(), by, None, now);
        Ok(())
    }

    /// A file is about to be written.
    ///
    /// # Errors
    /// [`StepError::Forbidden`].
    pub fn begin_upload(&mut self, kind: DocumentKind, key: &str, now: Timestamp) -> Result<(), StepError> {
        self.may_change()?;
        let due_at = now + ABANDONED_AFTER;
        self.leftovers.push(Leftover { kind, key: key.to_owned(), due_at });
        self.derive();
        Ok(())
    }

    /// It is written, and takes the place of the one before, which is to be erased: its key.
    ///
    /// # Errors
    /// [`StepError::Forbidden`], [`StepError::Erased`].
    pub fn end_upload(&mut self, file: StoredFile, now: Timestamp) -> Result<Option<String>, StepError> {
        self.may_change()?;
        if !self.leftovers.iter().any(|leftover| leftover.key == file.key) {
            return Err(StepError::Erased);
        }
        self.go(KycState::Draft, now)?;
        self.note(format!("upload:{}", file.kind.as_str()), &file.uploaded_by, None, now);
        let before = self.take(file.kind, now);
        self.leftovers.retain(|leftover| leftover.key != file.key);
        self.documents.push(file);
        self.derive();
        Ok(before)
    }

    /// The document is to be erased. `false`: there is none.
    ///
    /// # Errors
    /// [`StepError::Forbidden`].
    pub fn begin_erase(&mut self, kind: DocumentKind, by: &str, now: Timestamp) -> Result<bool, StepError> {
        self.may_change()?;
        if self.take(kind, now).is_none() {
            return Ok(false);
        }
        self.go(KycState::Draft, now)?;
        self.note(format!("erase:{}", kind.as_str()), by, None, now);
        self.derive();
        Ok(true)
    }

    /// Takes a document out; its file is to be erased.
    fn take(&mut self, kind: DocumentKind, now: Timestamp) -> Option<String> {
        let at = self.documents.iter().position(|file| file.kind == kind)?;
        let key = self.documents.remove(at).key;
        self.leftovers.push(Leftover { kind, key: key.clone(), due_at: now });
        Some(key)
    }

    /// The file was looked for and is not there. `false`: nobody thought that it was.
    pub fn erased(&mut self, key: &str) -> bool {
        let before = self.leftovers.len();
        self.leftovers.retain(|leftover| leftover.key != key);
        self.derive();
        self.leftovers.len() < before
    }

    /// Files that are to be erased now.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<Leftover> {
        self.leftovers.iter().filter(|leftover| leftover.due_at <= now).cloned().collect()
    }

    fn derive(&mut self) {
        self.leftover_at = self.leftovers.iter().map(|leftover| leftover.due_at).min();
    }

    /// The merchant hands it in.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn submit(&mut self, by: &str, now: Timestamp) -> Result<(), StepError> {
        // A rejected one may be handed in again without a change: somebody may have been wrong.
        if self.state != KycState::Rejected {
            self.may(KycState::Submitted)?;
        }
        let fields = self.details.missing();
        let needed = self.details.needed().into_iter();
        let documents: Vec<_> = needed.filter(|kind| self.document(*kind).is_none()).collect();
        if !fields.is_empty() || !documents.is_empty() {
            return Err(StepError::Incomplete { fields, documents });
        }
        (self.state, self.since, self.reason) = (KycState::Submitted, now, None);
        self.note("submitted".to_owned(), by, None, now);
        Ok(())
    }

    /// The desk decides.
    ///
    /// # Errors
    /// [`StepError::Forbidden`].
    pub fn decide(
        &mut self,
        verdict: Verdict,
        reason: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StepError> {
        self.go(verdict.state(), now)?;
        self.reason = (verdict == Verdict::Rejected).then(|| reason.to_owned());
        self.note(verdict.state().as_str().to_owned(), by, Some(reason), now);
        Ok(())
    }
}
