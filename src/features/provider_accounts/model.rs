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
    /// When one job may try again.
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
    /// The next probe is for an order of somebody else; only when that is held again, or there is none, the
    /// wait doubles. What ParcelX says of one order may be about that order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_other: bool,
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
            extra: Map::new(),
        }
    }

    /// One order was tried, or was what told of the problem: the next one is somebody else's, at once.
    fn try_other(&mut self, tried: Option<&Trier>, now: Timestamp) {
        self.note(tried);
        (self.wants_other, self.next_probe_at) = (true, now);
    }

    fn note(&mut self, tried: Option<&Trier>) {
        self.tried.extend(tried.cloned());
        let over = self.tried.len().saturating_sub(MOST_TRIED);
        self.tried.drain(..over);
    }

    /// Whether nobody like `trier` was tried of late.
    #[must_use]
    pub fn is_other(&self, trier: &Trier) -> bool {
        !self.tried.contains(trier)
    }

    /// From the last try, `at`.
    fn wait_longer(&mut self, at: Timestamp) {
        (self.wants_other, self.next_probe_at) = (false, at + self.pause());
    }

    /// From now to the next probe, when the last ones were held again.
    fn pause(&self) -> Duration {
        FIRST_PROBE.saturating_mul(1 << self.probes.min(16)).min(LONGEST_PAUSE)
    }

    /// Whether a job may try now. What is further off than it can have been put was put there by a clock that
    /// was set back since.
    #[must_use]
    pub fn probe_due(&self, now: Timestamp) -> bool {
        let over = |at: Timestamp, longest| at <= now || at.since(now) > longest;
        over(self.next_probe_at, LONGEST_PAUSE)
            && self.probe.as_ref().is_none_or(|c| over(c.until, LONGEST_PROBE))
    }
}

impl Account {
    #[must_use]
    pub fn new(id: &str, now: Timestamp) -> Self {
        Self { id: id.to_owned(), version: 1, hold: None, row: None, created_at: now, extra: Map::new() }
    }

    /// A call says that the account cannot be used. `false`: that was known. What is graver takes the place
    /// of what is less so. What is only read from the words about one order, `by`, is tried at once with
    /// somebody else's.
    pub fn report(&mut self, kind: AccountProblem, reason: &str, by: Option<&Trier>, now: Timestamp) -> bool {
        if self.hold.as_ref().is_some_and(|hold| hold.kind >= kind) {
            return false;
        }
        let mut hold = Hold::new(kind, reason, now);
        if let Some(by) = by.filter(|_| kind.is_read_from_words()) {
            hold.try_other(Some(by), now);
        }
        self.hold = Some(hold);
        true
    }

    /// An order was refused. `booked`: something was booked since the row was last added to. `true`: the
    /// account is held for it, and the order waits.
    pub fn refused(&mut self, seen: &Seen, booked: bool, most: u32, now: Timestamp) -> bool {
        if let Some(hold) = self.hold.as_ref().filter(|hold| hold.kind == AccountProblem::Refusals) {
            return hold.refusal.as_ref() == Some(&seen.text);
        }
        let mut row = self.row.take().filter(|row| !booked && row.text == seen.text);
        let row = row.get_or_insert_with(|| Row::new(seen, now));
        row.add(seen, now);
        let full = row.is_full(most) && self.hold.is_none();
        if full {
            let mut hold = Hold::new(AccountProblem::Refusals, &seen.words, now);
            (hold.refusal, hold.tried) = (Some(seen.text.clone()), row.triers());
            self.hold = Some(hold);
        } else {
            self.row = Some(row.clone());
        }
        full
    }

    /// A probe is due for somebody else's order, and there is none: the one for anybody's comes in its time.
    pub fn nobody_else(&mut self, now: Timestamp) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.wants_other && hold.probe_due(now)) else {
            return false;
        };
        hold.wait_longer(hold.next_probe_at.min(now));
        true
    }

    /// Takes the probe that is due, until the time at which its worker counts as vanished. `false`: none is
    /// due.
    pub fn begin_probe(&mut self, token: &str, until: Timestamp, now: Timestamp) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.probe_due(now)) else { return false };
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
                self.hold = Some(Hold::new(AccountProblem::Wallet, reason, now));
            }
            ProbeResult::Held { kind, reason } => {
                hold.kind = *kind;
                hold.reason.clone_from(reason);
                if hold.kind != AccountProblem::Refusals {
                    hold.refusal = None;
                }
                if hold.wants_other {
                    hold.note(tried);
                    hold.wait_longer(now);
                } else {
                    hold.probes = hold.probes.saturating_add(1);
                    hold.try_other(tried, now);
                }
            }
            ProbeResult::Settled => hold.next_probe_at = now + SOON,
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
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(1_763_687_100_000) + Duration::from_secs(secs)
    }

    fn held(kind: AccountProblem) -> Account {
        let mut account = Account::new("a", at(0));
        assert!(account.report(kind, "first", None, at(0)));
        account
    }

    fn hold(account: &Account) -> &Hold {
        account.hold.as_ref().unwrap()
    }

    fn again() -> ProbeResult {
        ProbeResult::Held { kind: AccountProblem::Wallet, reason: "still".into() }
    }

    #[test]
    fn the_same_report_changes_nothing_and_only_a_graver_one_takes_its_place() {
        let mut account = held(AccountProblem::Configuration);
        assert!(!account.report(AccountProblem::Configuration, "second", None, at(9)));
        assert!(!account.report(AccountProblem::Wallet, "second", None, at(9)));
        assert_eq!((hold(&account).since, hold(&account).reason.as_str()), (at(0), "first"));
        assert!(account.report(AccountProblem::Credentials, "worse", None, at(9)));
        assert_eq!((hold(&account).since, hold(&account).kind), (at(9), AccountProblem::Credentials));
    }

    #[test]
    fn probes_come_after_a_minute_and_then_ever_later() {
        let mut account = held(AccountProblem::Wallet);
        assert!(!account.begin_probe("t", at(59), at(59)));
        let mut now = 0;
        for pause in [60, 120, 240, 480, 900, 900] {
            assert_eq!(hold(&account).next_probe_at, at(now + pause));
            now += pause;
            assert!(account.begin_probe("t", at(now + 60), at(now)));
            assert!(account.end_probe("t", &again(), None, at(now)));
            assert!(hold(&account).wants_other && account.nobody_else(at(now)));
        }
        assert_eq!((hold(&account).since, hold(&account).reason.as_str()), (at(0), "still"));
    }

    fn trier(merchant: &str) -> Trier {
        Trier { merchant: merchant.to_owned(), pick_address: None }
    }

    #[test]
    fn before_the_wait_doubles_somebody_elses_order_is_tried_at_once() {
        let mut account = held(AccountProblem::Configuration);
        assert!(account.begin_probe("one", at(120), at(60)));
        assert!(account.end_probe(
            "one",
            &again_for(AccountProblem::Configuration),
            Some(&trier("a")),
            at(61)
        ));
        assert!(hold(&account).probe_due(at(61)) && hold(&account).wants_other);
        assert!(!hold(&account).is_other(&trier("a")) && hold(&account).is_other(&trier("b")));
        assert!(account.begin_probe("two", at(120), at(61)));
        assert!(account.end_probe(
            "two",
            &again_for(AccountProblem::Configuration),
            Some(&trier("b")),
            at(62)
        ));
        assert_eq!((hold(&account).wants_other, hold(&account).next_probe_at), (false, at(62 + 120)));
        assert!(!account.nobody_else(at(62 + 120)), "anybody's will do now");
    }

    #[test]
    fn what_is_read_from_words_is_tried_with_somebody_elses_order_first() {
        for (kind, at_once) in [
            (AccountProblem::Wallet, true),
            (AccountProblem::Account, true),
            (AccountProblem::Configuration, false),
            (AccountProblem::Credentials, false),
        ] {
            let mut account = Account::new("a", at(0));
            assert!(account.report(kind, "r", Some(&trier("a")), at(5)));
            assert_eq!(
                (hold(&account).wants_other, hold(&account).probe_due(at(5))),
                (at_once, at_once),
                "{kind}"
            );
            assert_eq!(account.nobody_else(at(20)), at_once);
            assert_eq!(hold(&account).next_probe_at, at(65), "{kind}: counted from what was told");
        }
    }

    /// A person who says "try now" may have the only order that waits.
    #[test]
    fn what_a_person_has_tried_is_tried_with_anybodys_order() {
        let mut account = Account::new("a", at(0));
        assert!(account.report(AccountProblem::Wallet, "r", Some(&trier("a")), at(5)));
        assert!(account.probe_now(at(7)));
        assert!(hold(&account).probe_due(at(7)) && !hold(&account).wants_other);
        assert!(!account.nobody_else(at(8)), "the same merchant's will do");
    }

    fn again_for(kind: AccountProblem) -> ProbeResult {
        ProbeResult::Held { kind, reason: "still".into() }
    }

    #[test]
    fn there_is_one_probe_at_a_time_and_a_vanished_worker_does_not_keep_it() {
        let mut account = held(AccountProblem::Wallet);
        assert!(account.begin_probe("one", at(120), at(60)));
        assert!(!account.begin_probe("two", at(179), at(119)), "there is one");
        assert!(account.begin_probe("two", at(180), at(120)), "its worker is gone");
        assert!(!account.end_probe("one", &ProbeResult::Proved, None, at(121)), "a dead one says nothing");
        assert!(account.hold.is_some());
        assert!(account.end_probe("two", &ProbeResult::Proved, None, at(121)));
        assert_eq!(account.hold, None);
        assert!(!account.begin_probe("three", at(999), at(900)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_shut() {
        let day = 24 * 3600;
        let mut account = Account::new("a", at(0));
        assert!(account.report(AccountProblem::Wallet, "first", None, at(day)));
        assert!(account.begin_probe("one", at(0) + Duration::from_secs(60), at(0)), "a day before it began");
        let mut account = held(AccountProblem::Wallet);
        assert!(account.begin_probe("one", at(day + 60), at(day)));
        assert!(account.begin_probe("two", at(120), at(60)), "nor does a probe that ends tomorrow");
    }

    #[test]
    fn a_probe_that_settles_nothing_is_followed_soon_and_the_schedule_does_not_grow() {
        let mut account = held(AccountProblem::Credentials);
        assert!(account.begin_probe("t", at(120), at(60)));
        assert!(account.end_probe("t", &ProbeResult::Unused, None, at(61)));
        assert!(account.begin_probe("t", at(120), at(61)), "at once: nobody was asked");
        assert!(account.end_probe("t", &ProbeResult::Settled, None, at(61)));
        assert!(!account.begin_probe("t", at(120), at(65)));
        assert!(account.begin_probe("t", at(120), at(66)));
        assert_eq!(hold(&account).probes, 0);
    }

    #[test]
    fn an_empty_wallet_proves_that_the_keys_are_good() {
        let mut account = held(AccountProblem::Credentials);
        assert!(account.begin_probe("t", at(120), at(60)));
        assert!(account.end_probe("t", &again(), None, at(60)));
        assert_eq!(
            (hold(&account).kind, hold(&account).since, hold(&account).probes),
            (AccountProblem::Wallet, at(60), 0)
        );
    }

    #[test]
    fn what_a_newer_binary_wrote_survives() {
        let text = serde_json::json!({"id": "a", "version": 3, "createdAt": at(0), "colour": "red",
            "hold": {"kind": "wallet", "reason": "r", "since": at(0), "nextProbeAt": at(60), "probes": 0,
                "shade": 1}});
        let account: Account = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&account).unwrap(), text);
    }
}
