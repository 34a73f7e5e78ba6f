//! Orders: what a merchant asks for and what has become of it.
//!
//! [`model`] is the order and every change of it, [`status`] the table of its steps, [`service`] the use
//! cases, [`routes`] the HTTP edge.

pub mod fingerprint;
pub mod jobs;
pub mod list;
pub mod model;
pub mod payload;
pub mod reason;
pub mod request;
pub mod review;
pub mod routes;
pub mod service;
pub mod status;
pub mod text;
pub mod views;

use self::{
    jobs::{CancelOrderJob, CreateOrderJob, FetchLabelJob},
    model::Order,
};
use super::Feature;
use crate::{
    platform::queue::job::Payload,
    provider::carrier::{
        AccountProblem::{self, Configuration, Credentials},
        Needs,
    },
};

/// What orders declare of themselves. Cancelling needs no money, and labels only good keys.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("Orders", "What merchants ask for and what has become of it")
        .dispatched::<Order>()
        .queue(CreateOrderJob::QUEUE, Needs::carrier(&AccountProblem::ALL))
        .queue(CancelOrderJob::QUEUE, Needs::carrier(&[Configuration, Credentials]))
        .queue(FetchLabelJob::QUEUE, Needs::carrier(&[Credentials]))
        .job::<CreateOrderJob>()
        .job::<CancelOrderJob>()
        .job::<FetchLabelJob>()
        .routes(routes::routes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelling_needs_no_money() {
        let queues = feature().queues;
        let of = |queue: &str| queues.iter().find(|(name, _)| *name == queue).unwrap().1;
        assert!(AccountProblem::ALL.iter().all(|p| of("parcelx-orders-queue").forbid(*p)));
        assert!(!of("parcelx-order-cancellation-queue").forbid(AccountProblem::Wallet));
    }
}
