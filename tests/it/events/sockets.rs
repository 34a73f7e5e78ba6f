//! WebSockets: the same events, and a close that says why.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use http::Request;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use super::{another, bearer, booked, list, ticket};
use crate::support::TestApp;

pub(super) type Socket = WebSocketStream<TcpStream>;

pub(super) async fn connect(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, Option<String>), tungstenite::Error> {
    connect_by(TcpStream::connect(address).await.unwrap(), path, headers).await
}

/// Over a connection that is there.
pub(super) async fn connect_by(
    stream: TcpStream,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, Option<String>), tungstenite::Error> {
    let address = stream.peer_addr().unwrap();
    let mut request: Request<()> = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (socket, answer) = client_async(request, stream).await?;
    let protocol =
        answer.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap().to_owned());
    Ok((socket, protocol))
}

/// The status of a socket that did not open.
fn status(result: Result<(Socket, Option<String>), tungstenite::Error>) -> u16 {
    match result {
        Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("{:?}", other.err()),
    }
}

pub(super) async fn next(socket: &mut Socket) -> Message {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
        match message.expect("nothing came").expect("it ended").unwrap() {
            Message::Ping(_) => {}
            message => return message,
        }
    }
}

async fn event(socket: &mut Socket) -> Value {
    serde_json::from_str(next(socket).await.to_text().unwrap()).unwrap()
}

pub(super) fn code(message: &Message) -> u16 {
    match message {
        Message::Close(Some(frame)) => frame.code.into(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_order_is_watched_from_another_process() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (address, _stop) = another(&app).await;
    let id = shop.create(&crate::support::orders::order("A-1")).await;
    let path = format!("/ws/orders/{id}");
    let token = bearer(&shop);
    let (mut socket, protocol) = connect(address, &path, &[("authorization", &token)]).await.unwrap();
    assert_eq!(protocol, None);
    // What happens to another order is not told here.
    shop.create(&crate::support::orders::order("A-2")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    app.worker.publisher().pass().await.unwrap();
    let seen = [event(&mut socket).await, event(&mut socket).await, event(&mut socket).await];
    assert_eq!(list(&shop, &format!("/v1/orders/{id}/events")).await, seen);

    // Behind a place, by a ticket, with a subprotocol.
    let path = format!("{path}?cursor={}&ticket={}", seen[0]["id"].as_str().unwrap(), ticket(&shop).await);
    let offered = [("sec-websocket-protocol", "other, waybill.v1")];
    let (mut again, protocol) = connect(address, &path, &offered).await.unwrap();
    assert_eq!(protocol.as_deref(), Some("waybill.v1"));
    assert_eq!([event(&mut again).await, event(&mut again).await], seen[1..]);
    assert_eq!(status(connect(address, &path, &[]).await), 401, "a ticket is used once");
}

#[tokio::test]
async fn what_is_no_socket_of_ours_is_refused() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (address, _stop) = another(&app).await;
    let id = booked(&app, &shop, "A-1").await;
    let (path, token) = (format!("/ws/orders/{id}"), bearer(&shop));
    shop.get(&path).await.problem(400, "bad-request");
    let authorization = ("authorization", token.as_str());
    assert_eq!(status(connect(address, &path, &[]).await), 401);
    assert_eq!(status(connect(address, "/ws/orders/ord_none", &[authorization]).await), 404);
    let other = [authorization, ("sec-websocket-protocol", "graphql-ws")];
    assert_eq!(status(connect(address, &path, &other).await), 400);
    for bad in ["x", "evt_0000000000009999"] {
        assert_eq!(status(connect(address, &format!("{path}?cursor={bad}"), &[authorization]).await), 400);
    }
}

#[tokio::test]
async fn each_end_has_its_code() {
    let app = TestApp::start().await;
    let shop = app.merchant("shop");
    let (address, stop) = another(&app).await;
    let id = booked(&app, &shop, "A-1").await;
    let path = format!("/ws/orders/{id}");
    let short = format!("Bearer {}", app.app.state.tokens.issue("shop", Duration::from_secs(60)).unwrap());
    let (mut expires, _) = connect(address, &path, &[("authorization", &short)]).await.unwrap();
    let token = bearer(&shop);
    let (mut large, _) = connect(address, &path, &[("authorization", &token)]).await.unwrap();
    let (mut stays, _) = connect(address, &path, &[("authorization", &token)]).await.unwrap();

    // What fits is not needed, and does no harm.
    large.send(Message::text("x".repeat(4096))).await.unwrap();
    large.send(Message::text("x".repeat(4097))).await.unwrap();
    let close = next(&mut large).await;
    assert_eq!(code(&close), 1009);

    app.advance(Duration::from_secs(91));
    assert_eq!(code(&next(&mut expires).await), 4001);

    let started = Instant::now();
    stop.cancel();
    let close = next(&mut stays).await;
    assert_eq!(code(&close), 1001);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(json!(close.to_text().unwrap()), json!("the service restarts"));
    // The server waits until both sides have ended it.
    assert!(stays.next().await.is_none_or(|end| end.is_err()));
}
