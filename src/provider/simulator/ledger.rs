//! The append-only record of what the simulator really did, separate from what the client received.
//!
//! An entry is written with its effect and before any answer; whether the answer was delivered is a second
//! line. After a restart the simulator reads its shipments from the file.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{SimulatorError, answer::Answer, operation::Operation, warehouse::Warehouse};
use crate::base::timestamp::Timestamp;

/// What a call changed, or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// A new shipment.
    Booked,
    /// The answer repeats an earlier one; no new shipment, but possibly a charge.
    Repeated,
    Refused,
    Cancelled,
    /// A cancel that was accepted and never takes effect.
    Acknowledged,
    Found,
    NotFound,
    /// A warehouse was added.
    Added,
    /// A warehouse was removed.
    Removed,
    /// A shipment was moved through the admin routes.
    Moved,
    /// Nothing was done.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answered {
    /// Executed, and not answered yet.
    Pending,
    /// Given to the connection.
    Answered,
    /// Withheld or cut on purpose, or the client had disconnected.
    Unheard,
}

/// The details that a booking gives to a shipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Counts all bookings in this ledger.
    pub serial: u64,
    pub order_number: String,
    pub pickup_id: String,
    pub routing_code: String,
    pub courier_code: String,
    pub courier_name: String,
    /// `COD` or `PPD`.
    pub payment_mode: String,
    pub cod_paise: i64,
    pub grams: i64,
    pub express_type: String,
    pub pick_address_id: String,
}

/// One call and its effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// 1, 2, 3, …, continued after a restart.
    pub seq: u64,
    pub received_at: Timestamp,
    /// The time of the effect.
    pub at: Timestamp,
    pub operation: Operation,
    pub path: String,
    /// `client_order_id`, if the call or its AWB determines it.
    pub reference: Option<String>,
    pub awb: Option<String>,
    pub what: What,
    /// Charged to the wallet; negative for a refund.
    pub charged_paise: i64,
    #[serde(default, skip_serializing_if = "Answer::is_normal")]
    pub answer: Answer,
    pub answered: Answered,
    pub http_status: Option<u16>,
    /// The message of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The body as received, if it was JSON, with blanks instead of line breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<Booking>,
    /// When an accepted cancel takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
    /// The status that a shipment was moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<Warehouse>,
}

/// Whether the answer to an entry was delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) answered: Answered,
    pub(super) http_status: Option<u16>,
}

/// A line of the file: exactly one of these.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<E, O> {
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<E>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<O>,
    /// Everything before this line is deleted, except the counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<Timestamp>,
}

/// A line that was read from a file.
#[derive(Debug)]
pub(super) enum Event {
    Entry(Box<Entry>),
    Outcome(Outcome),
    Reset,
}

/// The ledger file, if there is one.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<File>);

impl Journal {
    /// Opens or creates `path` and passes it to `event` line by line, since it may not fit in memory. Drops
    /// an incomplete last line, which the death of the process can leave.
    ///
    /// # Errors
    /// Fails if the file cannot be used, or if a line other than the last is not a ledger line.
    pub(super) fn open(path: &Path, mut event: impl FnMut(Event)) -> Result<Self, SimulatorError> {
        let failed = |source| SimulatorError::Ledger { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)] // it contains names and addresses
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        let mut reader = BufReader::new(&mut file);
        let (mut text, mut end, mut number) = (Vec::new(), 0_u64, 0_usize);
        loop {
            text.clear();
            let read = reader.read_until(b'\n', &mut text).map_err(failed)?;
            if text.pop() != Some(b'\n') {
                break;
            }
            end = end.saturating_add(u64::try_from(read).unwrap_or(0));
            number = number.saturating_add(1);
            if !text.is_empty() {
                event(event_of(&text).map_err(|reason| SimulatorError::Line {
                    path: path.to_owned(),
                    line: number,
                    reason,
                })?);
            }
        }
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        Ok(Self(Some(file)))
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        self.write(&Line::<_, Outcome> { entry: Some(entry), answer: None, reset: None });
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome) {
        self.write(&Line::<Entry, _> { entry: None, answer: Some(outcome), reset: None });
    }

    pub(super) fn reset(&mut self, at: Timestamp) {
        self.write(&Line::<Entry, Outcome> { entry: None, answer: None, reset: Some(at) });
    }

    /// One `write` per line, so that another process reads whole lines. A full disk does not stop the
    /// simulator: the ledger in memory stays correct.
    fn write<T: Serialize>(&mut self, line: &T) {
        let Some(file) = &mut self.0 else { return };
        let written = serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            file.write_all(&text)
        });
        if let Err(error) = written {
            tracing::error!(%error, "the simulator's ledger file cannot be written");
        }
    }
}

fn event_of(line: &[u8]) -> Result<Event, String> {
    match serde_json::from_slice::<Line<Box<Entry>, Outcome>>(line).map_err(|e| e.to_string())? {
        Line { entry: Some(entry), .. } => Ok(Event::Entry(entry)),
        Line { answer: Some(outcome), .. } => Ok(Event::Outcome(outcome)),
        Line { reset: Some(_), .. } => Ok(Event::Reset),
        _ => Err("no entry, answer or reset".to_owned()),
    }
}
