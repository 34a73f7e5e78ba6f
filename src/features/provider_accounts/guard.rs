//! When jobs may call the provider, and what their calls say about that: the account's hold (shared by all
//! processes) and the circuit breaker (of this one) shut queues, and one job at a time is let through to find
//! out whether they can be opened again.
//!
//! Guards against a thousand orders that each make the call that is known to fail, and against a hold that
//! lasts until somebody remembers it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    base::{clock::Clock, ids},
    features::{
        orders::jobs::{CancelOrderJob, CreateOrderJob, FetchLabelJob},
        provider_accounts::{Accounts, HoldKind, ProbeResult, Taken},
    },
    platform::queue::{
        ActiveJob,
        job::Payload,
        runner::gate::{Admission, Gate, Probe, REFRESH},
    },
    provider::parcelx::protect::{AccountProblem, Breaker, CallEnd, CallSignal, Observer, Position},
};

/// Which holds shut which queue. Cancelling needs no money, and labels only good keys. A queue that is not
/// listed makes no calls.
const SHUT: [(&str, &[HoldKind]); 3] = [
    (CreateOrderJob::QUEUE, &[HoldKind::Wallet, HoldKind::Configuration, HoldKind::Credentials]),
    (CancelOrderJob::QUEUE, &[HoldKind::Configuration, HoldKind::Credentials]),
    (FetchLabelJob::QUEUE, &[HoldKind::Credentials]),
];

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
    probing: Mutex<Option<Probing>>,
}

/// The one job of this process that was let through.
#[derive(Debug)]
struct Probing {
    /// Whose calls count; a job that is not for an order makes none that do.
    order_id: Option<String>,
    signals: Vec<CallSignal>,
}

impl Guard {
    #[must_use]
    pub fn new(accounts: Accounts, breaker: Breaker, clock: Clock, probe_life: Duration) -> Self {
        Self(Arc::new(Inner { accounts, breaker, clock, probe_life, probing: Mutex::default() }))
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
            tracing::warn!(%error, "it is not known whether the account is held; going by what was known before");
        }
    }

    fn admit(&self, queue: &str) -> Admission {
        let Some((_, kinds)) = SHUT.iter().find(|(name, _)| *name == queue) else { return Admission::Open };
        let hold = self.0.accounts.hold().filter(|hold| kinds.contains(&hold.kind));
        let position = self.0.breaker.position();
        match (&hold, position) {
            (None, Position::Closed) => return Admission::Open,
            (_, Position::Open(left)) => return Admission::Closed { look_again: left.min(REFRESH) },
            (Some(hold), _) if !hold.probe_due(self.0.clock.now()) => {
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
        }))
    }
}

#[async_trait]
impl Observer for Guard {
    async fn ended(&self, end: &CallEnd<'_>) {
        let signal = end.signal();
        let is_probe = match &mut *self.probing() {
            Some(probing) if probing.order_id.as_deref() == Some(end.order_id) => {
                probing.signals.push(signal.clone());
                true
            }
            _ => false,
        };
        self.0.breaker.ended(signal.health(), is_probe);
        if let CallSignal::AccountProblem(problem, reason) = &signal
            && let Err(error) = self.0.accounts.report(kind(*problem), reason).await
        {
            tracing::error!(%error, "the account could not be held; the next call that fails so will try again");
        }
    }
}

/// A job that tries whether the account works again, the provider is there again, or both.
#[derive(Debug)]
struct HalfOpenProbe {
    guard: Guard,
    /// The hold it is for, and its token once it is taken.
    probe: Option<(HoldKind, String)>,
    breaker: bool,
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
    async fn begin(&mut self, job: &ActiveJob) -> bool {
        {
            let mut probing = self.guard.probing();
            if probing.is_some() || (self.breaker && !self.guard.0.breaker.begin_probe()) {
                return false;
            }
            *probing = Some(Probing { order_id: order_of(job), signals: Vec::new() });
        }
        let Some((_, token)) = &self.probe else { return true };
        match self.guard.0.accounts.begin_probe(token, self.guard.0.probe_life).await {
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
        if let Err(error) = self.guard.0.accounts.end_probe(token, &probe_result(*kind, &signals)).await {
            tracing::warn!(%error, "how the probe ended could not be written down; another one follows when its time is over");
        }
    }
}

/// What the calls of a probe say about a hold. Later ones know better.
fn probe_result(held: HoldKind, signals: &[CallSignal]) -> ProbeResult {
    let mut probe_result = if signals.iter().all(|l| *l == CallSignal::NotTried) {
        ProbeResult::Unused
    } else {
        ProbeResult::Settled
    };
    for signal in signals {
        probe_result = match signal {
            CallSignal::AccountProblem(problem, reason) => {
                ProbeResult::Held { kind: kind(*problem), reason: reason.clone() }
            }
            CallSignal::Booked => ProbeResult::Proved,
            CallSignal::Accepted if held != HoldKind::Wallet => ProbeResult::Proved,
            CallSignal::Looked if held == HoldKind::Credentials => ProbeResult::Proved,
            _ => probe_result,
        };
    }
    probe_result
}

fn kind(problem: AccountProblem) -> HoldKind {
    match problem {
        AccountProblem::Wallet => HoldKind::Wallet,
        AccountProblem::Credentials => HoldKind::Credentials,
        AccountProblem::Configuration => HoldKind::Configuration,
    }
}

/// The jobs of orders carry its id.
fn order_of(job: &ActiveJob) -> Option<String> {
    let data: Value = serde_json::from_str(&job.data).ok()?;
    Some(data.get("orderId")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_proves_what_its_answer_proves_and_no_more() {
        use HoldKind::{Configuration, Credentials, Wallet};
        let held = |problem, kind| {
            (
                vec![CallSignal::AccountProblem(problem, "r".into())],
                ProbeResult::Held { kind, reason: "r".into() },
            )
        };
        for kind in HoldKind::ALL {
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
            for (lessons, expected) in [
                held(AccountProblem::Wallet, Wallet),
                held(AccountProblem::Credentials, Credentials),
                held(AccountProblem::Configuration, Configuration),
            ] {
                assert_eq!(probe_result(kind, &lessons), expected);
            }
        }
        let of = |signal: CallSignal| {
            HoldKind::ALL.map(|kind| probe_result(kind, std::slice::from_ref(&signal)) == ProbeResult::Proved)
        };
        assert_eq!(of(CallSignal::Accepted), [false, true, true], "a refusal takes no money");
        assert_eq!(of(CallSignal::Looked), [false, false, true]);
    }

    #[test]
    fn cancelling_needs_no_money() {
        let shut = |queue: &str| SHUT.iter().find(|(name, _)| *name == queue).unwrap().1;
        assert_eq!(shut("parcelx-orders-queue").len(), HoldKind::ALL.len());
        assert!(!shut("parcelx-order-cancellation-queue").contains(&HoldKind::Wallet));
    }
}
