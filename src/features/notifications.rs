//! What needs a person: an inbox for each member of a merchant, and a quiet mail.
//!
//! One consumer of the events at a time ([`worker`], under a lease) writes a notification for the few of them
//! that somebody should look at. Its place, the notifications and what is counted of them are one commit, and
//! a notification's id is made of its event: whatever dies, each is there once.
//!
//! Notifications are the merchant's; what a member has read, and wants to be told of, is the member's
//! ([`model::Reader`]). So a new one costs the same whether one person works for the shop or two hundred.
//! They are for people: systems have the same facts in events and webhooks, and no mark of theirs would say
//! that somebody has looked.
//!
//! Guards against a mail for each order in an outage: what was not read meanwhile is told in one mail, with
//! numbers, at most every quarter of an hour.

pub mod consumer;
pub mod decided;
pub mod digest;
mod examples;
pub mod marks;
pub mod model;
pub mod notice;
mod request;
mod routes;
pub mod service;
mod views;
pub mod worker;

pub use self::{
    model::{Inbox, Notification, NotificationKind, Reader, Watch},
    service::Notifications,
    worker::NotificationsWorker,
};
use super::Feature;

/// What notifications declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("Notifications", "What needs a person, for each member of a shop")
        .collection::<Notification>()
        .collection::<Inbox>()
        .collection::<Reader>()
        .collection::<Watch>()
        .routes(routes::routes())
}
