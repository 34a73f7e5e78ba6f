//! The parcels: by AWB, by reference, and in booking order.
//!
//! With a limit, the oldest booking is removed for each one above it, so that memory does not grow without
//! end. A removed booking is answered like one that never existed.

use std::collections::{HashMap, VecDeque};

use super::{ledger::Booking, status};
use crate::base::timestamp::Timestamp;

/// One parcel.
#[derive(Debug)]
pub(super) struct Shipment {
    pub(super) awb: String,
    pub(super) reference: String,
    pub(super) booked_at: Timestamp,
    pub(super) charged_paise: i64,
    pub(super) booking: Booking,
    /// Status codes in the order they were set, without the cancel.
    pub(super) events: Vec<(Timestamp, u16)>,
    /// When an accepted cancel takes effect.
    pub(super) cancelled_from: Option<Timestamp>,
    /// A cancel was accepted and never takes effect.
    pub(super) cancel_ignored: bool,
}

impl Shipment {
    /// The events visible at `now`, oldest first.
    pub(super) fn events(&self, now: Timestamp) -> Vec<(Timestamp, u16)> {
        let cancel = self.cancelled_from.map(|at| (at, status::CANCELLED));
        let mut visible: Vec<_> =
            self.events.iter().copied().chain(cancel).filter(|(at, _)| *at <= now).collect();
        visible.sort_by_key(|(at, _)| *at);
        visible
    }

    /// The number of its changes of status, including a cancel that has not taken effect yet.
    pub(super) fn changes(&self) -> usize {
        self.events.len().saturating_add(usize::from(self.cancelled_from.is_some()))
    }

    pub(super) fn code(&self, now: Timestamp) -> u16 {
        self.events(now).last().map_or(status::BOOKED, |(_, code)| *code)
    }

    /// Whether a courier would carry it: no cancel was accepted, or its status changed after the cancel; and
    /// it was not moved to cancelled or failed.
    pub(super) fn live(&self, now: Timestamp) -> bool {
        let carried = self.cancelled_from.is_none_or(|from| self.events.iter().any(|(at, _)| *at > from));
        carried && !matches!(self.code(now), status::CANCELLED | 229)
    }
}

/// The parcels in memory.
#[derive(Debug)]
pub(super) struct Shipments {
    by_awb: HashMap<String, Shipment>,
    by_reference: HashMap<String, Vec<String>>,
    booking_order: VecDeque<String>,
    limit: usize,
    forgotten: u64,
}

impl Shipments {
    pub(super) fn at_most(limit: usize) -> Self {
        Self {
            by_awb: HashMap::new(),
            by_reference: HashMap::new(),
            booking_order: VecDeque::new(),
            limit,
            forgotten: 0,
        }
    }

    /// Adds the latest one, and removes the oldest if there are now too many.
    pub(super) fn add(&mut self, shipment: Shipment) {
        self.by_reference.entry(shipment.reference.clone()).or_default().push(shipment.awb.clone());
        self.booking_order.push_back(shipment.awb.clone());
        self.by_awb.insert(shipment.awb.clone(), shipment);
        if self.booking_order.len() > self.limit {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(shipment) = self.booking_order.pop_front().and_then(|awb| self.by_awb.remove(&awb)) else {
            return;
        };
        self.forgotten = self.forgotten.saturating_add(1);
        if let Some(awbs) = self.by_reference.get_mut(&shipment.reference) {
            awbs.retain(|awb| *awb != shipment.awb);
            if awbs.is_empty() {
                self.by_reference.remove(&shipment.reference);
            }
        }
    }

    /// The number of removed parcels.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn len(&self) -> usize {
        self.by_awb.len()
    }

    pub(super) fn get(&self, awb: &str) -> Option<&Shipment> {
        self.by_awb.get(awb)
    }

    pub(super) fn get_mut(&mut self, awb: &str) -> Option<&mut Shipment> {
        self.by_awb.get_mut(awb)
    }

    /// In booking order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Shipment> {
        self.booking_order.iter().filter_map(|awb| self.by_awb.get(awb))
    }

    /// The result of a look-up by reference: the latest live shipment, otherwise the latest.
    pub(super) fn by_reference(&self, reference: &str, now: Timestamp) -> Option<&Shipment> {
        let all = self.by_reference.get(reference)?;
        let latest = || all.iter().rev().filter_map(|awb| self.by_awb.get(awb));
        latest().find(|s| s.live(now)).or_else(|| latest().next())
    }

    /// The latest shipment of another reference.
    pub(super) fn of_another(&self, reference: &str) -> Option<&Shipment> {
        self.booking_order
            .iter()
            .rev()
            .filter_map(|awb| self.by_awb.get(awb))
            .find(|s| s.reference != reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipment(awb: usize, reference: &str) -> Shipment {
        let booking = serde_json::json!({
            "serial": awb, "orderNumber": "", "pickupId": "", "routingCode": "", "courierCode": "",
            "courierName": "", "paymentMode": "PPD", "codPaise": 0, "grams": 500, "expressType": "surface",
            "pickAddressId": "10001"
        });
        Shipment {
            awb: awb.to_string(),
            reference: reference.to_owned(),
            booked_at: Timestamp::from_millis(0),
            charged_paise: 0,
            booking: serde_json::from_value(booking).unwrap(),
            events: Vec::new(),
            cancelled_from: None,
            cancel_ignored: false,
        }
    }

    #[test]
    fn a_removed_shipment_is_in_no_index() {
        let mut shipments = Shipments::at_most(3);
        for n in 0..100 {
            // One reference is booked again and again, the others once.
            shipments.add(shipment(2 * n, "always"));
            shipments.add(shipment(2 * n + 1, &format!("once-{n}")));
        }
        let awbs: Vec<_> = shipments.iter().map(|s| s.awb.as_str()).collect();
        assert_eq!((awbs, shipments.forgotten()), (vec!["197", "198", "199"], 197));
        assert_eq!((shipments.by_awb.len(), shipments.by_reference.len()), (3, 3));
        assert_eq!(shipments.by_reference["always"], ["198"]);
    }
}
