//! When jobs may call the provider, and what their calls say about that: the account's hold (shared by all processes) and the circuit
//! breaker (of this one) shut queues, and one job at a time is let through to find out whether they can be opened again.
//!
//! Guards against a thousand orders that each make the call that is known to fail, and against a hold that lasts until somebody remembers it.

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
        provider_accounts::{Accounts, HoldKind, Taken, Trial},
    },
    platform::queue::{
        Leased,
        job::Payload,
        runner::gate::{Admission, Gate, Probe, REFRESH},
    },
    provider::parcelx::protect::{Breaker, CallEnd, Lesson, Observer, Position, Trouble},
};

/// Which holds shut which queue. Cancelling needs no money, and labels only good keys. A queue that is not listed makes no calls.
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
    /// How long a canary's worker is waited for.
    canary_life: Duration,
    probing: Mutex<Option<Probing>>,
}

/// The one job of this process that was let through.
#[derive(Debug)]
struct Probing {
    /// Whose calls count; a job that is not for an order makes none that do.
    order_id: Option<String>,
    learnt: Vec<Lesson>,
}

impl Guard {
    #[must_use]
    pub fn new(accounts: Accounts, breaker: Breaker, clock: Clock, canary_life: Duration) -> Self {
        Self(Arc::new(Inner { accounts, breaker, clock, canary_life, probing: Mutex::default() }))
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
            (Some(hold), _) if !hold.canary_due(self.0.clock.now()) => return Admission::Closed { look_again: REFRESH },
            _ => {}
        }
        if self.probing().is_some() {
            return Admission::Closed { look_again: REFRESH };
        }
        let canary = hold.map(|hold| (hold.kind, ids::lease_token()));
        Admission::Probe(Box::new(Trying { guard: self.clone(), canary, breaker: position == Position::HalfOpen }))
    }
}

#[async_trait]
impl Observer for Guard {
    async fn ended(&self, end: &CallEnd<'_>) {
        let lesson = end.lesson();
        let is_probe = match &mut *self.probing() {
            Some(probing) if probing.order_id.as_deref() == Some(end.order_id) => {
                probing.learnt.push(lesson.clone());
                true
            }
            _ => false,
        };
        self.0.breaker.ended(lesson.reach(), is_probe);
        if let Lesson::Trouble(trouble, reason) = &lesson
            && let Err(error) = self.0.accounts.report(kind(*trouble), reason).await
        {
            tracing::error!(%error, "the account could not be held; the next call that fails so will try again");
        }
    }
}

/// A job that tries whether the account works again, the provider is there again, or both.
#[derive(Debug)]
struct Trying {
    guard: Guard,
    /// The hold it is for, and its token once it is taken.
    canary: Option<(HoldKind, String)>,
    breaker: bool,
}

impl Trying {
    fn give_up(&self) -> bool {
        *self.guard.probing() = None;
        if self.breaker {
            self.guard.0.breaker.end_probe();
        }
        false
    }
}

#[async_trait]
impl Probe for Trying {
    async fn begin(&mut self, job: &Leased) -> bool {
        {
            let mut probing = self.guard.probing();
            if probing.is_some() || (self.breaker && !self.guard.0.breaker.begin_probe()) {
                return false;
            }
            *probing = Some(Probing { order_id: order_of(job), learnt: Vec::new() });
        }
        let Some((_, token)) = &self.canary else { return true };
        match self.guard.0.accounts.take_canary(token, self.guard.0.canary_life).await {
            Ok(Taken::Yes) => true,
            Ok(Taken::Lifted) => {
                self.canary = None;
                true
            }
            Ok(Taken::No) => self.give_up(),
            Err(error) => {
                tracing::warn!(%error, "the canary could not be taken");
                self.give_up()
            }
        }
    }

    async fn end(self: Box<Self>) {
        let learnt = self.guard.probing().take().map(|p| p.learnt).unwrap_or_default();
        if self.breaker {
            self.guard.0.breaker.end_probe();
        }
        let Some((kind, token)) = &self.canary else { return };
        if let Err(error) = self.guard.0.accounts.end_canary(token, &trial(*kind, &learnt)).await {
            tracing::warn!(%error, "how the canary ended could not be written down; another one follows when its time is over");
        }
    }
}

/// What the calls of a canary say about a hold. Later ones know better.
fn trial(held: HoldKind, learnt: &[Lesson]) -> Trial {
    let mut trial = if learnt.iter().all(|l| *l == Lesson::NotTried) { Trial::Unused } else { Trial::Settled };
    for lesson in learnt {
        trial = match lesson {
            Lesson::Trouble(trouble, reason) => Trial::Held { kind: kind(*trouble), reason: reason.clone() },
            Lesson::Booked => Trial::Proved,
            Lesson::Accepted if held != HoldKind::Wallet => Trial::Proved,
            Lesson::Looked if held == HoldKind::Credentials => Trial::Proved,
            _ => trial,
        };
    }
    trial
}

fn kind(trouble: Trouble) -> HoldKind {
    match trouble {
        Trouble::Wallet => HoldKind::Wallet,
        Trouble::Credentials => HoldKind::Credentials,
        Trouble::Configuration => HoldKind::Configuration,
    }
}

/// The jobs of orders carry its id.
fn order_of(job: &Leased) -> Option<String> {
    let data: Value = serde_json::from_str(&job.data).ok()?;
    Some(data.get("orderId")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_proves_what_its_answer_proves_and_no_more() {
        use HoldKind::{Configuration, Credentials, Wallet};
        let held = |trouble, kind| (vec![Lesson::Trouble(trouble, "r".into())], Trial::Held { kind, reason: "r".into() });
        for kind in HoldKind::ALL {
            assert_eq!(trial(kind, &[]), Trial::Unused);
            assert_eq!(trial(kind, &[Lesson::NotTried]), Trial::Unused);
            assert_eq!(trial(kind, &[Lesson::Booked]), Trial::Proved);
            for nothing in [Lesson::Down, Lesson::Silent, Lesson::Reached] {
                assert_eq!(trial(kind, std::slice::from_ref(&nothing)), Trial::Settled, "{nothing:?}");
            }
            for (lessons, expected) in
                [held(Trouble::Wallet, Wallet), held(Trouble::Credentials, Credentials), held(Trouble::Configuration, Configuration)]
            {
                assert_eq!(trial(kind, &lessons), expected);
            }
        }
        let of = |lesson: Lesson| HoldKind::ALL.map(|kind| trial(kind, std::slice::from_ref(&lesson)) == Trial::Proved);
        assert_eq!(of(Lesson::Accepted), [false, true, true], "a refusal takes no money");
        assert_eq!(of(Lesson::Looked), [false, false, true]);
    }

    #[test]
    fn cancelling_needs_no_money() {
        let shut = |queue: &str| SHUT.iter().find(|(name, _)| *name == queue).unwrap().1;
        assert_eq!(shut("parcelx-orders-queue").len(), HoldKind::ALL.len());
        assert!(!shut("parcelx-order-cancellation-queue").contains(&HoldKind::Wallet));
    }
}
