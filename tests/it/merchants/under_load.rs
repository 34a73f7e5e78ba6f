//! What is taken away counts no more within a second, at another process too, however much is asked then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waybill::{
    app::App,
    features::{
        audit::{AuditContext, Via},
        merchants::model::State,
    },
    provider::carrier::ProviderEnv,
};

use super::{
    key,
    members::{as_person, call, invite},
    sign_up,
};
use crate::support::{Client, TestApp};

/// Those who ask at the same time, each with one credential.
const AT_ONCE: usize = 16;
/// Answers of all of them before, and after, something is taken away.
const ANSWERS: usize = 400;

/// What all of them share.
#[derive(Default)]
struct Load {
    /// It was taken away more than a second ago.
    over: AtomicBool,
    /// Answers to requests that began before, and since.
    before: AtomicUsize,
    since: AtomicUsize,
    ended: AtomicBool,
}

impl Load {
    /// Asks again and again: what begins after it is over is refused, and nothing ever fails.
    async fn ask(&self, client: &Client) {
        while !self.ended.load(Ordering::SeqCst) {
            let over = self.over.load(Ordering::SeqCst);
            let status = client.get("/v1/orders").await.status.as_u16();
            let good = if over { matches!(status, 401 | 403) } else { matches!(status, 200 | 401 | 403) };
            assert!(good, "{status}, over: {over}");
            if over { &self.since } else { &self.before }.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    }

    async fn until(&self, count: &AtomicUsize) {
        while count.load(Ordering::SeqCst) < ANSWERS {
            tokio::task::yield_now().await;
        }
    }
}

async fn ends_under_load(app: &TestApp, clients: Vec<Client>, take_away: impl Future<Output = ()>) {
    let load = Arc::new(Load::default());
    let mut asking = JoinSet::new();
    for client in clients.into_iter().cycle().take(AT_ONCE) {
        let load = Arc::clone(&load);
        asking.spawn(async move { load.ask(&client).await });
    }
    load.until(&load.before).await;
    take_away.await;
    app.advance(Duration::from_secs(1));
    load.over.store(true, Ordering::SeqCst);
    load.until(&load.since).await;
    load.ended.store(true, Ordering::SeqCst);
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_a_session_a_member_and_a_merchant_end_within_a_second() {
    let app = TestApp::start().await;
    sign_up(&app, "asha@example.com").await;
    let owner = as_person(&app, "asha@example.com").await;
    let ravi = invite(&app, &owner, "ravi@example.com", "staff").await;
    let staff = as_person(&app, "ravi@example.com").await;
    let (of_key, shown) = key(&owner, &["orders:read"]).await;
    let other =
        App::open((*app.app.config).clone(), ProviderEnv::Simulator, app.clock.clone()).await.unwrap();
    let elsewhere = other.router(CancellationToken::new());
    // Each credential at this process and at another one.
    let both = |token: &str| {
        let token = Some(token.to_owned());
        vec![
            Client { router: app.router(), token: token.clone() },
            Client { router: elsewhere.clone(), token },
        ]
    };
    let token = |client: &Client| client.token.clone().unwrap();
    let delete = async |path: String| {
        assert_eq!(call(&owner, Method::DELETE, &path, json!({})).await.status, 204, "{path}");
    };

    let id = shown["id"].as_str().unwrap();
    ends_under_load(&app, both(&of_key), delete(format!("/v1/api-keys/{id}"))).await;
    let id = ravi["id"].as_str().unwrap();
    ends_under_load(&app, both(&token(&staff)), delete(format!("/v1/members/{id}"))).await;
    let again = as_person(&app, "asha@example.com").await;
    let logout = async {
        assert_eq!(again.post("/auth/logout", &json!({})).await.status, 204);
    };
    ends_under_load(&app, both(&token(&again)), logout).await;
    let merchant = owner.get("/v1/me").await.json()["data"]["merchantId"].as_str().unwrap().to_owned();
    let suspend = async {
        let by = AuditContext::new("asha", Via::Cli, "unpaid").unwrap();
        app.app.state.merchants.set_state(&merchant, State::Suspended, &by).await.unwrap();
    };
    ends_under_load(&app, both(&token(&owner)), suspend).await;
}
