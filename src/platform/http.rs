//! The HTTP layer: everything that runs before and after a handler. Contains no resource.
//!
//! Every error response has the same form: whatever refuses a request (routing, an extractor, a timeout, a
//! panic), the client gets a problem document with the same headers.

pub mod answer;
pub mod cors;
pub mod cursor;
pub mod extract;
pub mod health;
pub mod limits;
pub mod middleware;
pub mod openapi;
mod peer;
pub mod problem;
pub mod retry_after;
pub mod serve;

pub use extract::{RawBody, ValidJson, ValidQuery};
pub use middleware::{Limits, RequestId};
pub use peer::{Peer, Proxies};
pub use problem::{FieldError, Kind, Problem, ProblemBody};
