//! Builds everything, the same way for each program and for the tests, and assembles the router.

pub mod by_hand;
pub mod copy;
mod gauges;
mod installation;
mod keep;
pub mod legacy;
pub mod migrations;
mod routes;
mod time;

use std::{sync::Arc, time::Duration};

use axum::Router;
use secrecy::SecretString;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use self::routes::{BODY_LIMIT, document};
use self::{
    installation::Installation,
    routes::{about, routes},
};
pub use crate::provider::parcelx::client::install_crypto;
use crate::{
    admin::{
        self, AdminState,
        pages::PagesError,
        password::Passwords,
        people::People,
        sessions::AdminSession,
        state::Parts,
        table::TableError,
        users::{AdminUser, Users},
    },
    base::{clock::Clock, ids},
    features::{
        Collection, Feature, JobContext, Services,
        audit::{self, Audit},
        desk::Desk,
        events::{
            self,
            publisher::{self, Publisher},
        },
        operations::{self, Operations, OperationsWorker},
        orders::{
            self, jobs,
            model::PollSchedule,
            service::{Labels, OrderService},
        },
        provider_accounts::{self, Accounts, breaker::Breaker, guard::Guard},
        runs, series,
        workers::{self, WorkedQueue, Workers},
    },
    platform::{
        auth::Tokens,
        config::{Account, Config, ConfigError, Lookup, Words},
        http::{
            health::{self, About},
            middleware::{self, Limits},
            openapi,
        },
        outbox::{self, Lease, LeaseDocument, Times, Walker},
        queue::{self, Queue, QueueError, producer::Producer, registry::Registry, runner::Runner},
        store::{Store, StoreError, migrations::Migration},
    },
    provider::{
        carrier::{self, CallTimes, Carrier, Needs, Protection, ProviderEnv},
        parcelx::{
            LabelHosts, ParcelXClient, Settings,
            client::ClientError,
            log::{OutcomeLog, ProviderLogs, RequestLog},
        },
    },
};

/// Every resource, in the order in which the API's document shows them. A new one is a line here.
const FEATURES: &[fn() -> Feature] = &[
    orders::feature,
    provider_accounts::feature,
    audit::feature,
    events::feature,
    operations::feature,
    runs::feature,
    series::feature,
    workers::feature,
];

fn features() -> Vec<Feature> {
    FEATURES.iter().map(|feature| feature()).collect()
}

/// How long an operation of the store may take in a job, and in a pass of relay or sweeper, where no merchant
/// waits for it.
const JOB: Duration = Duration::from_secs(10);
const PASS: Duration = Duration::from_secs(30);
/// The same for what an operator waits for.
const PREVIEW: Duration = Duration::from_secs(8);

/// Those of the features, of the provider's logs, the leases, and the steps that were made.
fn collections() -> impl Iterator<Item = Collection> {
    let shared = [
        Collection::of::<RequestLog>(),
        Collection::of::<OutcomeLog>(),
        Collection::of::<LeaseDocument>(),
        Collection::of::<Migration>(),
        Collection::of::<Installation>(),
        Collection::of::<AdminUser>(),
        Collection::of::<AdminSession>(),
    ];
    features().into_iter().flat_map(|feature| feature.collections).chain(shared)
}

/// Each queue that workers work, and what its jobs need of the provider's account.
#[must_use]
pub fn queues() -> Vec<(&'static str, Needs)> {
    features().into_iter().flat_map(|feature| feature.queues).collect()
}

/// One process's parts. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub store: Store,
    pub queue: Queue,
    pub env: ProviderEnv,
    /// The provider's account that orders are booked with.
    pub accounts: Accounts,
    /// What was asked of the provider, and how it ended.
    pub logs: ProviderLogs,
    pub state: Services,
    /// Keeps `clock` by the database's, as long as anybody has it.
    _time: Option<Arc<DropGuard>>,
}

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("store.url: {0}")]
    Store(#[from] StoreError),
    #[error("this machine's clock is {0} the database's: set it, for instance by NTP")]
    Clock(String),
    #[error("queue.url: {0}")]
    Queue(#[from] QueueError),
    #[error("parcelx: {0}")]
    Client(#[from] ClientError),
    #[error("the admin API: {0}")]
    Admin(#[from] TableError),
    #[error("the dashboard: {0}")]
    Pages(#[from] PagesError),
}

/// The process part that runs jobs.
#[derive(Debug, Clone)]
pub struct Worker {
    runner: Runner<JobContext>,
    calls: TaskTracker,
    walker: Walker,
    lease: Lease,
    /// Of the one that makes events; the store and the clock that it does so with.
    events: (Lease, Store, Clock),
    operations: OperationsWorker,
    records: keep::Records,
    app: App,
}

impl App {
    /// Opens the database and the queue and makes what is missing in them.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open(config: Config, env: ProviderEnv, clock: Clock) -> Result<Self, AppError> {
        let secret = config.jwt_secret()?;
        Box::pin(Self::with_key(config, env, clock, &secret)).await
    }

    /// [`App::open`] for a process that answers no merchant and so needs no key of theirs.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open_without_merchants(
        config: Config,
        env: ProviderEnv,
        clock: Clock,
    ) -> Result<Self, AppError> {
        Box::pin(Self::with_key(config, env, clock, &SecretString::from(ids::secret()))).await
    }

    async fn with_key(
        config: Config,
        env: ProviderEnv,
        clock: Clock,
        key: &SecretString,
    ) -> Result<Self, AppError> {
        let tokens = Tokens::new(key, clock.clone());
        let store = Store::open(&config.store.url).await?;
        let time = time::keep(store.clone(), &clock).await?;
        migrations::prepare(&store, clock.now()).await?;
        let options = queue::Options {
            keep: config.keep(),
            prefix: config.queue.prefix.clone(),
            installation: Some(installation::of(&store, clock.now()).await?),
        };
        let queue = Queue::open(&config.queue.url, clock.clone(), options).await?;
        let producer = Producer::new(Arc::clone(&queue.broker));
        let policies = config.policies();
        let orders = OrderService::new(store.clone(), producer.clone(), clock.clone(), env, policies);
        let label_wait = config.parcelx.label_wait.get().min(config.http.timeout.get() / 2);
        let logs = ProviderLogs::new(store.clone(), clock.clone());
        let accounts = Accounts::new(store.clone(), clock.clone(), env);
        let state = Services {
            accounts: accounts.clone(),
            store: store.clone(),
            clock: clock.clone(),
            producer,
            labels: Labels::new(orders.clone(), config.parcelx.label_life.get(), label_wait),
            orders,
            records: Arc::new(logs.clone()),
            tokens,
        };
        Ok(Self { config: Arc::new(config), clock, store, queue, env, accounts, logs, state, _time: time })
    }

    /// Tells the log of open orders that are for another provider: this process leaves them alone.
    pub async fn tell_of_foreign_orders(&self) {
        match self.state.orders.within(JOB).open_of_other_env().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(
                count,
                env = self.env.as_str(),
                "{count} open orders are not for the {} ParcelX: they are left to a process that works for \
                 theirs",
                self.env.as_str()
            ),
            Err(error) => {
                tracing::warn!(%error, "it is not known whether orders of another provider are open");
            }
        }
    }

    /// The HTTP surface of merchants. While `draining`, `/readyz` says no.
    pub fn router(&self, draining: CancellationToken) -> Router {
        self.wrapped(self.public(draining))
    }

    /// That of operators, who ask `carrier` about shipments. Its streams end with `draining`.
    ///
    /// # Errors
    /// [`AppError::Admin`].
    pub fn admin_router(
        &self,
        carrier: Arc<dyn Carrier>,
        draining: CancellationToken,
    ) -> Result<Router, AppError> {
        Ok(self.wrapped(self.admin(carrier, draining)?))
    }

    /// Both on one listener.
    ///
    /// # Errors
    /// [`AppError::Admin`].
    pub fn whole_router(
        &self,
        carrier: Arc<dyn Carrier>,
        draining: CancellationToken,
    ) -> Result<Router, AppError> {
        let admin = self.admin(carrier, draining.clone())?;
        Ok(self.wrapped(self.public(draining).merge(admin)))
    }

    /// What manages the people who may use the dashboard.
    #[must_use]
    pub fn people(&self) -> People {
        People {
            users: Users::new(self.store.clone(), self.clock.clone()),
            passwords: Passwords::default(),
            audit: Audit::new(self.store.clone(), self.clock.clone()),
        }
    }

    fn public(&self, draining: CancellationToken) -> Router {
        let health = health::routes(self.about(), self.checks(false), draining);
        let (router, document) = routes(features(), health).with_state(self.state.clone()).split_for_parts();
        router.merge(openapi::docs(document))
    }

    fn admin(&self, carrier: Arc<dyn Carrier>, draining: CancellationToken) -> Result<Router, AppError> {
        let state = AdminState::new(Parts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            queue: self.queue.clone(),
            accounts: self.accounts.clone(),
            orders: self.state.orders.clone(),
            records: Arc::clone(&self.state.records),
            known_queues: queues(),
            desk: self.desk(),
            operations: self.operations(),
            carrier,
            env: self.env,
            settings: &self.config.admin,
            user_header: self.config.admin_user_header(),
            draining,
        });
        Ok(admin::router(state)?.merge(admin::pages::router()?))
    }

    fn wrapped(&self, router: Router) -> Router {
        let limits = Limits { body: BODY_LIMIT, timeout: self.config.http.timeout.get() };
        middleware::apply(router, &limits, self.clock.clone())
    }

    /// What a process without an API shows of itself: `/healthz`, `/readyz`, `/metrics`.
    pub fn health_router(&self, draining: CancellationToken) -> Router {
        let checks = self.checks(true);
        let (router, _) = health::routes(self.about(), checks, draining).split_for_parts();
        let limits = Limits { body: 0, timeout: self.config.http.timeout.get() };
        middleware::apply(router, &limits, self.clock.clone())
    }

    /// Without its queue an API takes orders all the same, and their outbox brings their jobs later.
    fn checks(&self, needs_queue: bool) -> Vec<(&'static str, health::Check)> {
        let (store, queue, accounts) = (self.store.clone(), self.queue.clone(), self.accounts.clone());
        vec![
            health::check("store", move || {
                let store = store.clone();
                async move { store.ping().await.map_err(|e| e.to_string()) }
            }),
            health::check_if(needs_queue, "queue", move || {
                let queue = queue.clone();
                async move { queue.inspect.ping().await.map_err(|e| e.to_string()) }
            }),
            // Orders are taken all the same, and booked when the hold is over.
            health::note("account", move || {
                let accounts = accounts.clone();
                async move {
                    accounts
                        .refresh()
                        .await
                        .map(|hold| provider_accounts::standing(hold.as_ref()))
                        .map_err(|e| e.to_string())
                }
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
        let times = Times {
            relay_after: outbox.relay_after.get(),
            grace: outbox.grace.get(),
            every: outbox.every.get(),
        };
        let walker = Walker::new(self.store.within(PASS), self.queue.clone(), self.clock.clone(), times);
        collections().fold(walker, |walker, collection| collection.walked_by(walker, self.config.policies()))
    }

    /// What says when the jobs of this process may call the provider.
    fn guard(&self) -> Guard {
        let parcelx = &self.config.parcelx;
        // The longest that a job may honestly take: its turn, an earlier attempt's end, its own call, and the
        // writes.
        let probe_life =
            (parcelx.send_within.get() + self.config.call_timeout() + parcelx.settle_within.get()) * 2;
        Guard::new(
            self.accounts.clone(),
            Breaker::new(parcelx.breaker_after, self.clock.clone()),
            self.clock.clone(),
            probe_life,
            queues(),
        )
        .holding_after(parcelx.refusals_in_a_row)
    }

    fn limits(&self) -> carrier::Limits {
        let parcelx = &self.config.parcelx;
        let concurrency = usize::try_from(parcelx.concurrency).unwrap_or(usize::MAX);
        carrier::Limits::new(parcelx.rate, concurrency, self.config.call_timeout(), self.clock.clone())
    }

    fn parcelx(&self, account: Account, protection: Protection) -> Result<Arc<dyn Carrier>, ClientError> {
        let hosts = self.config.parcelx.label_hosts.get();
        let words = self.config.parcelx.words.clone();
        let settings = settings(account, self.config.call_timeout(), hosts, words);
        let logs = ProviderLogs::new(self.store.within(JOB), self.clock.clone());
        let client = ParcelXClient::new(settings, logs, self.clock.clone(), protection)?;
        Ok(Arc::new(client))
    }

    /// The carrier that people who decide on orders ask about `account`'s shipments.
    ///
    /// # Errors
    /// [`AppError::Client`].
    pub fn carrier(&self, account: Account) -> Result<Arc<dyn Carrier>, AppError> {
        Ok(self.parcelx(account, Protection { observer: None, limits: self.limits() })?)
    }

    /// The part that books orders with `account`.
    ///
    /// # Errors
    /// [`AppError::Client`].
    pub fn worker(&self, account: Account) -> Result<Worker, AppError> {
        let (calls, times) = (TaskTracker::new(), &self.config.parcelx);
        let guard = self.guard();
        let records = keep::Records::new(self);
        let limits = self.limits();
        let by_hand = Protection { observer: None, limits: limits.clone() };
        let by_hand = self.parcelx(account.clone(), by_hand)?;
        let gate = Arc::new(guard.clone());
        let protection = Protection { observer: Some(records.beside(guard.clone())), limits };
        let orders = jobs::Context {
            orders: self.state.orders.within(JOB),
            carrier: self.parcelx(account, protection)?,
            guard,
            clock: self.clock.clone(),
            call_times: CallTimes {
                send_within: times.send_within.get(),
                call: self.config.call_timeout(),
                settle_within: times.settle_within.get(),
            },
            reconcile: self.config.parcelx.reconcile.get().to_vec(),
            schedule: PollSchedule {
                unclear: times.reconcile.get().to_vec(),
                confirm: times.confirm_cancel.get().to_vec(),
            },
            lookup_trusted: self.config.parcelx.lookup == Lookup::Auto,
            queue: self.queue.clone(),
            calls: calls.clone(),
        };
        let context = JobContext {
            store: self.store.within(JOB),
            clock: self.clock.clone(),
            producer: self.state.producer.clone(),
            orders,
        };
        let registry = features().into_iter().fold(Registry::default(), |all, feature| all.and(feature.jobs));
        let queues = queues().into_iter().map(|(name, _)| self.config.queue_settings(name)).collect();
        let runner = Runner::gated(self.queue.clone(), registry, context, queues, gate);
        runner.observe(Arc::new(records.clone()));
        let lease = Lease::new(self.store.clone(), self.clock.clone(), "outbox");
        let events = (
            Lease::new(self.store.clone(), self.clock.clone(), "events"),
            self.store.within(PASS),
            self.clock.clone(),
        );
        let operations = OperationsWorker::new(self.operations_within(JOB), by_hand, records.lease().clone());
        let (walker, app) = (self.walker(), self.clone());
        Ok(Worker { runner, calls, walker, lease, events, operations, records, app })
    }

    /// Bulk work, as people see it.
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.operations_within(PREVIEW)
    }

    fn operations_within(&self, within: Duration) -> Operations {
        let own = queues().into_iter().map(|(name, _)| name).collect();
        let orders = self.state.orders.within(within);
        Operations::new(self.store.within(within), self.clock.clone(), orders, self.queue.clone(), own)
    }

    fn desk(&self) -> Desk {
        let parts = (self.store.clone(), self.queue.clone(), self.clock.clone());
        let records = Arc::clone(&self.state.records);
        Desk::new(parts, self.state.orders.clone(), self.accounts.clone(), records, queues())
    }
}

fn settings(account: Account, timeout: Duration, label_hosts: &[String], words: Words) -> Settings {
    Settings {
        label_hosts: LabelHosts::new(account.base_url.clone(), label_hosts),
        base_url: account.base_url,
        access_key: account.access_key,
        secret_key: account.secret_key,
        timeout,
        words: Arc::new(words),
    }
}

impl Worker {
    /// Runs jobs until `stop`, then ends those in hand and returns when every call to the provider has its
    /// outcome written down.
    pub async fn run(&self, stop: &CancellationToken) {
        let outbox = tokio::spawn(outbox::run(self.walker.clone(), self.lease.clone(), stop.clone()));
        let events = publisher::run(self.publisher(), self.events.0.clone(), stop.clone());
        let events = tokio::spawn(events);
        let registered = tokio::spawn(self.registered(stop.clone()));
        let (operations, bulk_stop) = (self.operations.clone(), stop.clone());
        let bulk = tokio::spawn(async move { operations.run(bulk_stop).await });
        let (records, ended) = (self.records.clone(), CancellationToken::new());
        let (kept, keep_stop) = (ended.clone().drop_guard(), ended);
        let keep = tokio::spawn(async move { records.run(keep_stop).await });
        let watch = tokio::spawn(self.app.clone().watch(self.lease.clone()));
        self.runner.run(stop).await;
        watch.abort();
        self.calls.close();
        self.calls.wait().await;
        if outbox.await.is_err() {
            tracing::error!("relay and sweeper panicked");
        }
        if events.await.is_err() {
            tracing::error!("what makes events panicked");
        }
        if registered.await.is_err() {
            tracing::error!("what says that this worker is there panicked");
        }
        if bulk.await.is_err() {
            tracing::error!("the operations panicked");
        }
        drop(kept);
        if keep.await.is_err() {
            tracing::error!("what keeps runs and numbers panicked");
        }
    }

    /// Shows this worker among the others, until it is told to stop.
    fn registered(&self, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        let (_, store, clock) = self.events.clone();
        let runner = self.runner.clone();
        let in_hand = move || {
            let all = runner.in_hand().into_iter();
            all.map(|(name, concurrency, in_hand)| WorkedQueue { name, concurrency, in_hand }).collect()
        };
        workers::run(Workers::new(store, clock), self.runner.name().to_owned(), in_hand, stop)
    }

    /// What makes events of what has changed.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        let (_, store, clock) = &self.events;
        Publisher::new(store.clone(), clock.clone())
    }

    /// Runs what waits until nothing is waiting; see [`Runner::run_pending`].
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn run_pending(&self) -> Result<usize, QueueError> {
        let runs = self.runner.run_pending().await;
        self.records.flush().await;
        runs
    }

    /// Does the operations that wait or run; see [`OperationsWorker::run_pending`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_operations(&self) -> Result<usize, StoreError> {
        self.operations.run_pending().await
    }

    /// The part that does operations.
    #[must_use]
    pub fn operations(&self) -> &OperationsWorker {
        &self.operations
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// A job in a queue that nobody declared would wait for ever.
    #[test]
    fn every_job_has_a_queue_that_its_feature_declares() {
        for feature in super::features() {
            let declared: Vec<_> = feature.queues.iter().map(|(name, _)| *name).collect();
            assert_eq!(
                feature.jobs.queues().into_iter().collect::<BTreeSet<_>>(),
                declared.into_iter().collect()
            );
        }
    }

    #[test]
    fn no_two_collections_or_queues_share_a_name() {
        let collections: Vec<_> = super::collections().map(|collection| collection.name).collect();
        assert_eq!(collections.iter().collect::<BTreeSet<_>>().len(), collections.len(), "{collections:?}");
        let queues: Vec<_> = super::queues().into_iter().map(|(name, _)| name).collect();
        assert_eq!(queues.iter().collect::<BTreeSet<_>>().len(), queues.len(), "{queues:?}");
    }
}
