//! Webhooks: what happens is posted to the addresses that merchants name, after Standard Webhooks 1.0.
//!
//! One worker at a time ([`worker`]) turns events into deliveries ([`fan_out`]) and sends them. A delivery is
//! a document with an id made of its event and its address, so an event becomes it once, and it is there
//! until it has ended, whatever dies: the queue has no part in it. The same event is posted at least once,
//! always under the same `webhook-id`.
//!
//! Guards against an address that is slow or dead and would delay the others (each has a lane of its own),
//! against one that nobody has read for days (it is given up, and its merchant is told), and against
//! addresses that only our own network can reach ([`crate::platform::outbound`]).

mod examples;
pub mod fan_out;
pub mod message;
pub mod model;
pub mod replay;
mod request;
mod routes;
mod schedule;
pub mod secret;
pub mod service;
mod views;
pub mod worker;

pub use self::{
    model::{Delivery, DeliveryState, Endpoint, EndpointState},
    service::{WebhookError, Webhooks},
    worker::WebhooksWorker,
};
use super::Feature;

/// What webhooks declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("Webhooks", "What happens, posted to your own addresses")
        .collection::<Endpoint>()
        .collection::<Delivery>()
        .routes(routes::routes())
}
