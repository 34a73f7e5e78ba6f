//! A person who works for a merchant.
//!
//! Every change that takes something away (role, password, being a member) raises `era`, and with it ends
//! every session of that person: a session counts only in the era that it began in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{phone::Phone, scope::Role};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        auth::{Hashed, Totp},
        store::{Document, Field, Index, id_and_version},
    },
};

/// Longest address, in bytes.
pub const LONGEST_EMAIL: usize = 254;

/// One person, who works for one merchant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: String,
    pub version: i64,
    pub merchant_id: String,
    /// In small letters; none of a person who was removed, so that the address is free again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub name: String,
    pub role: Role,
    pub password: Hashed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    #[serde(default, skip_serializing_if = "Phone::is_nothing")]
    pub phone: Phone,
    pub era: i64,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Neither name nor address.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Document for User {
    const COLLECTION: &'static str = "users";
    const INDEXES: &'static [Index] = &[
        Index::on("email", &[Field::text("email")]).unique().partial(),
        Index::on("merchant", &[Field::text("merchantId"), Field::time("createdAt")]),
        // Of those who work there still.
        Index::on("member", &[Field::text("merchantId"), Field::text("email")]).partial(),
    ];

    id_and_version!();
}

impl User {
    /// Whether a login must also tell a code.
    #[must_use]
    pub fn wants_code(&self) -> bool {
        self.totp.as_ref().is_some_and(|totp| totp.confirmed)
    }

    /// Ends all sessions.
    pub fn begin_era(&mut self) {
        self.era += 1;
    }

    #[must_use]
    pub fn is_member(&self) -> bool {
        self.removed_at.is_none()
    }
}

/// The address as it is stored, if it can be one: ASCII, since few mail servers take others.
#[must_use]
pub fn address(text: &str) -> Option<String> {
    use validator::ValidateEmail;
    let text = text.trim().to_ascii_lowercase();
    let (_, host) = text.rsplit_once('@')?;
    // The validator takes whatever stands before an IP address in brackets, line breaks among it.
    let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let fits = text.is_ascii() && text.len() <= LONGEST_EMAIL && host.contains('.') && named;
    (fits && text.validate_email()).then_some(text)
}

/// What the OpenAPI document says of an address: what [`address`] takes.
#[derive(Debug)]
pub struct EmailAddress;

/// A part of a host's name, between dots.
macro_rules! label {
    () => {
        "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    };
}

impl utoipa::PartialSchema for EmailAddress {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        let form = concat!("^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(", label!(), r"\.)+", label!(), "$");
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST_EMAIL));
        text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Email))).pattern(Some(form)).into()
    }
}

impl utoipa::ToSchema for EmailAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ascii_and_stored_in_small_letters() {
        assert_eq!(address(" Asha.K+shop@Example.CO.in ").as_deref(), Some("asha.k+shop@example.co.in"));
        for text in
            ["", "asha", "asha@", "@example.com", "a b@example.com", "asha@localhost", "आशा@example.com"]
        {
            assert_eq!(address(text), None, "{text}");
        }
        for text in [
            "a@b.com\r\nBcc: x@y.com",
            "a@\r\nBcc: y.com[127.0.0.1]",
            "a@y.com[127.0.0.1]",
            "a@[127.0.0.1]",
            "a@b.com,c@d.com",
            "<a@b.com>",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
        assert_eq!(address(&format!("{}@example.com", "a".repeat(250))), None);
    }
}
