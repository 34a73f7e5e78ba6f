//! Accepts connections and serves them until shutdown.
//!
//! Adds what `axum::serve` does not have: a timeout for the headers apart from the one for idle connections,
//! a hint of the latter to clients, a limit of connections, an accept loop that neither ends nor spins when
//! file descriptors run out, and an end that leaves no request unanswered that a client has written.

mod activity;
mod deaf;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use futures_util::FutureExt;
use http::{HeaderValue, Request, Version, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::activity::{Activity, Watched};
use crate::platform::telemetry::Counter;

/// The read buffer of a connection, which also limits the size of the headers; hyper refuses larger ones with
/// a 431 without a body.
const MAX_BUFFER: usize = 64 * 1024;

/// The wait when the system cannot accept another connection: long enough for some to end, short enough not
/// to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection that is being made may take to come into the listen queue, once nobody else may
/// begin to connect: a way around the world and back.
const HANDSHAKES: Duration = Duration::from_millis(300);

/// How long a connection that was accepted and has not sent yet is waited for at the end.
const FIRST_BYTES: Duration = Duration::from_secs(1);

/// The same for one that is idle: its next request may be on its way.
const LAST_BYTES: Duration = Duration::from_millis(250);

static STALLED: Counter =
    Counter::new("waybill_http_stalled_total", "Connections that were closed because nobody read from them.");

/// The times and limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// From a request's first byte to the end of its headers.
    pub headers: Duration,
    /// How long a connection may be idle, and how long clients are told that it may.
    pub idle: Duration,
    /// How long it goes on accepting connections once it is to stop: balancers need a while to learn of it.
    pub linger: Duration,
    /// At most so many connections; further ones wait to be accepted.
    pub connections: usize,
    /// How long a client may take nothing of a response before its connection is closed.
    pub stall: Duration,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            linger: Duration::ZERO,
            connections: 10_000,
            stall: Duration::from_secs(30),
        }
    }
}

/// When a server stops.
#[derive(Debug, Clone, Default)]
pub struct Stopping {
    /// It is to stop soon: each response says that it is the last on its connection.
    pub soon: CancellationToken,
    /// Nobody needs it any more. It stops as soon as `linger` is over, counted from `soon`.
    pub now: CancellationToken,
    /// Nobody is to be waited for: no lingering.
    pub hurry: CancellationToken,
}

/// Serves `router` on `listener` until `shutdown`, without lingering. Then it waits for running requests for
/// at most `drain`, and closes the rest. Handlers find the client's address as `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// None at present: errors of single connections are only logged.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let stopping = Stopping { soon: shutdown.clone(), now: shutdown, hurry: CancellationToken::new() };
    serve_at(listener, router, Edge::default(), stopping, drain).await
}

/// [`serve`] with these times. When it is to stop, it goes on accepting for a while, answers everything with
/// `Connection: close`, then takes no further ones, empties the listen queue, and only then closes it.
/// Connections that were accepted and have not sent yet are served.
///
/// # Errors
/// As [`serve`].
pub async fn serve_at(
    listener: TcpListener,
    router: Router,
    edge: Edge,
    stopping: Stopping,
    drain: Duration,
) -> io::Result<()> {
    let closing = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(edge.connections.max(1)));
    let peer = Peer { router, edge, soon: stopping.soon.clone(), closing: closing.clone() };
    let mut served = Served { peer, permits, connections: JoinSet::new() };
    served.until(lingered(&stopping, edge.linger), &listener).await;
    // A person who waits at a terminal has no clients left over.
    if !edge.linger.is_zero() && !stopping.hurry.is_cancelled() {
        match deaf::deafen(&listener) {
            Ok(()) => served.until(tokio::time::sleep(HANDSHAKES), &listener).await,
            Err(error) => tracing::debug!(%error, "connections are taken until the listener ends"),
        }
    }
    // Whoever is in the queue has a connection by their own account, also beyond the limit.
    while let Some(Ok((stream, address))) = listener.accept().now_or_never() {
        served.connections.spawn(served.peer.clone().run(stream, address, None));
    }
    drop(listener);
    closing.cancel();
    let mut connections = served.connections;
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests were still running at the end of the drain; their connections are closed"
        );
    }
    connections.shutdown().await;
    Ok(())
}

/// A server's connections.
struct Served {
    peer: Peer,
    permits: Arc<Semaphore>,
    connections: JoinSet<()>,
}

impl Served {
    /// Accepts connections until then.
    async fn until(&mut self, over: impl Future<Output = ()>, listener: &TcpListener) {
        tokio::pin!(over);
        loop {
            let accepted = tokio::select! {
                () = &mut over => return,
                Some(_) = self.connections.join_next() => continue, // removes a finished one
                accepted = accept(listener, &self.permits) => accepted,
            };
            match accepted {
                Ok((stream, address, permit)) => {
                    self.connections.spawn(self.peer.clone().run(stream, address, Some(permit)));
                }
                Err(error) if is_of_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again");
                    tokio::select! {
                        () = &mut over => return,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }
}

async fn lingered(stopping: &Stopping, linger: Duration) {
    let soon = async {
        stopping.soon.cancelled().await;
        stopping.hurry.run_until_cancelled(tokio::time::sleep(linger)).await;
    };
    tokio::join!(soon, stopping.now.cancelled());
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, permit))
}

/// What every connection needs.
#[derive(Clone)]
struct Peer {
    router: Router,
    edge: Edge,
    soon: CancellationToken,
    closing: CancellationToken,
}

impl Peer {
    async fn run(self, stream: TcpStream, peer: SocketAddr, _permit: Option<OwnedSemaphorePermit>) {
        // A small response must not wait for more bytes. If this fails, the connection is served anyway.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let activity = Activity::default();
        let mut server = http1::Builder::new();
        // hyper counts from the end of the last response, so this is the time for idle connections.
        server
            .timer(TokioTimer::new())
            .header_read_timeout(self.edge.idle)
            .keep_alive(true)
            .max_buf_size(MAX_BUFFER);
        let (io, closed) = Watched::new(stream, activity.clone());
        // Boxed, so that it can be dropped: what is no HTTP any more outlives it.
        let connection =
            server.serve_connection(TokioIo::new(io), service(self.clone(), peer, activity.clone()));
        let mut connection = Box::pin(connection.with_upgrades());
        let slow = activity.slow_headers(self.edge.headers);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => Some(ended),
            () = activity.stalled(self.edge.stall) => {
                STALLED.increment(&[]);
                tracing::info!(%peer, "a connection was closed: its client does not read");
                return;
            }
            () = slow => {
                tracing::debug!(%peer, "a connection was closed: its headers did not come in time");
                return;
            }
            () = self.closing.cancelled() => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            // hyper's own end closes what it has not read a whole head of, though the client may have written
            // it. After its next response the connection closes by itself.
            None => {
                let waits = if activity.has_sent() { LAST_BYTES } else { FIRST_BYTES };
                let next = activity.next_bytes();
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => ended,
                    () = next => {
                        if activity.is_answering() {
                            connection.as_mut().graceful_shutdown();
                        }
                        connection.as_mut().await
                    }
                    () = tokio::time::sleep(waits) => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
        drop(connection);
        // A WebSocket says goodbye by itself; until then it has this connection's place.
        drop(closed.await);
    }
}

/// The service of one connection: the shared router, with the client's address.
fn service(
    shared: Peer,
    peer: SocketAddr,
    activity: Activity,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    let idle = HeaderValue::from_str(&format!("timeout={}", shared.edge.idle.as_secs())).ok();
    service_fn(move |request: Request<Incoming>| {
        activity.has_headers();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let kept = is_kept(&request);
        let (router, soon, idle, activity) =
            (shared.router.clone(), shared.soon.clone(), idle.clone(), activity.clone());
        async move {
            let mut response = router.oneshot(request).await?;
            if soon.is_cancelled() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            } else if let Some(idle) = idle.filter(|_| kept) {
                response.headers_mut().insert("keep-alive", idle);
            }
            activity.has_answered();
            Ok(response)
        }
    })
}

/// Whether the client wants to use its connection again.
fn is_kept(request: &Request<Body>) -> bool {
    let named = |word: &str| {
        let values = request.headers().get_all(header::CONNECTION).iter();
        values.filter_map(|value| value.to_str().ok()).any(|value| value.to_ascii_lowercase().contains(word))
    };
    if request.version() == Version::HTTP_10 { named("keep-alive") } else { !named("close") }
}

/// Whether the error concerns only the connection that was about to be accepted, not the listener.
fn is_of_connection(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
