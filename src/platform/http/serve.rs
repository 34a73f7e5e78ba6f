//! Accepts connections and serves them until shutdown.
//!
//! Adds what `axum::serve` does not have: a timeout for the headers, a limit for the drain, and an accept
//! loop that neither ends nor spins when file descriptors run out.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// From the start of a connection, or from the end of the last response on it, to the end of the next
/// request's headers. So it also closes idle connections.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The read buffer of a connection, which also limits the size of the headers; hyper refuses larger ones with
/// a 431 without a body.
const MAX_BUFFER: usize = 64 * 1024;

/// The wait when the system cannot accept another connection: long enough for some to end, short enough not
/// to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown`. Then it accepts no new connection, waits for running
/// requests for at most `drain`, and closes the rest. Handlers find the client's address as
/// `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// None at present: errors of single connections are only logged.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .keep_alive(true)
        .max_buf_size(MAX_BUFFER);

    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue, // removes a finished one
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection =
                    server.serve_connection(TokioIo::new(prepare(stream)), service(router.clone(), peer));
                let connection = graceful.watch(connection);
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%peer, %error, "a connection ended early");
                    }
                });
            }
            Err(error) if is_of_connection(&error) => {
                tracing::debug!(%error, "a connection ended before it was accepted");
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests were still running at the end of the drain; their connections are closed"
        );
    }
    connections.shutdown().await;
    Ok(())
}

fn prepare(stream: TcpStream) -> TcpStream {
    // A small response must not wait for more bytes. If this fails, the connection is served anyway.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    stream
}

/// The service of one connection: the shared router, with the client's address.
fn service(
    router: Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    })
}

/// Whether the error concerns only the connection that was about to be accepted, not the listener.
fn is_of_connection(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
