//! A job on its way into the queue, and what no queue could hold.
//!
//! Guards against jobs that only one adapter could keep: in BullMQ's layout an id is a part of a Redis key,
//! and data that is no JSON stops the event loops of its readers.

use std::{borrow::Cow, time::Duration};

use serde::de::IgnoredAny;

use super::{
    QueueError,
    job::Payload,
    retry::{Backoff, Policy},
};

/// A job to be added. Adding an id that the queue knows, in whatever state, changes nothing.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub queue: Cow<'static, str>,
    pub id: String,
    /// Which handler runs it.
    pub name: Cow<'static, str>,
    /// The payload, JSON.
    pub data: String,
    /// Whose job it is: of many that wait, each share has its turn. Jobs without one share a share.
    pub share: Option<String>,
    /// How many counted failures end it.
    pub attempts: u32,
    pub backoff: Backoff,
    /// Not before this much time has passed.
    pub delay: Duration,
}

/// What a key of a queue may end with in BullMQ's layout; a job of that id would be that key.
pub(super) const RESERVED: [&str; 18] = [
    "active",
    "wait",
    "waiting",
    "waiting-children",
    "paused",
    "id",
    "delayed",
    "prioritized",
    "stalled-check",
    "completed",
    "failed",
    "stalled",
    "repeat",
    "limiter",
    "meta",
    "events",
    "pc",
    "marker",
];
/// The longest id and share, in bytes.
const LONGEST: usize = 200;

impl NewJob {
    /// A job for `payload`, due at once.
    ///
    /// # Errors
    /// When the payload does not serialise.
    pub fn of<P: Payload>(id: String, payload: &P, policy: &Policy) -> serde_json::Result<Self> {
        Ok(Self {
            queue: P::QUEUE.into(),
            id,
            name: P::NAME.into(),
            data: serde_json::to_string(payload)?,
            share: payload.share().map(str::to_owned),
            attempts: policy.attempts,
            backoff: policy.backoff.into(),
            delay: Duration::ZERO,
        })
    }

    /// Refuses what a queue in BullMQ's layout cannot hold: an id that is empty, a number, a word that is a
    /// key of the layout, or has other characters than letters, digits, `-` and `_`; a queue's name that is
    /// empty or has a `:`; data that is no JSON.
    ///
    /// # Errors
    /// [`QueueError::Fault`], in one line that tells no data.
    pub fn check(&self) -> Result<(), QueueError> {
        let fault = |what: &str| Err(QueueError::Fault(format!("a job of {:?} {what}", self.queue)));
        let id = self.id.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.queue.is_empty() || self.queue.contains(':') {
            return fault("cannot be: a queue's name is not empty and has no `:`");
        }
        if id.is_empty() || id.len() > LONGEST || !id.chars().all(plain) {
            return fault("has an id that is empty, too long, or not of letters, digits, `-` and `_` alone");
        }
        if id.bytes().all(|b| b.is_ascii_digit()) || RESERVED.contains(&id) {
            return fault(&format!("cannot have the id {id:?}: that is the queue's own"));
        }
        if self.share.as_ref().is_some_and(|share| share.len() > LONGEST) {
            return fault("has a share that is too long");
        }
        check_data(&self.queue, &self.data)
    }
}

/// Refuses data that is no JSON.
pub(super) fn check_data(queue: &str, data: &str) -> Result<(), QueueError> {
    match serde_json::from_str::<IgnoredAny>(data) {
        Ok(IgnoredAny) => Ok(()),
        Err(_) => Err(QueueError::Fault(format!("a job of {queue:?} has data that is no JSON"))),
    }
}
