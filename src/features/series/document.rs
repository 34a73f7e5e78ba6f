//! The documents: the numbers of each series, by minute or by hour.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DEPTH;
use crate::{
    base::timestamp::Timestamp,
    platform::store::{Document, Field, Index, id_and_version},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Series by name (`jobs/parcelx-orders-queue`), each with its numbers by the slot of time they are of,
/// counted from `from`.
pub(super) type Slots = BTreeMap<String, BTreeMap<String, Vec<u64>>>;

macro_rules! series {
    ($name:ident, $collection:literal, $step:expr, $span:expr, $about:literal) => {
        #[doc = $about]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            pub id: String,
            pub version: i64,
            pub from: Timestamp,
            pub series: Slots,
        }

        impl Document for $name {
            const COLLECTION: &'static str = $collection;
            const INDEXES: &'static [Index] = &[Index::on("from", &[Field::time("from")])];

            id_and_version!();
        }

        impl Spanned for $name {
            const STEP: i64 = $step;
            const SPAN: i64 = $span;

            fn empty(from: Timestamp) -> Self {
                Self { id: from.as_millis().to_string(), version: 1, from, series: Slots::new() }
            }

            fn from(&self) -> Timestamp {
                self.from
            }

            fn slots(&mut self) -> &mut Slots {
                &mut self.series
            }
        }
    };
}

series!(MinuteSeries, "metric_minutes", MINUTE, HOUR, "An hour, by minutes.");
series!(HourSeries, "metric_hours", HOUR, DAY, "A day, by hours.");

/// A document of one span of time, in steps.
pub(super) trait Spanned: Document {
    /// In milliseconds.
    const STEP: i64;
    const SPAN: i64;

    fn empty(from: Timestamp) -> Self;
    fn from(&self) -> Timestamp;
    fn slots(&mut self) -> &mut Slots;

    /// The beginning of the document that `at` is in.
    fn begin(at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().div_euclid(Self::SPAN) * Self::SPAN)
    }

    /// Adds numbers of the time `at`, or lets the larger one stand.
    fn add(&mut self, at: Timestamp, series: &str, numbers: &[u64]) {
        let slot = at.as_millis().rem_euclid(Self::SPAN) / Self::STEP;
        let largest = series.starts_with(DEPTH);
        let known = self.slots().entry(series.to_owned()).or_default().entry(slot.to_string()).or_default();
        known.resize(known.len().max(numbers.len()), 0);
        for (known, new) in known.iter_mut().zip(numbers) {
            *known = if largest { (*known).max(*new) } else { known.saturating_add(*new) };
        }
    }

    /// Its numbers by time, in order.
    fn told(&mut self) -> Vec<(Timestamp, String, Vec<u64>)> {
        let from = self.from().as_millis();
        let slots = std::mem::take(self.slots());
        let of = |(series, slots): (String, BTreeMap<String, Vec<u64>>)| {
            slots.into_iter().filter_map(move |(slot, numbers)| {
                let at = from + slot.parse::<i64>().ok()? * Self::STEP;
                Some((Timestamp::from_millis(at), series.clone(), numbers))
            })
        };
        let mut told: Vec<_> = slots.into_iter().flat_map(of).collect();
        told.sort_by_key(|(at, ..)| *at);
        told
    }
}
