//! Status webhooks: one address on this machine is told when a shipment's status changes.
//!
//! Guards against a receiver that trusts them: nobody knows whether the real ones repeat, overtake each
//! other, get lost or are tried again, so each is a switch of [`Faults`]. Guards also against a double that
//! waits for its listener, or fills up when nobody listens: changes are queued, at most [`MOST_WAITING`], and
//! sent by a task of their own when the double's clock says so.

mod again;
mod send;
pub(super) mod settings;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Map, Value, json};

pub(super) use self::send::start;
use self::{again::Failing, settings::WebhookForm};
use super::{
    faults::{Faults, Ids},
    ledger::{Entry, What},
    status,
};
use crate::base::timestamp::Timestamp;

/// More than these are not kept waiting: later ones are dropped, and counted.
const MOST_WAITING: usize = 10_000;
/// How long after one copy the next one is due.
const BETWEEN_COPIES: Duration = Duration::from_secs(1);
/// Copies of one change, whatever the switch says.
const MOST_COPIES: u32 = 11;

/// What became of the webhooks since the start or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookCounts {
    /// Queued: not due, not sent yet, or to be tried again.
    pub waiting: u64,
    /// Answered by the receiver with a 2xx.
    pub delivered: u64,
    /// Tries after the first one, of any.
    pub retried: u64,
    /// Tried as often as `webhookAttempts` says without such an answer. They are not sent again.
    pub failed: u64,
    /// Never sent, by `webhookLoseEvery`.
    pub lost: u64,
    /// Never sent, because too many were waiting or the address was taken away.
    pub dropped: u64,
}

/// A change of a shipment's status.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) awb: &'a str,
    pub(super) reference: &'a str,
    pub(super) code: u16,
    pub(super) at: Timestamp,
    /// 1 for the shipment's first.
    pub(super) number: usize,
}

impl<'a> Change<'a> {
    /// What `entry`, which has taken effect, changed; `changes`: how many its shipment has had by now.
    pub(super) fn of(entry: &'a Entry, changes: usize) -> Option<Self> {
        let (code, at) = match entry.what {
            What::Booked => (status::BOOKED, entry.at),
            What::Cancelled => (status::CANCELLED, entry.effective_at.unwrap_or(entry.at)),
            What::Moved => (entry.code?, entry.at),
            _ => return None,
        };
        Some(Self {
            awb: entry.awb.as_deref()?,
            reference: entry.reference.as_deref()?,
            code,
            at,
            number: changes,
        })
    }
}

/// One copy of a change.
#[derive(Debug)]
struct Delivery {
    /// Of its own among all of all time.
    number: u64,
    awb: String,
    body: String,
    /// How often it was sent without success.
    tries: u32,
}

/// What is to be sent, by the time it is due.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: BTreeMap<(Timestamp, u64), Delivery>,
    /// Shipments with a delivery that failed and is tried again, and what waits behind it.
    failing: HashMap<String, Failing>,
    /// How many wait behind others.
    behind: usize,
    numbered: u64,
    /// Numbers up to this one are of before the last reset.
    forgotten: u64,
    changes: u64,
    counts: WebhookCounts,
    /// A task is sending.
    sending: bool,
}

impl Outgoing {
    pub(super) fn counts(&self) -> WebhookCounts {
        WebhookCounts { waiting: u64::try_from(self.queued()).unwrap_or(u64::MAX), ..self.counts }
    }

    fn queued(&self) -> usize {
        self.waiting.len().saturating_add(self.behind)
    }

    /// Forgets what waits, and the counts.
    pub(super) fn forget(&mut self) {
        *self = Self {
            sending: self.sending,
            numbered: self.numbered,
            forgotten: self.numbered,
            ..Self::default()
        };
    }

    /// Queues what the switches make of a change.
    pub(super) fn tell(&mut self, faults: &Faults, change: &Change<'_>) {
        if faults.webhook_url.is_none() {
            return;
        }
        self.changes = self.changes.saturating_add(1);
        if faults.webhook_lose_every > 0 && self.changes.is_multiple_of(faults.webhook_lose_every) {
            self.counts.lost = self.counts.lost.saturating_add(1);
            return;
        }
        let wrapped = match faults.webhook_form {
            WebhookForm::Flat => false,
            WebhookForm::Wrapped => true,
            WebhookForm::Alternating => self.changes.is_multiple_of(2),
        };
        let body = body(change, wrapped, faults.ids);
        // Waits only the first of two: the second overtakes it.
        let swap = if change.number % 2 == 1 { faults.webhook_swap_ms } else { 0 };
        let mut due =
            change.at + Duration::from_millis(faults.webhook_delay_ms) + Duration::from_millis(swap);
        for _ in 0..faults.webhook_duplicates.saturating_add(1).min(MOST_COPIES) {
            self.queue(due, change.awb, &body);
            due = due + BETWEEN_COPIES;
        }
    }

    fn queue(&mut self, due: Timestamp, awb: &str, body: &str) {
        if self.queued() >= MOST_WAITING {
            self.counts.dropped = self.counts.dropped.saturating_add(1);
            return;
        }
        self.numbered = self.numbered.saturating_add(1);
        let delivery =
            Delivery { number: self.numbered, awb: awb.to_owned(), body: body.to_owned(), tries: 0 };
        self.waiting.insert((due, self.numbered), delivery);
    }
}

/// The status object as tracking has it.
fn body(change: &Change<'_>, wrapped: bool, ids: Ids) -> String {
    let mut fields = Map::new();
    fields.insert("awb".to_owned(), change.awb.into());
    if !wrapped {
        fields.insert("client_order_id".to_owned(), change.reference.into());
    }
    if let Ok(Value::Object(event)) = serde_json::to_value(status::event(change.at, change.code, ids)) {
        fields.extend(event);
    }
    let body = if wrapped { json!({ "current_status": fields }) } else { Value::Object(fields) };
    body.to_string()
}
