//! What handlers take from a request: typed, checked, or refused with every fault at once and none of its
//! values.
//!
//! A request type is a plain serde struct with `deny_unknown_fields` and validator's derive, whose fields are
//! newtypes that know their own bounds. What neither crate says by itself:
//! - validator sees Rust names alone: a field has its Rust name or, by `rename_all`, the camelCase of it.
//! - A rule over several fields may name the place of its fault in a parameter `at`, relative to its struct.
//! - A type that reads itself says what it wants in a text that begins with `must`. Other texts are withheld,
//!   as they could quote what was sent.
//!
//! Aliases of fields, `flatten`, untagged and internally tagged enums hide the place of a fault: none is
//! used.

mod faults;
mod halves;
mod json;
mod path_id;
mod query;
mod raw;
mod repeated;
mod rules;
mod strict;
mod whole;
mod words;

pub(in crate::platform::http) use json::BodyLimit;
pub use json::ValidJson;
pub(crate) use path_id::path_id;
pub use query::ValidQuery;
pub use raw::RawBody;
pub use rules::here;
pub use whole::Whole;

/// Reads a value that did not come from a request, with all its faults at once: the settings.
///
/// # Errors
/// All faults that could be found, each with its pointer.
pub fn read_value<T>(value: &serde_json::Value) -> Result<T, Vec<super::FieldError>>
where
    T: serde::de::DeserializeOwned + validator::Validate,
{
    let search = faults::Search { value: value.clone(), ..faults::Search::default() };
    search.read().map_err(|found| found.list)
}
