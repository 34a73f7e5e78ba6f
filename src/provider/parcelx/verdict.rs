//! What an answer to a call that changes something means, as one table. Whatever is not in it is *unknown*:
//! the provider may have acted.

use std::time::Duration;

use super::answer::{Answer, CallResult, Failure};

/// What is known after a call; `T` is what a success gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T = Booked> {
    Success(T),
    /// Parsable `status: false`: the provider's words.
    Refused(String),
    /// The wallet is empty.
    Wallet(String),
    /// Our keys are not accepted.
    Credentials(String),
    /// Wrong address or wrong form: nothing is wrong with the order.
    Configuration(String),
    /// Too fast; after this long, when it was said.
    Busy(Option<Duration>),
    /// Certainly never seen by the provider.
    NotSent(String),
    Unknown(String),
}

/// A booked shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    pub awb: String,
    pub courier_name: Option<String>,
    pub courier_code: Option<String>,
    pub order_number: Option<String>,
}

/// The longest `Retry-After` that is believed.
const LONGEST_BUSY: Duration = Duration::from_secs(15 * 60);

impl<T> Verdict<T> {
    /// In one word; `success` is the operation's own.
    #[must_use]
    pub fn word(&self, success: &'static str) -> &'static str {
        match self {
            Self::Success(_) => success,
            Self::Refused(_) => "refused",
            Self::Wallet(_) => "wallet",
            Self::Credentials(_) => "credentials",
            Self::Configuration(_) => "configuration",
            Self::Busy(_) => "busy",
            Self::NotSent(_) => "not-sent",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The table. `success` reads what a body with `status: true` gives, or says what is wrong with it.
pub(super) fn judge<T>(
    wire: &CallResult,
    success: impl FnOnce(&Answer) -> Result<T, &'static str>,
) -> Verdict<T> {
    let answer = match wire {
        CallResult::Failure { class, detail } if class.is_unsent() => {
            return Verdict::NotSent(format!("{}: {detail}", class.as_str()));
        }
        CallResult::Failure { class: Failure::NoAnswerRecorded, .. } => {
            return Verdict::Unknown("unknown: no answer recorded".to_owned());
        }
        CallResult::Failure { class, .. } => return Verdict::Unknown(format!("unknown: {}", class.as_str())),
        CallResult::Answer(answer) => answer,
    };
    let words = answer.words();
    match (answer.status, answer.succeeded()) {
        // An answer that contradicts itself may well have booked.
        (status, Some(true)) if !(200..=299).contains(&status) => {
            Verdict::Unknown(format!("unknown: a success with HTTP {status}"))
        }
        (401 | 403, _) => {
            Verdict::Credentials(format!("ParcelX refuses the credentials (HTTP {})", answer.status))
        }
        (300..=399 | 404 | 405 | 415, _) => {
            Verdict::Configuration(format!("ParcelX does not know the call (HTTP {})", answer.status))
        }
        (425 | 429, _) => Verdict::Busy(answer.retry_after.and_then(believable)),
        (200 | 400 | 402 | 406 | 422, Some(false)) if is_wallet(&answer.all_words()) => {
            Verdict::Wallet(words)
        }
        (200 | 400 | 406 | 422, Some(false)) => Verdict::Refused(spoken(words)),
        (200..=299, Some(true)) => match success(answer) {
            Ok(success) => Verdict::Success(success),
            Err(what) => Verdict::Unknown(format!("unknown: {what}")),
        },
        (status, _) => Verdict::Unknown(format!("unknown: HTTP {status} without a readable answer")),
    }
}

/// The table for a call about one shipment: "no such shipment" with 404 is a refusal like any other; only a
/// wrong address is not.
pub(super) fn judge_of_shipment<T>(
    wire: &CallResult,
    success: impl FnOnce(&Answer) -> Result<T, &'static str>,
) -> Verdict<T> {
    if let CallResult::Answer(answer) = wire
        && (answer.status, answer.succeeded()) == (404, Some(false))
        && !answer.words().to_lowercase().contains(UNKNOWN_METHOD)
    {
        return Verdict::Refused(spoken(answer.words()));
    }
    match judge(wire, success) {
        // It costs nothing, so words about a balance say nothing of the account.
        Verdict::Wallet(words) => Verdict::Refused(words),
        verdict => verdict,
    }
}

/// A reason is shown wherever a refusal is.
fn spoken(words: String) -> String {
    if words.is_empty() { "refused without words".to_owned() } else { words }
}

/// What a framework answers when a path or a verb does not exist.
const UNKNOWN_METHOD: &str = "unknown method";

/// `Insuffiecient Balance` is the captured spelling; texts are matched loosely.
pub(super) fn is_wallet(words: &str) -> bool {
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

    fn verdict(status: u16, body: Body, retry_after: Option<i64>) -> &'static str {
        let shipment =
            || Booked { awb: "1".into(), courier_name: None, courier_code: None, order_number: None };
        let read = |a: &Answer| a.json().and_then(|b| b.get("awb")).map(|_| shipment()).ok_or("no AWB");
        judge(&CallResult::Answer(Answer { status, retry_after, body }), read).word("booked")
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
            judge(&CallResult::Failure { class, detail: String::new() }, |_| Err::<Booked, _>(""))
                .word("booked")
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
