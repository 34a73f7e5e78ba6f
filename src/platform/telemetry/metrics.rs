//! What metrics are made of. Each metric is declared once, as a `static` beside the code that measures: its
//! name and help text stand there. Labels take few values (routes, queues, outcomes), never an id.

use std::{
    sync::{Once, OnceLock},
    thread,
    time::Duration,
};

use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The values of a metric's labels.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// Only grows.
#[derive(Debug)]
pub struct Counter(Metric);

/// A number as it is now.
#[derive(Debug)]
pub struct Gauge(Metric);

/// How long something took. The name ends in `_duration_seconds`.
#[derive(Debug)]
pub struct Durations(Metric);

#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    described: Once,
}

impl Metric {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, described: Once::new() }
    }

    /// A description that comes before the recorder is lost.
    fn describe(&self, describe: impl FnOnce()) {
        if RECORDER.get().is_some() {
            self.described.call_once(describe);
        }
    }
}

fn owned(labels: Labels<'_>) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

impl Counter {
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self(Metric::new(name, help))
    }

    pub fn increment(&self, labels: Labels<'_>) {
        self.0.describe(|| describe_counter!(self.0.name, self.0.help));
        counter!(self.0.name, owned(labels)).increment(1);
    }
}

impl Gauge {
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self(Metric::new(name, help))
    }

    pub fn set(&self, labels: Labels<'_>, value: f64) {
        self.0.describe(|| describe_gauge!(self.0.name, self.0.help));
        gauge!(self.0.name, owned(labels)).set(value);
    }
}

impl Durations {
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self(Metric::new(name, help))
    }

    pub fn record(&self, labels: Labels<'_>, took: Duration) {
        self.0.describe(|| describe_histogram!(self.0.name, self.0.help));
        histogram!(self.0.name, owned(labels)).record(took);
    }
}

/// Upper bounds in seconds, of requests and of everything else that takes time.
const BUCKETS: [(&str, &[f64]); 2] = [
    (
        "http_request_duration_seconds",
        &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
    ),
    ("_duration_seconds", &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0]),
];

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
        for (suffix, buckets) in BUCKETS {
            // The more exact matcher counts; fails only on empty buckets, then the histogram would be a
            // summary.
            let names = if suffix.starts_with('_') {
                Matcher::Suffix(suffix.to_owned())
            } else {
                Matcher::Full(format!("waybill_{suffix}"))
            };
            builder =
                builder.set_buckets_for_metric(names, buckets).unwrap_or_else(|_| PrometheusBuilder::new());
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is already installed; /metrics stays empty");
            return handle;
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
