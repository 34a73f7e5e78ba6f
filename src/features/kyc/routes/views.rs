//! What merchants read of their dossiers. Guards against numbers in answers: they are masked here, and only
//! the desk has a way to the rest.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    base::timestamp::Timestamp,
    features::kyc::{
        content::FileType,
        details::{Address, BusinessKind, Details},
        model::{DocumentKind, Dossier, KycState, Step, StoredFile},
    },
};

/// Details of the business; PAN, GSTIN and account number show their last four characters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KycDetails)]
pub(super) struct DetailsView {
    legal_name: Option<String>,
    business_kind: Option<BusinessKind>,
    #[schema(example = "XXXXXX939F")]
    pan: Option<String>,
    #[schema(example = "XXXXXXXXXXXF1ZV")]
    gstin: Option<String>,
    bank: Option<BankView>,
    address: Option<AddressView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KycBankShown)]
pub(super) struct BankView {
    ifsc: String,
    #[schema(example = "XXXXXXXXXX1234")]
    account_number: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KycAddressShown)]
pub(super) struct AddressView {
    line1: String,
    line2: Option<String>,
    city: String,
    state: String,
    pincode: String,
}

/// A document that was uploaded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KycDocument)]
pub(super) struct DocumentView {
    kind: DocumentKind,
    /// What you called it: a label.
    name: Option<String>,
    /// By what is in it.
    file_type: FileType,
    size: u64,
    sha256: String,
    uploaded_at: Timestamp,
    uploaded_by: String,
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KycStep)]
pub(super) struct StepView {
    at: Timestamp,
    /// A person or a key of yours, `token`, or `desk`.
    by: String,
    /// `details`, `upload:pan_card`, `erase:pan_card`, `submitted`, `approved`, `rejected`, `erased`.
    what: String,
    reason: Option<String>,
}

/// Your KYC.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Kyc)]
pub(super) struct KycView {
    state: KycState,
    /// Raised by each change; 0: nothing was told yet.
    version: i64,
    since: Timestamp,
    /// Whether live orders are taken only once it is approved.
    required: bool,
    /// Why it was rejected.
    reason: Option<String>,
    details: DetailsView,
    documents: Vec<DocumentView>,
    /// What a submission needs and is not there: fields as JSON Pointers, documents as `documents/KIND`.
    missing: Vec<String>,
    /// The last 200 steps, the first one first.
    history: Vec<StepView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KycResponse {
    pub(super) success: bool,
    pub(super) data: KycView,
}

impl KycResponse {
    pub(super) fn new(dossier: Dossier, required: bool) -> Self {
        Self { success: true, data: KycView::of(dossier, required) }
    }
}

impl KycView {
    fn of(dossier: Dossier, required: bool) -> Self {
        Self {
            missing: dossier.missing(),
            state: dossier.state,
            version: dossier.version,
            since: dossier.since,
            required,
            reason: dossier.reason,
            details: DetailsView::from(dossier.details),
            documents: dossier.documents.into_iter().map(DocumentView::from).collect(),
            history: dossier.history.into_iter().map(StepView::from).collect(),
        }
    }
}

impl From<Details> for DetailsView {
    fn from(details: Details) -> Self {
        let Details { legal_name, business_kind, pan, gstin, bank, address } = details;
        Self {
            legal_name,
            business_kind,
            pan: pan.map(|pan| pan.masked()),
            gstin: gstin.map(|gstin| gstin.masked()),
            bank: bank.map(|bank| BankView {
                ifsc: bank.ifsc.expose().to_owned(),
                account_number: bank.account_number.masked(),
            }),
            address: address.map(|Address { line1, line2, city, state, pincode }| AddressView {
                line1,
                line2,
                city,
                state,
                pincode,
            }),
        }
    }
}

impl From<StoredFile> for DocumentView {
    fn from(file: StoredFile) -> Self {
        let StoredFile { kind, key: _, name, file_type, size, sha256, uploaded_at, uploaded_by } = file;
        Self { kind, name, file_type, size, sha256, uploaded_at, uploaded_by }
    }
}

impl From<Step> for StepView {
    /// Who of the desk decided is not the merchant's to know.
    fn from(step: Step) -> Self {
        let Step { at, by, what, reason } = step;
        let by = if matches!(what.as_str(), "approved" | "rejected") { "desk".to_owned() } else { by };
        Self { at, by, what, reason }
    }
}
