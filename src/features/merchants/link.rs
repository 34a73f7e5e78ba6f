//! One-time codes that are mailed: to confirm an address, to set a new password, to accept an invitation.
//!
//! Guards against codes that count twice, for long, or for something else; who reads the database has their
//! hashes alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scope::Role;
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::{
        auth::{Hashed, digest},
        store::{Document, Field, Index, id_and_version},
    },
};

/// What a code is for, with what it needs.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Purpose {
    /// A shop and its first person.
    Verify { email: String, name: String, shop: String, password: Hashed },
    /// A person's new password. Of an era: a second code is none any more once the first was used.
    Reset { user: String, era: i64 },
    /// A new person of a merchant.
    Invite { email: String, role: Role, by: String },
    /// An address that is nobody's: its code cannot be used, and was sent to nobody.
    Nothing {},
}

impl Purpose {
    fn life(&self) -> Duration {
        match self {
            Self::Verify { .. } => Duration::from_secs(24 * 3600),
            Self::Reset { .. } | Self::Nothing {} => Duration::from_secs(30 * 60),
            Self::Invite { .. } => Duration::from_secs(7 * 24 * 3600),
        }
    }

    /// The address that stands in it.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        match self {
            Self::Verify { email, .. } | Self::Invite { email, .. } => Some(email),
            Self::Reset { .. } | Self::Nothing {} => None,
        }
    }
}

/// One code; the id is its hash.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub id: String,
    pub version: i64,
    pub purpose: Purpose,
    /// Of an invitation: what it is called where people see it, and whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<String>,
    pub created_at: Timestamp,
    /// At the latest; moved to the present when it was used, or taken back.
    pub expires_at: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What it is for, and nobody's name.
impl std::fmt::Debug for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Verify { .. } => "Verify",
            Self::Reset { .. } => "Reset",
            Self::Invite { .. } => "Invite",
            Self::Nothing {} => "Nothing",
        })
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl Document for Link {
    const COLLECTION: &'static str = "user_links";
    const INDEXES: &'static [Index] = &[
        Index::on("expires", &[Field::time("expiresAt")]),
        Index::on("merchant", &[Field::text("merchantId"), Field::time("expiresAt")]).partial(),
        Index::on("invitation", &[Field::text("invitation")]).unique().partial(),
    ];

    id_and_version!();
}

impl Link {
    /// A new code, and its text.
    #[must_use]
    pub fn new(purpose: Purpose, now: Timestamp) -> (Self, String) {
        let token = ids::secret();
        let link = Self {
            id: digest(&token),
            version: 1,
            expires_at: now + purpose.life(),
            purpose,
            invitation: None,
            merchant_id: None,
            created_at: now,
            extra: Map::new(),
        };
        (link, token)
    }

    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// It counts no more, and nothing personal is left of it.
    #[must_use]
    pub fn used(mut self, now: Timestamp) -> Self {
        self.expires_at = now;
        self.purpose = Purpose::Nothing {};
        self
    }
}
