//! Logs, and what metrics are made of.

mod lines;
mod logs;
mod metrics;

pub use lines::{flush, write_line};
pub use logs::{LogError, LogFormat, check_level, init};
pub use metrics::{Counter, Durations, Gauge, Labels, install, render};
