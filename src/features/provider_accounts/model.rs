//! The account's document, and what may be done to its hold. Every process that works for the account reads
//! the same document, so a probe is one over all of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
            extra: Map::new(),
        }
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
        Self { id: id.to_owned(), version: 1, hold: None, created_at: now, extra: Map::new() }
    }

    /// A call says that the account cannot be used. `false`: that was known. What is graver takes the place
    /// of what is less so.
    pub fn report(&mut self, kind: AccountProblem, reason: &str, now: Timestamp) -> bool {
        if self.hold.as_ref().is_some_and(|hold| hold.kind >= kind) {
            return false;
        }
        self.hold = Some(Hold::new(kind, reason, now));
        true
    }

    /// Takes the probe that is due, until the time at which its worker counts as vanished. `false`: none is
    /// due.
    pub fn begin_probe(&mut self, token: &str, until: Timestamp, now: Timestamp) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.probe_due(now)) else { return false };
        hold.probe = Some(HoldProbe { token: token.to_owned(), until });
        true
    }

    /// The next probe is due now. `false`: nothing is held, or one is under way.
    pub fn probe_now(&mut self, now: Timestamp) -> bool {
        let Some(hold) = self.hold.as_mut().filter(|hold| hold.probe.as_ref().is_none_or(|p| p.until <= now))
        else {
            return false;
        };
        hold.next_probe_at = now;
        true
    }

    /// The probe of `token` has ended. `false`: it was given up for dead, or the hold it was for is gone.
    pub fn end_probe(&mut self, token: &str, probe_result: &ProbeResult, now: Timestamp) -> bool {
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
                hold.probes = hold.probes.saturating_add(1);
                hold.next_probe_at =
                    now + FIRST_PROBE.saturating_mul(1 << hold.probes.min(16)).min(LONGEST_PAUSE);
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
        assert!(account.report(kind, "first", at(0)));
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
        assert!(!account.report(AccountProblem::Configuration, "second", at(9)));
        assert!(!account.report(AccountProblem::Wallet, "second", at(9)));
        assert_eq!((hold(&account).since, hold(&account).reason.as_str()), (at(0), "first"));
        assert!(account.report(AccountProblem::Credentials, "worse", at(9)));
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
            assert!(account.end_probe("t", &again(), at(now)));
        }
        assert_eq!((hold(&account).since, hold(&account).reason.as_str()), (at(0), "still"));
    }

    #[test]
    fn there_is_one_probe_at_a_time_and_a_vanished_worker_does_not_keep_it() {
        let mut account = held(AccountProblem::Wallet);
        assert!(account.begin_probe("one", at(120), at(60)));
        assert!(!account.begin_probe("two", at(179), at(119)), "there is one");
        assert!(account.begin_probe("two", at(180), at(120)), "its worker is gone");
        assert!(!account.end_probe("one", &ProbeResult::Proved, at(121)), "a dead one says nothing");
        assert!(account.hold.is_some());
        assert!(account.end_probe("two", &ProbeResult::Proved, at(121)));
        assert_eq!(account.hold, None);
        assert!(!account.begin_probe("three", at(999), at(900)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_shut() {
        let day = 24 * 3600;
        let mut account = Account::new("a", at(0));
        assert!(account.report(AccountProblem::Wallet, "first", at(day)));
        assert!(account.begin_probe("one", at(0) + Duration::from_secs(60), at(0)), "a day before it began");
        let mut account = held(AccountProblem::Wallet);
        assert!(account.begin_probe("one", at(day + 60), at(day)));
        assert!(account.begin_probe("two", at(120), at(60)), "nor does a probe that ends tomorrow");
    }

    #[test]
    fn a_probe_that_settles_nothing_is_followed_soon_and_the_schedule_does_not_grow() {
        let mut account = held(AccountProblem::Credentials);
        assert!(account.begin_probe("t", at(120), at(60)));
        assert!(account.end_probe("t", &ProbeResult::Unused, at(61)));
        assert!(account.begin_probe("t", at(120), at(61)), "at once: nobody was asked");
        assert!(account.end_probe("t", &ProbeResult::Settled, at(61)));
        assert!(!account.begin_probe("t", at(120), at(65)));
        assert!(account.begin_probe("t", at(120), at(66)));
        assert_eq!(hold(&account).probes, 0);
    }

    #[test]
    fn an_empty_wallet_proves_that_the_keys_are_good() {
        let mut account = held(AccountProblem::Credentials);
        assert!(account.begin_probe("t", at(120), at(60)));
        assert!(account.end_probe("t", &again(), at(60)));
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
