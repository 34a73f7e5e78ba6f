//! Messages between a shop and the desk about one order.
//!
//! Guards against the same message twice (a sender's own id is unique in its thread), against two at once
//! that get one number (the thread is written with each message), against a side that leaves the other no
//! room (each has its own share of the thread and of the minute), and against names of operators in front of
//! shops: to them the desk is one person, called Support.
//!
//! Nothing is published here: each message is a step of its thread, and what makes events
//! ([`super::events::publisher`]) makes one of it. Events have no text; whoever may read it asks for it.

mod examples;
pub mod model;
pub mod request;
mod routes;
pub mod service;
pub mod typing;
mod views;

pub use self::{
    model::{Message, Side, Thread},
    service::{MessageError, Messages},
    typing::Typing,
};
use super::Feature;

/// What messages declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("Messages", "Between a shop and the desk, about one order")
        .collection::<Thread>()
        .collection::<Message>()
        .collection::<typing::Sign>()
        .routes(routes::routes())
}
