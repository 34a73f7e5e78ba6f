//! Builds everything, the same way for each program and for the tests, and assembles the router.

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use secrecy::SecretString;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    auth::Tokens,
    clock::Clock,
    config::{Account, Config, ConfigError, Lookup},
    http::{
        health::{self, About},
        middleware::{self, Limits},
        openapi, problem,
    },
    ids, jobs,
    orders::{
        jobs::CreateOrderJob,
        journey::CallTimes,
        model::{Order, ProviderEnv},
        service::OrderService,
    },
    outbox::{self, Lease, LeaseDocument, Times, Walker},
    parcelx::{
        ParcelXClient, Settings,
        client::ClientError,
        log::{OutcomeLog, ProviderLogs, RequestLog},
    },
    queue::{Queue, QueueError, job::Payload, producer::Producer, runner::Runner},
    store::{Store, StoreError},
};

/// Largest request body.
pub const BODY_LIMIT: usize = 256 * 1024;

/// One process's parts. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Store,
    pub queue: Queue,
    pub env: ProviderEnv,
    pub state: AppState,
}

/// What handlers may take.
#[derive(Clone, Debug)]
pub struct AppState {
    pub orders: OrderService,
    pub logs: ProviderLogs,
    pub tokens: Tokens,
}

impl FromRef<AppState> for OrderService {
    fn from_ref(state: &AppState) -> Self {
        state.orders.clone()
    }
}

impl FromRef<AppState> for ProviderLogs {
    fn from_ref(state: &AppState) -> Self {
        state.logs.clone()
    }
}

impl FromRef<AppState> for Tokens {
    fn from_ref(state: &AppState) -> Self {
        state.tokens.clone()
    }
}

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("store.url: {0}")]
    Store(#[from] StoreError),
    #[error("queue.url: {0}")]
    Queue(#[from] QueueError),
    #[error("parcelx: {0}")]
    Client(#[from] ClientError),
}

/// The process part that runs jobs.
#[derive(Debug, Clone)]
pub struct Worker {
    runner: Runner<jobs::Context>,
    calls: TaskTracker,
    walker: Walker,
    lease: Lease,
}

impl App {
    /// Opens the database and the queue and makes what is missing in them.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open(config: Config, env: ProviderEnv, clock: Clock) -> Result<Self, AppError> {
        let secret = config.jwt_secret()?;
        Self::with_key(config, env, clock, &secret).await
    }

    /// [`App::open`] for a process that answers no merchant and so needs no key of theirs.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open_without_merchants(config: Config, env: ProviderEnv, clock: Clock) -> Result<Self, AppError> {
        Self::with_key(config, env, clock, &SecretString::from(ids::secret())).await
    }

    async fn with_key(config: Config, env: ProviderEnv, clock: Clock, key: &SecretString) -> Result<Self, AppError> {
        let tokens = Tokens::new(key, clock.clone());
        let store = Store::open(&config.store.url).await?;
        store.prepare::<Order>().await?;
        store.prepare::<RequestLog>().await?;
        store.prepare::<OutcomeLog>().await?;
        store.prepare::<LeaseDocument>().await?;
        let queue = Queue::open(&config.queue.url, clock.clone(), config.keep()).await?;
        let producer = Producer::new(Arc::clone(&queue.broker));
        let policy = config.policy(CreateOrderJob::QUEUE);
        let state = AppState {
            orders: OrderService::new(store.clone(), producer, clock.clone(), env, policy),
            logs: ProviderLogs::new(store.clone(), clock.clone()),
            tokens,
        };
        Ok(Self { config: Arc::new(config), clock, store, queue, env, state })
    }

    /// The whole HTTP surface. While `draining`, `/readyz` says no.
    pub fn router(&self, draining: CancellationToken) -> Router {
        let health = health::routes(self.about(), self.checks(), draining);
        let (router, document) = routes(health).with_state(self.state.clone()).split_for_parts();
        let limits = Limits { body: BODY_LIMIT, timeout: self.config.http.timeout.get() };
        middleware::apply(router.merge(openapi::docs(document)), &limits, self.clock.clone())
    }

    /// What a process without an API shows of itself: `/healthz`, `/readyz`, `/metrics`.
    pub fn health_router(&self, draining: CancellationToken) -> Router {
        let (router, _) = health::routes(self.about(), self.checks(), draining).split_for_parts();
        let limits = Limits { body: 0, timeout: self.config.http.timeout.get() };
        middleware::apply(router, &limits, self.clock.clone())
    }

    fn checks(&self) -> Vec<(&'static str, health::Check)> {
        let (store, queue) = (self.store.clone(), self.queue.clone());
        vec![
            health::check("store", move || {
                let store = store.clone();
                async move { store.ping().await.map_err(|e| e.to_string()) }
            }),
            health::check("queue", move || {
                let queue = queue.clone();
                async move { queue.inspect.ping().await.map_err(|e| e.to_string()) }
            }),
        ]
    }

    fn about(&self) -> About {
        about(self.env)
    }

    /// Relay and sweeper over every collection that has an outbox.
    #[must_use]
    pub fn walker(&self) -> Walker {
        let outbox = &self.config.outbox;
        let times = Times { relay_after: outbox.relay_after.get(), grace: outbox.grace.get(), every: outbox.every.get() };
        Walker::new(self.store.clone(), self.queue.clone(), self.clock.clone(), times)
            .over::<Order>(self.config.policy(CreateOrderJob::QUEUE))
    }

    /// The part that books orders with `account`.
    ///
    /// # Errors
    /// [`AppError::Client`].
    pub fn worker(&self, account: Account) -> Result<Worker, AppError> {
        let settings = Settings {
            base_url: account.base_url,
            access_key: account.access_key,
            secret_key: account.secret_key,
            timeout: self.config.call_timeout(),
        };
        let (calls, times) = (TaskTracker::new(), &self.config.parcelx);
        let context = jobs::Context {
            orders: self.state.orders.clone(),
            parcelx: ParcelXClient::new(settings, self.state.logs.clone(), self.clock.clone())?,
            clock: self.clock.clone(),
            call_times: CallTimes {
                send_within: times.send_within.get(),
                call: self.config.call_timeout(),
                settle_within: times.settle_within.get(),
            },
            reconcile: self.config.parcelx.reconcile.get().to_vec(),
            lookup_trusted: self.config.parcelx.lookup == Lookup::Auto,
            calls: calls.clone(),
        };
        let registry = jobs::registry();
        let queues = registry.queues().into_iter().map(|name| self.config.queue_settings(name)).collect();
        let runner = Runner::new(self.queue.clone(), registry, context, queues);
        let lease = Lease::new(self.store.clone(), self.clock.clone(), "outbox");
        Ok(Worker { runner, calls, walker: self.walker(), lease })
    }
}

/// The parts of the document, in the order in which the page shows them.
const TAGS: [(&str, &str); 3] = [
    ("Orders", "What merchants ask for and what has become of it"),
    ("Errors", "The catalogue that the `type` of an error leads to"),
    ("Service", "What machines ask about the process"),
];

/// The one list of routes. `health` comes from outside, since it alone knows the process.
fn routes(health: OpenApiRouter<AppState>) -> OpenApiRouter<AppState> {
    let mut document = openapi::document();
    document.tags = Some(TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build()).to_vec());
    OpenApiRouter::with_openapi(document)
        .merge(crate::orders::routes::routes())
        .merge(crate::parcelx::routes::routes())
        .merge(health)
        .merge(problem::routes())
}

/// The OpenAPI document, as `/openapi.json` serves it. Needs no settings and opens nothing.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let health = health::routes(about(ProviderEnv::Simulator), Vec::new(), CancellationToken::new());
    let (_, mut document) = routes(health).split_for_parts();
    openapi::complete(&mut document);
    document
}

fn about(env: ProviderEnv) -> About {
    About {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("WAYBILL_COMMIT").map(str::to_owned),
        provider_env: env.word().to_owned(),
    }
}

impl Worker {
    /// Runs jobs until `stop`, then ends those in hand and returns when every call to the provider has its outcome written down.
    pub async fn run(&self, stop: &CancellationToken) {
        let outbox = tokio::spawn(outbox::run(self.walker.clone(), self.lease.clone(), stop.clone()));
        self.runner.run(stop).await;
        self.calls.close();
        self.calls.wait().await;
        if outbox.await.is_err() {
            tracing::error!("relay and sweeper panicked");
        }
    }

    /// Runs what waits until nothing is waiting; see [`Runner::run_pending`].
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn run_pending(&self) -> Result<usize, QueueError> {
        self.runner.run_pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value};

    fn object(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    #[test]
    fn the_document_names_and_describes_what_it_holds() {
        let document = serde_json::to_value(super::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in object(&document["paths"]) {
            for (method, operation) in object(item) {
                let name = operation["operationId"].as_str().unwrap();
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
                assert!(names.insert(name), "{name} comes twice");
                assert!(super::TAGS.iter().any(|(tag, _)| operation["tags"][0] == *tag), "{method} {path}: {}", operation["tags"]);
                for (status, answer) in object(&operation["responses"]) {
                    assert!(answer["description"].is_string(), "{method} {path} {status}: the standard wants a description");
                }
            }
        }
    }

    #[test]
    fn no_field_must_be_a_text_and_an_object_at_once() {
        let document = serde_json::to_value(super::document()).unwrap();
        for (name, schema) in object(&document["components"]["schemas"]) {
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(schema.get("allOf").is_none(), "{name}.{field}: {schema}");
            }
        }
    }
}
