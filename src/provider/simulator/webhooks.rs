//! Status webhooks: sent to one address on this machine when a shipment's status changes.
//!
//! It is not known whether the real ones repeat, overtake each other, get lost or are retried: each has a
//! switch in [`Faults`]. Changes are queued, at most [`MAX_WAITING`], and sent by a separate task at the time
//! of the simulator's clock, so that the simulator never waits for the receiver.

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

/// The limit of the queue: later webhooks are dropped, and counted.
const MAX_WAITING: usize = 10_000;
/// The time between two copies.
const BETWEEN_COPIES: Duration = Duration::from_secs(1);
/// The maximum number of copies of one change, whatever the switch is.
const MAX_COPIES: u32 = 11;

/// Webhooks since the start or the last reset, by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookCounts {
    /// Queued: not due, not sent yet, or to be retried.
    pub waiting: u64,
    /// The receiver answered with a 2xx.
    pub delivered: u64,
    /// Attempts after the first one.
    pub retried: u64,
    /// Without a 2xx after `webhookAttempts` attempts. They are not sent again.
    pub failed: u64,
    /// Not sent, because of `webhookLoseEvery`.
    pub lost: u64,
    /// Not sent, because too many were waiting or the address was removed.
    pub dropped: u64,
}

/// A change of a shipment's status.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) awb: &'a str,
    pub(super) reference: &'a str,
    pub(super) code: u16,
    pub(super) at: Timestamp,
    /// 1 for the shipment's first change.
    pub(super) number: usize,
}

impl<'a> Change<'a> {
    /// The change that `entry` made, if any. `changes`: the number of the shipment's changes so far.
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
    /// Unique, and never reused after a reset.
    number: u64,
    awb: String,
    body: String,
    /// The number of failed attempts.
    tries: u32,
}

/// The queue, sorted by due time.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: BTreeMap<(Timestamp, u64), Delivery>,
    /// Shipments with a delivery that is being retried, and what waits behind it.
    failing: HashMap<String, Failing>,
    /// The number of deliveries that wait behind others.
    behind: usize,
    numbered: u64,
    /// Numbers up to this one are from before the last reset.
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

    /// Deletes the queue and the counts.
    pub(super) fn forget(&mut self) {
        *self = Self {
            sending: self.sending,
            numbered: self.numbered,
            forgotten: self.numbered,
            ..Self::default()
        };
    }

    /// Queues the webhooks of a change according to the switches.
    pub(super) fn add(&mut self, faults: &Faults, change: &Change<'_>) {
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
        // Only the first of two waits, and the second overtakes it.
        let swap = if change.number % 2 == 1 { faults.webhook_swap_ms } else { 0 };
        let mut due =
            change.at + Duration::from_millis(faults.webhook_delay_ms) + Duration::from_millis(swap);
        for _ in 0..faults.webhook_duplicates.saturating_add(1).min(MAX_COPIES) {
            self.queue(due, change.awb, &body);
            due = due + BETWEEN_COPIES;
        }
    }

    fn queue(&mut self, due: Timestamp, awb: &str, body: &str) {
        if self.queued() >= MAX_WAITING {
            self.counts.dropped = self.counts.dropped.saturating_add(1);
            return;
        }
        self.numbered = self.numbered.saturating_add(1);
        let delivery =
            Delivery { number: self.numbered, awb: awb.to_owned(), body: body.to_owned(), tries: 0 };
        self.waiting.insert((due, self.numbered), delivery);
    }
}

/// The same status object as in tracking.
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
