//! What an answer to a call means, as one table. Whatever is not in it is *unknown*: the provider may have
//! acted.

use std::time::Duration;

use super::{
    answer::{Answer, CallResult, Failure},
    endpoint::Asked,
    redact,
};
use crate::provider::carrier::{
    AccountProblem, CallOutcome,
    CallOutcome::{Deferred, Done, Refused, Unknown},
    Cause, Heard,
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
        (401 | 403, _) => account(AccountProblem::Credentials),
        (300..=399 | 404 | 405 | 415, _) => account(AccountProblem::Configuration),
        (425 | 429, _) => busy(answer),
        (200 | 400 | 402 | 406 | 422, Some(false)) if is_wallet(&answer.all_words()) => wallet(answer, asked),
        (200 | 400 | 406 | 422, Some(false)) if is_known(&own_words(answer, asked, is_known)) => {
            unknown(answer, format!("unknown: refused as known already: {}", answer.words()))
        }
        (200 | 400 | 406 | 422, Some(false)) => Refused(spoken(answer)),
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
        (404, Some(false)) if !answer.words().to_lowercase().contains(UNKNOWN_METHOD) => {
            Refused(spoken(answer))
        }
        // It may be about a stranger's parcel.
        (403, None | Some(false)) => {
            CallOutcome::deferred(Cause::Declined("ParcelX refuses the credentials (HTTP 403)".to_owned()))
        }
        // Words about a balance say nothing of the account, and "already cancelled" nothing of a booking.
        (200 | 400 | 406 | 422, Some(false)) => Refused(spoken(answer)),
        (402, Some(false)) if is_wallet(&answer.all_words()) => Refused(spoken(answer)),
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
            CallOutcome::unanswered("unknown: no answer recorded")
        }
        CallResult::Failure { class, .. } => CallOutcome::unanswered(format!("unknown: {}", class.as_str())),
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

/// Words about money. An answer may quote the order, and what a merchant calls their goods must not hold the
/// account of all: then that order alone waits.
fn wallet<T>(answer: &Answer, asked: Asked<'_>) -> CallOutcome<T> {
    CallOutcome::deferred(if is_wallet(&own_words(answer, asked, is_wallet)) {
        Cause::Account(AccountProblem::Wallet, answer.words())
    } else {
        Cause::Declined(answer.words())
    })
}

/// An answer's words, in small letters, without what it quotes of the order and would itself pass `test`.
fn own_words(answer: &Answer, asked: Asked<'_>, test: fn(&str) -> bool) -> String {
    let words = answer.all_words().to_lowercase();
    if !test(&words) {
        return words;
    }
    // A quote that is no more than the word itself cannot be told from the provider's own.
    let quoted = redact::texts(asked.payload)
        .into_iter()
        .map(str::to_lowercase)
        .filter(|text| test(text) && !matches!(text.as_str(), "balance" | "already" | "duplicate"));
    quoted.fold(words, |words, text| words.replace(&text, ""))
}

/// Our reference is unique: whatever says that it exists already is evidence for a booking, never against
/// one.
fn is_known(words: &str) -> bool {
    words.contains("already") || words.contains("duplicate")
}

/// A reason is shown wherever a refusal is.
fn spoken(answer: &Answer) -> String {
    Some(answer.words())
        .filter(|words| !words.is_empty())
        .unwrap_or_else(|| "refused without words".to_owned())
}

/// What a framework answers when a path or a verb does not exist.
const UNKNOWN_METHOD: &str = "unknown method";

/// `Insuffiecient Balance` is the captured spelling; texts are matched loosely.
fn is_wallet(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("insuff") || words.contains("balance")
}

/// Zero and less say nothing; what is absurdly long is cut.
fn believable(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|s| *s > 0).map(|s| Duration::from_secs(s).min(LONGEST_BUSY))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::parcelx::answer::Body;

    const ASKED: Asked<'_> = Asked { reference: "ORD-1", payload: &Value::Null };

    fn verdict(status: u16, body: Body, retry_after: Option<i64>) -> &'static str {
        let read = |a: &Answer| a.json().and_then(|b| b.get("awb")).map(drop).ok_or("no AWB");
        judge(&CallResult::Answer(Answer { status, retry_after, body }), ASKED, read).as_str("booked")
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
        for status in [401, 403] {
            assert_eq!(json_verdict(status, refusal()), "credentials", "{status}");
        }
        for status in [301, 302, 307, 404, 405, 415] {
            assert_eq!(json_verdict(status, refusal()), "configuration", "{status}");
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
    fn failures_before_sending_are_safe_and_all_others_are_not() {
        let of = |class| {
            judge(&CallResult::Failure { class, detail: String::new() }, ASKED, |_| Err::<(), _>(""))
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
