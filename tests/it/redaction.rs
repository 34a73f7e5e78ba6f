//! Canaries: values that stand in orders, keys and provider answers and nowhere else, and that must come out
//! nowhere but in the order's own view for its own merchant. Log lines of the real program are in
//! `cli/redaction.rs`.

mod answers;
pub(crate) mod canaries;
mod debug;
mod jobs;
