//! The one place that reads randomness: every id of the service is made here.
//!
//! Document ids are `prefix_` and a version 7 UUID: unguessable, and in the order of their making.

use uuid::{ContextV7, Uuid};

use crate::base::timestamp::Timestamp;

fn sortable(prefix: &str, now: Timestamp) -> String {
    static CONTEXT: std::sync::Mutex<ContextV7> = std::sync::Mutex::new(ContextV7::new());
    let ms = u64::try_from(now.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
    let at = uuid::Timestamp::from_unix(&CONTEXT, ms / 1000, nanos);
    format!("{prefix}_{}", Uuid::new_v7(at).simple())
}

/// `ord_…`: an order.
#[must_use]
pub fn order(now: Timestamp) -> String {
    sortable("ord", now)
}

/// `plog_…`: one wire attempt; its request log and its outcome log share it.
#[must_use]
pub fn provider_log(now: Timestamp) -> String {
    sortable("plog", now)
}

/// `aud_…`: what a person did by hand.
#[must_use]
pub fn audit(now: Timestamp) -> String {
    sortable("aud", now)
}

/// `req_…`: a request without an `X-Request-Id` of its own.
#[must_use]
pub fn request(now: Timestamp) -> String {
    sortable("req", now)
}

/// A token that no other claim of a job has.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "ids are made here")]
pub fn lease_token() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The letters of Crockford's base 32: none that is read for another.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// `ORD-` and 13 letters (65 bits), the reference ParcelX knows an order by. Random, not counted: another
/// account's or an earlier installation's reference must never come again, since ParcelX is not known to keep
/// references apart.
#[must_use]
pub fn order_number() -> String {
    let bits = random_u128();
    let letters = (0..13).map(|i| {
        let at = usize::try_from((bits >> (i * 5)) & 31).unwrap_or(0);
        char::from(LETTERS.get(at).copied().unwrap_or(b'0'))
    });
    "ORD-".chars().chain(letters).collect()
}

/// A secret of 256 bits in hexadecimal.
#[must_use]
pub fn secret() -> String {
    format!("{:032x}{:032x}", random_u128(), random_u128())
}

/// A number from 0 (included) to 1 (excluded), for jitter.
#[must_use]
pub fn fraction() -> f64 {
    let bits = u32::try_from(random_u128() & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// 122 random bits of a version 4 UUID, folded so that its six fixed ones do not show in the low 64.
#[expect(clippy::disallowed_methods, reason = "ids are made here")]
fn random_u128() -> u128 {
    let (a, b) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
    a ^ b.rotate_left(64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_sort_in_the_order_of_their_making() {
        let ids: Vec<_> =
            (0..2000).map(|i| order(Timestamp::from_millis(1_763_687_100_000 + i / 100))).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|i| i.len() == 36 && i.starts_with("ord_")));
    }

    #[test]
    fn order_numbers_differ_in_every_letter() {
        let numbers: BTreeSet<_> = (0..5000).map(|_| order_number()).collect();
        assert_eq!(numbers.len(), 5000);
        for at in 4..17 {
            let seen: BTreeSet<_> = numbers.iter().map(|n| n.as_bytes()[at]).collect();
            assert_eq!(seen.len(), 32, "letter {at} is not random");
        }
    }

    #[test]
    fn secrets_are_long_and_new() {
        assert_eq!(secret().len(), 64);
        assert_ne!(secret(), secret());
        assert!((0..1000).map(|_| fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
