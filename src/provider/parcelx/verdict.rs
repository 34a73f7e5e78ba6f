//! What an answer to a call means, as one table. Whatever is not in it is *unknown*: the provider may have
//! acted.

use std::time::Duration;

use super::{
    answer::{Answer, CallResult, Failure},
    coming::parcel_is_coming,
    endpoint::Asked,
    known::{is_known, misleads},
    redact,
};
use crate::{
    platform::config::{Phrases, Words},
    provider::carrier::{
        AccountProblem, CallOutcome,
        CallOutcome::{Deferred, Done, Refused, Unknown},
        Cause, Heard, Told,
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
    let account = |problem| CallOutcome::deferred(Cause::Account(problem, Told::Status(answer.status)));
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
        _ => unknown(answer, unlisted(answer)),
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
        (404, Some(false)) if !is_unknown_method(answer) => refusal_of_shipment(answer, asked),
        // It may be about a stranger's parcel.
        (403, None | Some(false)) => {
            CallOutcome::deferred(Cause::Declined("ParcelX refuses the credentials (HTTP 403)".to_owned()))
        }
        (200 | 400 | 406 | 415 | 422, Some(false)) => refusal_of_shipment(answer, asked),
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

/// Why an answer that is in no row of the table settles nothing. What comes with a 5xx is seldom the words of
/// who was asked.
fn unlisted(answer: &Answer) -> String {
    let status = answer.status;
    match answer.words() {
        words if words.is_empty() || status >= 500 => {
            format!("unknown: HTTP {status} without a readable answer")
        }
        words => format!("unknown: HTTP {status}: {words}"),
    }
}

pub(super) fn busy<T>(answer: &Answer) -> CallOutcome<T> {
    Deferred { after: answer.retry_after.and_then(believable), cause: Cause::Busy }
}

/// A readable no. By its words it is about the account, about this moment, or about the order.
fn refusal<T>(answer: &Answer, asked: Asked<'_>) -> CallOutcome<T> {
    let Words { wallet: money, credentials, account, try_again, timed_out } = asked.words;
    let says = |phrases: &Phrases| says(answer, asked, phrases);
    let held = |problem| CallOutcome::deferred(Cause::Account(problem, Told::Words(answer.words())));
    if money.found_in(&answer.all_words()) {
        wallet(answer, asked)
    } else if own_words(answer, asked, is_known, misleads) {
        unknown(answer, format!("unknown: refused as known already: {}", answer.words()))
    } else if parcel_is_coming(&answer.all_words()) {
        unknown(answer, format!("unknown: refused as not ready yet: {}", answer.words()))
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

/// A readable no to a call about one shipment. By its words it is about this moment or the keys, or about the
/// shipment. Words about a balance say nothing of the account here, and "already cancelled" nothing of a
/// booking.
fn refusal_of_shipment<T>(answer: &Answer, asked: Asked<'_>) -> CallOutcome<T> {
    let Words { credentials, account, try_again, timed_out, .. } = asked.words;
    let says = |phrases: &Phrases| says(answer, asked, phrases);
    let broke_off = || BROKE_OFF.iter().any(|words| answer.all_words().to_lowercase().contains(words));
    if says(timed_out) || broke_off() {
        // The courier may have done it, or whoever broke off.
        unknown(answer, format!("unknown: {}", answer.words()))
    } else if [credentials, account, try_again].into_iter().any(says) {
        CallOutcome::deferred(Cause::Declined(answer.words()))
    } else {
        Refused(spoken(answer))
    }
}

/// Words about money. An answer may quote the order, and what a merchant calls their goods must not hold the
/// account of all: then that order alone waits.
fn wallet<T>(answer: &Answer, asked: Asked<'_>) -> CallOutcome<T> {
    CallOutcome::deferred(if says(answer, asked, &asked.words.wallet) {
        Cause::Account(AccountProblem::Wallet, Told::Words(answer.words()))
    } else {
        Cause::Declined(answer.words())
    })
}

/// Whether the provider's own words in an answer hold one of `phrases`.
fn says(answer: &Answer, asked: Asked<'_>, phrases: &Phrases) -> bool {
    let misleads = |text: &str| phrases.found_in(text) && !phrases.holds(text);
    own_words(answer, asked, |text| phrases.found_in(text), misleads)
}

/// Whether an answer's words pass `test`, without those texts of the order that they quote and that would
/// mislead it.
fn own_words(
    answer: &Answer,
    asked: Asked<'_>,
    test: impl Fn(&str) -> bool,
    misleads: impl Fn(&str) -> bool,
) -> bool {
    let words = answer.all_words().to_lowercase();
    if !test(&words) {
        return false;
    }
    let quoted = redact::texts(asked.payload)
        .into_iter()
        .map(|text| text.trim().to_lowercase())
        .filter(|text| misleads(text));
    test(&quoted.fold(words, |words, text| words.replace(&text, " ")))
}

/// `ParcelX` itself has read the call and says why not: `status: false` and `responsemsg`.
fn in_envelope(answer: &Answer) -> bool {
    answer.says_why() && !is_unknown_method(answer)
}

fn is_unknown_method(answer: &Answer) -> bool {
    answer.words().to_lowercase().contains(UNKNOWN_METHOD)
}

/// A reason is shown wherever a refusal is.
fn spoken(answer: &Answer) -> String {
    Some(answer.words())
        .filter(|words| !words.is_empty())
        .unwrap_or_else(|| "refused without words".to_owned())
}

/// What a framework answers when a path or a verb does not exist.
const UNKNOWN_METHOD: &str = "unknown method";
/// What a program says that broke off somewhere.
const BROKE_OFF: [&str; 2] = ["internal server error", "internal error"];

/// Zero and less say nothing; what is absurdly long is cut.
fn believable(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|s| *s > 0).map(|s| Duration::from_secs(s).min(LONGEST_BUSY))
}

#[cfg(test)]
mod tests;
