//! How the provider does: what the calls of each operation came to, and how long they took.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    CALLS, TOOK,
    read::{Told, percentile, steps},
    record::good,
};
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Store, StoreError},
    provider::carrier::Operation,
};

const OPERATIONS: [Operation; 4] =
    [Operation::CreateOrder, Operation::TrackOrder, Operation::CancelOrder, Operation::Label];
/// A plain no is an answer: it is about the order, and not about the provider.
const REFUSED: &str = "refused";

/// How many calls ended with a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VerdictCount {
    #[schema(example = "booked")]
    pub verdict: String,
    pub count: u64,
}

/// How long calls took, in milliseconds: each the upper bound of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Latency {
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

/// The calls of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OperationHealth {
    /// `create_order`, `track_order`, `cancel_order` or `label`.
    #[schema(value_type = String)]
    pub operation: &'static str,
    pub calls: u64,
    /// Those that ParcelX answered with a plain no, which is about the order.
    pub refused: u64,
    /// Those that neither brought what was asked for nor a plain no.
    pub failed: u64,
    /// The most first.
    pub verdicts: Vec<VerdictCount>,
    /// Null where none was measured.
    pub latency: Option<Latency>,
}

/// What workers counted over a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How exact the time is, in seconds: 60 or 3600.
    pub step: u32,
    /// Of every operation, also where nothing was called.
    pub operations: Vec<OperationHealth>,
}

impl Health {
    /// The calls from `from` to `to`, by the same steps as [`super::Series::read`]; a step that `from` is in
    /// the middle of counts whole.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(
        store: &Store,
        (from, to, now): (Timestamp, Timestamp, Timestamp),
    ) -> Result<Self, StoreError> {
        let (step, told) = steps(store, (from, to, now)).await?;
        Ok(Self { step, operations: OPERATIONS.map(|operation| of(operation, &told)).into() })
    }
}

fn of(operation: Operation, told: &Told) -> OperationHealth {
    let (mut verdicts, mut buckets): (BTreeMap<&str, u64>, Vec<u64>) = Default::default();
    for (_, series, numbers) in told {
        let Some((kind, rest)) = series.split_once('/') else { continue };
        match (kind, rest.split_once('/')) {
            (CALLS, Some((of, verdict))) if of == operation.as_str() => {
                let count = verdicts.entry(verdict).or_default();
                *count = count.saturating_add(numbers.first().copied().unwrap_or_default());
            }
            (TOOK, None) if rest == operation.as_str() => {
                buckets.resize(buckets.len().max(numbers.len()), 0);
                buckets.iter_mut().zip(numbers).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
            }
            _ => {}
        }
    }
    let count = |verdict: &str| verdicts.get(verdict).copied().unwrap_or_default();
    let calls: u64 = verdicts.values().sum();
    let (refused, fine) = (count(REFUSED), count(good(operation)));
    let mut verdicts: Vec<_> =
        verdicts.into_iter().map(|(v, count)| VerdictCount { verdict: v.to_owned(), count }).collect();
    verdicts.sort_by_key(|counted| std::cmp::Reverse(counted.count));
    let at = |percent| percentile(&buckets, percent);
    let measured = buckets.iter().any(|n| *n > 0);
    OperationHealth {
        operation: operation.as_str(),
        calls,
        refused,
        failed: calls.saturating_sub(refused).saturating_sub(fine),
        verdicts,
        latency: measured.then(|| Latency { p50: at(50), p95: at(95), p99: at(99) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entries: &[(&str, &[u64])]) -> Told {
        let minute = |n: usize| Timestamp::from_millis(i64::try_from(n).unwrap() * 60_000);
        let all = entries.iter().enumerate();
        all.map(|(n, (series, numbers))| (minute(n), (*series).to_owned(), numbers.to_vec())).collect()
    }

    #[test]
    fn calls_of_all_steps_are_added_up_and_judged() {
        let told = told(&[
            ("calls/create_order/booked", &[90]),
            ("calls/create_order/booked", &[5]),
            ("calls/create_order/refused", &[2]),
            ("calls/create_order/unknown", &[1]),
            ("calls/create_order/wallet", &[2]),
            ("calls/track_order/answered", &[7]),
            ("jobs/create_order", &[1000, 1000]),
            // In 100, 250 and 500 ms, and more than the longest bound.
            ("took/create_order", &[0, 0, 60, 20]),
            ("took/create_order", &[0, 0, 0, 15, 4, 0, 0, 0, 0, 0, 0, 1]),
            ("took/track_order", &[1]),
        ]);
        let create = of(Operation::CreateOrder, &told);
        assert_eq!((create.calls, create.refused, create.failed), (100, 2, 3));
        let first = &create.verdicts[0];
        assert_eq!((first.verdict.as_str(), first.count), ("booked", 95));
        assert_eq!(create.verdicts.len(), 4);
        assert_eq!(create.latency, Some(Latency { p50: 100, p95: 250, p99: 500 }));
        let track = of(Operation::TrackOrder, &told);
        assert_eq!((track.calls, track.failed), (7, 0));
        assert_eq!(track.latency, Some(Latency { p50: 5, p95: 5, p99: 5 }));
    }

    /// Of numbers that older releases wrote, and of what nobody called.
    #[test]
    fn what_was_not_measured_is_not_made_up() {
        let told = told(&[("calls/label/fetched", &[3])]);
        let label = of(Operation::Label, &told);
        assert_eq!((label.calls, label.failed, label.latency), (3, 0, None));
        let cancel = of(Operation::CancelOrder, &told);
        assert_eq!((cancel.calls, cancel.verdicts, cancel.latency), (0, Vec::new(), None));
    }
}
