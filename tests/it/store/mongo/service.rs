//! The whole service on MongoDB.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bson::{Bson, doc, spec::ElementType};
use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use waybill::{app::App, provider::carrier::ProviderEnv};

use crate::support::{
    Client, TestApp,
    mongodb::{Lab, url},
    orders::order,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_taken_booked_and_seen_by_a_tool() {
    let lab = Lab::new().await;
    let app = TestApp::builder().mongodb(&lab.url).start().await;
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("A-1")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
    let seen = merchant.order(&id).await;
    assert_eq!((&seen["status"], &seen["providerSyncStatus"]), (&json!("booked"), &json!("success")));
    assert_eq!(merchant.provider_logs(&id).await.len(), 1);
    assert_eq!(merchant.get("/v1/orders?status=booked").await.json()["data"].as_array().unwrap().len(), 1);
    for collection in ["orders", "parcelx_request_logs", "parcelx_response_logs"] {
        let ids = lab.documents(collection).distinct("_id", doc! {}).await.unwrap();
        let [Bson::String(id)] = &ids[..] else { panic!("{collection}: {ids:?}") };
        let doc = lab.raw(collection, id).await;
        no_nulls_nor_doubles(collection, &Bson::Document(doc.clone()));
        let (name, at) = doc.iter().find(|(name, _)| name.ends_with("At")).unwrap();
        assert_eq!(at.element_type(), ElementType::DateTime, "{collection}.{name}");
    }
}

/// What ParcelX sent is as it sent it.
fn no_nulls_nor_doubles(path: &str, value: &Bson) {
    match value {
        Bson::Null => panic!("{path} is null"),
        Bson::Document(doc) => {
            for (name, value) in doc.iter().filter(|(name, _)| !name.ends_with("Payload")) {
                no_nulls_nor_doubles(&format!("{path}.{name}"), value);
            }
        }
        Bson::Array(list) => list.iter().for_each(|value| no_nulls_nor_doubles(path, value)),
        _ => {}
    }
}

/// How many of the twins are under way at once. Of all thousand the last may wait longer than a request may
/// take, where the other tests run at the same time.
const UNDER_WAY: usize = 200;

/// Four instances, each with connections of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_twins_one_is_created_and_the_others_are_replays() {
    let lab = Lab::new().await;
    let app = TestApp::builder().mongodb(&lab.url).start().await;
    let mut merchants = vec![app.merchant("u1")];
    for _ in 0..3 {
        let config = (*app.app.config).clone();
        let other = App::open(config, ProviderEnv::Simulator, app.clock.clone()).await.unwrap();
        let token = merchants[0].token.clone();
        merchants.push(Client { router: other.router(CancellationToken::new()), token });
    }
    let all = futures_util::stream::iter((0..1000).map(|n| {
        let merchant = merchants[n % 4].clone();
        tokio::spawn(async move { merchant.post("/orders/create", &order("A-1")).await })
    }));
    let answers: Vec<_> = all.buffer_unordered(UNDER_WAY).map(Result::unwrap).collect().await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(201), of(200), of(503)), (1, 999, 0));
    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|a| a.json()["data"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1)]);
}

/// A way to the server that can be cut and that can fall silent.
struct Way {
    port: u16,
    open: Arc<AtomicBool>,
    cut: Arc<std::sync::Mutex<CancellationToken>>,
}

impl Way {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(AtomicBool::new(true));
        let cut = Arc::new(std::sync::Mutex::new(CancellationToken::new()));
        let way = Self { port, open: Arc::clone(&open), cut: Arc::clone(&cut) };
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                if !open.load(Ordering::SeqCst) {
                    continue;
                }
                let (cut, server) = (cut.lock().unwrap().clone(), server.clone());
                connections.spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    cut.run_until_cancelled(copy_bidirectional(&mut near, &mut far)).await
                });
            }
        });
        way
    }

    fn shut(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut.lock().unwrap().cancel();
    }

    fn reopen(&self) {
        *self.cut.lock().unwrap() = CancellationToken::new();
        self.open.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_primary_a_create_is_503_in_time_and_it_heals() {
    let lab = Lab::new().await;
    let server = url("", "");
    let server = server.trim_start_matches("mongodb://").split('/').next().unwrap().to_owned();
    let way = Way::to(server).await;
    let through = format!("mongodb://127.0.0.1:{}/{}?directConnection=true", way.port, lab.database.name());
    let app = TestApp::builder().mongodb(&through).start().await;
    app.leave_jobs();
    let merchant = app.merchant("u1");
    merchant.create(&order("A-1")).await;
    way.shut();
    for n in 0..3 {
        let started = Instant::now();
        let answer = merchant.post("/orders/create", &order(&format!("B-{n}"))).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
        assert_eq!(answer.json()["retryable"], true);
    }
    way.reopen();
    let started = Instant::now();
    while merchant.post("/orders/create", &order("B-0")).await.status == 503 {}
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(lab.documents("orders").count_documents(doc! { "clientOrderId": "B-0" }).await.unwrap(), 1);
}
