//! What merchants send of their business.

use std::borrow::Cow;

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationError};

use crate::{
    features::{
        kyc::{
            details::{Address, Bank, BusinessKind, Details},
            numbers::{AccountNumber, Gstin, Ifsc, Pan},
        },
        orders::text::{Digits, Text},
    },
    platform::http::extract::Whole,
};

/// Of a KYC: how often it was changed.
pub(super) type Version = Whole<0, { u32::MAX }>;

/// Details of the business. All of them are replaced: what is absent is not known any more. Numbers may have
/// blanks and small letters.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[validate(schema(function = pan_fits, skip_on_field_errors = true))]
#[schema(as = KycDetailsSent, example = json!({
    "version": 3,
    "legalName": "Asha Crafts Private Limited",
    "businessKind": "private_limited",
    "pan": "AAPFU0939F",
    "gstin": "27AAPFU0939F1ZV",
    "bank": { "ifsc": "HDFC0000001", "accountNumber": "50100123451234" },
    "address": {
        "line1": "12 Sample Street", "city": "Pune", "state": "Maharashtra", "pincode": "411001"
    }
}))]
pub(super) struct DetailsBody {
    /// Of the KYC that you have read: refused with 409 if somebody has changed it since. Absent: whatever it
    /// is.
    #[validate(nested)]
    #[schema(inline)]
    pub(super) version: Option<Version>,
    /// As the papers have it.
    #[validate(nested)]
    #[schema(inline)]
    legal_name: Option<Text<2, 200>>,
    business_kind: Option<BusinessKind>,
    #[validate(nested)]
    #[schema(inline)]
    pan: Option<Pan>,
    /// Its PAN must be `pan`. Only an `individual` may be without one.
    #[validate(nested)]
    #[schema(inline)]
    gstin: Option<Gstin>,
    #[validate(nested)]
    bank: Option<BankBody>,
    #[validate(nested)]
    address: Option<AddressBody>,
}

/// Where the money goes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = KycBank)]
pub(super) struct BankBody {
    #[validate(nested)]
    #[schema(inline)]
    ifsc: Ifsc,
    #[validate(nested)]
    #[schema(inline)]
    account_number: AccountNumber,
}

/// Where the business is.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = KycAddress)]
pub(super) struct AddressBody {
    #[validate(nested)]
    #[schema(inline)]
    line1: Text<2, 200>,
    #[validate(nested)]
    #[schema(inline)]
    line2: Option<Text<0, 200>>,
    #[validate(nested)]
    #[schema(inline)]
    city: Text<2, 100>,
    #[validate(nested)]
    #[schema(inline)]
    state: Text<2, 100>,
    #[validate(nested)]
    #[schema(inline)]
    pincode: Digits<6>,
}

/// What is handed in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = KycSubmission, example = json!({ "version": 7 }))]
pub(super) struct SubmitBody {
    /// As in `PUT /v1/kyc`.
    #[validate(nested)]
    #[schema(inline)]
    pub(super) version: Option<Version>,
}

/// The query of an upload.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct UploadQuery {
    /// What you call the document: kept as a label, without folders.
    #[validate(length(max = 1000))]
    #[param(max_length = 1000)]
    pub(super) name: Option<String>,
}

/// A document's bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct FileBytes(#[expect(dead_code, reason = "describes a body")] Vec<u8>);

/// The GSTIN is the business's own.
fn pan_fits(details: &DetailsBody) -> Result<(), ValidationError> {
    let (Some(pan), Some(gstin)) = (&details.pan, &details.gstin) else { return Ok(()) };
    if gstin.pan() == pan.expose() {
        return Ok(());
    }
    let mut error = ValidationError::new("pan");
    error.message = Some(Cow::from("must hold the PAN that pan names, as its characters 3 to 12"));
    error.add_param("at".into(), &"/gstin");
    Err(error)
}

impl From<DetailsBody> for Details {
    fn from(body: DetailsBody) -> Self {
        let DetailsBody { version: _, legal_name, business_kind, pan, gstin, bank, address } = body;
        Self {
            legal_name: legal_name.map(Text::into_inner),
            business_kind,
            pan,
            gstin,
            bank: bank.map(|BankBody { ifsc, account_number }| Bank { ifsc, account_number }),
            address: address.map(|address| Address {
                line1: address.line1.into_inner(),
                line2: address.line2.map(Text::into_inner).filter(|line| !line.is_empty()),
                city: address.city.into_inner(),
                state: address.state.into_inner(),
                pincode: address.pincode.into_inner(),
            }),
        }
    }
}
