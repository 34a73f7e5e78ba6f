//! Logs and metrics.
//!
//! Only this module contains the names and labels of metrics, so that they are the same everywhere.

mod logs;
mod metrics;

pub use logs::{LogError, LogFormat, check_level, init};
pub use metrics::{
    ALL, Metric, account_held, http_request, install, job, job_stalled, outbox_lag, provider_breaker,
    provider_call, provider_throttled, queue_add, render,
};
