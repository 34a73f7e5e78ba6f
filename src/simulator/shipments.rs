//! The parcels: by AWB, by reference, and in the order of their booking.

use std::collections::HashMap;

use super::{ledger::Booking, status};
use crate::timestamp::Timestamp;

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
        let mut shown: Vec<_> = self.events.iter().copied().chain(cancel).filter(|(at, _)| *at <= now).collect();
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

    /// Whether a courier would carry it: no cancel was accepted, or it was moved on after its cancel, and it was not moved to
    /// cancelled or failed by hand.
    pub(super) fn live(&self, now: Timestamp) -> bool {
        let carried = self.cancelled_from.is_none_or(|from| self.events.iter().any(|(at, _)| *at > from));
        carried && !matches!(self.code(now), status::CANCELLED | 229)
    }
}

/// All parcels that the double knows.
#[derive(Debug, Default)]
pub(super) struct Shipments {
    by_awb: HashMap<String, Shipment>,
    by_reference: HashMap<String, Vec<String>>,
    booking_order: Vec<String>,
}

impl Shipments {
    /// Adds the latest one.
    pub(super) fn add(&mut self, shipment: Shipment) {
        self.by_reference.entry(shipment.reference.clone()).or_default().push(shipment.awb.clone());
        self.booking_order.push(shipment.awb.clone());
        self.by_awb.insert(shipment.awb.clone(), shipment);
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
        self.booking_order.iter().rev().filter_map(|awb| self.by_awb.get(awb)).find(|s| s.reference != reference)
    }
}
