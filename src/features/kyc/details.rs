//! What a merchant tells of its business, as it is stored.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    model::DocumentKind,
    numbers::{AccountNumber, Gstin, Ifsc, Pan},
};

/// What a business is by law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BusinessKind {
    /// A person who sells, without a registered business.
    Individual,
    Proprietorship,
    Partnership,
    Llp,
    PrivateLimited,
    PublicLimited,
    TrustOrSociety,
}

/// Where the business is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    pub city: String,
    pub state: String,
    pub pincode: String,
}

/// Never where somebody lives.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address([hidden])")
    }
}

/// Where its money goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bank {
    pub ifsc: Ifsc,
    pub account_number: AccountNumber,
}

/// As far as it was told.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_kind: Option<BusinessKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<Pan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gstin: Option<Gstin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<Bank>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// Which are there, not what they say.
impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Details(without {:?})", self.missing())
    }
}

impl Details {
    /// The fields that a submission needs and that are not there, as JSON Pointers. Only who sells as a
    /// person may be without a GSTIN.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let individual = self.business_kind == Some(BusinessKind::Individual);
        let all = [
            ("/legalName", self.legal_name.is_some()),
            ("/businessKind", self.business_kind.is_some()),
            ("/pan", self.pan.is_some()),
            ("/gstin", self.gstin.is_some() || individual),
            ("/bank", self.bank.is_some()),
            ("/address", self.address.is_some()),
        ];
        all.into_iter().filter(|(_, there)| !there).map(|(field, _)| field).collect()
    }

    /// The documents that prove them.
    #[must_use]
    pub fn needed(&self) -> Vec<DocumentKind> {
        let registered = self.gstin.is_some() || self.business_kind != Some(BusinessKind::Individual);
        DocumentKind::ALL
            .into_iter()
            .filter(|kind| registered || *kind != DocumentKind::GstCertificate)
            .collect()
    }
}
