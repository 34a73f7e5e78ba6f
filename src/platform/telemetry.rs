//! Logs, and what metrics are made of.

mod logs;
mod metrics;

pub use logs::{LogError, LogFormat, check_level, init};
pub use metrics::{Counter, Durations, Gauge, Labels, install, render};
