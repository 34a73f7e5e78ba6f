//! What an operation must say for the client to carry it out.

use http::Method;
use serde_json::Value;

use super::{answer::CallResult, redact};
use crate::{
    platform::config::Words,
    provider::carrier::{CallOutcome, Cause, Operation, Told, redact::words_without},
};

/// One operation with its input. A new one is a file in `endpoints/`, its fixtures and a `mod` line.
pub(super) trait Endpoint: Send + Sync {
    const OPERATION: Operation;
    const METHOD: Method;
    const PATH: &'static str;
    /// Whether the HTTP stack may send it again by itself. Never for what books, cancels or pays.
    const SAFE_TO_REPEAT: bool;

    /// What a success gives.
    type Success: Send;

    /// The JSON body of a POST, the query of a GET (an object of texts).
    fn payload(&self) -> Value;

    /// What the end of a call means.
    fn read(wire: &CallResult, asked: Asked<'_>) -> CallOutcome<Self::Success>;

    /// A success in one word, for logs and metrics.
    fn success(success: &Self::Success) -> &'static str;
}

/// What was asked: an answer must be to it, and may quote it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Our reference.
    pub(super) reference: &'a str,
    /// [`Endpoint::payload`], as far as it is at hand.
    pub(super) payload: &'a Value,
    /// By which a refusal says that it is not about its order.
    pub(super) words: &'a Words,
}

/// What others than the caller are told of an outcome: its words about the account as anybody may see them,
/// and the whole in one word.
pub(super) fn told<E: Endpoint>(
    outcome: CallOutcome<E::Success>,
    asked: Asked<'_>,
) -> (CallOutcome<()>, &'static str) {
    let success = match &outcome {
        CallOutcome::Done(success) => E::success(success),
        _ => "",
    };
    let word = outcome.as_str(success);
    let told = match outcome.map(drop) {
        CallOutcome::Deferred { after, cause: Cause::Account(problem, Told::Words(words)) } => {
            let words = Told::Words(words_without(&words, redact::hidden(asked.payload)));
            CallOutcome::Deferred { after, cause: Cause::Account(problem, words) }
        }
        told => told,
    };
    (told, word)
}

/// With the default words.
#[cfg(test)]
impl<'a> Asked<'a> {
    pub(super) fn with(reference: &'a str, payload: &'a Value) -> Self {
        static WORDS: std::sync::LazyLock<Words> = std::sync::LazyLock::new(|| {
            crate::platform::config::Config::load(None, []).unwrap().parcelx.words
        });
        Self { reference, payload, words: &WORDS }
    }
}
