//! The account's document, and what may be done to its hold. Every process that works for the account reads
//! the same document, so a probe is one over all of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusals::{Row, Seen, Trier};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, id_and_version},
    provider::carrier::AccountProblem,
};

/// From the beginning of a hold to its first probe; doubles with each that is held again.
const FIRST_PROBE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// After a probe whose call settled nothing (it was not answered, or was about something else).
const SOON: Duration = Duration::from_secs(5);
/// For so many a hold remembers that they were tried.
const MOST_TRIED: usize = 32;
/// No probe is given longer than this.
const LONGEST_PROBE: Duration = Duration::from_secs(3600);

/// A provider's account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// `parcelx-live`, `parcelx-simulator`.
    pub id: String,
    pub version: i64,
    /// Absent: it may be called.
    pub hold: Option<Hold>,
    /// The refusals since something was booked, as long as they are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    pub created_at: Timestamp,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Why the account may not be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    pub kind: AccountProblem,
    /// In words that may be shown.
    pub reason: String,
    pub since: Timestamp,
    /// When one job may try again, whoever it is for.
    pub next_probe_at: Timestamp,
    /// Half-open probes that were held again.
    pub probes: u32,
    /// The one under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<HoldProbe>,
    /// The same refusal that holds it, for [`AccountProblem::Refusals`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// For whom was tried last: somebody else is tried next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Trier>,
    /// The first order of somebody else that comes is tried at once, for what ParcelX says of one order may
    /// be about that order. When it is held again, all wait for [`Hold::next_probe_at`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_other: bool,
    /// Not before this time, though.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_after: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A job that tries whether the hold is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldProbe {
    /// Whose it is.
    pub token: String,
    /// When its worker counts as vanished.
    pub until: Timestamp,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeResult {
    /// What was held works again.
    Proved,
    Held {
        kind: AccountProblem,
        reason: String,
    },
    /// A call was made and says nothing about the hold.
    Settled,
    /// Nothing was tried, since ParcelX does not even answer look-ups: it stands as it did.
    HeldBack,
    /// Its job had no reason to call.
    Unused,
}

impl Hold {
    fn new(kind: AccountProblem, reason: &str, now: Timestamp) -> Self {
        let reason = reason.to_owned();
        Self {
            kind,
            reason,
            since: now,
            next_probe_at: now + FIRST_PROBE,
            probes: 0,
            probe: None,
            refusal: None,
            tried: Vec::new(),
            wants_other: false,
            other_after: None,
            extra: Map::new(),
        }
    }

    /// One order was tried, or was what told of the problem: somebody else's is tried at once, that one again
    /// after a pause.
    fn try_other(&mut self, tried: Option<&Trier>, now: Timestamp) {
        self.note(tried);
        (self.wants_other, self.other_after) = (true, None);
        self.next_probe_at = now + self.pause();
    }

    /// Its probe with an order of `tried` met the same again.
    fn held_again(&mut self, tried: Option<&Trier>, now: Timestamp) {
        if self.wants_other && tried.is_some_and(|tried| self.is_other(tried)) {
            // Not about one order, then.
            self.note(tried);
            (self.wants_other, self.next_probe_at) = (false, now + self.pause());
        } else {
            self.probes = self.probes.saturating_add(1);
            self.try_other(tried, now);
        }
    }

    /// Its probe settled nothing.
    fn try_soon(&mut self, now: Timestamp) {
        let soon = now + SOON;
        if self.wants_other {
            self.other_after = Some(soon);
        }
        self.next_probe_at = self.next_probe_at.max(soon);
    }

    fn note(&mut self, tried: Option<&Trier>) {
        self.tried.extend(tried.cloned());
        let over = self.tried.len().saturating_sub(MOST_TRIED);
        self.tried.drain(..over);
    }

    /// Whether nobody like `trier` was tried of late. Where no address is told, as of a cancel, it may be any
    /// of its merchant's.
    #[must_use]
    pub fn is_other(&self, trier: &Trier) -> bool {
        let differ = |tried: &Trier| {
            let addresses = tried.pick_address.as_ref().zip(trier.pick_address.as_ref());
            addresses.is_some_and(|(tried, trier)| tried != trier)
        };
        self.tried.iter().all(|tried| tried.merchant != trier.merchant || differ(tried))
    }

    /// From now to the next probe, when the last ones were held again.
    fn pause(&self) -> Duration {
        FIRST_PROBE.saturating_mul(1 << self.probes.min(16)).min(LONGEST_PAUSE)
    }

    /// Whether a job may try now, if only one for somebody else.
    #[must_use]
    pub fn probe_due(&self, now: Timestamp) -> bool {
        self.due_for_any(now) || (self.is_unprobed(now) && self.other_due(now))
    }

    /// Whether a job may try now, whoever it is for.
    #[must_use]
    pub fn due_for_any(&self, now: Timestamp) -> bool {
        self.is_unprobed(now) && over(self.next_probe_at, LONGEST_PAUSE, now)
    }

    /// Whether a job that is for `trier` may try now.
    fn due_for(&self, trier: Option<&Trier>, now: Timestamp) -> bool {
        let other = trier.is_some_and(|trier| self.is_other(trier));
        self.due_for_any(now) || (other && self.is_unprobed(now) && self.other_due(now))
    }

    fn is_unprobed(&self, now: Timestamp) -> bool {
        self.probe.as_ref().is_none_or(|probe| over(probe.until, LONGEST_PROBE, now))
    }

    fn other_due(&self, now: Timestamp) -> bool {
        self.wants_other && self.other_after.is_none_or(|at| over(at, LONGEST_PAUSE, now))
    }
}

/// Whether a time has come. What is further off than it can have been put was put there by a clock that was
/// set back since.
fn over(at: Timestamp, longest: Duration, now: Timestamp) -> bool {
    at <= now || at.since(now) > longest
}

impl Account {
    #[must_use]
    pub fn new(id: &str, now: Timestamp) -> Self {
        Self { id: id.to_owned(), version: 1, hold: None, row: None, created_at: now, extra: Map::new() }
    }

    /// A call says that the account cannot be used. `false`: that was known. What is graver takes the place
    /// of what is less so. What is only read from the words about an order of `by` is tried at once with
    /// somebody else's.
    pub fn report(&mut self, kind: AccountProblem, reason: &str, by: Option<&Trier>, now: Timestamp) -> bool {
        if self.hold.as_ref().is_some_and(|hold| hold.kind >= kind) {
            return false;
        }
        let mut hold = Hold::new(kind, reason, now);
        if by.is_some() {
            hold.try_other(by, now);
        }
        self.hold = Some(hold);
        true
    }

    /// An order was refused. `booked`: something was booked since the row was last added to. `true`: the
    /// account is held for it, and the order waits.
    pub fn refused(&mut self, seen: &Seen, booked: bool, most: u32, now: Timestamp) -> bool {
        if let Some(hold) = self.hold.as_ref().filter(|hold| hold.kind == AccountProblem::Refusals) {
            return hold.refusal.as_deref().is_some_and(|text| seen.is_like(text));
        }
        let mut row = self.row.take().filter(|row| !booked && seen.is_like(&row.text));
        let row = row.get_or_insert_with(|| Row::new(seen, now));
        row.add(seen, now);
        let full = row.is_full(most) && self.hold.is_none();
        if full {
            let mut hold = Hold::new(AccountProblem::Refusals, &seen.words, now);
            (hold.refusal, hold.tried) = (Some(row.text.clone()), row.triers());
            self.hold = Some(hold);
        } else {
            self.row = Some(row.clone());
        }
        full
    }

    /// Takes the probe that is due for an order of `trier`, until the time at which its worker counts as
    /// vanished. `false`: none is due.
    pub fn begin_probe(
        &mut self,
        token: &str,
        trier: Option<&Trier>,
        until: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.due_for(trier, now)) else { return false };
        hold.probe = Some(HoldProbe { token: token.to_owned(), until });
        true
    }

    /// The next probe is due now, for whoever comes first. `false`: nothing is held, or one is under way.
    pub fn probe_now(&mut self, now: Timestamp) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.probe.as_ref().is_none_or(|p| p.until <= now))
        else {
            return false;
        };
        (hold.wants_other, hold.next_probe_at) = (false, now);
        true
    }

    /// The probe of `token` has ended. `false`: it was given up for dead, or the hold it was for is gone.
    pub fn end_probe(
        &mut self,
        token: &str,
        probe_result: &ProbeResult,
        tried: Option<&Trier>,
        now: Timestamp,
    ) -> bool {
        let Some(hold) =
            self.hold.as_mut().filter(|hold| hold.probe.as_ref().is_some_and(|c| c.token == token))
        else {
            return false;
        };
        hold.probe = None;
        match probe_result {
            ProbeResult::Proved => self.hold = None,
            // Keys and address were accepted: only the money is wanting.
            ProbeResult::Held { kind: AccountProblem::Wallet, reason }
                if hold.kind != AccountProblem::Wallet =>
            {
                let mut next = Hold::new(AccountProblem::Wallet, reason, now);
                if tried.is_some() {
                    next.try_other(tried, now);
                }
                self.hold = Some(next);
            }
            ProbeResult::Held { kind, reason } => {
                hold.kind = *kind;
                hold.reason.clone_from(reason);
                if hold.kind != AccountProblem::Refusals {
                    hold.refusal = None;
                }
                hold.held_again(tried, now);
            }
            ProbeResult::HeldBack => hold.held_again(tried, now),
            ProbeResult::Settled => hold.try_soon(now),
            ProbeResult::Unused => {}
        }
        true
    }
}

impl Document for Account {
    const COLLECTION: &'static str = "provider_accounts";
    const INDEXES: &'static [Index] = &[Index::on("created", &[Field::time("createdAt")])];

    id_and_version!();
}

#[cfg(test)]
mod tests;
