//! The status codes of `ParcelX`, and its format of times.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::faults::Ids;
use crate::base::timestamp::Timestamp;

pub(super) const BOOKED: u16 = 221;
pub(super) const CANCELLED: u16 = 227;

/// Code, title, a likely description.
const TABLE: &[(u16, &str, &str)] = &[
    (220, "Pending", "Order received"),
    (BOOKED, "Booked", "Order booked"),
    (222, "Manifested", "Manifest uploaded"),
    (223, "In Transit", "Bag received at hub"),
    (224, "RTS", "Returned to shipper"),
    (225, "RTO", "Return to origin started"),
    (226, "Delivered", "Delivered to consignee"),
    (CANCELLED, "Cancelled", "Order cancelled"),
    (228, "Dispatched", "Out for delivery"),
    (229, "Failed", "Booking failed"),
    (230, "Picked Up", "Parcel picked up"),
    (231, "Not Picked", "Parcel was not ready"),
    (232, "Pickup Pending", "Pickup planned"),
    (233, "NDR", "Consignee not available"),
    (234, "RTO - In Transit", "Return on its way"),
    (235, "RTO - Pending", "Return planned"),
    (236, "RTO - OFD", "Return out for delivery"),
    (237, "LOST", "Parcel lost"),
    (238, "Out For Pickup", "Rider on the way"),
    (531, "On Process", "In process"),
    (532, "Child Shipment", "Part of a larger shipment"),
];

/// The title and the description of a code.
pub(super) fn describe(code: u16) -> Option<(&'static str, &'static str)> {
    TABLE.iter().find(|(c, ..)| *c == code).map(|(_, title, text)| (*title, *text))
}

/// Whether a shipment in this status can still be cancelled, because it has not left the sender.
pub(super) fn before_pickup(code: u16) -> bool {
    matches!(code, 220 | BOOKED | 222 | 231 | 232 | 238)
}

/// Indian time without a time zone, such as `2025-06-02 11:20:00`.
pub(super) fn event_date(at: Timestamp) -> String {
    let india = at + Duration::from_secs(19_800);
    india.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// One line of tracking.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    status_code: Value,
    status_title: &'static str,
    status_description: &'static str,
    status_location: &'static str,
    event_date: String,
}

pub(super) fn event(at: Timestamp, code: u16, ids: Ids) -> Event {
    let (title, description) = describe(code).unwrap_or_default();
    Event {
        status_code: match ids {
            Ids::Numbers => Value::from(code),
            Ids::Strings => Value::from(code.to_string()),
        },
        status_title: title,
        status_description: description,
        status_location: if matches!(code, 220 | BOOKED | CANCELLED) { "" } else { "Bengaluru" },
        event_date: event_date(at),
    }
}
