//! What an answer to a call means, as one table. Whatever is not in it is *unknown*: the provider may have
//! acted.

use std::time::Duration;

use super::{
    answer::{Answer, CallResult, Failure},
    endpoint::Asked,
    redact,
};
use crate::{
    platform::config::{Phrases, Words},
    provider::carrier::{
        AccountProblem, CallOutcome,
        CallOutcome::{Deferred, Done, Refused, Unknown},
        Cause, Heard,
    },
};

/// The longest `Retry-After` that is believed.
const LONGEST_BUSY: Duration = Duration::from_secs(15 * 60);

/// The table for a call that books. `success` reads what a body with `status: true` gives, or says what is
/// wrong with it.
pub(super) fn judge<T>(
    wire: &CallResult,
    asked: Asked<'_>,
    success: impl FnOnce(&Answer) -> Result<T, &'static str>,
) -> CallOutcome<T> {
    let answer = match whole(wire) {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    let account = |problem| CallOutcome::deferred(Cause::Account(problem, format!("HTTP {}", answer.status)));
    match (answer.status, answer.succeeded()) {
        // An answer that contradicts itself may well have booked.
        (status, Some(true)) if !(200..=299).contains(&status) => {
            unknown(answer, format!("unknown: a success with HTTP {status}"))
        }
        (425 | 429, _) => busy(answer),
        (402, Some(false)) if asked.words.wallet.found_in(&answer.all_words()) => wallet(answer, asked),
        (200 | 400 | 406 | 422, Some(false)) => refusal(answer, asked),
        // In its envelope: about this order.
        (403 | 404 | 415, Some(false)) if in_envelope(answer) => refusal(answer, asked),
        (401 | 403, _) => account(AccountProblem::Credentials),
        (300..=399 | 404 | 405 | 415, _) => account(AccountProblem::Configuration),
        (200..=299, Some(true)) => match success(answer) {
            Ok(success) => Done(success),
            Err(what) => unknown(answer, format!("unknown: {what}")),
        },
        (status, _) => unknown(answer, format!("unknown: HTTP {status} without a readable answer")),
    }
}

/// The table for a call about one shipment, which costs nothing: what it meets says little of those that
/// book.
pub(super) fn judge_of_shipment<T>(
    wire: &CallResult,
    asked: Asked<'_>,
    success: impl FnOnce(&Answer) -> Result<T, &'static str>,
) -> CallOutcome<T> {
    let CallResult::Answer(answer) = wire else { return judge(wire, asked, success) };
    match (answer.status, answer.succeeded()) {
        // "No such shipment" is a refusal like any other; only a wrong address is not.
        (404, Some(false)) if !is_unknown_method(answer) => Refused(spoken(answer)),
        // It may be about a stranger's parcel.
        (403, None | Some(false)) => {
            CallOutcome::deferred(Cause::Declined("ParcelX refuses the credentials (HTTP 403)".to_owned()))
        }
        // Words about a balance say nothing of the account, and "already cancelled" nothing of a booking.
        (200 | 400 | 406 | 415 | 422, Some(false)) => Refused(spoken(answer)),
        (402, Some(false)) if asked.words.wallet.found_in(&answer.all_words()) => Refused(spoken(answer)),
        _ => judge(wire, asked, success),
    }
}

/// The whole answer, or what it means that there is none.
pub(super) fn whole<T>(wire: &CallResult) -> Result<&Answer, CallOutcome<T>> {
    Err(match wire {
        CallResult::Answer(answer) => return Ok(answer),
        CallResult::Failure { class: Failure::TooLateToSend, .. } => CallOutcome::deferred(Cause::TooLate),
        CallResult::Failure { class: class @ Failure::NotConnected, detail } => {
            CallOutcome::deferred(Cause::Unreachable(format!("{}: {detail}", class.as_str())))
        }
        CallResult::Failure { class: Failure::NoAnswerRecorded, .. } => {
            CallOutcome::unanswered("unknown: no answer was received")
        }
        CallResult::Failure { class, .. } => {
            CallOutcome::unanswered(format!("unknown: {}", class.in_words()))
        }
    })
}

/// An answer that settles nothing.
pub(super) fn unknown<T>(answer: &Answer, reason: String) -> CallOutcome<T> {
    let heard = match (answer.status, answer.succeeded()) {
        (500.., _) => Heard::Broken,
        (200..=299 | 400 | 402 | 406 | 422, Some(_)) => Heard::Readable,
        _ => Heard::Unreadable,
    };
    Unknown { reason, heard }
}

pub(super) fn busy<T>(answer: &Answer) -> CallOutcome<T> {
    Deferred { after: answer.retry_after.and_then(believable), cause: Cause::Busy }
}

/// A readable no. By its words it is about the account, about this moment, or about the order.
fn refusal<T>(answer: &Answer, asked: Asked<'_>) -> CallOutcome<T> {
    let Words { wallet: money, credentials, account, try_again, timed_out } = asked.words;
    let says = |phrases: &Phrases| says(answer, asked, phrases);
    let held = |problem| CallOutcome::deferred(Cause::Account(problem, answer.words()));
    if money.found_in(&answer.all_words()) {
        wallet(answer, asked)
    } else if own_words(answer, asked, is_known, |text| KNOWN.contains(&text)) {
        unknown(answer, format!("unknown: refused as known already: {}", answer.words()))
    } else if says(timed_out) {
        unknown(answer, format!("unknown: the courier did not answer ParcelX: {}", answer.words()))
    } else if says(credentials) {
        held(AccountProblem::Credentials)
    } else if says(account) {
        held(AccountProblem::Account)
    } else if says(try_again) {
        CallOutcome::deferred(Cause::Declined(answer.words()))
    } else {
        Refused(spoken(answer))
    }
}

/// Words about money. An answer may quote the order, and what a merchant calls their goods must not hold the
/// account of all: then that order alone waits.
fn wallet<T>(answer: &Answer, asked: Asked<'_>) -> CallOutcome<T> {
    CallOutcome::deferred(if says(answer, asked, &asked.words.wallet) {
        Cause::Account(AccountProblem::Wallet, answer.words())
    } else {
        Cause::Declined(answer.words())
    })
}

/// Whether the provider's own words in an answer hold one of `phrases`.
fn says(answer: &Answer, asked: Asked<'_>, phrases: &Phrases) -> bool {
    own_words(answer, asked, |text| phrases.found_in(text), |text| phrases.holds(text))
}

/// Whether an answer's words pass `test`, without what they quote of the order and would itself pass it. A
/// quote that `is_word` cannot be told from the provider's own.
fn own_words(
    answer: &Answer,
    asked: Asked<'_>,
    test: impl Fn(&str) -> bool,
    is_word: impl Fn(&str) -> bool,
) -> bool {
    let words = answer.all_words().to_lowercase();
    if !test(&words) {
        return false;
    }
    let quoted = redact::texts(asked.payload)
        .into_iter()
        .map(|text| text.trim().to_lowercase())
        .filter(|text| test(text) && !is_word(text));
    test(&quoted.fold(words, |words, text| words.replace(&text, " ")))
}

/// `ParcelX` itself has read the call and says why not: `status: false` and `responsemsg`.
fn in_envelope(answer: &Answer) -> bool {
    answer.says_why() && !is_unknown_method(answer)
}

fn is_unknown_method(answer: &Answer) -> bool {
    answer.words().to_lowercase().contains(UNKNOWN_METHOD)
}

/// Our reference is unique: whatever says that it exists already is evidence for a booking, never against
/// one.
fn is_known(words: &str) -> bool {
    if KNOWN.iter().any(|word| words.contains(word)) {
        return true;
    }
    let words: Vec<_> = words.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    // Names of goods and places must be unique, too.
    let of_ours = words.iter().any(|word| OURS.iter().any(|ours| word.starts_with(ours)));
    of_ours && KNOWN_PHRASES.iter().any(|phrase| stands_plainly(phrase, &words))
}

/// Whether `words` hold the phrase, and do not deny it just before.
fn stands_plainly(phrase: &[&str], words: &[&str]) -> bool {
    words.windows(phrase.len()).enumerate().any(|(at, window)| {
        let before = words.get(at.saturating_sub(DENIED_WITHIN)..at).unwrap_or_default();
        window == phrase && !before.iter().any(|word| DENIALS.contains(word))
    })
}

const KNOWN: [&str; 2] = ["already", "duplicate"];
/// The same in words that need the company of [`OURS`].
const KNOWN_PHRASES: [&[&str]; 7] = [
    &["exists"],
    &["exist"],
    &["must", "be", "unique"],
    &["should", "be", "unique"],
    &["is", "not", "unique"],
    &["been", "used"],
    &["is", "in", "use"],
];
/// Beginnings of words for what our reference names.
const OURS: [&str; 5] = ["order", "client", "reference", "shipment", "awb"];
const DENIALS: [&str; 9] = ["not", "no", "never", "cannot", "t", "if", "whether", "without", "none"];
/// So many words before a phrase may deny it.
const DENIED_WITHIN: usize = 3;

/// A reason is shown wherever a refusal is.
fn spoken(answer: &Answer) -> String {
    Some(answer.words())
        .filter(|words| !words.is_empty())
        .unwrap_or_else(|| "refused without words".to_owned())
}

/// What a framework answers when a path or a verb does not exist.
const UNKNOWN_METHOD: &str = "unknown method";

/// Zero and less say nothing; what is absurdly long is cut.
fn believable(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|s| *s > 0).map(|s| Duration::from_secs(s).min(LONGEST_BUSY))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::parcelx::answer::Body;

    fn asked() -> Asked<'static> {
        Asked::with("ORD-1", &Value::Null)
    }

    fn verdict(status: u16, body: Body, retry_after: Option<i64>) -> &'static str {
        let read = |a: &Answer| a.json().and_then(|b| b.get("awb")).map(drop).ok_or("no AWB");
        judge(&CallResult::Answer(Answer { status, retry_after, body }), asked(), read).as_str("booked")
    }

    fn json_verdict(status: u16, body: Value) -> &'static str {
        verdict(status, Body::Json(body), None)
    }

    #[test]
    fn every_row_of_the_table() {
        let refusal = || json!({"status": false, "responsemsg": "Pincode not serviceable"});
        let broke = || json!({"status": false, "responsemsg": ["Insuffiecient Balance"]});
        let booked = || json!({"status": true, "awb": "1"});
        for status in [200, 400, 406, 422] {
            assert_eq!(json_verdict(status, refusal()), "refused", "{status}");
            assert_eq!(json_verdict(status, broke()), "wallet", "{status}");
        }
        for status in [200, 201] {
            assert_eq!(json_verdict(status, booked()), "booked", "{status}");
            assert_eq!(json_verdict(status, json!({"status": true})), "unknown", "no AWB, {status}");
        }
        for status in [403, 404, 415] {
            assert_eq!(json_verdict(status, refusal()), "refused", "{status}");
            assert_eq!(json_verdict(status, broke()), "wallet", "{status}");
        }
        let bare = || json!({"status": false, "error": "Not allowed"});
        for (status, body) in [(401, refusal()), (401, bare()), (403, bare()), (403, json!({}))] {
            assert_eq!(json_verdict(status, body), "credentials", "{status}");
        }
        for status in [301, 302, 307, 405] {
            assert_eq!(json_verdict(status, refusal()), "configuration", "{status}");
        }
        for status in [404, 415] {
            let unknown = json!({"status": false, "responsemsg": "Unknown method"});
            for body in [bare(), unknown, json!({"status": false, "responsemsg": " "}), json!({})] {
                assert_eq!(json_verdict(status, body.clone()), "configuration", "{status} {body}");
            }
        }
        for status in [425, 429] {
            assert_eq!(json_verdict(status, refusal()), "busy", "{status}");
        }
        for status in [301, 400, 401, 403, 404, 405, 415, 422, 425, 429] {
            assert_eq!(json_verdict(status, booked()), "unknown", "a success with {status}");
        }
        for status in [408, 409, 500, 502, 503, 504, 100, 418] {
            assert_eq!(json_verdict(status, refusal()), "unknown", "{status}");
            assert_eq!(json_verdict(status, booked()), "unknown", "{status}");
        }
        for body in [
            json!({"status": "true", "awb": "1"}),
            json!({"awb": "1"}),
            json!([]),
            json!(null),
            json!({"status": 1}),
        ] {
            assert_eq!(json_verdict(200, body.clone()), "unknown", "{body}");
        }
        assert_eq!(verdict(200, Body::Text("<html>".into()), None), "unknown");
        assert_eq!(verdict(502, Body::Text(String::new()), None), "unknown");
    }

    #[test]
    fn the_words_of_a_refusal_say_what_it_is_about() {
        for (verdict, words) in [
            (
                "wallet",
                vec![
                    "Please recharge your wallet to ship this order",
                    "Low wallet amount, kindly top up",
                    "Credit limit exhausted",
                    "You do not have enough credits",
                    "Insuffiecient Balance",
                ],
            ),
            ("account", vec!["Your account is inactive", "KYC verification is pending"]),
            ("credentials", vec!["Invalid token", "Invalid access token", "Authentication failed"]),
            (
                "declined",
                vec![
                    "Something went wrong, try again later",
                    "Server is busy",
                    "Rate limit exceeded",
                    "Courier API is down",
                    "Unable to connect to courier server",
                    "Internal server error",
                ],
            ),
            ("unknown", vec!["Request timeout from courier partner", "Request timed out, please try again"]),
            (
                "refused",
                vec!["Pincode not serviceable", "Pick address not found", "This pick address is not yours"],
            ),
        ] {
            for words in words {
                for status in [200, 400, 403, 404, 406, 415, 422] {
                    let body = json!({"status": false, "responsemsg": words});
                    assert_eq!(json_verdict(status, body), verdict, "{status} {words}");
                }
            }
        }
    }

    #[test]
    fn words_that_say_that_our_reference_is_known_are_told_from_those_that_do_not() {
        let said = |words: &str| json_verdict(200, json!({"status": false, "responsemsg": words}));
        for words in [
            "Order id already exists",
            "Duplicate client order id",
            "Order has already been placed",
            "Order id exists",
            "client_order_id exists in the system",
            "The reference is in use",
            "Client order number has been used",
            "Order reference must be unique",
            "client_order_id should be unique",
            "Order id is not unique",
            "Your order was not placed: this order id exists",
        ] {
            assert_eq!(said(words), "unknown", "{words}");
        }
        for words in [
            "Order id does not exist",
            "Order doesn't exist",
            "No such order exists",
            "Pick address does not exist for this order",
            "Please check whether the order exists",
            "Not unique pincode",
            "Pincode is not unique",
            "SKU must be unique",
            "Mobile number is in use by another customer",
            "Reference has never been used",
            "Order is not in use",
        ] {
            assert_eq!(said(words), "refused", "{words}");
        }
    }

    #[test]
    fn failures_before_sending_are_safe_and_all_others_are_not() {
        let of = |class| {
            judge(&CallResult::Failure { class, detail: String::new() }, asked(), |_| Err::<(), _>(""))
                .as_str("booked")
        };
        assert_eq!(of(Failure::NotConnected), "not-sent");
        assert_eq!(of(Failure::TooLateToSend), "not-sent");
        for class in [Failure::TimedOut, Failure::Broken, Failure::TooLarge, Failure::NoAnswerRecorded] {
            assert_eq!(of(class), "unknown", "{class:?}");
        }
    }

    #[test]
    fn retry_after_is_bounded() {
        assert_eq!(believable(30), Some(Duration::from_secs(30)));
        assert_eq!(believable(86_400), Some(LONGEST_BUSY));
        assert_eq!(believable(0), None);
        assert_eq!(believable(-5), None);
    }
}
