//! The only place that reads randomness: every id of the service is generated here.
//!
//! A document id is `prefix_` and a version 7 UUID: unguessable, and sorted by creation time.

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

/// `ord_…`: an order that was made at `at` in another system; `digest` tells it from the others. The same
/// every time.
#[must_use]
pub fn imported_order(at: Timestamp, digest: &[u8; 32]) -> String {
    let ms = u64::try_from(at.as_millis()).unwrap_or(0);
    let mut random = [0; 10];
    random.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    let id = uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid();
    format!("ord_{}", id.simple())
}

/// `opn_…`: one operation on many orders or jobs.
#[must_use]
pub fn operation(now: Timestamp) -> String {
    sortable("opn", now)
}

/// `plog_…`: one call to ParcelX; its request log and its outcome log share it.
#[must_use]
pub fn provider_log(now: Timestamp) -> String {
    sortable("plog", now)
}

/// `aud_…`: one manual action.
#[must_use]
pub fn audit(now: Timestamp) -> String {
    sortable("aud", now)
}

/// `ses_…`: a session of a person, as people see it. It opens nothing.
#[must_use]
pub fn session(now: Timestamp) -> String {
    sortable("ses", now)
}

/// `mer_…`: a merchant who has signed up here.
#[must_use]
pub fn merchant(now: Timestamp) -> String {
    sortable("mer", now)
}

/// `usr_…`: a person of a merchant.
#[must_use]
pub fn user(now: Timestamp) -> String {
    sortable("usr", now)
}

/// `key_…`: a merchant's key, as people see it. It opens nothing.
#[must_use]
pub fn api_key(now: Timestamp) -> String {
    sortable("key", now)
}

/// `inv_…`: an invitation of a person.
#[must_use]
pub fn invitation(now: Timestamp) -> String {
    sortable("inv", now)
}

/// `eml_…`: a mail.
#[must_use]
pub fn email(now: Timestamp) -> String {
    sortable("eml", now)
}

/// `fil_…`: a file of a merchant.
#[must_use]
pub fn file(now: Timestamp) -> String {
    sortable("fil", now)
}

/// `evt_…`: an event, by its number in the one sequence.
#[must_use]
pub fn event(seq: i64) -> String {
    format!("evt_{seq:016}")
}

/// `msg_…`: a message between a shop and the desk.
#[must_use]
pub fn message(now: Timestamp) -> String {
    sortable("msg", now)
}

/// `whe_…`: an address of a merchant that is told what happens.
#[must_use]
pub fn webhook_endpoint(now: Timestamp) -> String {
    sortable("whe", now)
}

/// `evt_test…`: an event that nobody made happen. Never the id of one that did happen.
#[must_use]
pub fn test_event(now: Timestamp) -> String {
    sortable("evt_test", now)
}

/// 32 letters and digits, each as likely as the others: as base64 they are 24 bytes, without padding and
/// without the signs that differ between its alphabets.
#[must_use]
pub fn signing_key() -> String {
    const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut key = String::with_capacity(32);
    while key.len() < 32 {
        // Above four times 62 some would be more likely than others.
        let fair = random_u128().to_be_bytes().into_iter().filter(|byte| *byte < 248);
        let signs = fair.filter_map(|byte| SIGNS.get(usize::from(byte % 62)));
        key.extend(signs.take(32 - key.len()).map(|sign| char::from(*sign)));
    }
    key
}

/// `req_…`: a request that came without an `X-Request-Id`.
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

/// The process's number and something that no other worker of it has: what a worker is called.
#[must_use]
pub fn worker() -> String {
    let random = lease_token();
    format!("{}-{}", std::process::id(), random.get(..8).unwrap_or(&random))
}

/// Crockford's base 32: no two of its characters are easily confused.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// `ORD-` and 13 characters (65 bits): the order's reference at ParcelX. It is random, not a counter, so that
/// it never repeats one of another account or of an earlier installation: nothing says that ParcelX keeps
/// equal references apart.
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

/// Six digits, to be typed from a phone.
#[must_use]
pub fn code() -> String {
    format!("{:06}", random_u128() % 1_000_000)
}

/// A number from 0 (included) to 1 (excluded), for jitter.
#[must_use]
pub fn fraction() -> f64 {
    let bits = u32::try_from(random_u128() & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// A version 4 UUID has 122 random bits and six fixed ones; two are combined to hide the fixed bits.
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
    fn ids_sort_by_creation_time() {
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
        assert!(signing_key().len() == 32 && signing_key() != signing_key());
        assert!(signing_key().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!((0..1000).map(|_| fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
