//! What signing up, in and out is asked with, and what it answers.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::super::me::Me;
use crate::features::{merchants::user::EmailAddress, orders::text::Text};

/// A shop that signs up, and its first person.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "email": "asha@example.com", "password": "a long sentence that is mine",
    "name": "Asha Example", "shop": "Asha Crafts" }))]
pub(in crate::features::merchants::routes) struct Register {
    /// Where the code goes that confirms the address.
    #[schema(inline, value_type = EmailAddress)]
    pub(super) email: String,
    /// 12 to 256 characters, and none of the usual ones.
    #[schema(value_type = String, min_length = 12, max_length = 256, format = Password)]
    pub(super) password: SecretString,
    /// The person's name.
    #[validate(nested)]
    #[schema(inline)]
    pub(super) name: Text<1, 100>,
    /// The shop's name.
    #[validate(nested)]
    #[schema(inline)]
    pub(super) shop: Text<1, 100>,
}

/// A code that was mailed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::features::merchants::routes) struct Verify {
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub(super) token: SecretString,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "asha@example.com", "password": "a long sentence that is mine" }))]
pub(in crate::features::merchants::routes) struct SignIn {
    pub(super) email: String,
    #[schema(value_type = String, format = Password)]
    pub(super) password: SecretString,
    /// Six digits of the person's authenticator app, if there is one.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{6}$")]
    pub(super) code: Option<SecretString>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::features::merchants::routes) struct RefreshTokens {
    #[schema(value_type = String)]
    pub(super) refresh_token: SecretString,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::features::merchants::routes) struct Forgot {
    #[schema(inline, value_type = EmailAddress)]
    pub(super) email: String,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::features::merchants::routes) struct Reset {
    /// The code that was mailed.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub(super) token: SecretString,
    /// The new password, as in `POST /auth/register`.
    #[schema(value_type = String, min_length = 12, max_length = 256, format = Password)]
    pub(super) password: SecretString,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::features::merchants::routes) struct Accept {
    /// The code that was mailed.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub(super) token: SecretString,
    #[validate(nested)]
    #[schema(inline)]
    pub(super) name: Text<1, 100>,
    /// As in `POST /auth/register`.
    #[schema(value_type = String, min_length = 12, max_length = 256, format = Password)]
    pub(super) password: SecretString,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::features::merchants::routes) struct ChangePassword {
    #[schema(value_type = String, format = Password)]
    pub(super) current_password: SecretString,
    /// As in `POST /auth/register`.
    #[schema(value_type = String, min_length = 12, max_length = 256, format = Password)]
    pub(super) new_password: SecretString,
}

/// What was asked for is on its way, if it can be.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::features::merchants::routes) struct Asked {
    pub(super) success: bool,
    pub(super) message: &'static str,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::features::merchants::routes) struct Tokens {
    /// Sent as `Authorization: Bearer …`.
    pub(super) access_token: String,
    /// Seconds.
    pub(super) expires_in: u64,
    /// For `POST /auth/refresh`, once.
    pub(super) refresh_token: String,
    pub(super) user: Me,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::features::merchants::routes) struct TokensResponse {
    pub(super) success: bool,
    pub(super) data: Tokens,
}
