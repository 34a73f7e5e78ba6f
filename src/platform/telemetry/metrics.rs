//! All metrics, and the only functions that record them. Labels have few values (routes, queues, outcomes),
//! never ids.

use std::{sync::OnceLock, thread, time::Duration};

use http::StatusCode;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    HttpRequests,
    HttpDuration,
    Jobs,
    JobDuration,
    ProviderCalls,
    ProviderDuration,
    QueueAdds,
    JobsStalled,
    OutboxLag,
    AccountHeld,
    ProviderBreaker,
    ProviderThrottled,
}

pub const ALL: [Metric; 12] = [
    Metric::HttpRequests,
    Metric::HttpDuration,
    Metric::Jobs,
    Metric::JobDuration,
    Metric::ProviderCalls,
    Metric::ProviderDuration,
    Metric::QueueAdds,
    Metric::JobsStalled,
    Metric::OutboxLag,
    Metric::AccountHeld,
    Metric::ProviderBreaker,
    Metric::ProviderThrottled,
];

impl Metric {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpRequests => "waybill_http_requests_total",
            Self::HttpDuration => "waybill_http_request_duration_seconds",
            Self::Jobs => "waybill_jobs_total",
            Self::JobDuration => "waybill_job_duration_seconds",
            Self::ProviderCalls => "waybill_provider_calls_total",
            Self::ProviderDuration => "waybill_provider_call_duration_seconds",
            Self::QueueAdds => "waybill_queue_adds_missed_total",
            Self::JobsStalled => "waybill_jobs_stalled_total",
            Self::OutboxLag => "waybill_outbox_lag_seconds",
            Self::AccountHeld => "waybill_account_held",
            Self::ProviderBreaker => "waybill_provider_breaker_state",
            Self::ProviderThrottled => "waybill_provider_throttled_total",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::HttpRequests => "HTTP requests, by method, route and status.",
            Self::HttpDuration => "From the end of a request's headers to its response, by method and route.",
            Self::Jobs => "Job runs, by queue, name and outcome.",
            Self::JobDuration => "Duration of job runs, by queue and name.",
            Self::ProviderCalls => "Calls to ParcelX, by operation and verdict.",
            Self::ProviderDuration => "Duration of calls to ParcelX, by operation.",
            Self::QueueAdds => {
                "Jobs a request could not add itself (result: skipped or failed); the outbox relay adds them."
            }
            Self::JobsStalled => "Jobs whose worker stopped renewing its lease, by queue.",
            Self::OutboxLag => "Age of the oldest job that is still to be added to the queue.",
            Self::AccountHeld => {
                "1 while the ParcelX account is held, by kind: wallet, configuration or credentials."
            }
            Self::ProviderBreaker => {
                "Circuit breaker of this process: 0 closed, 1 half open, 2 open (no calls to ParcelX)."
            }
            Self::ProviderThrottled => {
                "Calls delayed by the rate or concurrency limit (result: waited) or postponed (put-off)."
            }
        }
    }

    /// Upper bounds in seconds; none for a counter.
    const fn buckets(self) -> Option<&'static [f64]> {
        match self {
            Self::HttpDuration => {
                Some(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
            }
            Self::JobDuration | Self::ProviderDuration => {
                Some(&[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0])
            }
            _ => None,
        }
    }
}

/// One finished request. `route` is the route's template, or `unmatched`.
pub fn http_request(method: &'static str, route: &str, status: StatusCode, took: Duration) {
    let (status, route) = (status.as_str().to_owned(), route.to_owned());
    counter!(Metric::HttpRequests.name(), "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!(Metric::HttpDuration.name(), "method" => method, "route" => route).record(took);
}

/// One run of a job. `outcome`: a fixed word such as `completed`, `delayed`, `retried`, `failed`, `panicked`.
pub fn job(queue: &str, name: &str, outcome: &'static str, took: Duration) {
    let (queue, name) = (queue.to_owned(), name.to_owned());
    counter!(Metric::Jobs.name(), "queue" => queue.clone(), "name" => name.clone(), "outcome" => outcome)
        .increment(1);
    histogram!(Metric::JobDuration.name(), "queue" => queue, "name" => name).record(took);
}

/// One call to ParcelX. `verdict`: a fixed word such as `booked`, `refused`, `busy`, `unknown`.
pub fn provider_call(operation: &'static str, verdict: &'static str, took: Duration) {
    counter!(Metric::ProviderCalls.name(), "operation" => operation, "verdict" => verdict).increment(1);
    histogram!(Metric::ProviderDuration.name(), "operation" => operation).record(took);
}

/// A job that a request did not add: `skipped` (adding had failed shortly before) or `failed`.
pub fn queue_add(queue: &str, result: &'static str) {
    counter!(Metric::QueueAdds.name(), "queue" => queue.to_owned(), "result" => result).increment(1);
}

/// A job whose worker stopped renewing its lease.
pub fn job_stalled(queue: &str) {
    counter!(Metric::JobsStalled.name(), "queue" => queue.to_owned()).increment(1);
}

/// The age of the oldest outbox entry at the last pass of the relay.
pub fn outbox_lag(lag: Duration) {
    gauge!(Metric::OutboxLag.name()).set(lag.as_secs_f64());
}

/// Whether the account is held for this `kind`.
pub fn account_held(kind: &'static str, held: bool) {
    gauge!(Metric::AccountHeld.name(), "kind" => kind).set(if held { 1.0 } else { 0.0 });
}

/// The state of the circuit breaker: 0 closed, 1 half open, 2 open.
pub fn provider_breaker(state: u8) {
    gauge!(Metric::ProviderBreaker.name()).set(f64::from(state));
}

/// A call that could not start at once: it `waited`, or was `put-off`.
pub fn provider_throttled(result: &'static str) {
    counter!(Metric::ProviderThrottled.name(), "result" => result).increment(1);
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Histograms keep every value until upkeep aggregates them. Otherwise only a scrape would do so.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts the recorder. Later calls have no effect.
pub fn install() {
    recorder();
}

/// All metrics in Prometheus text format.
#[must_use]
pub fn render() -> String {
    recorder().render()
}

fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let mut builder = PrometheusBuilder::new();
        for (metric, buckets) in ALL.iter().filter_map(|m| m.buckets().map(|b| (m, b))) {
            let name = Matcher::Full(metric.name().to_owned());
            // Fails only on empty buckets; then the histogram would be a summary.
            builder =
                builder.set_buckets_for_metric(name, buckets).unwrap_or_else(|_| PrometheusBuilder::new());
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is already installed; /metrics stays empty");
            return handle;
        }
        for metric in ALL {
            match metric.buckets() {
                _ if matches!(metric, Metric::OutboxLag | Metric::AccountHeld | Metric::ProviderBreaker) => {
                    describe_gauge!(metric.name(), metric.help());
                }
                Some(_) => describe_histogram!(metric.name(), metric.help()),
                None => describe_counter!(metric.name(), metric.help()),
            }
        }
        let recorded = handle.clone();
        let upkeep = thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            loop {
                thread::sleep(UPKEEP_EVERY);
                recorded.run_upkeep();
            }
        });
        if let Err(error) = upkeep {
            tracing::warn!(%error, "metrics are aggregated only when they are read");
        }
        handle
    })
}
