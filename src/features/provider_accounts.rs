//! The provider's accounts, as far as they can stand in the way of every order: an empty wallet, refused
//! keys, a wrong address.
//!
//! Guards against a thousand orders that each ask a provider that is known to say no, and against a hold that
//! somebody must remember to lift. [`model`] decides, on the document alone; [`service`] stores it and keeps
//! what this process knows of it; [`guard`] says when jobs may call the provider.

pub mod breaker;
pub mod guard;
pub mod model;
pub mod refusals;
pub mod service;

pub use model::{Account, Hold, HoldProbe, ProbeResult};
pub use refusals::{Seen, Trier};
pub use service::{Accounts, LiftError, Taken, standing};

use super::Feature;

/// What the accounts declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().collection::<Account>()
}
