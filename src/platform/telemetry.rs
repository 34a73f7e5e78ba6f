//! Logs and metrics.
//!
//! Guards against metrics whose names and labels differ from place to place: the rest of the program calls
//! the functions here and never names one.

mod logs;
mod metrics;

pub use logs::{LogError, LogFormat, check_level, init};
pub use metrics::{
    ALL, Metric, account_held, http_request, install, job, job_stalled, outbox_lag, provider_breaker,
    provider_call, provider_throttled, queue_add, render,
};
