//! Real sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::ConnectInfo,
    routing::{get, post},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use validator::Validate;
use waybill::platform::http::{
    ValidJson,
    serve::{Edge, Stopping, serve_at},
};

use super::edge;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Empty {}

struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    entered: Arc<Notify>,
    release: Arc<Notify>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(drain: Duration) -> Server {
    start_at(drain, Edge::default()).await
}

async fn start_at(drain: Duration, edges: Edge) -> Server {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (e, r) = (entered.clone(), release.clone());
    let router = Router::new()
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route(
            "/slow",
            get(async move || {
                e.notify_one();
                r.notified().await;
                "done"
            }),
        )
        .route("/json", post(async |ValidJson(Empty {}): ValidJson<Empty>| "read"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let stopping = Stopping { soon: stop.clone(), now: stop.clone(), hurry: CancellationToken::new() };
    let task = tokio::spawn(serve_at(listener, edge(router), edges, stopping, drain));
    Server { addr, stop, entered, release, task }
}

impl Server {
    async fn open(&self, send: &[u8]) -> TcpStream {
        let mut s = TcpStream::connect(self.addr).await.unwrap();
        s.write_all(send).await.unwrap();
        s
    }

    /// Sends, and reads to the end of the connection.
    async fn exchange(&self, send: &[u8]) -> String {
        rest(self.open(send).await).await
    }
}

async fn rest(mut s: TcpStream) -> String {
    let mut text = Vec::new();
    s.read_to_end(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// Up to the end of one answer with a known last word.
async fn until(s: &mut TcpStream, last: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.ends_with(last) {
        let n = s.read(&mut buffer).await.unwrap();
        assert_ne!(n, 0, "the connection ended: {text}");
        text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    }
    text
}

#[tokio::test]
async fn handlers_see_the_client_and_connections_are_kept() {
    let server = start(Duration::from_secs(5)).await;
    let mut s = server.open(b"").await;
    let me = s.local_addr().unwrap().to_string();
    for _ in 0..3 {
        s.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(until(&mut s, &me).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn bodies_too_large_for_their_announcement_or_without_one_are_refused_and_the_answer_arrives() {
    let server = start(Duration::from_secs(5)).await;
    let head = "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let announced = format!("{head}Content-Length: 600000\r\n\r\n{}", " ".repeat(600_000));
    let chunk = format!("{:x}\r\n{}\r\n", 2000, " ".repeat(2000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(300));
    for request in [announced, chunked] {
        let answer = server.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("payload-too-large"), "{answer}");
    }
    let good = server
        .exchange(format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n").as_bytes())
        .await;
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("read"), "{good}");
    // A client that waits to be asked for its body is refused without being asked.
    let waiting = server
        .exchange(format!("{head}Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n").as_bytes())
        .await;
    assert!(waiting.starts_with("HTTP/1.1 413"), "{waiting}");
    // A body that is cut off.
    let mut cut = server.open(format!("{head}Content-Length: 50\r\n\r\n{{").as_bytes()).await;
    cut.shutdown().await.unwrap();
    let answer = rest(cut).await;
    assert!(answer.is_empty() || answer.contains("malformed-body"), "{answer}");
}

#[tokio::test]
async fn requests_that_cannot_be_parsed_do_no_harm() {
    let server = start(Duration::from_secs(5)).await;
    for bad in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = server.exchange(bad).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"),
            "{answer}"
        );
    }
    let huge =
        format!("GET /peer HTTP/1.1\r\nHost: x\r\nX-A: {}\r\nConnection: close\r\n\r\n", "a".repeat(30_000));
    let answer = server.exchange(huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431") && answer.contains("headers-too-large"), "{answer}");
    assert!(
        server
            .exchange(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_stop_lets_running_requests_end_and_takes_no_new_ones() {
    let server = start(Duration::from_secs(60)).await;
    let idle = server.open(b"").await;
    let mut kept = server.open(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let me = kept.local_addr().unwrap().to_string();
    until(&mut kept, &me).await;
    let running = server.open(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.entered.notified().await;

    server.stop.cancel();
    assert_eq!(rest(kept).await, "", "an idle connection is closed at once");
    assert_eq!(rest(idle).await, "");
    assert!(TcpStream::connect(server.addr).await.is_err(), "the port is still open");
    assert!(!server.task.is_finished());
    server.release.notify_one();
    assert!(rest(running).await.ends_with("done"));
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_has_an_end() {
    let server = start(Duration::from_millis(50)).await;
    let running = server.open(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.entered.notified().await;
    server.stop.cancel();
    server.task.await.unwrap().unwrap();
    assert_eq!(rest(running).await, "", "cut, not answered");
}

#[tokio::test]
async fn many_clients_at_once_are_all_served() {
    let server = Arc::new(start(Duration::from_secs(5)).await);
    let clients = (0..64).map(|_| {
        let server = server.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let answer =
                    server.exchange(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// Its pool keeps a connection no longer than it is told to.
#[tokio::test]
async fn clients_are_told_how_long_a_connection_may_be_idle_and_that_is_what_it_may() {
    let edge = Edge { idle: Duration::from_secs(1), ..Edge::default() };
    let server = start_at(Duration::from_secs(5), edge).await;
    let mut kept = server.open(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let me = kept.local_addr().unwrap().to_string();
    let answer = until(&mut kept, &me).await;
    assert!(answer.contains("keep-alive: timeout=1\r\n"), "{answer}");
    assert_eq!(rest(kept).await, "", "closed when it was idle for so long");
    let last = server.exchange(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(!last.contains("keep-alive:"), "{last}");
    assert_eq!(Edge::default().idle, Duration::from_secs(75), "longer than common balancers keep them");
}

#[tokio::test]
async fn headers_that_do_not_come_to_an_end_are_not_waited_for() {
    let edge = Edge { headers: Duration::from_millis(100), ..Edge::default() };
    let server = start_at(Duration::from_secs(5), edge).await;
    // A second request on a kept connection counts anew.
    let mut slow = server.open(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let me = slow.local_addr().unwrap().to_string();
    until(&mut slow, &me).await;
    slow.write_all(b"GET /peer HTTP/1.1\r\nHos").await.unwrap();
    assert_eq!(rest(slow).await, "");
    // A request that is answered slowly is none of these.
    let running = server.open(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    server.entered.notified().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.release.notify_one();
    assert!(rest(running).await.ends_with("done"));
}

/// What a client has connected before the end is answered, though it writes only then.
#[tokio::test]
async fn a_stop_lingers_says_that_each_answer_is_the_last_and_serves_who_has_not_sent_yet() {
    let edge = Edge { linger: Duration::from_millis(300), ..Edge::default() };
    let server = start_at(Duration::from_secs(60), edge).await;
    let mut kept = server.open(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let me = kept.local_addr().unwrap().to_string();
    until(&mut kept, &me).await;
    server.stop.cancel();
    // On a kept connection, and on a new one.
    kept.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = rest(kept).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    let answer = server.exchange(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    let mut silent = server.open(b"").await;
    let mut half = server.open(b"GET /peer HTTP/1.1\r\n").await;
    // Who begins to connect now is passed over, and would only be refused when their system tries again.
    let connected = async || {
        let connect = TcpStream::connect(server.addr);
        tokio::time::timeout(Duration::from_millis(100), connect).await.is_ok_and(|made| made.is_ok())
    };
    while connected().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    silent.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    half.write_all(b"Host: x\r\n\r\n").await.unwrap();
    for late in [silent, half] {
        let answer = rest(late).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    }
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let edge = Edge { connections: 1, ..Edge::default() };
    let server = start_at(Duration::from_secs(5), edge).await;
    let running = server.open(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    server.entered.notified().await;
    let mut second = server.open(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut [0; 1])).await;
    assert!(early.is_err(), "it was served beside the first");
    server.release.notify_one();
    assert!(rest(running).await.ends_with("done"));
    assert!(rest(second).await.starts_with("HTTP/1.1 200"));
}

/// A client that does not read would hold its connection, and what is to be sent, for as long as it likes.
#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let endless = || async {
        let chunks = futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(vec![b'x'; 65_536]));
        axum::body::Body::from_stream(chunks)
    };
    let router = Router::new().route("/endless", get(endless));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let stopping = Stopping { soon: stop.clone(), now: stop.clone(), hurry: CancellationToken::new() };
    let edges = Edge { stall: Duration::from_millis(300), ..Edge::default() };
    let task = tokio::spawn(serve_at(listener, router, edges, stopping, Duration::from_secs(60)));
    let mut reads = TcpStream::connect(addr).await.unwrap();
    let mut sleeps = TcpStream::connect(addr).await.unwrap();
    for stream in [&mut reads, &mut sleeps] {
        stream.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    }
    // Whoever reads, however slowly, goes on.
    let mut buffer = vec![0; 4 * 1024 * 1024];
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        reads.read_exact(&mut buffer).await.unwrap();
    }
    // What was in flight can still be read; then the connection has ended.
    let rest = async { while sleeps.read(&mut buffer).await.is_ok_and(|n| n > 0) {} };
    tokio::time::timeout(Duration::from_secs(20), rest).await.expect("it is never cut");
    drop(reads);
    stop.cancel();
    assert!(tokio::time::timeout(Duration::from_secs(20), task).await.is_ok());
}
