//! The HTTP edge: what every request passes before and after its handler. Knows no resource.
//!
//! Guards against answers that differ in form: whatever refuses a request (routing, an extractor, a time-out,
//! a panic), the client gets the same problem document with the same headers.

pub mod answer;
pub mod extract;
pub mod health;
pub mod middleware;
pub mod openapi;
pub mod problem;
pub mod serve;

pub use extract::{ValidJson, ValidQuery};
pub use middleware::{Limits, RequestId};
pub use problem::{FieldError, Kind, Problem, ProblemBody};
