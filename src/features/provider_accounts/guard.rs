//! When jobs may call the provider, and what their calls say about that: the account's hold (shared by all
//! processes) and the circuit breaker (of this one) shut queues, and one job at a time is let through to find
//! out whether they can be opened again.
//!
//! Guards against a thousand orders that each make the call that is known to fail, and against a hold that
//! lasts until somebody remembers it.

mod probe;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use self::probe::HalfOpenProbe;
use super::breaker::{Breaker, Position};
use crate::{
    base::{clock::Clock, ids, timestamp::Timestamp},
    features::provider_accounts::{Accounts, Hold, Seen, Trier},
    platform::{
        queue::runner::gate::{Admission, Gate, REFRESH},
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
