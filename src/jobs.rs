//! The handlers of jobs, one file each, and the one list of them; and [`guard`], which says when they may call the provider.

mod cancel_order;
mod create_order;
mod fetch_label;
pub mod guard;
mod reconcile;
pub mod shipments;
mod words;

use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    orders::{jobs, journey::CallTimes, recall::Looks, service::OrderService},
    parcelx::{LabelHosts, ParcelXClient},
    queue::registry::Registry,
};

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
    pub looks: Looks,
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
    Registry::default().with::<jobs::CreateOrderJob>().with::<jobs::CancelOrderJob>().with::<jobs::FetchLabelJob>()
}
