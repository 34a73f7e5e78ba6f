//! The parcels: by AWB, by reference, and in the order of their booking.
//!
//! Guards against a double that grows for as long as it runs: with a bound, the oldest booking is forgotten
//! for each one too many, and is then answered like one that never was.

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
    /// An accepted cancel, and when it shows.
    pub(super) cancelled_from: Option<Timestamp>,
    /// A cancel was accepted, and never happens.
    pub(super) cancel_ignored: bool,
}

impl Shipment {
    /// The events that show at `now`, oldest first.
    pub(super) fn events(&self, now: Timestamp) -> Vec<(Timestamp, u16)> {
        let cancel = self.cancelled_from.map(|at| (at, status::CANCELLED));
        let mut shown: Vec<_> =
            self.events.iter().copied().chain(cancel).filter(|(at, _)| *at <= now).collect();
        shown.sort_by_key(|(at, _)| *at);
        shown
    }

    /// How many changes of status it has had, one that is still to come included.
    pub(super) fn changes(&self) -> usize {
        self.events.len().saturating_add(usize::from(self.cancelled_from.is_some()))
    }

    pub(super) fn code(&self, now: Timestamp) -> u16 {
        self.events(now).last().map_or(status::BOOKED, |(_, code)| *code)
    }

    /// Whether a courier would carry it: no cancel was accepted, or it was moved on after its cancel, and it
    /// was not moved to cancelled or failed by hand.
    pub(super) fn live(&self, now: Timestamp) -> bool {
        let carried = self.cancelled_from.is_none_or(|from| self.events.iter().any(|(at, _)| *at > from));
        carried && !matches!(self.code(now), status::CANCELLED | 229)
    }
}

/// The parcels that the double knows.
#[derive(Debug)]
pub(super) struct Shipments {
    by_awb: HashMap<String, Shipment>,
    by_reference: HashMap<String, Vec<String>>,
    booking_order: VecDeque<String>,
    /// No more than these are known.
    most: usize,
    forgotten: u64,
}

impl Shipments {
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            by_awb: HashMap::new(),
            by_reference: HashMap::new(),
            booking_order: VecDeque::new(),
            most,
            forgotten: 0,
        }
    }

    /// Adds the latest one, and forgets the oldest if that is one too many.
    pub(super) fn add(&mut self, shipment: Shipment) {
        self.by_reference.entry(shipment.reference.clone()).or_default().push(shipment.awb.clone());
        self.booking_order.push_back(shipment.awb.clone());
        self.by_awb.insert(shipment.awb.clone(), shipment);
        if self.booking_order.len() > self.most {
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

    /// How many are not known any more.
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

    /// In the order of their booking.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Shipment> {
        self.booking_order.iter().filter_map(|awb| self.by_awb.get(awb))
    }

    /// What a look-up by reference finds: the latest live shipment, else the latest.
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
            "serial": awb, "orderNumber": "", "pickupId": "", "routingCode": "", "courierCode": "", "courierName": "", "paymentMode": "PPD",
            "codPaise": 0, "grams": 500, "expressType": "surface", "pickAddressId": "10001"
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
    fn no_index_keeps_what_is_forgotten() {
        let mut shipments = Shipments::at_most(3);
        for n in 0..100 {
            // One reference goes on being booked, the others are booked once.
            shipments.add(shipment(2 * n, "always"));
            shipments.add(shipment(2 * n + 1, &format!("once-{n}")));
        }
        let awbs: Vec<_> = shipments.iter().map(|s| s.awb.as_str()).collect();
        assert_eq!((awbs, shipments.forgotten()), (vec!["197", "198", "199"], 197));
        assert_eq!((shipments.by_awb.len(), shipments.by_reference.len()), (3, 3));
        assert_eq!(shipments.by_reference["always"], ["198"]);
    }
}
