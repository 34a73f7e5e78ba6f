//! Lines on which nothing happens, and clients that do not answer or do not read.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::{Map, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};
use waybill::{
    features::events::{
        Events, NewEvent, Public, feature,
        feed::{Feed, Quiet, Source},
        live,
        shown::EventType,
    },
    platform::http::{Limits, middleware, serve::serve},
};

use super::{
    bearer, booked,
    sockets::{connect, connect_by},
};
use crate::support::{TestApp, orders::order, sse::Stream};

/// A process whose lines are quiet for so long and no longer.
async fn process(app: &TestApp, quiet: Quiet) -> (SocketAddr, DropGuard) {
    let (services, stop) = (app.app.state.clone(), CancellationToken::new());
    let source = Source { quiet, ..live::source(services.messages.typing().clone()) };
    let feed = Feed::new(Events::new(services.store.clone()), source, stop.clone());
    let services = services.with_feed(feed);
    let (router, _) = feature().routes.with_state(services).split_for_parts();
    let router = middleware::apply(router, &Limits::default(), app.clock.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(5)));
    (address, stop.drop_guard())
}

/// How many sockets have ended so.
async fn ended(app: &TestApp, reason: &str) -> u64 {
    let metrics = app.anybody().get("/metrics").await.text();
    let name = format!("waybill_websockets_ended_total{{reason=\"{reason}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |n| n.parse().unwrap())
}

#[tokio::test]
async fn a_stream_says_now_and_then_that_it_is_there() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let quiet = Quiet { beat: Duration::from_millis(50), ..Quiet::default() };
    let (address, _stop) = process(&app, quiet).await;
    let mut live = Stream::open(address, "/v1/events/stream", &[("Authorization", &bearer(&shop))]).await;
    // After an end clients wait for so long: those that are told 0 ask without a pause.
    let retry: u64 = live.line("retry: ").await.parse().unwrap();
    assert!(retry >= 1000, "{retry}");
    for _ in 0..3 {
        assert_eq!(live.line(": ").await, "still here");
    }
    booked(&app, &shop, "A-1").await;
    assert_eq!(live.next().await.data["data"]["clientOrderId"], "A-1");
    live.line(": ").await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_gone() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let id = booked(&app, &shop, "A-1").await;
    let silent = Duration::from_secs(2);
    let quiet = Quiet { beat: Duration::from_millis(50), silent, ..Quiet::default() };
    let (address, _stop) = process(&app, quiet).await;
    let (path, token, before) = (format!("/ws/orders/{id}"), bearer(&shop), ended(&app, "silent").await);
    // As every library does, whenever it reads.
    let (mut answers, _) = connect(address, &path, &[("authorization", &token)]).await.unwrap();
    let mut silence = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    silence.write_all(head.as_bytes()).await.unwrap();
    let started = Instant::now();
    let pinged = async {
        let mut pings = 0;
        while started.elapsed() < silent * 3 / 2 {
            let message = timeout(Duration::from_secs(20), answers.next()).await.expect("nothing came");
            assert!(matches!(message, Some(Ok(Message::Ping(_)))), "{message:?}");
            pings += 1;
        }
        pings
    };
    let mut told = Vec::new();
    let cut = timeout(Duration::from_secs(20), silence.read_to_end(&mut told));
    let (pings, cut) = tokio::join!(pinged, cut);
    cut.expect("it is still open").unwrap();
    assert!(pings > 5, "{pings}");

    let head = told.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(told.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&told));
    let words = b"you do not answer pings";
    let length = u8::try_from(words.len() + 2).unwrap();
    let close = [&[0x88, length][..], &4002_u16.to_be_bytes(), words].concat();
    let (pings, last) = told[head..].split_at(told.len() - head - close.len());
    assert_eq!(last, close);
    assert!(pings.len() > 10 && pings.chunks(2).all(|ping| ping == [0x89, 0]), "{pings:?}");
    assert_eq!(ended(&app, "silent").await, before + 1);
}

/// More than a connection holds by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_and_counted() {
    const EVENTS: i64 = 600;
    let app = TestApp::start().await;
    app.leave_jobs();
    let shop = app.merchant("shop");
    let id = shop.create(&order("A-1")).await;
    let kind = EventType::OrderStatusChanged.as_str().to_owned();
    let events = Events::new(app.app.store.clone());
    for first in (1..=EVENTS).step_by(50) {
        let new = (first..first + 50).map(|no| NewEvent {
            at: app.clock.now(),
            kind: "order.retrying".to_owned(),
            subject: id.clone(),
            no,
            merchant: Some("shop".to_owned()),
            public: Some(Public { merchant: "shop".to_owned(), kind: kind.clone() }),
            data: Map::from_iter([("reason".to_owned(), json!("x".repeat(20_000)))]),
        });
        events.publish(new.collect(), None).await.unwrap();
    }
    let quiet = Quiet { slow: Duration::from_millis(500), ..Quiet::default() };
    let (address, _stop) = process(&app, quiet).await;
    let before = ended(&app, "slow").await;
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(64 * 1024).unwrap();
    let narrow = narrow.connect(address).await.unwrap();
    let path = format!("/ws/orders/{id}?cursor=evt_0000000000000000");
    let (mut deaf, _) = connect_by(narrow, &path, &[("authorization", &bearer(&shop))]).await.unwrap();

    let started = Instant::now();
    while ended(&app, "slow").await == before {
        assert!(started.elapsed() < Duration::from_secs(20), "it is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ended(&app, "slow").await, before + 1);
    // What was on its way arrives, and then nothing: no close finds room on such a line.
    let mut read = 0;
    let end = loop {
        match timeout(Duration::from_secs(20), deaf.next()).await.expect("it is still open") {
            Some(Ok(Message::Text(_))) => read += 1,
            end => break end,
        }
    };
    assert!(read < EVENTS && matches!(end, None | Some(Err(_))), "{read} {end:?}");
}
