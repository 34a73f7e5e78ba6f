//! The append-only record of what the double really did, told apart from what its client heard of it.
//!
//! Guards against a double that lies: an entry is written when the effect is done, before any answer; how the
//! answer fared is a second line. A restarted double knows its shipments from the file.

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
    /// The answer repeats an earlier effect; no new shipment, though perhaps a charge.
    Repeated,
    Refused,
    Cancelled,
    /// A cancel that was accepted and will never happen.
    Acknowledged,
    Found,
    NotFound,
    /// A warehouse was added.
    Added,
    /// A warehouse was removed.
    Removed,
    /// A shipment was moved by hand.
    Moved,
    /// Nothing was done.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answered {
    /// Done, and no answer yet.
    Pending,
    /// Handed to the connection.
    Answered,
    /// Withheld or cut on purpose, or the client had gone.
    Unheard,
}

/// What a booking fixed about a shipment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Counts bookings of all time in this ledger.
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

/// One call and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// 1, 2, 3, … also over restarts.
    pub seq: u64,
    pub received_at: Timestamp,
    /// When the effect was done.
    pub at: Timestamp,
    pub operation: Operation,
    pub path: String,
    /// `client_order_id`, where the call or its AWB tells it.
    pub reference: Option<String>,
    pub awb: Option<String>,
    pub what: What,
    /// Taken from the wallet; negative when given back.
    pub charged_paise: i64,
    #[serde(default, skip_serializing_if = "Answer::is_normal")]
    pub answer: Answer,
    pub answered: Answered,
    pub http_status: Option<u16>,
    /// Words of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The body as it came, where it was JSON; only its line breaks are blanks here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<Booking>,
    /// When an accepted cancel shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
    /// The status that a shipment was moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<Warehouse>,
}

/// How the answer to an entry fared.
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
    /// Everything above is forgotten, save the counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<Timestamp>,
}

/// What is read back from a file.
#[derive(Debug)]
pub(super) enum Event {
    Entry(Box<Entry>),
    Outcome(Outcome),
    Reset,
}

/// The file, or nothing at all.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<File>);

impl Journal {
    /// Opens or makes `path` and reads it back to `event`, line by line: it may be larger than what is kept
    /// of it. A last line that was cut by the death of the process is dropped.
    ///
    /// # Errors
    /// When the file cannot be used or a line other than the last is no ledger line.
    pub(super) fn open(path: &Path, mut event: impl FnMut(Event)) -> Result<Self, SimulatorError> {
        let failed = |source| SimulatorError::Ledger { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)] // it holds names and addresses
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

    /// One `write` per line, so that another process reads whole lines. A full disk does not stop the double:
    /// the ledger in memory stays right.
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
