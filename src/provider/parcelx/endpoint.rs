//! What an operation must say for the client to carry it out.

use http::Method;
use serde_json::Value;

use super::answer::CallResult;
use crate::provider::carrier::{CallOutcome, Operation};

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
}

/// An outcome in one word.
pub(super) fn word<E: Endpoint>(outcome: &CallOutcome<E::Success>) -> &'static str {
    let success = match outcome {
        CallOutcome::Done(success) => E::success(success),
        _ => "",
    };
    outcome.as_str(success)
}
