//! The `ParcelX` simulator: responds as the real service is known to, keeps a ledger of what it *really* did,
//! and can be set to misbehave.
//!
//! It shares no code with `parcelx/`, so that the client is not tested against its own assumptions. Where the
//! real service's behaviour is not known, there is a switch ([`Faults`]), and tests use its worse setting.
//!
//! Closing a connection without a byte works wherever the router is mounted: the response body fails at its
//! first poll, and hyper then drops the connection with the headers still in its buffer.

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

/// The settings of a simulator.
#[derive(Clone, Default)]
pub struct Settings {
    /// The expected `access-token` header, as sent (base64). `None`: any that is not empty.
    pub access_token: Option<String>,
    /// The file of the ledger, in JSON lines. An existing file is read first: shipments, warehouses and
    /// numbers continue. Only one process may use it at a time.
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

/// The simulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("the simulator's ledger {path} cannot be used: {source}", path = path.display())]
    Ledger { path: PathBuf, source: std::io::Error },
    #[error(
        "line {line} of {path} is not a line of a simulator's ledger: {reason}; move the file away to go on \
         without it: the simulator then knows none of the shipments in it",
        path = path.display()
    )]
    Line { path: PathBuf, line: usize, reason: String },
}

/// One parcel in the simulator.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentView {
    pub awb: String,
    pub reference: String,
    /// No cancel was accepted (except one that never takes effect), or its status changed after the cancel;
    /// and it was not moved to 227 or 229.
    pub live: bool,
    pub status_code: u16,
    pub booked_at: Timestamp,
    pub cancelled_from: Option<Timestamp>,
    pub charged_paise: i64,
    #[serde(flatten)]
    pub booking: Booking,
}

/// A handle; clones share one simulator.
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

/// 2025-01-01, where serial numbers start.
const SERIAL_EPOCH_MS: i64 = 1_735_689_600_000;

impl Simulator {
    /// # Errors
    /// Fails if the ledger file cannot be opened or has other content.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self, SimulatorError> {
        let Settings { access_token, ledger_file, profile } = settings;
        // Tenths of seconds: a simulator restarted without its ledger file repeats an AWB only if it booked
        // more than ten a second over its whole life.
        let tenths = clock.now().as_millis().saturating_sub(SERIAL_EPOCH_MS) / 100;
        let mut state = State::new(profile, u64::try_from(tenths).unwrap_or(0));
        let journal = match ledger_file {
            Some(path) => Journal::open(&path, |event| state.replay(event))?,
            None => Journal::default(),
        };
        state.resume(journal);
        let changed = Arc::clone(&state.changed);
        Ok(Self(Arc::new(Inner { access_token, clock, state: Mutex::new(state), changed })))
    }

    /// All entries, oldest first; with the friendly profile at least the latest 10,000.
    #[must_use]
    pub fn ledger(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// All shipments in booking order; with the friendly profile the latest 50,000.
    #[must_use]
    pub fn shipments(&self) -> Vec<ShipmentView> {
        let now = self.now();
        self.lock().shipments().iter().map(|s| view(s, now)).collect()
    }

    #[must_use]
    pub fn faults(&self) -> Faults {
        self.lock().faults().clone()
    }

    /// Sets all switches, including the wallet.
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

    /// Queues a behaviour for the next matching calls.
    pub fn script(&self, rule: Rule) {
        self.lock().rules.push_back(rule);
    }

    /// The number of scripted rules that are not used up.
    #[must_use]
    pub fn scripted(&self) -> usize {
        self.lock().rules.len()
    }

    /// Counts of the status webhooks by result.
    #[must_use]
    pub fn webhooks(&self) -> WebhookCounts {
        self.lock().webhooks.counts()
    }

    /// Moves a shipment to a status code of the table. Returns `false` if there is no such AWB or code.
    #[must_use]
    pub fn move_to(&self, awb: &str, code: u16) -> bool {
        admin::move_to(self, awb, code).is_ok()
    }

    /// Waits until the ledger's entries meet `condition`. Has no timeout of its own.
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
