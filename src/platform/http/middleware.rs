//! The middleware that wraps every route: each response gets a request id, the security headers, a metric and
//! a log line, and every error response is a problem document.

mod request_id;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
pub use request_id::RequestId;
use tokio::time::Instant;
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{NotForContentType, Predicate, SizeAbove},
};
use tracing::Instrument;

use super::{Kind, Problem, extract::BodyLimit, limits::Told, problem};
use crate::{
    base::clock::Clock,
    platform::telemetry::{Counter, Durations},
};

static REQUESTS: Counter =
    Counter::new("waybill_http_requests_total", "Requests answered, by method, route and status.");
static DURATION: Durations = Durations::new(
    "waybill_http_request_duration_seconds",
    "From the end of a request's headers to its response, by method and route.",
);

/// The limits of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes, by how a route begins: the first row that fits counts. Where none fits,
    /// there is to be no body.
    pub bodies: &'static [(&'static str, usize)],
    /// From the end of the request headers to the start of the response.
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bodies: &[("", 256 * 1024)], timeout: Duration::from_secs(10) }
    }
}

impl Limits {
    fn body(&self, route: &str) -> usize {
        let row = self.bodies.iter().find(|(begins, _)| route.starts_with(begins));
        row.map_or(0, |(_, most)| *most)
    }
}

/// The limit for all header fields of a request, in bytes. It is below the server's own limit, so that the
/// client gets a problem document.
const MAX_HEADERS: usize = 16 * 1024;

/// In bytes. Compressing smaller bodies costs more than it saves.
const MIN_GZIP: u64 = 1024;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Set unless the handler has set them.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Wraps a finished router. A route added later would not have the middleware.
///
/// From the outside in:
/// 1. gzip, so that everything inside sees plain bodies and problem documents are compressed too;
/// 2. everything else in one function, [`around`], because each layer costs a boxed future per request.
pub fn apply(router: Router, limits: &Limits, clock: Clock) -> Router {
    let gzip = CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(MIN_GZIP).and(NotForContentType::IMAGES).and(NotForContentType::SSE));
    let settings = Arc::new(Settings { limits: *limits, clock });
    router
        .fallback(async || Problem::new(Kind::NotFound, Kind::NotFound.stock_detail()))
        .method_not_allowed_fallback(method_not_allowed)
        .layer((gzip, from_fn_with_state(settings, around)))
}

/// The answer to a method that a path does not know. A layer of some routes alone needs it before [`apply`]
/// comes: it would not be around what `apply` puts there.
pub async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed, Kind::MethodNotAllowed.stock_detail())
}

#[derive(Debug)]
struct Settings {
    limits: Limits,
    clock: Clock,
}

/// The span is outside [`guarded`], so that the log lines of a panic or a timeout have the request's id. The
/// problem document is written outside it too, because it also returns problems. The log line and the metric
/// come last, when the status is final.
async fn around(State(settings): State<Arc<Settings>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now(); // monotonic: a duration, not a time
    let id = RequestId::of(request.headers(), &settings.clock);
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let uri = request.uri().clone();
    // At level error, so that no level filter removes the span, and with it the id, from the remaining lines.
    // A handler may set `order.id`: it links the log line of a create to the lines of its job.
    let span = tracing::error_span!(
        "request",
        method,
        route,
        request.id = id.as_str(),
        trace.id = tracing::field::Empty,
        order.id = tracing::field::Empty
    );
    if let Some(trace) = request_id::trace_id(request.headers()) {
        span.record("trace.id", trace);
    }

    let extensions = request.extensions_mut();
    extensions.insert(id.clone());
    let largest = settings.limits.body(route);
    extensions.insert(BodyLimit(largest));
    let told = Told::default();
    extensions.insert(told.clone());
    DefaultBodyLimit::max(largest).apply(&mut request);

    let response = guarded(request, next, settings.limits.timeout).instrument(span.clone()).await;
    let mut response = problem::render(response, uri.path(), id.as_str());
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    told.write(response.headers_mut());

    let took = started.elapsed();
    REQUESTS.increment(&[("method", method), ("route", route), ("status", response.status().as_str())]);
    DURATION.record(&[("method", method), ("route", route)], took);
    span.in_scope(|| log(route, response.status().as_u16(), took));
    response
}

/// Runs the handler, and returns a response in time even if it panics or hangs.
async fn guarded(request: Request, next: Next, limit: Duration) -> Response {
    if header_size(request.headers()) > MAX_HEADERS {
        return Problem::new(Kind::HeadersTooLarge, Kind::HeadersTooLarge.stock_detail()).into_response();
    }
    // Unwind safety: a panicking handler's own state is dropped, and shared state is behind locks.
    let caught = AssertUnwindSafe(async { next.run(request).await }).catch_unwind();
    match tokio::time::timeout(limit, caught).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal(&"the handler panicked").into_response(),
        Err(_) => {
            tracing::warn!(limit_ms = millis(limit), "a request timed out");
            Problem::new(Kind::RequestTimeout, Kind::RequestTimeout.stock_detail())
                .retry_after(Duration::from_secs(1))
                .into_response()
        }
    }
}

fn header_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// One line per request: server errors as warnings, and the frequent health checks only at level debug.
fn log(route: &str, status: u16, took: Duration) {
    let duration_ms = millis(took);
    match route {
        _ if status >= 500 => tracing::warn!(status, duration_ms, "answered"),
        "/healthz" | "/health" | "/readyz" | "/metrics" => tracing::debug!(status, duration_ms, "answered"),
        _ => tracing::info!(status, duration_ms, "answered"),
    }
}

/// With three decimals.
fn millis(d: Duration) -> f64 {
    (d.as_secs_f64() * 1e6).round() / 1e3
}

/// A client may send any method; as a label it would add a time series for each.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
