//! `{:?}` of what holds a person's data: an allow-list of what names nobody.
//!
//! Guards against the log line or panic that prints an order because it was at hand.

use std::fmt;

use super::Order;

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("order_number", &self.order_number)
            .field("status", &self.status)
            .field("provider_sync_status", &self.provider_sync_status)
            .field("generation", &self.dispatch.generation())
            .field("attempt", &self.booking.attempt())
            .field("unresolved", &self.booking.unresolved())
            .field("overdue_at", &self.overdue_at)
            .finish_non_exhaustive()
    }
}
