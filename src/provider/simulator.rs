//! The `ParcelX` double: answers as the real service is known to, keeps a ledger of what it *really* did, and
//! can be told to misbehave.
//!
//! Guards against a client that is only tested against its author's idea of the service: nothing here is
//! shared with `parcelx/`, and what nobody knows about the real service is a switch ([`Faults`]) whose
//! unpleasant side is the default in tests.
//!
//! A connection that is closed without a byte of answer works wherever the router is mounted: the answer's
//! body fails when it is first asked for anything, and hyper then drops the connection with the head still in
//! its buffer.

mod admin;
mod answer;
mod call;
mod cancel;
mod check;
mod create;
mod faults;
mod label;
mod ledger;
mod operation;
mod plan;
mod server;
mod shipments;
mod state;
mod status;
mod track;
mod warehouse;
mod warehouses;
mod webhooks;
mod wire;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

pub use self::{
    answer::{Answer, Rule, Then},
    faults::{
        BadToken, Duplicate, FailureShape, FailureStatus, Faults, Ids, Lookup, Profile, SecondCancel,
        TakesEffect, TrackOrder,
    },
    ledger::{Answered, Booking, Entry, What},
    operation::Operation,
    warehouse::Warehouse,
    webhooks::{
        WebhookCounts,
        settings::{WebhookForm, WebhookUrl},
    },
};
use self::{ledger::Journal, state::State};
use crate::base::{clock::Clock, timestamp::Timestamp};

/// How a double is set up.
#[derive(Clone, Default)]
pub struct Settings {
    /// The `access-token` header that is expected, as it stands on the wire (base64). `None`: any that is not
    /// empty.
    pub access_token: Option<String>,
    /// Where the ledger is kept as JSON lines. An existing file is read back: shipments, warehouses and
    /// numbers go on. One process at a time.
    pub ledger_file: Option<PathBuf>,
    pub profile: Profile,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("ledger_file", &self.ledger_file)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// Why a double cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("the simulator's ledger {path} cannot be used: {source}", path = path.display())]
    Ledger { path: PathBuf, source: std::io::Error },
    #[error("line {line} of {path} is no line of a simulator's ledger: {reason}", path = path.display())]
    Line { path: PathBuf, line: usize, reason: String },
}

/// What the double knows of one parcel.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentView {
    pub awb: String,
    pub reference: String,
    /// No cancel was accepted (one that never takes effect does not count), or it was moved on after its
    /// cancel; and it was not moved to 227 or 229.
    pub live: bool,
    pub status_code: u16,
    pub booked_at: Timestamp,
    pub cancelled_from: Option<Timestamp>,
    pub charged_paise: i64,
    #[serde(flatten)]
    pub booking: Booking,
}

/// A handle; clones share one double.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    access_token: Option<String>,
    clock: Clock,
    state: Mutex<State>,
    changed: Arc<watch::Sender<u64>>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

/// 2025-01-01, where serial numbers begin.
const SERIAL_EPOCH_MS: i64 = 1_735_689_600_000;

impl Simulator {
    /// # Errors
    /// When the ledger file cannot be opened or holds other things.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self, SimulatorError> {
        let Settings { access_token, ledger_file, profile } = settings;
        // Tenths of seconds: a double whose ledger was lost, or never kept, gives no AWB out again unless it
        // booked more than ten a second all its life.
        let tenths = clock.now().as_millis().saturating_sub(SERIAL_EPOCH_MS) / 100;
        let mut state = State::new(profile, u64::try_from(tenths).unwrap_or(0));
        let journal = match ledger_file {
            Some(path) => Journal::open(&path, |event| state.replay(event))?,
            None => Journal::default(),
        };
        state.go_on(journal);
        let changed = Arc::clone(&state.changed);
        Ok(Self(Arc::new(Inner { access_token, clock, state: Mutex::new(state), changed })))
    }

    /// All entries, oldest first; with friendly profile the latest 10,000 at least.
    #[must_use]
    pub fn ledger(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// All shipments, in the order of their booking; with friendly profile the latest 50,000.
    #[must_use]
    pub fn shipments(&self) -> Vec<ShipmentView> {
        let now = self.now();
        self.lock().shipments().iter().map(|s| view(s, now)).collect()
    }

    #[must_use]
    pub fn faults(&self) -> Faults {
        self.lock().faults().clone()
    }

    /// Sets all switches, the wallet among them.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().set_faults(faults);
    }

    /// Changes some switches.
    pub fn change_faults(&self, change: impl FnOnce(&mut Faults)) {
        let mut state = self.lock();
        let mut faults = state.faults().clone();
        change(&mut faults);
        state.set_faults(faults);
    }

    /// Queues a behaviour for the next call or calls that match.
    pub fn script(&self, rule: Rule) {
        self.lock().rules.push_back(rule);
    }

    /// How many scripted rules have not been used up.
    #[must_use]
    pub fn scripted(&self) -> usize {
        self.lock().rules.len()
    }

    /// What became of the status webhooks.
    #[must_use]
    pub fn webhooks(&self) -> WebhookCounts {
        self.lock().webhooks.counts()
    }

    /// Moves a shipment to a status code of the table. `false`: no such AWB or code.
    #[must_use]
    pub fn move_to(&self, awb: &str, code: u16) -> bool {
        admin::move_to(self, awb, code).is_ok()
    }

    /// Waits until the ledger's entries meet `condition`. Put a time-out around it.
    pub async fn wait_for(&self, mut condition: impl FnMut(&[Entry]) -> bool) {
        let mut changes = self.0.changed.subscribe();
        loop {
            if condition(&self.lock().entries) || changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

fn view(shipment: &shipments::Shipment, now: Timestamp) -> ShipmentView {
    ShipmentView {
        awb: shipment.awb.clone(),
        reference: shipment.reference.clone(),
        live: shipment.live(now),
        status_code: shipment.code(now),
        booked_at: shipment.booked_at,
        cancelled_from: shipment.cancelled_from,
        charged_paise: shipment.charged_paise,
        booking: shipment.booking.clone(),
    }
}
