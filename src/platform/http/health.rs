//! What machines ask about the process: is it alive, does it want requests, which version is it, what has it
//! counted.
//!
//! Guards against a balancer that sends requests to an instance that cannot serve them, and against answers
//! that tell strangers why.

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

/// Longer than this a dependency counts as gone.
const CHECK_LIMIT: Duration = Duration::from_secs(1);

/// Which program this is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    #[schema(example = "waybill")]
    pub name: String,
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The commit it was built from, where the build knew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where orders go: `simulator` or `live`.
    #[schema(example = "simulator")]
    pub provider_env: String,
}

/// A question to one dependency. The error's text goes to the log only.
pub struct Check {
    ask: Box<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>,
    /// Whether the instance cannot serve without a good answer.
    needed: bool,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("needed", &self.needed).finish_non_exhaustive()
    }
}

/// A named [`Check`] of an async closure.
pub fn check<F, Fut>(name: &'static str, ask: F) -> (&'static str, Check)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    let ask = move || -> BoxFuture<'static, _> {
        let asked = ask();
        Box::pin(async { asked.await.map(|()| "ok".to_owned()) })
    };
    (name, Check { ask: Box::new(ask), needed: true })
}

/// Something that is told beside the checks, in words that anybody may read: the instance is ready whatever
/// it says.
pub fn note<F, Fut>(name: &'static str, ask: F) -> (&'static str, Check)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    (name, Check { ask: Box::new(move || Box::pin(ask())), needed: false })
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

/// `/healthz` (alias `/health`), `/readyz`, `/version` and `/metrics`: public. Once `draining` is cancelled,
/// `/readyz` says no.
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

/// Is the process alive?
///
/// Asks nothing of any dependency: restart the process when this fails, not when `/readyz` does.
#[utoipa::path(get, path = "/healthz", tag = "Service", security(()), responses((status = 200, description = "It is", body = Alive)))]
async fn healthz(State(health): State<Arc<Health>>) -> Response {
    answer::ok(&Alive { status: "ok", about: &health.about })
}

/// Is the process alive? (alias of `/healthz`)
#[utoipa::path(get, path = "/health", tag = "Service", security(()), responses((status = 200, description = "It is", body = Alive)))]
async fn health(state: State<Arc<Health>>) -> Response {
    healthz(state).await
}

/// The instance takes requests.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// Name of a dependency → `ok`, `failed` or `timeout`. `account`: `ok` or `held: …`, with `wallet`,
    /// `credentials` or `configuration`; while it is held orders are accepted, and booked later.
    #[schema(value_type = BTreeMap<String, String>, example = json!({ "store": "ok", "queue": "ok", "account": "ok" }))]
    checks: BTreeMap<&'static str, String>,
}

/// Does the instance take requests?
///
/// 503 when a dependency does not answer within a second, or when the instance is about to stop. The problem
/// document then has the same `checks`.
#[utoipa::path(get, path = "/readyz", tag = "Service", security(()), responses(
    (status = 200, description = "It does", body = Ready),
    (status = 503, description = "Not now"),
))]
async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let refuse =
        |detail: &'static str| Problem::new(Kind::TemporarilyUnavailable, detail).retry_after(CHECK_LIMIT);
    if health.draining.is_cancelled() {
        return refuse("The instance is about to stop.").into_response();
    }
    let asked = health.checks.iter().map(async |(name, check)| (*name, ask(name, check).await));
    let asked = join_all(asked).await;
    let ready = asked.iter().all(|(_, (well, _))| *well);
    let checks: BTreeMap<_, _> = asked.into_iter().map(|(name, (_, word))| (name, word)).collect();
    if ready {
        return answer::ok(&Ready { status: "ready", checks });
    }
    let checks: serde_json::Map<_, _> =
        checks.into_iter().map(|(name, word)| (name.to_owned(), word.into())).collect();
    refuse("Something the service needs is out of reach.").member("checks", checks).into_response()
}

/// Whether the instance can serve, as far as this check goes, and one word, without detail; the log has the
/// rest.
async fn ask(name: &str, check: &Check) -> (bool, String) {
    match tokio::time::timeout(CHECK_LIMIT, (check.ask)()).await {
        Ok(Ok(word)) => (true, word),
        Ok(Err(error)) => {
            tracing::warn!(check = name, error, "not ready");
            (!check.needed, "failed".to_owned())
        }
        Err(_) => {
            tracing::warn!(check = name, "not ready: no answer in time");
            (!check.needed, "timeout".to_owned())
        }
    }
}

/// Which version is it?
#[utoipa::path(get, path = "/version", tag = "Service", security(()), responses((status = 200, description = "Name, version and where orders go", body = About)))]
async fn version(State(health): State<Arc<Health>>) -> Response {
    answer::ok(&health.about)
}

/// What has been counted
///
/// In Prometheus text format. Labels hold routes, queues and outcomes, never ids.
#[utoipa::path(get, path = "/metrics", tag = "Service", security(()), responses((status = 200, description = "All metrics", body = String, content_type = "text/plain")))]
async fn metrics() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::render())
        .into_response()
}
