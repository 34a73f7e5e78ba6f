//! A merchant: the shop that owns orders, with its people and keys.
//!
//! A merchant of the old system is any `sub` of a token and needs no document: one without a document is
//! active. It gets one when it is suspended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, id_and_version},
};

/// What names are replaced by.
pub(super) const ERASED: &str = "erased";

/// Whether anything is accepted from a merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Active,
    Suspended,
}

impl State {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// One merchant; the id is the `userId` of its orders.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MerchantDocument {
    pub id: String,
    pub version: i64,
    /// What people call the shop.
    pub name: String,
    pub state: State,
    pub created_at: Timestamp,
    /// Since when it is what it is.
    pub changed_at: Timestamp,
    /// Since when its KYC is approved. Kept here, so that a request reads one document of its merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kyc_approved_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document for MerchantDocument {
    const COLLECTION: &'static str = "merchants";
    const INDEXES: &'static [Index] = &[
        Index::on("state", &[Field::text("state"), Field::time("createdAt")]),
        Index::on("created", &[Field::time("createdAt")]),
    ];

    id_and_version!();
}

impl MerchantDocument {
    #[must_use]
    pub fn new(id: String, name: &str, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            name: name.to_owned(),
            state: State::Active,
            created_at: now,
            changed_at: now,
            kyc_approved_at: None,
            extra: Map::new(),
        }
    }

    /// Whether its erasure has come to its end. It was suspended before, and stays so.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.state == State::Suspended
            && self.name == ERASED
            && self.kyc_approved_at.is_none()
            && self.extra.is_empty()
    }
}
