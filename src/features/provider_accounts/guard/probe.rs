//! The one job that is let through to find out whether what is shut can be opened again.
//!
//! Guards against the same merchant's order being tried again and again, and against an answer that proves
//! less than it seems to.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::Deserialize;

use super::{Guard, Probing};
use crate::{
    features::provider_accounts::{ProbeResult, Taken, Trier},
    platform::queue::{ActiveJob, runner::gate::Probe},
    provider::carrier::{AccountProblem, CallSignal},
};

/// A job that tries whether the account works again, the provider is there again, or both.
#[derive(Debug)]
pub(super) struct HalfOpenProbe {
    pub(super) guard: Guard,
    /// The hold it is for, and its token once it is taken.
    pub(super) probe: Option<(AccountProblem, String)>,
    pub(super) breaker: bool,
    /// Whose order it tries.
    pub(super) tried: Option<Trier>,
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
