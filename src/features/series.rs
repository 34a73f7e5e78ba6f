//! How much, how fast and how well, over time: minutes for two days, hours for a month.
//!
//! Each process counts in memory and adds its counts four times a minute to one document per hour (and one
//! per day, by hours), so that what a run of a job costs here is an addition. Counts and buckets of
//! durations can be added up over processes, queues and hours; percentiles are made of them when they are
//! read. What a killed process has not added is lost: at most a quarter of a minute.

mod document;
mod health;
mod read;
mod record;

pub use self::{
    document::{HourSeries, MinuteSeries},
    health::{Health, Latency, OperationHealth, VerdictCount},
    read::{LONGEST_MS, Marker, MarkerKind, Point, Series, SeriesName},
    record::Recorder,
};
use super::Feature;

/// What the series declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new().collection::<MinuteSeries>().collection::<HourSeries>()
}

/// Upper bounds of the buckets of durations, in milliseconds; one more is for what took longer.
pub const BOUNDS_MS: [u64; 11] = [5, 25, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 60_000];

/// Of runs of a queue's jobs: completed, failed, put off, tried again, then the buckets.
const JOBS: &str = "jobs";
/// Of one queue: waiting, active, delayed. The largest number counts.
const DEPTH: &str = "depth";
/// Of calls: how many, by operation and verdict.
const CALLS: &str = "calls";
/// Of calls that were tried: the buckets, by operation. Numbers of older releases have none.
const TOOK: &str = "took";
/// Of programs at work, by version.
const VERSION: &str = "version";
/// How many numbers come before the buckets.
const OUTCOMES: usize = 4;
