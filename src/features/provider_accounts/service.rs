//! Stores an account's hold, and keeps what this process knows of it: the document is read about once a
//! second, and what this process writes itself it knows at once.

mod by_hand;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use self::by_hand::LiftError;
use super::{
    model::{Account, Hold, ProbeResult},
    refusals::{Row, Seen, Trier},
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        store::{Decision, Order as Sort, Query, Store, StoreError, Updated},
        telemetry::Gauge,
    },
    provider::carrier::{AccountProblem, ProviderEnv},
};

static HELD: Gauge = Gauge::new(
    "waybill_account_held",
    "1 while the ParcelX account is held, by kind: wallet, refusals, account, configuration or credentials.",
);

/// A hold that was read so lately is told without another read.
const RECENT: Duration = Duration::from_secs(1);

/// One account, as a process sees it. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Accounts {
    store: Store,
    clock: Clock,
    id: Arc<str>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Of the document; a read that began before a write of our own must not undo it.
    version: i64,
    hold: Option<Hold>,
    row: Option<Row>,
    /// When it was last read; monotonic.
    read_at: Option<Instant>,
    /// This process has booked something since it learnt of the row.
    booked: bool,
}

/// Whether this worker's job is the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// The hold is gone: no probe is needed.
    Lifted,
    /// Another worker has it, or has had it.
    No,
}

impl Accounts {
    /// The account that a process of `env` works for.
    #[must_use]
    pub fn new(store: Store, clock: Clock, env: ProviderEnv) -> Self {
        Self { store, clock, id: format!("parcelx-{}", env.as_str()).into(), known: Arc::default() }
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The hold as far as this process knows it; costs nothing.
    #[must_use]
    pub fn hold(&self) -> Option<Hold> {
        self.with_known(|known| known.hold.clone())
    }

    /// The hold, at most about a second old; as it was known where the store cannot be asked.
    pub async fn recent_hold(&self) -> Option<Hold> {
        let stale = self.with_known(|known| known.read_at.is_none_or(|at| at.elapsed() >= RECENT));
        if stale && let Err(error) = self.refresh().await {
            tracing::debug!(%error, "whether the account is held is told as it was known before");
        }
        self.hold()
    }

    /// Reads the document, and shows it in the metrics.
    ///
    /// # Errors
    /// When the store fails; then what was known stays.
    pub async fn refresh(&self) -> Result<Option<Hold>, StoreError> {
        if let Some(account) = self.store.get::<Account>(&self.id).await? {
            self.learn(&account);
        }
        self.with_known(|known| known.read_at = Some(Instant::now()));
        let hold = self.hold();
        for kind in AccountProblem::ALL {
            let held = hold.as_ref().is_some_and(|h| h.kind == kind);
            HELD.set(&[("kind", kind.as_str())], f64::from(u8::from(held)));
        }
        Ok(hold)
    }

    /// Whether any process has worked for the account.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self) -> Result<bool, StoreError> {
        Ok(self.store.get::<Account>(&self.id).await?.is_some())
    }

    /// Makes the document where it is missing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ensure(&self) -> Result<(), StoreError> {
        if self.with_known(|known| known.version > 0) {
            return Ok(());
        }
        match self.store.insert(&Account::new(&self.id, self.clock.now())).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A call says that the account cannot be used, in words that may be shown. Known reports change nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn report(&self, kind: AccountProblem, reason: &str) -> Result<(), StoreError> {
        self.report_by(kind, reason, None).await
    }

    /// The same, read from words about an order of `by` if there is one; they may be about that order alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn report_by(
        &self,
        kind: AccountProblem,
        reason: &str,
        by: Option<&Trier>,
    ) -> Result<(), StoreError> {
        if self.with_known(|known| known.hold.as_ref().is_some_and(|hold| hold.kind == kind)) {
            return Ok(());
        }
        self.ensure().await?;
        let now = self.clock.now();
        let reported = self.update(|account| account.report(kind, reason, by, now)).await?;
        if let Some((account, true)) = reported {
            let next = account.hold.map(|h| h.next_probe_at.to_string()).unwrap_or_default();
            tracing::warn!(account = account.id, %kind, reason,
                "the account {} is held ({kind}): {reason}; next try at {next}", account.id);
        }
        Ok(())
    }

    /// A call has booked something.
    pub fn booked(&self) {
        self.with_known(|known| known.booked = true);
    }

    /// Since when nothing must have been booked for the row of refusals to go on.
    #[must_use]
    pub fn row_at(&self) -> Option<Timestamp> {
        self.with_known(|known| known.row.as_ref().map(|row| row.at))
    }

    /// An order was refused for good. `booked`: something was booked since [`Accounts::row_at`]; `most`: for
    /// orders of how many merchants the same refusal holds the account, 0: never. `true`: the order waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refused(&self, seen: &Seen, booked: bool, most: u32) -> Result<bool, StoreError> {
        if most == 0 {
            return Ok(false);
        }
        self.ensure().await?;
        let booked = self.with_known(|known| std::mem::take(&mut known.booked)) || booked;
        let (now, mut waits, mut row) = (self.clock.now(), false, None);
        let updated = self.update(|account| {
            let before = account.clone();
            waits = account.refused(seen, booked, most, now);
            let changed = *account != before;
            row = before.row;
            changed
        });
        if let Some((account, true)) = updated.await?
            && let (true, Some(row)) = (waits, row)
        {
            let failed: Vec<_> = row.orders.iter().map(|order| order.order_id.as_str()).collect();
            let (words, failed) = (&seen.words, failed.join(", "));
            tracing::warn!(account = account.id, kind = %AccountProblem::Refusals, reason = words,
                "the account {} is held (refusals): orders of {most} merchants in a row were refused with \
                 \"{words}\"; they wait from order {} on, and {failed} failed before", account.id,
                 seen.order_id);
        }
        Ok(waits)
    }

    /// Takes the probe that is due for `token`; a worker that does not end it within `life` counts as
    /// vanished.
    ///
    /// # Errors
    /// When the store fails: then nothing may be tried.
    pub async fn begin_probe(&self, token: &str, life: Duration) -> Result<Taken, StoreError> {
        self.begin_probe_of(token, None, life).await
    }

    /// The same, with an order of `trier`: it may be due for others alone.
    ///
    /// # Errors
    /// As [`Accounts::begin_probe`].
    pub async fn begin_probe_of(
        &self,
        token: &str,
        trier: Option<&Trier>,
        life: Duration,
    ) -> Result<Taken, StoreError> {
        let now = self.clock.now();
        Ok(match self.update(|account| account.begin_probe(token, trier, now + life, now)).await? {
            Some((_, true)) => Taken::Yes,
            Some((account, false)) if account.hold.is_some() => Taken::No,
            _ => Taken::Lifted,
        })
    }

    /// The probe of `token` has ended.
    ///
    /// # Errors
    /// When the store fails; the probe then counts as vanished after its time.
    pub async fn end_probe(&self, token: &str, probe_result: &ProbeResult) -> Result<(), StoreError> {
        self.end_probe_of(token, probe_result, None).await
    }

    /// The same; its order was one of `tried`.
    ///
    /// # Errors
    /// As [`Accounts::end_probe`].
    pub async fn end_probe_of(
        &self,
        token: &str,
        probe_result: &ProbeResult,
        tried: Option<&Trier>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let Some((account, true)) =
            self.update(|account| account.end_probe(token, probe_result, tried, now)).await?
        else {
            return Ok(());
        };
        match &account.hold {
            None => tracing::info!(
                account = account.id,
                "the account {} works again: its hold is lifted",
                account.id
            ),
            Some(hold) => tracing::info!(
                account = account.id,
                kind = %hold.kind,
                "the account {} is still held ({}); tried again at {}",
                account.id,
                hold.kind,
                hold.next_probe_at
            ),
        }
        Ok(())
    }

    /// Every account there is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.store.find(&Query::sorted_by("createdAt", Sort::Ascending).limit(100)).await?.docs)
    }

    /// Changes this process's account if `decide` says that it changed something, and learns how it then
    /// stands.
    async fn update(
        &self,
        mut decide: impl FnMut(&mut Account) -> bool,
    ) -> Result<Option<(Account, bool)>, StoreError> {
        let updated = self.store.update::<Account, _, StoreError>(&self.id, |account| {
            Ok(if decide(account) { Decision::Save(true) } else { Decision::Leave(false) })
        });
        Ok(match updated.await? {
            Updated::Done(account, changed) => {
                self.learn(&account);
                Some((account, changed))
            }
            Updated::Missing => None,
        })
    }

    fn learn(&self, account: &Account) {
        self.with_known(|known| {
            if account.version >= known.version {
                known.booked &= known.row == account.row;
                (known.version, known.hold) = (account.version, account.hold.clone());
                known.row.clone_from(&account.row);
            }
        });
    }

    fn with_known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The words of `waybill account list`, `waybill doctor` and `/readyz`.
#[must_use]
pub fn standing(hold: Option<&Hold>) -> String {
    hold.map_or_else(|| "ok".to_owned(), |hold| format!("held: {}", hold.kind))
}
