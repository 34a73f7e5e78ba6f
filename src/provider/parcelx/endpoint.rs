//! What an operation must say for the client to carry it out.

use http::Method;
use serde_json::Value;

use super::answer::CallResult;

/// One operation with its input. A new one is a file in `endpoints/`, its fixtures and a `mod` line.
pub(super) trait Endpoint: Send + Sync {
    /// As in logs and metrics: `create_order`.
    const OPERATION: &'static str;
    const METHOD: Method;
    const PATH: &'static str;
    /// Whether the HTTP stack may send it again by itself. Never for what books, cancels or pays.
    const SAFE_TO_REPEAT: bool;

    type Reading: Send;

    /// The JSON body of a POST, the query of a GET (an object of texts).
    fn payload(&self) -> Value;

    /// What the end of a call under `reference` means.
    fn read(wire: &CallResult, reference: &str) -> Self::Reading;

    /// The reading in one word, for logs and metrics.
    fn word(reading: &Self::Reading) -> &'static str;
}
