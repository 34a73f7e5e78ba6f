//! The layer that writes one request log before and one outcome log after every wire attempt. It sits below
//! the retry layer, so that a repeated look-up has a pair of its own each time.

use std::sync::Arc;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    answer::{Answer, BODY_CAP, Body, CallResult, Failure},
    endpoint::Asked,
    log::{ProviderLogs, RequestLog},
};
use crate::{
    base::{clock::Clock, fault, ids, timestamp::Timestamp},
    platform::{
        config::Words,
        http::retry_after,
        store::StoreError,
        telemetry::{Counter, Durations},
    },
    provider::carrier::{Call, CallEnd, CallError, CallOutcome, Operation, Protection},
};

static CALLS: Counter =
    Counter::new("waybill_provider_calls_total", "Calls to ParcelX, by operation and verdict.");
static DURATION: Durations =
    Durations::new("waybill_provider_call_duration_seconds", "How long calls to ParcelX took, by operation.");

/// What the layer must know of a call; travels in the request's extensions.
#[derive(Clone)]
pub(super) struct Recording {
    /// The one id the attempt may use; absent: each wire attempt gets a new one.
    pub(super) log_id: Option<String>,
    pub(super) operation: Operation,
    pub(super) call: Call,
    pub(super) payload: Value,
    /// Checked right before sending.
    pub(super) send_by: Option<Timestamp>,
    /// For what may be repeated: when the call ends, however often it was tried.
    pub(super) until: Option<Instant>,
    /// What an observer and the log are told of an end.
    pub(super) told: fn(&CallResult, Asked<'_>) -> (CallOutcome<()>, &'static str),
}

#[derive(Clone)]
pub(super) struct Recorder {
    pub(super) logs: ProviderLogs,
    pub(super) clock: Clock,
    pub(super) protection: Protection,
    pub(super) words: Arc<Words>,
}

#[async_trait]
impl Middleware for Recorder {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let Some(Recording { log_id, operation, call, payload, send_by, until, told }) =
            extensions.get::<Recording>().cloned()
        else {
            return Err(refusal(CallError::Internal("a call without its record".to_owned())));
        };
        // The HTTP stack repeats a look-up: its first attempt has left its end here.
        if extensions.get::<CallResult>().is_some() {
            self.protection
                .limits
                .repeat()
                .await
                .map_err(|throttled| refusal(CallError::Throttled(throttled)))?;
            if until.is_some_and(|until| until <= Instant::now()) {
                return Err(refusal(CallError::Internal("no time is left for a repeat".to_owned())));
            }
        }
        let now = self.clock.now();
        let id = log_id.clone().unwrap_or_else(|| ids::provider_log(now));
        let log = RequestLog::new(
            &id,
            operation.as_str(),
            &call.order_id,
            &call.reference,
            payload.clone(),
            call.attempt,
            (call.queued_at, now),
        )
        .made_by(call.job.clone());
        self.logs.begin(&log).await.map_err(|error| match error {
            StoreError::Conflict { .. } => refusal(CallError::ShutOut),
            error => refusal(CallError::Store(error)),
        })?;
        if log_id.is_some() {
            fault::reach("book:after-request-log");
        }
        let started = Instant::now();
        if let Some(until) = until {
            *request.timeout_mut() = Some(until.saturating_duration_since(started));
        }
        let (wire, result) = if send_by.is_some_and(|by| self.clock.now() >= by) {
            let wire = CallResult::Failure {
                class: Failure::TooLateToSend,
                detail: "the time to send had passed".to_owned(),
            };
            (wire, Err(refusal(CallError::Internal("too late to send".to_owned()))))
        } else {
            let sent = next.run(request, extensions).await;
            let read = read(sent, &self.clock).await;
            if log_id.is_some() {
                fault::reach("book:after-send");
            }
            read
        };
        let asked = Asked { reference: &call.reference, payload: &payload, words: &self.words };
        let (outcome, word) = told(&wire, asked);
        let took = started.elapsed();
        CALLS.increment(&[("operation", operation.as_str()), ("verdict", word)]);
        DURATION.record(&[("operation", operation.as_str())], took);
        // First of all, since it cannot be had again: what follows from it may take its time.
        let written = self.logs.end(&log, &wire, word, took).await;
        if let Some(observer) = &self.protection.observer {
            let (order_id, token) = (call.order_id.as_str(), call.job.as_ref().map(|job| job.run.as_str()));
            observer.ended(&CallEnd { operation, order_id, token, took, outcome: &outcome }).await;
        }
        if let Err(error) = written {
            // An end that is not written down must not be acted on either: the attempt will be found
            // unanswered.
            tracing::error!(%error, provider.log = id, "the outcome of call {id} could not be written");
            extensions.remove::<CallResult>();
            return Err(refusal(CallError::Store(error)));
        }
        extensions.insert(wire);
        result
    }
}

fn refusal(error: CallError) -> Error {
    Error::middleware(error)
}

/// The facts, and what the layers above may see: a status without a body, or the error.
async fn read(sent: Result<Response, Error>, clock: &Clock) -> (CallResult, Result<Response, Error>) {
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => return (failure(&error), Err(error)),
    };
    let status = response.status();
    let retry_after = retry_after::read(response.headers(), clock.now());
    let wire = match body(&mut response).await {
        Ok(bytes) => {
            CallResult::Answer(Answer { status: status.as_u16(), retry_after, body: Body::read(&bytes) })
        }
        Err(failure) => failure,
    };
    let mut bare = http::Response::new("");
    *bare.status_mut() = status;
    (wire, Ok(Response::from(bare)))
}

async fn body(response: &mut Response) -> Result<Vec<u8>, CallResult> {
    let too_large =
        || CallResult::Failure { class: Failure::TooLarge, detail: format!("over {BODY_CAP} bytes") };
    if response.content_length().is_some_and(|n| usize::try_from(n).map_or(true, |n| n > BODY_CAP)) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > BODY_CAP => return Err(too_large()),
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            Err(error) => {
                let class = if error.is_timeout() { Failure::TimedOut } else { Failure::Broken };
                return Err(CallResult::Failure { class, detail: describe(&error) });
            }
        }
    }
}

fn failure(error: &Error) -> CallResult {
    let Error::Reqwest(error) = error else {
        return CallResult::Failure { class: Failure::Broken, detail: "a layer failed".to_owned() };
    };
    // Connecting has a limit of its own that is shorter than the call's, so a time-out that is not `connect`
    // began to send.
    let class = if error.is_connect() || error.is_builder() {
        Failure::NotConnected
    } else if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Broken
    };
    CallResult::Failure { class, detail: describe(error) }
}

/// The innermost cause, without the URL: its query may hold a reference.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    text.chars().take(200).collect()
}
