//! What a credential has opened ends with it, wherever it is open.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::body::Body;
use http::Request;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use waybill::{admin::rights::Role, platform::http::serve::serve};

use super::{
    another, bearer,
    sockets::{Socket, code, connect, next},
    ticket,
};
use crate::{
    merchants::{key, members::as_person, sign_up, with_key},
    support::{Client, TestApp, orders::order, sse::Stream},
};

const EMAIL: &str = "owner@example.com";

/// The process that is told of the end, and another one.
struct Processes {
    addresses: [SocketAddr; 2],
    _stop: [DropGuard; 2],
}

impl Processes {
    async fn start(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (here, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve(listener, app.router(), stop.clone(), Duration::from_secs(5)));
        let (elsewhere, other) = another(app).await;
        Self { addresses: [here, elsewhere], _stop: [stop.drop_guard(), other.drop_guard()] }
    }

    /// Opens a stream and a socket at each, by the client's own credential and by a ticket for it.
    async fn open(&self, client: &Client, order: &str) -> Open {
        let (mut streams, mut sockets) = (Vec::new(), Vec::new());
        let (own, of_order) = (bearer(client), format!("/ws/orders/{order}"));
        for address in self.addresses {
            streams.push(Stream::open(address, "/v1/events/stream", &[("Authorization", &own)]).await);
            let by_ticket = format!("/v1/events/stream?ticket={}", ticket(client).await);
            streams.push(Stream::open(address, &by_ticket, &[]).await);
            sockets.push(connect(address, &of_order, &[("authorization", &own)]).await.unwrap().0);
            let by_ticket = format!("{of_order}?ticket={}", ticket(client).await);
            sockets.push(connect(address, &by_ticket, &[]).await.unwrap().0);
        }
        Open { streams, sockets }
    }
}

/// What one client has open.
struct Open {
    streams: Vec<Stream>,
    sockets: Vec<Socket>,
}

impl Open {
    /// All of it ends, with its reason and within two seconds of the moment when processes look again.
    async fn ends(self, app: &TestApp) {
        app.advance(Duration::from_secs(1));
        let started = Instant::now();
        for mut stream in self.streams {
            let bye = stream.next().await;
            assert_eq!((bye.event.as_str(), &bye.data), ("bye", &json!({ "reason": "unauthorized" })));
            assert!(stream.ended().await);
        }
        for mut socket in self.sockets {
            let close = next(&mut socket).await;
            assert_eq!((code(&close), close.to_text().unwrap()), (4001, "the token is not valid any more"));
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    /// None of it has ended: the next that it hears is this order.
    async fn hears(mut self, order: &str) {
        for stream in &mut self.streams {
            assert_eq!(stream.next().await.data["data"]["orderId"], json!(order));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_deleted_ends_all_that_it_opened_and_nothing_else() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let (shop, processes) = (app.merchant("shop"), Processes::start(&app).await);
    let id = shop.create(&order("A-1")).await;
    let (text, shown) = key(&shop, &["events"]).await;
    let (kept, _) = key(&shop, &["events"]).await;
    let opened = processes.open(&with_key(&app, &text), &id).await;
    let stays = processes.open(&with_key(&app, &kept), &id).await;
    let path = format!("/v1/api-keys/{}", shown["id"].as_str().unwrap());
    assert_eq!(shop.send(Request::delete(path).body(Body::empty()).unwrap()).await.status, 204);
    opened.ends(&app).await;
    app.worker.publisher().pass().await.unwrap();
    stays.hears(&id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_out_ends_what_that_session_opened() {
    let app = TestApp::start().await;
    app.leave_jobs();
    sign_up(&app, EMAIL).await;
    let processes = Processes::start(&app).await;
    let (here, elsewhere) = (as_person(&app, EMAIL).await, as_person(&app, EMAIL).await);
    let id = here.create(&order("A-1")).await;
    let (opened, stays) = (processes.open(&here, &id).await, processes.open(&elsewhere, &id).await);
    assert_eq!(here.post("/auth/logout", &json!({})).await.status, 204);
    opened.ends(&app).await;
    app.worker.publisher().pass().await.unwrap();
    stays.hears(&id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_who_is_suspended_has_nothing_open_any_more() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let me = sign_up(&app, EMAIL).await;
    let merchant = me["merchantId"].as_str().unwrap();
    let processes = Processes::start(&app).await;
    let person = as_person(&app, EMAIL).await;
    let id = person.create(&order("A-1")).await;
    let keyed = with_key(&app, &key(&person, &["events"]).await.0);
    let clients = [person, keyed, app.merchant(merchant)];
    let mut all = Open { streams: Vec::new(), sockets: Vec::new() };
    for client in &clients {
        let mut opened = processes.open(client, &id).await;
        all.streams.append(&mut opened.streams);
        all.sockets.append(&mut opened.sockets);
    }
    let desk = app.admin(Role::Admin).await;
    let body = json!({ "reason": "unpaid" });
    assert_eq!(desk.post(&format!("/merchants/{merchant}/suspend"), &body).await.status, 200);
    all.ends(&app).await;
}

/// Each of them is refused, and that is no guessing: otherwise all but the first few would stay open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_end_whatever_else_their_address_has_asked() {
    let app = TestApp::builder().setting("WAYBILL_LIMITS__ADDRESS", "1").start().await;
    app.leave_jobs();
    let (shop, processes) = (app.merchant("shop"), Processes::start(&app).await);
    let id = shop.create(&order("A-1")).await;
    let (text, shown) = key(&shop, &["events"]).await;
    let opened = processes.open(&with_key(&app, &text), &id).await;
    let path = format!("/v1/api-keys/{}", shown["id"].as_str().unwrap());
    assert_eq!(shop.send(Request::delete(path).body(Body::empty()).unwrap()).await.status, 204);
    opened.ends(&app).await;
    // Whoever guesses is still counted.
    let wrong = [("Authorization", "Bearer wrong")];
    let (first, _) = Stream::ask(processes.addresses[1], "/v1/events/stream", &wrong).await;
    let (second, _) = Stream::ask(processes.addresses[1], "/v1/events/stream", &wrong).await;
    assert!(first.starts_with("HTTP/1.1 401") && second.starts_with("HTTP/1.1 429"), "{first} {second}");
}
