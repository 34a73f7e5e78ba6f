//! Counts in memory, and adds them to the documents.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    BOUNDS_MS, CALLS, DEPTH, HourSeries, JOBS, MinuteSeries, OUTCOMES, TOOK, VERSION, document::Spanned,
};
use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    platform::{
        queue::{
            End, Queue,
            runner::observer::{Observer, RunEnded},
        },
        store::{Decision, Store, StoreError, Updated},
    },
    provider::carrier::{self, CallEnd, CallHealth, CallOutcome, Operation},
};

const MINUTES_KEPT: Duration = Duration::from_secs(2 * 24 * 3600);
const HOURS_KEPT: Duration = Duration::from_secs(35 * 24 * 3600);
/// Most series and minutes that are kept in memory; what comes on top is not counted.
const MOST: usize = 10_000;

/// One process's counts. Clones share them.
#[derive(Debug, Clone)]
pub struct Recorder {
    store: Store,
    clock: Clock,
    counts: Arc<Mutex<Counts>>,
}

/// By the minute's beginning and the series.
type Counts = BTreeMap<(Timestamp, String), Vec<u64>>;
/// One of them.
type Counted<'c> = (&'c Timestamp, &'c str, &'c [u64]);

/// In which bucket a duration counts.
pub(super) fn bucket(took: Duration) -> usize {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS_MS.len())
}

/// The verdict of a call that brought what was asked for.
pub(super) fn good(operation: Operation) -> &'static str {
    match operation {
        Operation::CreateOrder => "booked",
        Operation::CancelOrder => "accepted",
        Operation::TrackOrder => "answered",
        Operation::Label => "fetched",
    }
}

/// A series' name, as every database takes it for a name.
fn name(kind: &str, of: &str) -> String {
    format!("{kind}/{}", of.replace(['.', '$', '\0'], "_"))
}

impl Recorder {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, counts: Arc::default() }
    }

    fn add(&self, series: String, numbers: &[u64]) {
        let minute = Timestamp::from_millis(self.clock.now().as_millis().div_euclid(60_000) * 60_000);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (minute, series);
        if counts.len() >= MOST && !counts.contains_key(&key) {
            return;
        }
        let largest = key.1.starts_with(DEPTH);
        let known = counts.entry(key).or_default();
        known.resize(known.len().max(numbers.len()), 0);
        for (known, new) in known.iter_mut().zip(numbers) {
            *known = if largest { (*known).max(*new) } else { known.saturating_add(*new) };
        }
    }

    /// Looks how many jobs each of these queues has. For one process at a time: the largest number counts.
    pub async fn sample(&self, queue: &Queue, names: &[&str]) {
        for queue_name in names {
            match queue.inspect.counts(queue_name).await {
                Ok(c) => self.add(name(DEPTH, queue_name), &[c.waiting, c.active, c.delayed]),
                Err(error) => tracing::debug!(%error, queue = queue_name, "its depth is not known"),
            }
        }
    }

    /// Adds what has come since the last time to the documents. What cannot be added is told to the log, and
    /// given up.
    pub async fn flush(&self) {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return;
        }
        let (minutes, hours) = (self.save::<MinuteSeries>(&counts), self.save::<HourSeries>(&counts));
        if let Err(error) = futures_util::future::try_join(minutes, hours).await {
            tracing::warn!(%error, "some numbers of the last minute are not in the series");
        }
    }

    /// This program is at work, in its version.
    pub fn alive(&self) {
        self.add(name(VERSION, env!("CARGO_PKG_VERSION")), &[1]);
    }

    /// Removes what is older than is kept.
    pub async fn remove_old(&self) {
        let before = |kept: Duration| {
            let kept = i64::try_from(kept.as_millis()).unwrap_or(0);
            Timestamp::from_millis(self.clock.now().as_millis() - kept)
        };
        let minutes = self.store.delete_before::<MinuteSeries>("from", before(MINUTES_KEPT), 100);
        let hours = self.store.delete_before::<HourSeries>("from", before(HOURS_KEPT), 100);
        if let Err(error) = futures_util::future::try_join(minutes, hours).await {
            tracing::warn!(%error, "old numbers were not removed");
        }
    }

    async fn save<D: Spanned>(&self, counts: &Counts) -> Result<(), StoreError> {
        let mut spans: BTreeMap<Timestamp, Vec<Counted<'_>>> = BTreeMap::new();
        for ((at, series), numbers) in counts {
            spans.entry(D::begin(*at)).or_default().push((at, series, numbers));
        }
        for (from, numbers) in spans {
            let id = D::empty(from).id().to_owned();
            loop {
                let updated = self.store.update::<D, (), StoreError>(&id, |document| {
                    numbers.iter().for_each(|(at, series, n)| document.add(**at, series, n));
                    Ok(Decision::Save(()))
                });
                if let Updated::Done(..) = updated.await? {
                    break;
                }
                match self.store.insert(&D::empty(from)).await {
                    Ok(()) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

impl Observer for Recorder {
    fn ended(&self, run: &RunEnded<'_>) {
        let at = match run.end {
            End::Complete(_) => 0,
            End::Fail(_) => 1,
            End::Delay { counts_attempt: false, .. } => 2,
            End::Delay { counts_attempt: true, .. } => 3,
        };
        let mut numbers = [0_u64; OUTCOMES + BOUNDS_MS.len() + 1];
        for at in [at, OUTCOMES + bucket(run.took)] {
            if let Some(n) = numbers.get_mut(at) {
                *n = 1;
            }
        }
        self.add(name(JOBS, &run.job.queue), &numbers);
    }
}

#[async_trait]
impl carrier::Observer for Recorder {
    async fn ended(&self, end: &CallEnd<'_>) {
        let (operation, outcome): (_, &CallOutcome<()>) = (end.operation, end.outcome);
        self.add(name(CALLS, &format!("{}/{}", operation.as_str(), outcome.as_str(good(operation)))), &[1]);
        // How long it took us not to send anything says nothing of the provider.
        if end.signal().health() == CallHealth::NotTried {
            return;
        }
        let mut buckets = [0_u64; BOUNDS_MS.len() + 1];
        if let Some(n) = buckets.get_mut(bucket(end.took)) {
            *n = 1;
        }
        self.add(name(TOOK, operation.as_str()), &buckets);
    }
}
