//! A problem document from every corner of the order routes, and what a store or a queue that is away does to
//! a create.

use std::{collections::BTreeSet, io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::StreamBody;
use hyper::body::Frame;
use rusqlite::Connection;
use serde_json::{Value, json};
use waybill::{features::orders::model::Order, platform::http::Kind};

use super::{orders_of, post_text};
use crate::support::{Answer, Client, TestApp, orders::order};

const LIMIT: usize = 256 * 1024;

/// Everything a problem document must say, whatever it is about.
#[track_caller]
fn check(answer: &Answer, kind: Kind, path: &str) -> Value {
    let body = answer.problem(kind.status().as_u16(), kind.code());
    assert_eq!((&body["type"], &body["title"]), (&json!(kind.type_uri()), &json!(kind.title())));
    assert_eq!((&body["retryable"], &body["instance"]), (&json!(kind.retryable()), &json!(path)));
    assert_eq!(body["message"], body["detail"]);
    assert!(body["detail"].as_str().is_some_and(|d| !d.is_empty()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for inside in [".rs", "sqlite", "SQLite", "panicked", "serde", "/tmp", "waybill.db"] {
        assert!(!answer.text().contains(inside), "{inside}: {}", answer.text());
    }
    body
}

fn chunked(chunks: Vec<Vec<u8>>) -> Body {
    let frames = chunks.into_iter().map(|c| Ok::<_, io::Error>(Frame::data(Bytes::from(c))));
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

/// An order of exactly so many bytes.
fn of_size(size: usize) -> String {
    let text = order("A-1").to_string();
    format!("{text}{}", " ".repeat(size - text.len()))
}

#[tokio::test]
async fn bodies_that_are_no_json_are_malformed() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for path in ["/orders/create", "/v1/orders"] {
        for body in [
            &b""[..],
            b"  \r\n",
            b"{",
            b"{\"invoiceNumber\":}",
            b"invoiceNumber=INV-1",
            b"{}x",
            b"\xff\xfe{}",
            b"\xef\xbb\xbf\xef\xbb\xbf{}",
            b"\xef\xbb\xbf",
            b"\x00",
        ] {
            check(&post_text(&merchant, path, body.to_vec()).await, Kind::MalformedBody, path);
        }
        let mut latin = order("A-1").to_string().into_bytes();
        let at = latin.windows(4).position(|w| w == b"Asha").unwrap();
        latin[at] = 0xe9;
        let body = check(&post_text(&merchant, path, latin).await, Kind::MalformedBody, path);
        assert!(body["detail"].as_str().unwrap().contains("UTF-8"));
        let broken = futures_util::stream::iter([
            Ok(Frame::data(Bytes::from_static(b"{\"invoice"))),
            Err(io::Error::other("gone")),
        ]);
        check(
            &post_text(&merchant, path, Body::new(StreamBody::new(broken))).await,
            Kind::MalformedBody,
            path,
        );
    }
    assert_eq!(orders_of(&merchant).await, 0);
}

#[tokio::test]
async fn what_is_not_sent_as_json_is_not_read() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    let body = || Body::from(order("A-1").to_string());
    for path in ["/orders/create", "/v1/orders"] {
        for given in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=latin1",
            "json",
            "",
        ] {
            let request = Request::post(path).header(header::CONTENT_TYPE, given).body(body()).unwrap();
            check(&merchant.send(request).await, Kind::UnsupportedMediaType, path);
        }
        check(
            &merchant.send(Request::post(path).body(body()).unwrap()).await,
            Kind::UnsupportedMediaType,
            path,
        );
        let zipped = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_ENCODING, "gzip");
        check(&merchant.send(zipped.body(body()).unwrap()).await, Kind::UnsupportedMediaType, path);
    }
    assert_eq!(orders_of(&merchant).await, 0);
}

#[tokio::test]
async fn bodies_over_256_kib_are_refused_whether_announced_or_not() {
    let app = TestApp::start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    for path in ["/orders/create", "/v1/orders"] {
        check(&post_text(&merchant, path, of_size(LIMIT + 1)).await, Kind::PayloadTooLarge, path);
        let pieces = of_size(LIMIT + 1).into_bytes().chunks(1000).map(<[u8]>::to_vec).collect();
        check(&post_text(&merchant, path, chunked(pieces)).await, Kind::PayloadTooLarge, path);
        let lying = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, "10");
        let lying = lying.body(chunked(vec![of_size(LIMIT + 1).into_bytes()])).unwrap();
        check(&merchant.send(lying).await, Kind::PayloadTooLarge, path);
    }
    assert_eq!(orders_of(&merchant).await, 0);
    assert_eq!(post_text(&merchant, "/orders/create", of_size(LIMIT)).await.status, 201, "at the limit");
    let pieces = of_size(LIMIT).into_bytes().chunks(1000).map(<[u8]>::to_vec).collect();
    assert_eq!(post_text(&merchant, "/orders/create", chunked(pieces)).await.status, 200, "in pieces");
}

/// Over a real connection: the client must see the answer although it has not sent everything.
#[tokio::test]
async fn a_client_that_is_still_sending_gets_its_413() {
    let app = TestApp::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(waybill::platform::http::serve::serve(
        listener,
        app.router(),
        stop.clone(),
        Duration::from_secs(5),
    ));
    let token = app.merchant("u1").token.unwrap();
    let client = reqwest::Client::new();
    let url = format!("http://{address}/orders/create");
    let send = |body: reqwest::Body| {
        client.post(&url).bearer_auth(&token).header("content-type", "application/json").body(body).send()
    };
    let announced = send(vec![b' '; 700 * 1024].into()).await.unwrap();
    assert_eq!(announced.status().as_u16(), 413);
    assert_eq!(announced.json::<Value>().await.unwrap()["code"], "payload-too-large");
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for (path, allowed) in [
        ("/orders/create", &["POST"][..]),
        ("/v1/orders", &["GET", "HEAD", "POST"]),
        ("/v1/orders/ord_1", &["GET", "HEAD"]),
        ("/v1/orders/ord_1/provider-logs", &["GET", "HEAD"]),
    ] {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            if allowed.contains(&method.as_str()) {
                continue;
            }
            let answer = merchant
                .send(Request::builder().method(&method).uri(path).body(Body::empty()).unwrap())
                .await;
            check(&answer, Kind::MethodNotAllowed, path);
            let told: BTreeSet<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
            assert_eq!(told, allowed.iter().copied().collect(), "{method} {path}");
        }
    }
    let head = merchant.send(Request::head("/v1/orders").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn paths_that_are_not_there_are_not_found() {
    let app = TestApp::start().await;
    let merchant = app.merchant("u1");
    for path in [
        "/orders",
        "/orders/",
        "/orders/create//",
        "/orders/create/x",
        "/Orders/create",
        "/v1/orders/",
        "/v2/orders",
        "/v1/order",
        "/orders/ord_1",
        "/v1/orders/a/b",
    ] {
        check(&merchant.get(path).await, Kind::NotFound, path);
        check(&post_text(&merchant, path, order("A-1").to_string()).await, Kind::NotFound, path);
    }
    assert_eq!(orders_of(&merchant).await, 0);
}

/// Holds the write lock of a database of the app until it is dropped.
fn locked(app: &TestApp, file: &str) -> Connection {
    let lock = Connection::open(app.folder.path().join(file)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    lock
}

async fn create(client: &Client) -> Answer {
    client.post("/orders/create", &order("A-1")).await
}

/// Takes the three seconds for which a busy database is waited for.
#[tokio::test]
async fn while_the_store_is_away_nothing_is_created_and_the_client_may_retry() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let lock = locked(&app, "waybill.db");
    let answer = create(&merchant).await;
    check(&answer, Kind::TemporarilyUnavailable, "/orders/create");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(orders_of(&merchant).await, 0, "reading goes on");
    assert_eq!(app.counts().await.open(), 0, "no job without its order");
    drop(lock);
    assert_eq!(create(&merchant).await.status, 201);
    assert_eq!(create(&merchant).await.status, 200);
    assert_eq!((orders_of(&merchant).await, app.counts().await.waiting), (1, 1));
}

#[tokio::test]
async fn a_create_that_took_too_long_is_settled_by_sending_it_again() {
    let app = TestApp::builder().on_files().setting("WAYBILL_HTTP__TIMEOUT", "100ms").start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let lock = locked(&app, "waybill.db");
    let answer = create(&merchant).await;
    check(&answer, Kind::RequestTimeout, "/orders/create");
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(lock);
    // As the problem says: the same request again, until it is answered.
    let settled = loop {
        let again = create(&merchant).await;
        if again.status != 503 {
            break again;
        }
    };
    assert!(matches!(settled.status.as_u16(), 200 | 201), "{}", settled.text());
    let page = loop {
        let page = merchant.get("/v1/orders").await;
        if page.status != 503 {
            break page.json();
        }
    };
    let ids: Vec<_> = page["data"].as_array().unwrap().iter().map(|o| &o["id"]).collect();
    assert_eq!(ids, [&settled.json()["data"]["id"]]);
}

#[tokio::test]
async fn a_queue_that_is_away_keeps_no_order_from_being_taken() {
    let app = TestApp::builder().on_files().start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    let lock = locked(&app, "queue.db");
    let answer = create(&merchant).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let stored = app.app.store.get::<Order>(&id).await.unwrap().unwrap();
    assert_eq!(stored.outbox()[0].job, format!("create-order-{id}-1"), "the outbox will bring its job");
    assert_eq!(create(&merchant).await.status, 200);
    drop(lock);
}

#[tokio::test]
async fn a_store_that_is_broken_is_our_fault_and_shows_nothing_of_itself() {
    let app = TestApp::builder().on_files().start().await;
    let merchant = app.merchant("u1");
    Connection::open(app.folder.path().join("waybill.db"))
        .unwrap()
        .execute_batch("DROP TABLE orders")
        .unwrap();
    check(&create(&merchant).await, Kind::Internal, "/orders/create");
    for path in ["/v1/orders", "/v1/orders/ord_1", "/v1/orders/ord_1/provider-logs"] {
        check(&merchant.get(path).await, Kind::Internal, path);
    }
    assert_eq!(app.counts().await.open(), 0);
}
