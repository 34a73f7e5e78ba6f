//! One-time codes of a phone (RFC 6238: SHA-1, six digits, 30 s), as every authenticator app makes them.
//!
//! The secret must be readable to be used, so it is in the database as it is: who reads that can make codes,
//! but no password.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

use crate::base::{ids, timestamp::Timestamp};

/// In seconds.
const STEP: i64 = 30;
/// RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totp {
    /// 20 bytes in hexadecimal.
    secret: String,
    /// The user has shown that the app has it; before that no code is asked for.
    pub confirmed: bool,
    /// The step of the last code that was taken: no code counts twice.
    last_step: i64,
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

impl Default for Totp {
    /// A new secret.
    fn default() -> Self {
        let secret = ids::secret().chars().take(40).collect();
        Self { secret, confirmed: false, last_step: 0 }
    }
}

impl Totp {
    /// The secret as people type it: in blocks of four. Apps take it with or without blanks.
    #[must_use]
    pub fn shown(&self) -> String {
        let letters: Vec<char> = base32(&self.bytes()).chars().collect();
        let blocks: Vec<String> = letters.chunks(4).map(|four| four.iter().collect()).collect();
        blocks.join(" ")
    }

    /// What an app reads from a picture.
    #[must_use]
    pub fn uri(&self, user: &str) -> String {
        let user: String = url::form_urlencoded::byte_serialize(user.as_bytes()).collect();
        let secret = base32(&self.bytes());
        format!(
            "otpauth://totp/Waybill:{user}?secret={secret}&issuer=Waybill&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// Whether `code` is right now, or was at most one step ago, or will be; and was not taken before.
    /// Blanks in what was typed do not count: apps show codes in groups.
    pub fn takes(&mut self, code: &str, now: Timestamp) -> bool {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = now.as_millis().div_euclid(1000 * STEP);
        let found = (step - 1..=step + 1).find(|step| *step > self.last_step && self.code(*step) == code);
        if let Some(step) = found {
            self.last_step = step;
        }
        found.is_some()
    }

    /// The code of `at`, as an app would show it.
    #[must_use]
    pub fn code_at(&self, at: Timestamp) -> String {
        self.code(at.as_millis().div_euclid(1000 * STEP))
    }

    fn code(&self, step: i64) -> String {
        let Ok(mac) = Hmac::<Sha1>::new_from_slice(&self.bytes()) else { return String::new() };
        let digest = mac.chain_update(step.to_be_bytes()).finalize().into_bytes();
        let at = digest.last().map_or(0, |b| usize::from(b & 15));
        let four = digest.iter().skip(at).take(4).fold(0_u32, |n, b| (n << 8) | u32::from(*b));
        format!("{:06}", (four & 0x7fff_ffff) % 1_000_000)
    }

    fn bytes(&self) -> Vec<u8> {
        let digits: Vec<u8> =
            self.secret.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |n, d| (n << 4) | d)).collect()
    }
}

fn base32(bytes: &[u8]) -> String {
    let letter = |five: &[u8]| {
        let five = five.iter().fold(0, |n: usize, bit| (n << 1) | usize::from(*bit)) << (5 - five.len());
        BASE32.get(five).map_or('A', |b| char::from(*b))
    };
    let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |n| (b >> n) & 1)).collect();
    bits.chunks(5).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn totp() -> Totp {
        // "12345678901234567890", the secret of the RFC's test vectors.
        let secret = "3132333435363738393031323334353637383930".to_owned();
        Totp { secret, confirmed: true, last_step: 0 }
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp().code_at(at(seconds)), code);
        }
        assert_eq!(totp().shown(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert!(totp().uri("asha").contains("?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"));
    }

    #[test]
    fn a_code_counts_once_and_for_a_short_time() {
        let mut totp = totp();
        let code = totp.code_at(at(1_000_000));
        assert!(!totp.clone().takes(&code, at(1_000_090)));
        assert!(!totp.clone().takes(&code, at(999_910)));
        assert!(!totp.clone().takes("", at(1_000_000)));
        let (start, end) = code.split_at(3);
        assert!(totp.clone().takes(&format!(" {start} {end} "), at(1_000_000)));
        assert!(totp.takes(&code, at(1_000_030)));
        assert!(!totp.takes(&code, at(1_000_030)), "twice");
    }

    #[test]
    fn secrets_are_new_and_not_shown_by_accident() {
        let (a, b) = (Totp::default(), Totp::default());
        assert_ne!(a.shown(), b.shown());
        assert_eq!(a.shown().len(), 39);
        assert!(!format!("{a:?}").contains(&a.secret));
        assert!(a.uri("asha@shop").starts_with("otpauth://totp/Waybill:asha%40shop?secret="));
    }
}
