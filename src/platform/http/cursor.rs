//! The texts of places in lists: opaque, and bound to what they were made for.

use std::fmt::Debug;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Kind, Problem};

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
