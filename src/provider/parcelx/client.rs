//! The only sender. Creates go out once; look-ups may be repeated by the HTTP stack.

mod http;

use std::sync::Arc;

use ::http::{Extensions, Method};
use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use tokio::time::Instant;

pub use self::http::install_crypto;
use self::http::{UnlessTooFast, http_client, repeats};
use super::{
    Settings,
    answer::CallResult,
    endpoint::{Asked, Endpoint, told},
    endpoints::{
        cancel_order::CancelOrder, create_order::CreateOrder, label::Label, track_order::TrackOrder,
    },
    log::{ProviderLogs, RequestLog},
    recorder::{Recorder, Recording},
};
use crate::{
    base::clock::Clock,
    platform::store::StoreError,
    provider::carrier::{
        Attempt, By, Call, CallError, CallOutcome, CallPermit, Carrier, LabelUrl, Limits, Operation,
        OrderPayload, Protection, Shipment, Throttled, Tracking,
    },
};

/// Calls `ParcelX` for one account. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct ParcelXClient {
    settings: Arc<Settings>,
    /// For what must go out once: no layer repeats it.
    once: ClientWithMiddleware,
    /// For what may be repeated.
    repeating: ClientWithMiddleware,
    logs: ProviderLogs,
    clock: Clock,
    limits: Limits,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the HTTP client cannot be built: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the ParcelX credentials hold characters that no header may have")]
    Credentials,
    #[error("parcelx.proxy is no address of a proxy")]
    Proxy,
}

impl std::fmt::Debug for ParcelXClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParcelXClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ParcelXClient {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(
        settings: Settings,
        logs: ProviderLogs,
        clock: Clock,
        protection: Protection,
    ) -> Result<Self, ClientError> {
        let http = http_client(&settings)?;
        let limits = protection.limits.clone();
        let recorder = Recorder {
            logs: logs.clone(),
            clock: clock.clone(),
            protection,
            words: Arc::clone(&settings.words),
        };
        let again =
            RetryTransientMiddleware::new_with_policy_and_strategy(repeats(settings.timeout), UnlessTooFast);
        Ok(Self {
            once: ClientBuilder::new(http.clone()).with(recorder.clone()).build(),
            // The first layer is the outermost: each repeat passes the recorder.
            repeating: ClientBuilder::new(http).with(again).with(recorder).build(),
            settings: Arc::new(settings),
            logs,
            clock,
            limits,
        })
    }

    /// Makes one call. The permit of `turn`, or one of its own, is kept until the call has ended.
    async fn send<E: Endpoint>(
        &self,
        endpoint: &E,
        call: &Call,
        turn: Option<(&Attempt, CallPermit)>,
    ) -> Result<CallOutcome<E::Success>, CallError> {
        let (attempt, permit) = match turn {
            Some((attempt, permit)) => (Some(attempt), permit),
            None => (None, self.permit().await?),
        };
        let payload = endpoint.payload();
        let client = if E::SAFE_TO_REPEAT { &self.repeating } else { &self.once };
        let url = format!("{}{}", self.settings.base_url.as_str().trim_end_matches('/'), E::PATH);
        let request = client.request(E::METHOD, url);
        let request = if E::METHOD == Method::GET {
            request.query(&payload)
        } else {
            request.header(CONTENT_TYPE, "application/json").body(payload.to_string())
        };
        let request = request.build().map_err(|e| CallError::Internal(e.to_string()))?;
        // What the record says of the end is what the caller will be told, made from the same facts.
        let mut extensions = Extensions::new();
        extensions.insert(Recording {
            log_id: attempt.map(|a| a.request_log_id.clone()),
            operation: E::OPERATION,
            call: call.clone(),
            payload: payload.clone(),
            send_by: attempt.map(|a| a.send_by),
            until: E::SAFE_TO_REPEAT.then(|| Instant::now() + self.settings.timeout),
            told: |wire, asked| told::<E>(E::read(wire, asked), asked),
        });
        let result = client.execute_with_extensions(request, &mut extensions).await;
        drop(permit);
        match (extensions.remove::<CallResult>(), result) {
            (Some(wire), _) => Ok(E::read(&wire, self.asked(&call.reference, &payload))),
            (None, Err(reqwest_middleware::Error::Middleware(error))) => {
                Err(error.downcast::<CallError>().unwrap_or_else(|e| CallError::Internal(e.to_string())))
            }
            (None, _) => Err(CallError::Internal("a call left no record".to_owned())),
        }
    }

    async fn close<E: Endpoint>(
        &self,
        call: &Call,
        attempt: &Attempt,
    ) -> Result<CallOutcome<E::Success>, StoreError> {
        let payload = serde_json::Value::Null; // a tombstone asks for nothing
        let times = (call.queued_at, self.clock.now());
        let tombstone = RequestLog::new(
            &attempt.request_log_id,
            E::OPERATION.as_str(),
            &call.order_id,
            &call.reference,
            payload,
            attempt.no,
            times,
        );
        Ok(match self.logs.close(&tombstone).await? {
            None => CallOutcome::NotSent,
            Some((sent, wire)) => E::read(&wire, self.asked(&call.reference, &sent.payload())),
        })
    }

    fn asked<'a>(&'a self, reference: &'a str, payload: &'a serde_json::Value) -> Asked<'a> {
        Asked { reference, payload, words: &self.settings.words }
    }

    /// What of a label's address may be handed out.
    fn label_url(&self, url: &str, call: &Call) -> LabelUrl {
        match self.settings.label_hosts.allowed(url) {
            Ok(url) => LabelUrl::Usable(url),
            Err(host) => {
                let (host, id) = (host.as_deref().unwrap_or("none"), &call.order_id);
                tracing::warn!(
                    order.id = id,
                    host,
                    "the label of order {id} was not handed out: parcelx.label_hosts has no such host"
                );
                LabelUrl::Unusable
            }
        }
    }
}

#[async_trait]
impl Carrier for ParcelXClient {
    async fn permit(&self) -> Result<CallPermit, Throttled> {
        self.limits.permit().await
    }

    async fn create(
        &self,
        call: &Call,
        payload: &OrderPayload,
        turn: (&Attempt, CallPermit),
    ) -> Result<CallOutcome<Shipment>, CallError> {
        self.send(&CreateOrder { reference: &call.reference, order: payload }, call, Some(turn)).await
    }

    async fn cancel(
        &self,
        call: &Call,
        awb: &str,
        turn: (&Attempt, CallPermit),
    ) -> Result<CallOutcome<()>, CallError> {
        self.send(&CancelOrder(awb), call, Some(turn)).await
    }

    async fn track(&self, call: &Call, by: &By) -> Result<CallOutcome<Tracking>, CallError> {
        self.send(&TrackOrder(by), call, None).await
    }

    async fn label(&self, call: &Call, awb: &str) -> Result<CallOutcome<LabelUrl>, CallError> {
        let outcome = self.send(&Label(awb), call, None).await?;
        Ok(outcome.map(|url| self.label_url(&url, call)))
    }

    async fn close_create(
        &self,
        call: &Call,
        attempt: &Attempt,
    ) -> Result<CallOutcome<Shipment>, StoreError> {
        self.close::<CreateOrder<'_>>(call, attempt).await
    }

    async fn close_cancel(&self, call: &Call, attempt: &Attempt) -> Result<CallOutcome<()>, StoreError> {
        self.close::<CancelOrder<'_>>(call, attempt).await
    }

    async fn booking_on_record(
        &self,
        order_id: &str,
        reference: &str,
        known: &[String],
    ) -> Result<Option<(String, Shipment)>, StoreError> {
        let asked = self.asked(reference, &serde_json::Value::Null);
        self.logs
            .find_outcome(order_id, |outcome| {
                if outcome.operation != Operation::CreateOrder.as_str() {
                    return None;
                }
                match CreateOrder::read(&outcome.best(), asked) {
                    CallOutcome::Done(shipment) if !known.contains(&shipment.awb) => {
                        Some((outcome.id.clone(), shipment))
                    }
                    _ => None,
                }
            })
            .await
    }

    async fn close_look_ups(&self, order_id: &str) -> Result<(), StoreError> {
        self.logs.close_unanswered(order_id, Operation::TrackOrder).await
    }

    async fn close_label_calls(&self, order_id: &str) -> Result<(), StoreError> {
        self.logs.close_unanswered(order_id, Operation::Label).await
    }

    async fn erase_records(&self, order_id: &str) -> Result<(), StoreError> {
        self.logs.erase(order_id).await
    }
}
