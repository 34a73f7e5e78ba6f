//! Events as merchants read them: lists, streams, WebSockets.

mod apart;
mod damaged;
mod late;
mod lists;
pub(crate) mod put_aside;
mod quiet;
mod revoked;
mod sockets;
mod streams;

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use waybill::{app::App, platform::http::serve::serve, provider::carrier::ProviderEnv};

use crate::support::{Client, TestApp, orders::order};

/// A second process on the same database, with a listener for merchants.
pub(crate) async fn another(app: &TestApp) -> (SocketAddr, CancellationToken) {
    let config = (*app.app.config).clone();
    let other = App::open(config, ProviderEnv::Simulator, app.clock.clone()).await.unwrap();
    let stop = CancellationToken::new();
    let router = other.router(stop.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(5)));
    (address, stop)
}

pub(crate) fn bearer(client: &Client) -> String {
    format!("Bearer {}", client.token.as_ref().unwrap())
}

/// A booked order, all of whose events are published.
pub(crate) async fn booked(app: &TestApp, merchant: &Client, name: &str) -> String {
    let id = merchant.create(&order(name)).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    app.worker.publisher().pass().await.unwrap();
    id
}

async fn list(merchant: &Client, path: &str) -> Vec<Value> {
    let answer = merchant.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

async fn ticket(merchant: &Client) -> String {
    let request = http::Request::post("/v1/stream-tickets").body(axum::body::Body::empty()).unwrap();
    let answer = merchant.send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["data"]["ticket"].as_str().unwrap().to_owned()
}
