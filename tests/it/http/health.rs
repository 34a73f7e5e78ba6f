//! What machines ask.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::Router;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use waybill::platform::http::{
    Kind,
    health::{self, About, check, vital},
};

use super::{edge, get};

fn about() -> About {
    About { name: "waybill".into(), version: "1.2.3".into(), commit: None, provider_env: "simulator".into() }
}

fn router(checks: Vec<(&'static str, health::Check)>, draining: CancellationToken) -> Router {
    edge(health::routes(about(), checks, draining).split_for_parts().0)
}

#[tokio::test]
async fn alive_and_version_ask_nobody() {
    let router = router(vec![check("store", async || Err("down".into()))], CancellationToken::new());
    for path in ["/healthz", "/health"] {
        let expected =
            json!({ "status": "ok", "name": "waybill", "version": "1.2.3", "providerEnv": "simulator" });
        assert_eq!(get(&router, path).await.json(), expected);
    }
    assert_eq!(get(&router, "/version").await.json()["version"], "1.2.3");
}

/// A supervisor starts a process anew when it is not alive, and only that helps one whose part has died.
#[tokio::test]
async fn a_process_that_can_never_work_again_is_not_alive() {
    let died = Arc::new(AtomicBool::new(false));
    let seen = died.clone();
    let store = check("store", async || Err("down".into()));
    let store = vital(store, move || seen.load(Ordering::SeqCst));
    let router = router(vec![store, check("queue", async || Ok(()))], CancellationToken::new());
    assert_eq!(get(&router, "/healthz").await.status.as_u16(), 200, "a database that is away comes back");
    died.store(true, Ordering::SeqCst);
    for path in ["/healthz", "/health"] {
        get(&router, path).await.problem(Kind::TemporarilyUnavailable);
    }
}

#[tokio::test]
async fn ready_only_while_every_dependency_answers_in_time() {
    let up = Arc::new(AtomicBool::new(true));
    let seen = up.clone();
    let store = check("store", move || {
        let up = seen.load(Ordering::SeqCst);
        async move { if up { Ok(()) } else { Err("mongodb://user:hunter2@host".to_owned()) } }
    });
    let draining = CancellationToken::new();
    let router = router(vec![store, check("queue", async || Ok(()))], draining.clone());
    assert_eq!(
        get(&router, "/readyz").await.json(),
        json!({ "status": "ready", "checks": { "store": "ok", "queue": "ok" } })
    );

    up.store(false, Ordering::SeqCst);
    let a = get(&router, "/readyz").await;
    let body = a.problem(Kind::TemporarilyUnavailable);
    assert_eq!(body["checks"], json!({ "store": "failed", "queue": "ok" }));
    assert!(!a.text().contains("hunter2"));

    up.store(true, Ordering::SeqCst);
    assert_eq!(get(&router, "/readyz").await.status.as_u16(), 200);
    draining.cancel();
    get(&router, "/readyz").await.problem(Kind::TemporarilyUnavailable);
    assert_eq!(get(&router, "/healthz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_note_is_shown_and_keeps_nobody_from_being_ready() {
    for (says, shown) in
        [(Ok("held: wallet".to_owned()), "held: wallet"), (Err("at hunter2".to_owned()), "failed")]
    {
        let note = health::note("account", move || {
            let says = says.clone();
            async move { says }
        });
        let router = router(vec![check("store", async || Ok(())), note], CancellationToken::new());
        let a = get(&router, "/readyz").await;
        assert_eq!(
            (a.status.as_u16(), a.json()),
            (200, json!({ "status": "ready", "checks": { "store": "ok", "account": shown } }))
        );
    }
}

#[tokio::test]
async fn dependencies_are_asked_side_by_side_and_those_that_hang_are_not_waited_for() {
    // Each of the two answers only while the other is asked too.
    let meeting = Arc::new(tokio::sync::Barrier::new(2));
    let meet = |name| {
        let meeting = meeting.clone();
        check(name, move || {
            let meeting = meeting.clone();
            async move {
                meeting.wait().await;
                Ok(())
            }
        })
    };
    let router = router(
        vec![meet("store"), meet("queue"), check("provider", async || pending().await)],
        CancellationToken::new(),
    );
    let body = get(&router, "/readyz").await.problem(Kind::TemporarilyUnavailable);
    assert_eq!(body["checks"], json!({ "store": "ok", "queue": "ok", "provider": "timeout" }));
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    waybill::platform::telemetry::install();
    let router = router(Vec::new(), CancellationToken::new());
    get(&router, "/version").await;
    let a = get(&router, "/metrics").await;
    assert!(a.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(a.text().contains("route=\"/version\""), "{}", a.text());
}
