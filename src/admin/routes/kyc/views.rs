//! What the desk sees of a dossier: without what names a number or a place, and, for those who may, with it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    base::timestamp::Timestamp,
    features::kyc::{
        content::FileType,
        details::{BusinessKind, Details},
        model::{DocumentKind, Dossier, KycState, Step, StoredFile},
    },
};

/// One line of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DossierBrief {
    pub merchant_id: String,
    pub state: KycState,
    /// Since when it is in this state.
    #[schema(value_type = String)]
    pub since: Timestamp,
    pub version: i64,
    pub legal_name: Option<String>,
    pub business_kind: Option<BusinessKind>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DossierDocument {
    pub kind: DocumentKind,
    pub file_type: FileType,
    pub size: u64,
    pub sha256: String,
    #[schema(value_type = String)]
    pub uploaded_at: Timestamp,
    pub uploaded_by: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DossierStep {
    #[schema(value_type = String)]
    pub at: Timestamp,
    pub by: String,
    /// `details`, `upload:pan_card`, `erase:pan_card`, `submitted`, `approved`, `rejected`, `erased`.
    pub what: String,
    pub reason: Option<String>,
}

/// A merchant's KYC, with its numbers masked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DossierDetail {
    #[serde(flatten)]
    pub brief: DossierBrief,
    /// The last characters.
    pub pan: Option<String>,
    pub gstin: Option<String>,
    pub ifsc: Option<String>,
    pub account_number: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    pub documents: Vec<DossierDocument>,
    /// What a submission needs and is not there: fields as JSON Pointers, documents as `documents/KIND`.
    pub missing: Vec<String>,
    pub history: Vec<DossierStep>,
}

/// What is hidden elsewhere.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DossierRevealed {
    pub pan: Option<String>,
    pub gstin: Option<String>,
    pub ifsc: Option<String>,
    pub account_number: Option<String>,
    pub address: Option<DossierAddress>,
    /// What the merchant calls its documents.
    pub names: Vec<DocumentName>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DossierAddress {
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub state: String,
    pub pincode: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DocumentName {
    pub kind: DocumentKind,
    pub name: Option<String>,
}

impl From<&Dossier> for DossierBrief {
    fn from(dossier: &Dossier) -> Self {
        Self {
            merchant_id: dossier.id.clone(),
            state: dossier.state,
            since: dossier.since,
            version: dossier.version,
            legal_name: dossier.details.legal_name.clone(),
            business_kind: dossier.details.business_kind,
        }
    }
}

impl From<Dossier> for DossierDetail {
    fn from(dossier: Dossier) -> Self {
        let (brief, details) = (DossierBrief::from(&dossier), &dossier.details);
        Self {
            missing: dossier.missing(),
            pan: details.pan.as_ref().map(|pan| pan.masked()),
            gstin: details.gstin.as_ref().map(|gstin| gstin.masked()),
            ifsc: details.bank.as_ref().map(|bank| bank.ifsc.expose().to_owned()),
            account_number: details.bank.as_ref().map(|bank| bank.account_number.masked()),
            brief,
            reason: dossier.reason,
            documents: dossier.documents.into_iter().map(DossierDocument::from).collect(),
            history: dossier.history.into_iter().map(DossierStep::from).collect(),
        }
    }
}

impl From<StoredFile> for DossierDocument {
    fn from(file: StoredFile) -> Self {
        let StoredFile { kind, key: _, name: _, file_type, size, sha256, uploaded_at, uploaded_by } = file;
        Self { kind, file_type, size, sha256, uploaded_at, uploaded_by }
    }
}

impl From<Step> for DossierStep {
    fn from(step: Step) -> Self {
        let Step { at, by, what, reason } = step;
        Self { at, by, what, reason }
    }
}

impl From<Dossier> for DossierRevealed {
    fn from(dossier: Dossier) -> Self {
        let Details { pan, gstin, bank, address, .. } = dossier.details;
        let (ifsc, account_number) = bank.map(|bank| (bank.ifsc, bank.account_number)).unzip();
        let name = |file: StoredFile| DocumentName { kind: file.kind, name: file.name };
        Self {
            pan: pan.map(|pan| pan.expose().to_owned()),
            gstin: gstin.map(|gstin| gstin.expose().to_owned()),
            ifsc: ifsc.map(|ifsc| ifsc.expose().to_owned()),
            account_number: account_number.map(|number| number.expose().to_owned()),
            address: address.map(|address| DossierAddress {
                line1: address.line1,
                line2: address.line2,
                city: address.city,
                state: address.state,
                pincode: address.pincode,
            }),
            names: dossier.documents.into_iter().map(name).collect(),
        }
    }
}
