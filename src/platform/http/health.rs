//! The routes for load balancers and monitoring: liveness, readiness, version and metrics.
//!
//! A balancer learns when an instance cannot serve requests. The reason goes to the log only, since the
//! routes are public.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::future::{BoxFuture, join_all};
use http::header;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Kind, Problem, answer};
use crate::platform::telemetry;

/// A dependency that takes longer counts as failed.
const CHECK_LIMIT: Duration = Duration::from_secs(1);

/// The program and its version.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    #[schema(example = "waybill")]
    pub name: String,
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The commit it was built from, if known at build time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where orders go: `simulator` or `live`.
    #[schema(example = "simulator")]
    pub provider_env: String,
}

/// A check of one dependency. The error text goes to the log only.
pub struct Check {
    run: Box<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>,
    /// Whether the instance is not ready while this check fails.
    required: bool,
    /// Whether only a new process helps.
    dead: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("required", &self.required).finish_non_exhaustive()
    }
}

/// A named [`Check`] that must succeed.
pub fn check<F, Fut>(name: &'static str, run: F) -> (&'static str, Check)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    check_if(true, name, run)
}

/// A named [`Check`] that must succeed if it is `required`, and is only shown otherwise.
pub fn check_if<F, Fut>(required: bool, name: &'static str, run: F) -> (&'static str, Check)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    let run = move || -> BoxFuture<'static, _> {
        let result = run();
        Box::pin(async { result.await.map(|()| "ok".to_owned()) })
    };
    (name, Check { run: Box::new(run), required, dead: None })
}

/// Information that is shown with the checks and does not affect readiness. Its text is public.
pub fn note<F, Fut>(name: &'static str, run: F) -> (&'static str, Check)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    (name, Check { run: Box::new(move || Box::pin(run())), required: false, dead: None })
}

/// The same check; the process is not alive any more once `dead` says so, and is to be started anew.
pub fn vital(
    (name, check): (&'static str, Check),
    dead: impl Fn() -> bool + Send + Sync + 'static,
) -> (&'static str, Check) {
    (name, Check { dead: Some(Box::new(dead)), ..check })
}

struct Health {
    about: About,
    checks: Vec<(&'static str, Check)>,
    draining: CancellationToken,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("about", &self.about).finish_non_exhaustive()
    }
}

/// `/healthz` (alias `/health`), `/readyz`, `/version` and `/metrics`: public. `/readyz` is 503 once
/// `draining` is cancelled.
pub fn routes<S>(
    about: About,
    checks: Vec<(&'static str, Check)>,
    draining: CancellationToken,
) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(health))
        .routes(routes!(readyz))
        .routes(routes!(version))
        .routes(routes!(metrics))
        .with_state(Arc::new(Health { about, checks, draining }))
}

/// The process is alive.
#[derive(Debug, Serialize, ToSchema)]
struct Alive<'a> {
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    #[serde(flatten)]
    about: &'a About,
}

/// For the document.
fn alive() -> serde_json::Value {
    serde_json::json!({ "status": "ok", "name": "waybill", "version": "0.1.0", "providerEnv": "simulator" })
}

/// Is the process alive?
///
/// Does not check any dependency: restart the process when this fails, not when `/readyz` does.
#[utoipa::path(get, path = "/healthz", tag = "Service", security(()),
    responses((status = 200, description = "It is alive", body = Alive, example = json!(alive())),
        (status = 503, description = "It can never do its work again: restart it")))]
async fn healthz(State(health): State<Arc<Health>>) -> Response {
    let dead = |check: &Check| check.dead.as_ref().is_some_and(|dead| dead());
    if let Some((name, _)) = health.checks.iter().find(|(_, check)| dead(check)) {
        tracing::error!(check = *name, "a part of this process has ended: it must be started anew");
        let detail = "A part of the process has ended. It must be started anew.";
        return Problem::new(Kind::TemporarilyUnavailable, detail).into_response();
    }
    answer::ok(&Alive { status: "ok", about: &health.about })
}

/// Is the process alive? (alias of `/healthz`)
#[utoipa::path(get, path = "/health", tag = "Service", security(()),
    responses((status = 200, description = "It is alive", body = Alive, example = json!(alive())),
        (status = 503, description = "It can never do its work again: restart it")))]
async fn health(state: State<Arc<Health>>) -> Response {
    healthz(state).await
}

/// The instance accepts requests.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// Name of a dependency → `ok`, `failed` or `timeout`. `account`: `ok` or `held: …`, with `wallet`,
    /// `credentials` or `configuration`; while it is held, orders are accepted and booked later.
    #[schema(value_type = BTreeMap<String, String>,
        example = json!({ "store": "ok", "queue": "ok", "account": "ok" }))]
    checks: BTreeMap<&'static str, String>,
}

/// Does the instance accept requests?
///
/// 503 if the store (of a worker: or the queue) fails or does not respond within a second, or if the instance
/// is about to stop. Without its queue an API accepts orders, and they are booked when it is back. After
/// a failed check the problem document also has `checks`.
#[utoipa::path(get, path = "/readyz", tag = "Service", security(()), responses(
    (status = 200, description = "It accepts requests", body = Ready, example = json!({
        "status": "ready", "checks": { "account": "ok", "queue": "ok", "store": "ok" } })),
    (status = 503, description = "It does not accept requests now"),
))]
async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let refuse =
        |detail: &'static str| Problem::new(Kind::TemporarilyUnavailable, detail).retry_after(CHECK_LIMIT);
    if health.draining.is_cancelled() {
        return refuse("The instance is about to stop.").into_response();
    }
    let results = health.checks.iter().map(async |(name, check)| (*name, run(name, check).await));
    let results = join_all(results).await;
    let ready = results.iter().all(|(_, (passed, _))| *passed);
    let checks: BTreeMap<_, _> = results.into_iter().map(|(name, (_, text))| (name, text)).collect();
    if ready {
        return answer::ok(&Ready { status: "ready", checks });
    }
    let checks: serde_json::Map<_, _> =
        checks.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    refuse("A dependency of the service is not available.").member("checks", checks).into_response()
}

/// Whether the check allows the instance to be ready, and a short public text; the log has the details.
async fn run(name: &str, check: &Check) -> (bool, String) {
    match tokio::time::timeout(CHECK_LIMIT, (check.run)()).await {
        Ok(Ok(text)) => (true, text),
        Ok(Err(error)) => {
            tracing::warn!(check = name, error, "not ready");
            (!check.required, "failed".to_owned())
        }
        Err(_) => {
            tracing::warn!(check = name, "not ready: the check timed out");
            (!check.required, "timeout".to_owned())
        }
    }
}

/// Which version is it?
#[utoipa::path(get, path = "/version", tag = "Service", security(()),
    responses((status = 200, description = "Name, version and where orders go", body = About,
        example = json!({ "name": "waybill", "version": "0.1.0", "providerEnv": "simulator" }))))]
async fn version(State(health): State<Arc<Health>>) -> Response {
    answer::ok(&health.about)
}

/// Metrics
///
/// In Prometheus text format. Labels contain routes, queues and outcomes, never ids.
#[utoipa::path(get, path = "/metrics", tag = "Service", security(()),
    responses((status = 200, description = "All metrics", body = String, content_type = "text/plain")))]
async fn metrics() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::render())
        .into_response()
}
