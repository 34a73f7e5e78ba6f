//! Operations: bulk work that outlives the request that asked for it.
//!
//! An operation is a document: what to do, with which orders or jobs, how fast, when to stop by itself, how
//! far it is. A worker under a lease does it. Guards against a replay that dies with its process (what is in
//! hand is written down first, and what came of it, the counts and the place in one commit, so the next
//! worker goes on there), against one that nobody can stop (it looks at its document every half second), and
//! against a thousand orders changed by a filter that said something else than was meant (a preview first, a
//! reason, a line in the audit log for each order).
//!
//! Each order or job is decided on its own, by the same services as a single action. One that was acted on
//! before its worker died is known by the audit log: the lines of an operation carry its id as their
//! request's.

pub mod check;
pub mod model;
pub mod preview;
pub mod service;
mod targets;
pub mod worker;

pub use self::{
    model::{Filter, Item, ItemResult, Kind, Operation, State},
    preview::Preview,
    service::{NewOperation, OperationError, Operations},
    worker::OperationsWorker,
};
use super::Feature;

/// What operations declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().collection::<Operation>().collection::<Item>()
}
