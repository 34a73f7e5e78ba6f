//! The handlers of jobs, one file each, and the one list of them. What they carry stands beside them;
//! existing producers send the same fields, but for `generation`.

mod cancel_order;
mod create_order;
mod fetch_label;
mod reconcile;
pub mod shipments;
mod words;

use crate::{
    base::clock::Clock,
    features::orders::{model::PollSchedule, service::OrderService},
    platform::queue::registry::Registry,
    provider::{
        carrier::CallTimes,
        parcelx::{LabelHosts, ParcelXClient},
    },
};
pub use cancel_order::CancelOrderJob;
pub use create_order::CreateOrderJob;
pub use fetch_label::FetchLabelJob;

use std::time::Duration;

use tokio_util::task::TaskTracker;

/// What handlers work with.
#[derive(Debug)]
pub struct Context {
    pub orders: OrderService,
    pub parcelx: ParcelXClient,
    pub clock: Clock,
    /// How long one call to the provider and the writes around it may take.
    pub call_times: CallTimes,
    /// When to look for a booking that was not answered, from the call's end.
    pub reconcile: Vec<Duration>,
    /// When to look at what a cancel came to.
    pub schedule: PollSchedule,
    /// Whether a look-up that finds nothing may be believed, once a control look-up has found something.
    pub lookup_trusted: bool,
    /// Where a label may lie.
    pub label_hosts: LabelHosts,
    /// Calls under way: they outlive the job that made them, so that their end is always written down.
    pub calls: TaskTracker,
}

/// Every handler.
#[must_use]
pub fn registry() -> Registry<Context> {
    Registry::default().with::<CreateOrderJob>().with::<CancelOrderJob>().with::<FetchLabelJob>()
}
