//! What lists of the admin API have in common: their query, and their cursors.

use std::fmt::Debug;

use axum::extract::FromRequestParts;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::request::Parts;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use validator::Validate;

use crate::platform::http::{Kind, Problem, ValidQuery};

/// How many a page has when nothing is said, and at most.
pub const DEFAULT_LIMIT: usize = 50;
pub const MOST: usize = 200;

/// The query string of a list. An unknown or unreadable parameter is 400, a number out of its range 422.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Validate> FromRequestParts<S> for ListQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match ValidQuery::<T>::from_request_parts(parts, state).await {
            Ok(ValidQuery(query)) => Ok(Self(query)),
            Err(problem) => {
                let faults = problem.field_errors();
                if faults.is_empty() || faults.iter().any(|fault| fault.code != "range") {
                    return Err(problem);
                }
                let (faults, detail) = (faults.to_vec(), problem.detail().to_owned());
                Err(Problem::new(Kind::ValidationFailed, detail).errors(faults))
            }
        }
    }
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Give it back as `cursor`, with the same filters, for the next page.
    pub next_cursor: Option<String>,
}

/// The text of a place in a list, bound to what it was made for: the list and its filters.
#[must_use]
pub fn write_cursor(bound: &impl Debug, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{place}", seal(bound, place)))
}

/// The place that a cursor names.
///
/// # Errors
/// 400 when it is none of this list's, or was changed.
pub fn read_cursor(bound: &impl Debug, text: &str) -> Result<String, Problem> {
    let plain = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = plain.as_deref().and_then(|plain| plain.split_once('.'));
    match place {
        Some((sealed, place)) if sealed == seal(bound, place) => Ok(place.to_owned()),
        _ => Err(bad_cursor()),
    }
}

/// 400 `invalid-cursor`.
#[must_use]
pub fn bad_cursor() -> Problem {
    Problem::new(Kind::InvalidCursor, "The cursor belongs to another list or other filters, or was changed.")
}

fn seal(bound: &impl Debug, place: &str) -> String {
    let text = format!("{bound:?} {place}");
    Sha256::digest(text.as_bytes()).iter().take(12).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_one_list_and_not_to_be_changed() {
        let cursor = write_cursor(&("jobs", "failed"), "17 job.with.dots");
        assert_eq!(read_cursor(&("jobs", "failed"), &cursor).unwrap(), "17 job.with.dots");
        assert!(read_cursor(&("jobs", "waiting"), &cursor).is_err());
        for at in 0..cursor.len() {
            let mut other = cursor.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(read_cursor(&("jobs", "failed"), &other).is_err(), "{other}");
        }
        for text in ["", "x", "....", &"A".repeat(5000)] {
            assert_eq!(read_cursor(&"jobs", text).unwrap_err().kind(), Kind::InvalidCursor);
        }
    }
}
