//! What handlers take from a request: typed, checked, or refused with every fault at once.
//!
//! Conventions for request types, without which a pointer would be wrong:
//! - `#[serde(rename_all = "camelCase", deny_unknown_fields)]` on every struct; no single renames or aliases
//!   of fields, no `flatten`, no untagged or internally tagged enums. Then a field's Rust name leads to its
//!   JSON name.
//! - A rule for the entries of a list lives on a newtype with a hand-written `Validate` that adds its error
//!   under `__all__`; the list is `#[validate(nested)]`. Lists of structs need `Serialize` on the struct when
//!   they have a `length` rule (validator wants it).
//! - A rule over several fields is `#[validate(schema(function = "…", skip_on_field_errors = false))]` and
//!   names its place in a parameter `at`, a pointer relative to the struct.
//! - An enum that takes its names in any letter case (`#[serde(alias)]`) may say
//!   `#[serde(expecting = "COD or PREPAID")]`, which becomes its error text.

mod ctx;
mod json;
mod node;
mod query;
mod rules;
mod shape;
mod strict;
mod value;

pub(in crate::platform::http) use json::BodyLimit;
pub use json::ValidJson;
pub use query::ValidQuery;

/// Reads a value that did not come from a request, with all its faults at once: the settings.
///
/// # Errors
/// All faults that could be found, each with its pointer.
pub fn read_value<T: serde::de::DeserializeOwned + validator::Validate>(
    value: &serde_json::Value,
) -> Result<T, Vec<super::FieldError>> {
    shape::collect(value, ctx::Ctx::default()).map_err(|faults| faults.list)
}
