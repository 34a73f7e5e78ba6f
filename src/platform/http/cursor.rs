//! The texts of places in lists: opaque, and bound to what they were made for.
//!
//! Guards against places that a client makes up: each is sealed with a key of the installation, so only what
//! was given out for the same list and the same filters is taken.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::{Kind, Problem};

/// How cursors are made now. One that begins otherwise is refused.
const VERSION: &str = "1.";
/// Bytes of a seal.
const SEAL: usize = 16;

/// Writes and reads cursors. Cheap to clone.
#[derive(Clone)]
pub struct Cursors(Option<Arc<Hmac<Sha256>>>);

impl Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors")
    }
}

impl Cursors {
    /// With the installation's secret, of which only cursors use what is made of it here.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        let mac = keyed(secret.expose_secret().as_bytes());
        let own = mac.map(|mac| mac.chain_update("waybill list cursors").finalize().into_bytes());
        Self(own.and_then(|key| keyed(&key)).map(Arc::new))
    }

    /// The text of a place in a list, bound to what it was made for: the list, its caller and its filters.
    #[must_use]
    pub fn write(&self, bound: &impl Debug, place: &str) -> String {
        let seal = self.mac(bound, place).map(|mac| mac.finalize().into_bytes().to_vec());
        let seal = seal.as_deref().and_then(|seal| seal.get(..SEAL)).unwrap_or_default();
        format!("{VERSION}{}", URL_SAFE_NO_PAD.encode([seal, place.as_bytes()].concat()))
    }

    /// The place that a cursor names.
    ///
    /// # Errors
    /// 400 when it is none of this list's, or was changed.
    pub fn read(&self, bound: &impl Debug, text: &str) -> Result<String, Problem> {
        self.open(bound, text).ok_or_else(bad_cursor)
    }

    fn open(&self, bound: &impl Debug, text: &str) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(text.strip_prefix(VERSION)?).ok()?;
        let (seal, place) = sealed.split_at_checked(SEAL)?;
        let place = std::str::from_utf8(place).ok()?;
        // In constant time.
        self.mac(bound, place)?.verify_truncated_left(seal).ok()?;
        Some(place.to_owned())
    }

    /// A line end is in no text that is written for a debugger, so nothing of one part counts as the other.
    fn mac(&self, bound: &impl Debug, place: &str) -> Option<Hmac<Sha256>> {
        let mac = self.0.as_deref()?.clone();
        Some(mac.chain_update(format!("{bound:?}\n")).chain_update(place))
    }
}

fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key).ok()
}

/// 400 `invalid-cursor`.
#[must_use]
pub fn bad_cursor() -> Problem {
    Problem::new(Kind::InvalidCursor, "The cursor belongs to another list or other filters, or was changed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_one_list_and_not_to_be_changed() {
        let cursors = Cursors::new(&SecretString::from("a"));
        let cursor = cursors.write(&("jobs", "failed"), "17 job.with.dots");
        assert_eq!(cursors.read(&("jobs", "failed"), &cursor).unwrap(), "17 job.with.dots");
        assert!(cursors.read(&("jobs", "waiting"), &cursor).is_err());
        let other = Cursors::new(&SecretString::from("b"));
        assert!(other.read(&("jobs", "failed"), &cursor).is_err(), "of another installation");
        for at in 0..cursor.len() {
            let mut other = cursor.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(cursors.read(&("jobs", "failed"), &other).is_err(), "{other}");
            assert!(cursors.read(&("jobs", "failed"), cursor.get(..at).unwrap()).is_err(), "cut at {at}");
        }
        for text in ["", "x", "1.", "1.x", "....", &"A".repeat(5000)] {
            assert_eq!(cursors.read(&"jobs", text).unwrap_err().kind(), Kind::InvalidCursor);
        }
    }
}
