//! The only sender. Creates go out once; look-ups may be repeated by the HTTP stack.

use crate::{
    base::{clock::Clock, timestamp::Timestamp},
    features::orders::model::Order,
    platform::store::StoreError,
    provider::carrier::Attempt,
};
use std::sync::Arc;

use http::Extensions;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::{
    DefaultRetryableStrategy, RetryTransientMiddleware, Retryable, RetryableStrategy,
    policies::ExponentialBackoff,
};
use secrecy::ExposeSecret;

use super::{
    By, Call, CallError, Settings, Tracked,
    answer::CallResult,
    endpoint::Endpoint,
    endpoints::{
        cancel_order::CancelOrder, create_order::CreateOrder, label::Label, track_order::TrackOrder,
    },
    log::{Closed, OutcomeLog, ProviderLogs, RequestLog},
    protect::{CallPermit, Limits, Protection, Throttled},
    recorder::{Recorder, Recording},
    verdict::{Booked, Verdict},
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
    limits: Limits,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the HTTP client cannot be built: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the ParcelX credentials hold characters that no header may have")]
    Credentials,
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
        let recorder = Recorder { logs: logs.clone(), clock, protection };
        let backoff = ExponentialBackoff::builder().build_with_max_retries(2);
        let again = RetryTransientMiddleware::new_with_policy_and_strategy(backoff, UnlessTooFast);
        Ok(Self {
            once: ClientBuilder::new(http.clone()).with(recorder.clone()).build(),
            // The first layer is the outermost: each repeat passes the recorder.
            repeating: ClientBuilder::new(http).with(again).with(recorder).build(),
            settings: Arc::new(settings),
            logs,
            limits,
        })
    }

    /// The turn of one call, waited for for a few seconds at most. A create or a cancel needs it before it is
    /// taken, since its time to send runs from there; other operations get theirs by themselves.
    ///
    /// # Errors
    /// [`Throttled`].
    pub async fn permit(&self) -> Result<CallPermit, Throttled> {
        self.limits.permit().await
    }

    /// Books `order` under the ids of `attempt`, which must have been stored with the order before.
    ///
    /// # Errors
    /// [`CallError`]; after `ShutOut` nothing was sent, after `Store` it is for [`ParcelXClient::close`] to
    /// find out.
    pub async fn create_order(
        &self,
        order: &Order,
        attempt: &Attempt,
        permit: CallPermit,
    ) -> Result<Verdict, CallError> {
        let call = Call {
            order_id: order.id().to_owned(),
            reference: order.order_number().to_owned(),
            attempt: attempt.no,
            queued_at: order.created_at(),
        };
        let wire = self.send_in(permit, &CreateOrder(order), &call, Some(attempt)).await?;
        Ok(CreateOrder::read(&wire, order.order_number()))
    }

    /// PollSchedule for a shipment.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn track_order(&self, by: &By, call: &Call) -> Result<Tracked, CallError> {
        let wire = self.send(&TrackOrder(by), call, None).await?;
        Ok(TrackOrder::read(&wire, &call.reference))
    }

    /// Asks where the label of the shipment `awb` is. The address is as it came: see [`super::LabelHosts`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn label(&self, awb: &str, call: &Call) -> Result<Verdict<String>, CallError> {
        let wire = self.send(&Label(awb), call, None).await?;
        Ok(Label::read(&wire, &call.reference))
    }

    /// Cancels the shipment `awb` under the ids of `attempt`, which must have been stored with the order
    /// before.
    ///
    /// # Errors
    /// As [`ParcelXClient::create_order`].
    pub async fn cancel_order(
        &self,
        order: &Order,
        awb: &str,
        (attempt, permit): (&Attempt, CallPermit),
        queued_at: Timestamp,
    ) -> Result<Verdict<()>, CallError> {
        let call = Call {
            order_id: order.id().to_owned(),
            reference: order.order_number().to_owned(),
            attempt: attempt.no,
            queued_at,
        };
        let wire = self.send_in(permit, &CancelOrder(awb), &call, Some(attempt)).await?;
        Ok(CancelOrder::read(&wire, &call.reference))
    }

    /// The same for a shipment whose order is not at hand.
    ///
    /// # Errors
    /// As [`ParcelXClient::create_order`].
    pub async fn cancel_shipment(
        &self,
        awb: &str,
        call: &Call,
        attempt: &Attempt,
    ) -> Result<Verdict<()>, CallError> {
        let wire = self.send(&CancelOrder(awb), call, Some(attempt)).await?;
        Ok(CancelOrder::read(&wire, &call.reference))
    }

    /// Shuts an earlier attempt out of sending, or finds what its create came to. Nothing: it never sent, and
    /// never will.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_create(
        &self,
        order: &Order,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Option<Verdict>, StoreError> {
        self.close::<CreateOrder<'_>>(order, attempt, now).await
    }

    /// The same for a cancel.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_cancel(
        &self,
        order: &Order,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Option<Verdict<()>>, StoreError> {
        self.close::<CancelOrder<'_>>(order, attempt, now).await
    }

    async fn close<E: Endpoint>(
        &self,
        order: &Order,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Option<E::Reading>, StoreError> {
        let payload = serde_json::Value::Null; // a tombstone asks for nothing
        let times = (order.created_at(), now);
        let tombstone = RequestLog::new(
            &attempt.request_log_id,
            E::OPERATION,
            order.id(),
            order.order_number(),
            payload,
            attempt.no,
            times,
        );
        Ok(match self.logs.close(&tombstone).await? {
            Closed::NeverSent => None,
            Closed::Ended(wire) => Some(E::read(&wire, order.order_number())),
        })
    }

    /// A booking that an answer on record tells of, also a late one, with the log it stands in; not one that
    /// the order knows of and has cancelled, or will.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn booking_on_record(&self, order: &Order) -> Result<Option<(String, Booked)>, StoreError> {
        let booking = |outcome: &OutcomeLog| match CreateOrder::read(&outcome.best(), order.order_number()) {
            Verdict::Success(booked) if !order.booking().duplicate_awbs().contains(&booked.awb) => {
                Some((outcome.id.clone(), booked))
            }
            _ => None,
        };
        self.logs
            .find_outcome(order.id(), |outcome| {
                (outcome.operation == CreateOrder::OPERATION).then(|| booking(outcome)).flatten()
            })
            .await
    }

    /// Gives the look-ups of workers that vanished their outcome: nobody else will. Should one of them be
    /// alive after all, its answer becomes the late one; look-ups change nothing at the provider, so nothing
    /// hangs on it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_look_ups(&self, order_id: &str) -> Result<(), StoreError> {
        self.logs.close_unanswered(order_id, TrackOrder::OPERATION).await
    }

    /// The same for calls for a label.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_label_calls(&self, order_id: &str) -> Result<(), StoreError> {
        self.logs.close_unanswered(order_id, Label::OPERATION).await
    }

    async fn send<E: Endpoint>(
        &self,
        endpoint: &E,
        call: &Call,
        attempt: Option<&Attempt>,
    ) -> Result<CallResult, CallError> {
        let permit = self.permit().await?;
        self.send_in(permit, endpoint, call, attempt).await
    }

    /// Keeps `permit` until the call has ended.
    async fn send_in<E: Endpoint>(
        &self,
        permit: CallPermit,
        endpoint: &E,
        call: &Call,
        attempt: Option<&Attempt>,
    ) -> Result<CallResult, CallError> {
        let payload = endpoint.payload();
        let client = if E::SAFE_TO_REPEAT { &self.repeating } else { &self.once };
        let url = format!("{}{}", self.settings.base_url.as_str().trim_end_matches('/'), E::PATH);
        let request = client.request(E::METHOD, url);
        let request = if E::METHOD == http::Method::GET {
            request.query(&payload)
        } else {
            request.header(CONTENT_TYPE, "application/json").body(payload.to_string())
        };
        let request = request.build().map_err(|e| CallError::Internal(e.to_string()))?;
        // What the record says of the end is what the caller will be told, made from the same facts.
        let mut extensions = Extensions::new();
        extensions.insert(recording::<E>(call, attempt, payload));
        let result = client.execute_with_extensions(request, &mut extensions).await;
        drop(permit);
        match (extensions.remove::<CallResult>(), result) {
            (Some(wire), _) => Ok(wire),
            (None, Err(reqwest_middleware::Error::Middleware(error))) => {
                Err(error.downcast::<CallError>().unwrap_or_else(|e| CallError::Internal(e.to_string())))
            }
            (None, _) => Err(CallError::Internal("a call left no record".to_owned())),
        }
    }
}

fn recording<E: Endpoint>(call: &Call, attempt: Option<&Attempt>, payload: serde_json::Value) -> Recording {
    Recording {
        log_id: attempt.map(|a| a.request_log_id.clone()),
        operation: E::OPERATION,
        order_id: call.order_id.clone(),
        reference: call.reference.clone(),
        books: E::OPERATION == <CreateOrder<'_> as Endpoint>::OPERATION,
        payload,
        attempt: call.attempt,
        queued_at: call.queued_at,
        send_by: attempt.map(|a| a.send_by),
        word: |wire, reference| E::word(&E::read(wire, reference)),
    }
}

/// What `reqwest-retry` repeats, but for a call that was too fast: a second one within moments is that too.
struct UnlessTooFast;

impl RetryableStrategy for UnlessTooFast {
    fn handle(&self, result: &Result<reqwest::Response, reqwest_middleware::Error>) -> Option<Retryable> {
        match result {
            Ok(response) if response.status() == http::StatusCode::TOO_MANY_REQUESTS => None,
            _ => DefaultRetryableStrategy.handle(result),
        }
    }
}

/// Chooses the program's TLS: ring. Needed once before any HTTP client is built; later calls do nothing.
pub fn install_crypto() {
    // An error says that one is already chosen.
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn http_client(settings: &Settings) -> Result<reqwest::Client, ClientError> {
    install_crypto();
    let mut token = HeaderValue::from_str(settings.access_token().expose_secret())
        .map_err(|_| ClientError::Credentials)?;
    token.set_sensitive(true);
    let headers = HeaderMap::from_iter([
        (http::HeaderName::from_static("access-token"), token),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("waybill/", env!("CARGO_PKG_VERSION")))
        .timeout(settings.timeout)
        .connect_timeout(settings.connect_timeout())
        // An answer is never followed elsewhere, a create never repeated below us, and an idle connection not
        // kept until the other side closes it under the next create.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(std::time::Duration::from_secs(2))
        .no_proxy()
        .build()?;
    Ok(client)
}
