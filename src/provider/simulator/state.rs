//! The whole state of the simulator, behind one lock that is never held over an await.
//!
//! An effect changes the state only through [`State::apply`], which is also used to read the file, so that a
//! restarted simulator has the same state.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    answer::Rule,
    faults::{Faults, Profile},
    ledger::{Answered, Entry, Event, Journal, Outcome, What},
    shipments::{Shipment, Shipments},
    status,
    warehouse::{self, Warehouse},
    webhooks::{Change, Outgoing},
};
use crate::base::timestamp::Timestamp;

/// The minimum number of calls kept in memory with the friendly profile; the maximum is twice this.
const KEPT: usize = 10_000;
/// The maximum number of shipments kept in memory with the friendly profile: the latest.
const MAX_SHIPMENTS: usize = 50_000;

#[derive(Debug)]
pub(super) struct State {
    profile: Profile,
    faults: Faults,
    random: u64,
    pub(super) rules: VecDeque<Rule>,
    /// Calls that `Faults::answer` applied to.
    pub(super) default_answers: u64,
    pub(super) creates: u64,
    pub(super) entries: Vec<Entry>,
    /// The number of older entries that are no longer in `entries`.
    pub(super) dropped: u64,
    next_seq: u64,
    serial: u64,
    shipments: Shipments,
    pub(super) warehouses: BTreeMap<u64, Warehouse>,
    next_warehouse: u64,
    journal: Journal,
    pub(super) webhooks: Outgoing,
    /// Notified of every change of the entries.
    pub(super) changed: Arc<watch::Sender<u64>>,
}

impl State {
    /// AWBs are made from the numbers after `first_serial`, or after the last one in the ledger file if that
    /// is higher.
    pub(super) fn new(profile: Profile, first_serial: u64) -> Self {
        let faults = Faults::new(profile);
        Self {
            profile,
            random: faults.seed,
            faults,
            rules: VecDeque::new(),
            default_answers: 0,
            creates: 0,
            entries: Vec::new(),
            dropped: 0,
            next_seq: 1,
            serial: first_serial,
            shipments: shipments_for(profile),
            warehouses: warehouse::preloaded(),
            next_warehouse: warehouse::FIRST_NEW,
            journal: Journal::default(),
            webhooks: Outgoing::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Writes to `journal` from now on; called after all its events have been replayed.
    pub(super) fn resume(&mut self, journal: Journal) {
        self.journal = journal;
        // An outcome is recorded before its answer is sent: an answer that is still pending was never sent.
        for entry in self.entries.iter_mut().filter(|e| e.answered == Answered::Pending) {
            entry.answered = Answered::Unheard;
        }
    }

    pub(super) fn replay(&mut self, event: Event) {
        match event {
            Event::Entry(entry) => {
                self.next_seq = entry.seq.saturating_add(1);
                self.apply(&entry);
                self.keep(*entry);
            }
            Event::Outcome(outcome) => self.note(&outcome),
            Event::Reset => self.forget(),
        }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(super) fn set_faults(&mut self, faults: Faults) {
        if faults.seed != self.faults.seed {
            self.random = faults.seed;
        }
        self.faults = faults;
    }

    pub(super) fn default_faults(&self) -> Faults {
        Faults::new(self.profile)
    }

    /// The next number of the seeded sequence (splitmix64), below `limit`.
    pub(super) fn random(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)).checked_rem(limit).unwrap_or(0)
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serial.saturating_add(1)
    }

    pub(super) fn next_warehouse(&self) -> u64 {
        self.next_warehouse
    }

    pub(super) fn shipments(&self) -> &Shipments {
        &self.shipments
    }

    /// Records and applies `entry`. Returns its number.
    pub(super) fn commit(&mut self, mut entry: Entry) -> u64 {
        let seq = self.next_seq;
        entry.seq = seq;
        self.next_seq = seq.saturating_add(1);
        self.apply(&entry);
        let changes = entry.awb.as_ref().and_then(|awb| self.shipments.get(awb)).map_or(0, Shipment::changes);
        if let Some(change) = Change::of(&entry, changes) {
            self.webhooks.add(&self.faults, &change);
        }
        self.journal.entry(&entry);
        self.keep(entry);
        self.notify();
        seq
    }

    /// Keeps an entry in memory. With the friendly profile, which may run for days, the older half is dropped
    /// when there are too many. The file has every line.
    fn keep(&mut self, entry: Entry) {
        if self.profile == Profile::Friendly && self.entries.len() >= 2 * KEPT {
            self.entries.drain(..KEPT);
            self.dropped = self.dropped.saturating_add(u64::try_from(KEPT).unwrap_or(0));
        }
        self.entries.push(entry);
    }

    /// Records whether the answer to an entry was delivered.
    pub(super) fn settle(&mut self, outcome: &Outcome) {
        self.note(outcome);
        self.journal.outcome(outcome);
        self.notify();
    }

    /// Deletes shipments, entries, rules and switches, but no counter, so that no AWB is used twice.
    pub(super) fn reset(&mut self, now: Timestamp) {
        self.forget();
        self.journal.reset(now);
        self.set_faults(self.default_faults());
        self.random = self.faults.seed;
        self.notify();
    }

    fn notify(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn forget(&mut self) {
        self.rules.clear();
        self.webhooks.forget();
        self.entries.clear();
        self.dropped = 0;
        self.shipments = shipments_for(self.profile);
        self.warehouses = warehouse::preloaded();
        (self.creates, self.default_answers) = (0, 0);
        self.faults.wallet_paise = self.default_faults().wallet_paise;
    }

    fn note(&mut self, outcome: &Outcome) {
        let found = self.entries.binary_search_by_key(&outcome.seq, |e| e.seq).ok();
        if let Some(entry) = found.and_then(|at| self.entries.get_mut(at)) {
            (entry.answered, entry.http_status) = (outcome.answered, outcome.http_status);
        }
    }

    fn apply(&mut self, entry: &Entry) {
        self.faults.wallet_paise = self.faults.wallet_paise.saturating_sub(entry.charged_paise);
        match (entry.what, &entry.awb) {
            (What::Booked, Some(awb)) => self.apply_booking(entry, awb),
            (What::Cancelled, Some(awb)) => {
                if let Some(shipment) = self.shipments.get_mut(awb) {
                    shipment.cancelled_from = Some(entry.effective_at.unwrap_or(entry.at));
                }
            }
            (What::Acknowledged, Some(awb)) => {
                if let Some(shipment) = self.shipments.get_mut(awb) {
                    shipment.cancel_ignored = true;
                }
            }
            (What::Moved, Some(awb)) => {
                if let (Some(shipment), Some(code)) = (self.shipments.get_mut(awb), entry.code) {
                    shipment.events.push((entry.at, code));
                }
            }
            (What::Added, _) => {
                if let Some(warehouse) = &entry.warehouse {
                    self.next_warehouse = self.next_warehouse.max(warehouse.id.saturating_add(1));
                    self.warehouses.insert(warehouse.id, warehouse.clone());
                }
            }
            (What::Removed, _) => {
                if let Some(warehouse) = &entry.warehouse {
                    self.warehouses.remove(&warehouse.id);
                }
            }
            _ => {}
        }
    }

    fn apply_booking(&mut self, entry: &Entry, awb: &str) {
        let (Some(reference), Some(booking)) = (&entry.reference, &entry.booking) else { return };
        self.serial = self.serial.max(booking.serial);
        self.shipments.add(Shipment {
            awb: awb.to_owned(),
            reference: reference.clone(),
            booked_at: entry.at,
            charged_paise: entry.charged_paise,
            booking: booking.clone(),
            events: vec![(entry.at, status::BOOKED)],
            cancelled_from: None,
            cancel_ignored: false,
        });
    }
}

/// With the unpleasant profile nothing is removed: tests compare their calls with everything that was done.
fn shipments_for(profile: Profile) -> Shipments {
    Shipments::at_most(match profile {
        Profile::Friendly => MAX_SHIPMENTS,
        Profile::Unpleasant => usize::MAX,
    })
}
