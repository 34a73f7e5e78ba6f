//! The router, the handling of one call, and a standalone server.
//!
//! A call runs in its own task: if the client disconnects during the wait before a booking, the order is
//! booked anyway, as with the real service.

use std::{net::SocketAddr, pin::pin, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, OriginalUri, Request, State as Extracted},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};
use tower::ServiceExt;

use super::{
    Simulator, admin,
    answer::{Answer, Then},
    call::{self, Call, Distortion, Effect, Reply},
    cancel, create, label,
    ledger::{Answered, Outcome, What},
    operation::Operation,
    plan::Plan,
    state::State,
    track, warehouses, webhooks,
    wire::{self, Sent},
};
use crate::base::timestamp::Timestamp;

/// A larger body is treated as missing.
const MAX_BODY: usize = 4 << 20;
/// How long [`Simulator::serve`] waits for running calls after the shutdown signal.
const DRAIN: Duration = Duration::from_secs(1);

impl Simulator {
    /// The API under `/api` and the admin routes under `/_sim`. May be nested under any path.
    pub fn router(&self) -> Router {
        admin::router(self.clone()).fallback(answer_call).with_state(self.clone())
    }

    /// Serves the router on `listener` until `shutdown` is ready. The admin routes get the peer's address.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let router = self.router();
        let graceful = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (socket, peer) = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Most likely no file handle is free; some will be after a while.
                        tracing::warn!(%error, "the simulator cannot accept a connection");
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let router = router.clone();
            let service = service_fn(move |mut request: http::Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
                router.clone().oneshot(request.map(Body::new))
            });
            let connection =
                graceful.watch(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to the simulator ended early");
                }
            });
        }
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::debug!("the simulator was stopped with calls still running");
        }
    }
}

async fn answer_call(Extracted(simulator): Extracted<Simulator>, request: Request) -> Response {
    let received_at = simulator.now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let (body, raw) = call::body(&parts.headers, &bytes);
    let original = parts.extensions.get::<OriginalUri>().map_or(path.as_str(), |uri| uri.path());
    let call = Call {
        operation: call::operation(&parts.method, &path),
        target: parts.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        body,
        raw,
        base: base(&parts.headers, original.strip_suffix(path.as_str()).unwrap_or_default()),
        received_at,
        path,
    };
    let authorized = simulator.accepts_token(&parts.headers);
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move { simulator.run(call, authorized, sender).await });
    match receiver.await {
        Ok((response, guard)) => {
            if let Some(guard) = guard {
                guard.settle(Answered::Answered, Some(response.status().as_u16()));
            }
            response
        }
        Err(_) => wire::closed(),
    }
}

fn base(headers: &HeaderMap, prefix: &str) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    Some(format!("http://{host}{prefix}"))
}

type Sender = oneshot::Sender<(Response, Option<DeliveryGuard>)>;

impl Simulator {
    fn accepts_token(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get("access-token").map(|v| v.as_bytes()).unwrap_or_default();
        match &self.0.access_token {
            Some(expected) => sent == expected.as_bytes(),
            None => !sent.is_empty(),
        }
    }

    /// Handles one call. Runs to its end even if the client has disconnected.
    async fn run(self, call: Call, authorized: bool, mut sender: Sender) {
        let plan = match (call.operation, authorized) {
            (Operation::Unknown, _) => Err(Reply::unknown_method()),
            (_, false) => Err(self.wrong_token()),
            (_, true) => Ok(Plan::choose(&mut self.lock(), &call)),
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(reply) => {
                let (guard, reply) = self.commit(&call, Effect::new(What::None, reply), Answer::Normal);
                return deliver(sender, wire::build(&Answer::Normal, reply, &call.target), guard);
            }
        };
        if !plan.before.is_zero() {
            sleep(plan.before).await;
        }
        let (guard, reply) = self.act(&call, &plan);
        let (hang, then) = match plan.answer {
            Answer::HangAfterBooking { ms, then } => (Duration::from_millis(ms), then),
            _ => (Duration::ZERO, Then::Answer),
        };
        let pause = plan.after.saturating_add(hang);
        if !pause.is_zero() {
            tokio::select! {
                () = sleep(pause) => {}
                () = sender.closed() => return, // the guard records `Unheard`
            }
        }
        let sent =
            if then == Then::Close { Sent::Silence } else { wire::build(&plan.answer, reply, &call.target) };
        deliver(sender, sent, guard);
    }

    fn wrong_token(&self) -> Reply {
        let mut state = self.lock();
        let status = state.faults().bad_token.into();
        Reply { status, body: Reply::shaped(&mut state, &["Invalid access token.".to_owned()]) }
    }

    /// Executes the call and records it, under one lock.
    fn act(&self, call: &Call, plan: &Plan) -> (DeliveryGuard, Reply) {
        let now = self.now();
        let mut state = self.lock();
        let mut effect = if plan.acts {
            perform(&mut state, call, plan, now)
        } else {
            let reply = Reply::failure(&mut state, &["Nothing was done.".to_owned()]);
            Effect { reference: call.reference(&state), ..Effect::new(What::None, reply) }
        };
        if let Answer::Status { code, .. } = plan.answer {
            effect.reply = match code {
                405 => Reply::unknown_method(),
                _ => {
                    let words = plan.refuse.clone().unwrap_or_else(|| reason(code));
                    Reply { status: code, body: Reply::shaped(&mut state, &[words]) }
                }
            };
        }
        self.write(&mut state, call, effect, plan.answer.clone(), now)
    }

    fn commit(&self, call: &Call, effect: Effect, answer: Answer) -> (DeliveryGuard, Reply) {
        self.write(&mut self.lock(), call, effect, answer, self.now())
    }

    fn write(
        &self,
        state: &mut State,
        call: &Call,
        effect: Effect,
        answer: Answer,
        now: Timestamp,
    ) -> (DeliveryGuard, Reply) {
        let (entry, reply) = effect.into_entry(call, answer, now);
        let seq = state.commit(entry);
        webhooks::start(self, state);
        (DeliveryGuard { simulator: self.clone(), seq, settled: false }, reply)
    }
}

fn reason(code: u16) -> String {
    StatusCode::from_u16(code).ok().and_then(|c| c.canonical_reason()).unwrap_or("Error").to_owned()
}

fn perform(state: &mut State, call: &Call, plan: &Plan, now: Timestamp) -> Effect {
    let distortion = Distortion::of(&plan.answer);
    // With a status of its own the message is that answer's, whatever was done.
    let refuse = plan.refuse.clone().filter(|_| !matches!(plan.answer, Answer::Status { .. }));
    match call.operation {
        Operation::Create => create::run(state, call, refuse, distortion, now),
        Operation::Cancel => cancel::run(state, call, refuse, now),
        Operation::Track => track::run(state, call, distortion, now),
        Operation::Label => label::run(state, call, now),
        Operation::WarehouseCreate => warehouses::create(state, call),
        Operation::WarehouseList => warehouses::list(state),
        Operation::WarehouseRemove => warehouses::remove(state, call),
        Operation::Status | Operation::Unknown => Effect::new(What::None, Reply::unknown_method()),
    }
}

/// Passes the response to the connection, if it is still open, with the guard if the response is whole.
fn deliver(sender: Sender, sent: Sent, guard: DeliveryGuard) {
    let message = match sent {
        Sent::Whole(response) => (response, Some(guard)),
        Sent::Cut(response, status) => {
            guard.settle(Answered::Unheard, Some(status));
            (response, None)
        }
        Sent::Silence => {
            drop(guard);
            (wire::closed(), None)
        }
    };
    // If the client has disconnected, the message is returned and dropped here: its guard records `Unheard`.
    drop(sender.send(message));
}

/// Records in the ledger whether the answer to an entry was delivered: `Unheard` if it is dropped unsettled.
#[derive(Debug)]
struct DeliveryGuard {
    simulator: Simulator,
    seq: u64,
    settled: bool,
}

impl DeliveryGuard {
    fn settle(mut self, answered: Answered, http_status: Option<u16>) {
        self.note(answered, http_status);
    }

    fn note(&mut self, answered: Answered, http_status: Option<u16>) {
        self.settled = true;
        let outcome = Outcome { seq: self.seq, at: self.simulator.now(), answered, http_status };
        self.simulator.lock().settle(&outcome);
    }
}

impl Drop for DeliveryGuard {
    fn drop(&mut self) {
        if !self.settled {
            self.note(Answered::Unheard, None);
        }
    }
}
