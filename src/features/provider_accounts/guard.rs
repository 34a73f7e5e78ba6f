//! When jobs may call the provider, and what their calls say about that: the account's hold (shared by all
//! processes) and the circuit breaker (of this one) shut queues, and one job at a time is let through to find
//! out whether they can be opened again.
//!
//! Guards against a thousand orders that each make the call that is known to fail, and against a hold that
//! lasts until somebody remembers it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde::Deserialize;

use super::breaker::{Breaker, Position};
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    features::provider_accounts::{Accounts, Hold, ProbeResult, Seen, Taken, Trier},
    platform::{
        queue::{
            ActiveJob,
            runner::gate::{Admission, Gate, Probe, REFRESH},
        },
        store::StoreError,
    },
    provider::carrier::{AccountProblem, CallEnd, CallSignal, Needs, Observer},
};

/// One process's guard. Clones share it.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    accounts: Accounts,
    breaker: Breaker,
    clock: Clock,
    /// How long a probe's worker is waited for.
    probe_life: Duration,
    queues: Vec<(&'static str, Needs)>,
    /// For orders of how many merchants in a row the same refusal holds the account; 0: never.
    most_refusals: u32,
    probing: Mutex<Option<Probing>>,
    /// For whom the jobs in hand call, by their token.
    calling: Mutex<BTreeMap<String, Trier>>,
    /// When a queue had no job of anybody who may try, by its name.
    nobody: Mutex<BTreeMap<String, Timestamp>>,
}

/// A queue that has no job of anybody who may try is left alone for this long, unless anybody's is due: else
/// its jobs would be claimed and given back every second.
const NOBODY_FOR: Duration = Duration::from_secs(5);

/// While it lives, the calls of a job are made for somebody.
#[derive(Debug)]
pub struct CallsFor<'a>(&'a Guard, &'a str);

impl Drop for CallsFor<'_> {
    fn drop(&mut self) {
        self.0.calling().remove(self.1);
    }
}

/// The one job of this process that was let through.
#[derive(Debug)]
struct Probing {
    /// The job's, as the queue gave it out: whose calls count.
    token: String,
    signals: Vec<CallSignal>,
}

impl Guard {
    /// The same refusal of orders of `most_refusals` merchants in a row holds the account; 0: never.
    /// `queues`: those that it may shut, and for what. A queue that is not among them makes no calls.
    #[must_use]
    pub fn new(
        accounts: Accounts,
        breaker: Breaker,
        clock: Clock,
        probe_life: Duration,
        most_refusals: u32,
        queues: Vec<(&'static str, Needs)>,
    ) -> Self {
        Self(Arc::new(Inner {
            accounts,
            breaker,
            clock,
            probe_life,
            queues,
            most_refusals,
            probing: Mutex::default(),
            calling: Mutex::default(),
            nobody: Mutex::default(),
        }))
    }

    /// The calls of the job with this token are made for an order of `trier`, until what is given is dropped.
    #[must_use]
    pub fn calls_for<'a>(&'a self, token: &'a str, trier: Trier) -> CallsFor<'a> {
        self.calling().insert(token.to_owned(), trier);
        CallsFor(self, token)
    }

    /// Where the breaker of this process stands, and since when it is not closed.
    #[must_use]
    pub fn breaker(&self) -> (Position, Option<Timestamp>) {
        (self.0.breaker.position(), self.0.breaker.open_since())
    }

    /// Since when nothing must have been booked for refusals to be in a row; nothing: there are none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn row_at(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.0.most_refusals > 0 {
            self.0.accounts.refresh().await?;
        }
        Ok(self.0.accounts.row_at())
    }

    /// The order of the job `token` was refused. `booked`: something was booked since [`Guard::row_at`].
    /// `true`: the account is held for refusals like this one, and the order waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refused(&self, seen: &Seen, booked: bool, token: &str) -> Result<bool, StoreError> {
        let waits = self.0.accounts.refused(seen, booked, self.0.most_refusals).await?;
        if let Some(probing) = &mut *self.probing()
            && probing.token == token
        {
            probing.signals.push(if waits {
                CallSignal::AccountProblem(AccountProblem::Refusals, seen.words.clone())
            } else {
                CallSignal::RefusedOtherwise
            });
        }
        Ok(waits)
    }

    /// The order of the job `token` was not sent: the look-up before it was answered with nothing to go by.
    /// What holds the account may be why.
    pub fn held_back(&self, token: &str) {
        if let Some(probing) = &mut *self.probing()
            && probing.token == token
        {
            probing.signals.push(CallSignal::HeldBack);
        }
    }

    fn calling(&self) -> MutexGuard<'_, BTreeMap<String, Trier>> {
        self.0.calling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nobody(&self) -> MutexGuard<'_, BTreeMap<String, Timestamp>> {
        self.0.nobody.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a job of this queue may try for the hold now.
    fn is_due(&self, hold: &Hold, queue: &str) -> bool {
        let now = self.0.clock.now();
        let left_alone = |at: Timestamp| at <= now && now.since(at) < NOBODY_FOR;
        let nobody = self.nobody().get(queue).copied().is_some_and(left_alone);
        hold.due_for_any(now) || (hold.probe_due(now) && !nobody)
    }

    fn probing(&self) -> MutexGuard<'_, Option<Probing>> {
        self.0.probing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Gate for Guard {
    async fn refresh(&self) {
        let known = async {
            self.0.accounts.refresh().await?;
            self.0.accounts.ensure().await
        };
        if let Err(error) = known.await {
            tracing::warn!(%error,
                "it is not known whether the account is held; going by what was known before");
        }
    }

    fn admit(&self, queue: &str) -> Admission {
        let needs = self.0.queues.iter().find(|(name, _)| *name == queue).map(|(_, needs)| *needs);
        let Some(needs) = needs.filter(|needs| needs.calls()) else { return Admission::Open };
        let hold = self.0.accounts.hold().filter(|hold| needs.forbid(hold.kind));
        let position = self.0.breaker.position();
        match (&hold, position) {
            (None, Position::Closed) => return Admission::Open,
            (_, Position::Open(left)) => return Admission::Closed { look_again: left.min(REFRESH) },
            (Some(hold), _) if !self.is_due(hold, queue) => {
                return Admission::Closed { look_again: REFRESH };
            }
            _ => {}
        }
        if self.probing().is_some() {
            return Admission::Closed { look_again: REFRESH };
        }
        let probe = hold.map(|hold| (hold.kind, ids::lease_token()));
        Admission::Probe(Box::new(HalfOpenProbe {
            guard: self.clone(),
            probe,
            breaker: position == Position::HalfOpen,
            tried: None,
        }))
    }
}

#[async_trait]
impl Observer for Guard {
    async fn ended(&self, end: &CallEnd<'_>) {
        let signal = end.signal();
        let is_probe = match &mut *self.probing() {
            Some(probing) if Some(probing.token.as_str()) == end.token => {
                probing.signals.push(signal.clone());
                true
            }
            _ => false,
        };
        self.0.breaker.ended(signal.health(), is_probe);
        if signal == CallSignal::Booked {
            self.0.accounts.booked();
        }
        let read = end.token.filter(|_| end.is_read_from_words());
        let by = read.and_then(|token| self.calling().get(token).cloned());
        if let CallSignal::AccountProblem(problem, reason) = &signal
            && let Err(error) = self.0.accounts.report_by(*problem, reason, by.as_ref()).await
        {
            tracing::error!(%error,
                "the account could not be held; the next call that fails so will try again");
        }
    }
}

/// A job that tries whether the account works again, the provider is there again, or both.
#[derive(Debug)]
struct HalfOpenProbe {
    guard: Guard,
    /// The hold it is for, and its token once it is taken.
    probe: Option<(AccountProblem, String)>,
    breaker: bool,
    /// Whose order it tries.
    tried: Option<Trier>,
}

/// What jobs say of whom they are for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobOf {
    user_id: String,
    #[serde(default)]
    pick_address_id: Option<String>,
}

fn trier(job: &ActiveJob) -> Option<Trier> {
    let JobOf { user_id, pick_address_id } = serde_json::from_str(&job.data).ok()?;
    Some(Trier { merchant: user_id, pick_address: pick_address_id })
}

impl HalfOpenProbe {
    fn give_up(&self) -> bool {
        *self.guard.probing() = None;
        if self.breaker {
            self.guard.0.breaker.end_probe();
        }
        false
    }
}

#[async_trait]
impl Probe for HalfOpenProbe {
    /// Somebody else's order than those that were tried of late, if there is one: best another merchant's.
    /// Theirs may have to wait still.
    async fn choose(&mut self, jobs: &[ActiveJob]) -> Option<usize> {
        let first = (!jobs.is_empty()).then_some(0);
        let hold = self.guard.0.accounts.hold().filter(|_| self.probe.is_some());
        let Some(hold) = hold else { return first };
        let triers: Vec<_> = jobs.iter().map(trier).collect();
        let merchants: BTreeSet<_> = hold.tried.iter().map(|tried| tried.merchant.as_str()).collect();
        let place = |test: &dyn Fn(&Trier) -> bool| triers.iter().position(|t| t.as_ref().is_some_and(test));
        let other = place(&|trier| !merchants.contains(trier.merchant.as_str()))
            .or_else(|| place(&|trier| hold.is_other(trier)));
        let now = self.guard.0.clock.now();
        let chosen = other.or_else(|| first.filter(|_| hold.due_for_any(now)));
        if let Some(job) = jobs.first().filter(|_| chosen.is_none()) {
            self.guard.nobody().insert(job.queue.clone(), now);
        }
        chosen
    }

    async fn begin(&mut self, job: &ActiveJob) -> bool {
        {
            let mut probing = self.guard.probing();
            if probing.is_some() || (self.breaker && !self.guard.0.breaker.begin_probe()) {
                return false;
            }
            *probing = Some(Probing { token: job.token.clone(), signals: Vec::new() });
        }
        self.tried = trier(job);
        let Some((_, token)) = &self.probe else { return true };
        let (accounts, life) = (&self.guard.0.accounts, self.guard.0.probe_life);
        match accounts.begin_probe_of(token, self.tried.as_ref(), life).await {
            Ok(Taken::Yes) => true,
            Ok(Taken::Lifted) => {
                self.probe = None;
                true
            }
            Ok(Taken::No) => self.give_up(),
            Err(error) => {
                tracing::warn!(%error, "the probe could not be taken");
                self.give_up()
            }
        }
    }

    async fn end(self: Box<Self>) {
        let signals = self.guard.probing().take().map(|p| p.signals).unwrap_or_default();
        if self.breaker {
            self.guard.0.breaker.end_probe();
        }
        let Some((kind, token)) = &self.probe else { return };
        let result = probe_result(*kind, &signals);
        if let Err(error) = self.guard.0.accounts.end_probe_of(token, &result, self.tried.as_ref()).await {
            tracing::warn!(%error,
                "how the probe ended could not be written down; another one follows when its time is over");
        }
    }
}

/// What the calls of a probe say about a hold. Later ones know better.
fn probe_result(held: AccountProblem, signals: &[CallSignal]) -> ProbeResult {
    let mut probe_result = if signals.iter().all(|l| *l == CallSignal::NotTried) {
        ProbeResult::Unused
    } else {
        ProbeResult::Settled
    };
    for signal in signals {
        probe_result = match signal {
            CallSignal::AccountProblem(problem, reason) => {
                ProbeResult::Held { kind: *problem, reason: reason.clone() }
            }
            CallSignal::Booked => ProbeResult::Proved,
            CallSignal::Accepted if held > AccountProblem::Refusals => ProbeResult::Proved,
            CallSignal::RefusedOtherwise if held == AccountProblem::Refusals => ProbeResult::Proved,
            CallSignal::Looked if held == AccountProblem::Credentials => ProbeResult::Proved,
            // With nothing else to go by, it is what it was. Words about money say nothing of look-ups.
            CallSignal::HeldBack
                if held > AccountProblem::Refusals && probe_result == ProbeResult::Settled =>
            {
                ProbeResult::HeldBack
            }
            _ => probe_result,
        };
    }
    probe_result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_proves_what_its_answer_proves_and_no_more() {
        use AccountProblem::{Account, Configuration, Credentials, Refusals, Wallet};
        let held = |kind| {
            (
                vec![CallSignal::AccountProblem(kind, "r".into())],
                ProbeResult::Held { kind, reason: "r".into() },
            )
        };
        for kind in AccountProblem::ALL {
            assert_eq!(probe_result(kind, &[]), ProbeResult::Unused);
            assert_eq!(probe_result(kind, &[CallSignal::NotTried]), ProbeResult::Unused);
            assert_eq!(probe_result(kind, &[CallSignal::Booked]), ProbeResult::Proved);
            for nothing in [CallSignal::Down, CallSignal::Silent, CallSignal::Reached] {
                assert_eq!(
                    probe_result(kind, std::slice::from_ref(&nothing)),
                    ProbeResult::Settled,
                    "{nothing:?}"
                );
            }
            for (signals, expected) in [Wallet, Refusals, Account, Configuration, Credentials].map(held) {
                assert_eq!(probe_result(kind, &signals), expected);
            }
        }
        let of = |signal: CallSignal| {
            AccountProblem::ALL
                .map(|kind| probe_result(kind, std::slice::from_ref(&signal)) == ProbeResult::Proved)
        };
        assert_eq!(of(CallSignal::Accepted), [false, false, true, true, true], "a refusal takes no money");
        assert_eq!(of(CallSignal::RefusedOtherwise), [false, true, false, false, false]);
        assert_eq!(of(CallSignal::Looked), [false, false, false, false, true]);
        let held_back = |signal: CallSignal| {
            AccountProblem::ALL.map(|kind| {
                probe_result(kind, &[signal.clone(), CallSignal::HeldBack]) == ProbeResult::HeldBack
            })
        };
        assert_eq!(held_back(CallSignal::Reached), [false, false, true, true, true]);
        assert_eq!(held_back(CallSignal::Booked), [false; 5]);
    }
}
