//! Builds everything, the same way for each program and for the tests.

pub mod by_hand;
pub mod copy;
mod gauges;
pub mod indexes;
mod installation;
mod keep;
pub mod legacy;
pub mod migrations;
pub mod restored;
mod routes;
pub mod scopes;
mod surface;
mod time;
mod worker;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::installation::{Installation, Opening};
pub use self::{
    routes::{BODY_LIMITS, document},
    worker::Worker,
};
pub use crate::provider::parcelx::client::install_crypto;
use crate::{
    admin::{
        pages::PagesError,
        people::People,
        sessions::AdminSession,
        table::TableError,
        users::{AdminUser, Users},
    },
    base::{clock::Clock, ids},
    features::{
        Collection, Feature, Services,
        audit::{self, Audit},
        desk::Desk,
        events::{self, Events, live, tickets::Tickets},
        kyc::{self, Kyc},
        mail::{self, Mails},
        merchants::{
            self, Guard, Keys, Merchants, People as Members, guard::Table, key::Mode, session::RefreshTokens,
        },
        messages::{self, Messages},
        notifications::{self, Notifications, marks::Marks},
        operations::{self, Operations},
        orders::{
            self,
            service::{Labels, OrderService},
        },
        provider_accounts::{self, Accounts},
        runs, series,
        webhooks::{self, Webhooks},
        workers,
    },
    platform::{
        auth::{Authenticator, Cost, Passwords, Tokens},
        config::{Config, ConfigError, PasswordCost},
        files::{Files, FilesError, ProbeError},
        http::{
            Proxies,
            cursor::Cursors,
            limits::{self, Limiter},
        },
        outbound::OutboundError,
        outbox::LeaseDocument,
        queue::{self, Queue, QueueError, producer::Producer},
        store::{Store, StoreError, migrations::Migration},
    },
    provider::{
        carrier::{Needs, ProviderEnv},
        parcelx::{
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
    kyc::feature,
    mail::feature,
    merchants::feature,
    messages::feature,
    notifications::feature,
    operations::feature,
    runs::feature,
    series::feature,
    webhooks::feature,
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
    /// Of the password hashes that this process makes.
    pub cost: Cost,
    /// Keeps `clock` by the database's, as long as anybody has it.
    _time: Option<Arc<DropGuard>>,
    /// Shares what is left of the limits with other processes, likewise.
    _shared: Option<Arc<DropGuard>>,
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
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("files.url: {0}")]
    Files(#[from] FilesError),
    #[error("files.url: the server cannot be relied on: {0}")]
    FileServer(String),
    #[error("the admin API: {0}")]
    Admin(#[from] TableError),
    #[error("the dashboard: {0}")]
    Pages(#[from] PagesError),
}

impl App {
    /// Opens the database and the queue and makes what is missing in them.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open(config: Config, env: ProviderEnv, clock: Clock) -> Result<Self, AppError> {
        let secret = config.jwt_secret()?;
        let opening = Opening::Process;
        Box::pin(Self::with_key(config, env, clock, (&secret, PasswordCost::Least), opening)).await
    }

    /// [`App::open`] for a process in which people sign in: what a hash of a password costs is measured once
    /// nothing else can refuse the start.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open_for_people(config: Config, env: ProviderEnv, clock: Clock) -> Result<Self, AppError> {
        let (secret, cost) = (config.jwt_secret()?, config.auth.password_cost);
        Box::pin(Self::with_key(config, env, clock, (&secret, cost), Opening::Process)).await
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
        let (secret, opening) = (SecretString::from(ids::secret()), Opening::Process);
        Box::pin(Self::with_key(config, env, clock, (&secret, PasswordCost::Least), opening)).await
    }

    /// [`App::open_without_merchants`] for a command on an installation that is there: it makes none, and
    /// leaves queues that are nobody's alone.
    ///
    /// # Errors
    /// [`AppError`], with what to mend.
    pub async fn open_for_command(config: Config, env: ProviderEnv, clock: Clock) -> Result<Self, AppError> {
        let (secret, opening) = (SecretString::from(ids::secret()), Opening::Command);
        Box::pin(Self::with_key(config, env, clock, (&secret, PasswordCost::Least), opening)).await
    }

    async fn with_key(
        config: Config,
        env: ProviderEnv,
        clock: Clock,
        (key, cost): (&SecretString, PasswordCost),
        opening: Opening,
    ) -> Result<Self, AppError> {
        let tokens = Tokens::new(key, clock.clone());
        let store = opening.store(&config.store.url).await?;
        let time = time::keep(store.clone(), &clock).await?;
        migrations::prepare(&store, clock.now()).await?;
        let options = queue::Options {
            keep: config.keep(),
            prefix: config.queue.prefix.clone(),
            installation: Some(installation::of(&store, clock.now()).await?),
            claims_nothing: opening.claims_nothing(),
        };
        let queue = Queue::open(&config.queue.url, clock.clone(), options).await?;
        let cost = match cost {
            PasswordCost::Measured => Cost::measured().await,
            PasswordCost::Least => Cost::LEAST,
        };
        let producer = Producer::new(Arc::clone(&queue.broker));
        let policies = config.policies();
        let orders = OrderService::new(store.clone(), producer.clone(), clock.clone(), env, policies);
        let label_wait = config.parcelx.label_wait.get().min(config.http.timeout.get() / 2);
        let logs = ProviderLogs::new(store.clone(), clock.clone());
        let accounts = Accounts::new(store.clone(), clock.clone(), env);
        let merchants = Merchants::new(store.clone(), clock.clone());
        let keys = Keys::new(store.clone(), clock.clone(), Mode::of(env));
        let mails = Mails::new(store.clone(), producer.clone(), clock.clone(), &config);
        let limiter = Limiter::new(config.limits.quotas(), clock.clone());
        let people = Members::new(merchants::people::Parts {
            store: store.clone(),
            clock: clock.clone(),
            mails: mails.clone(),
            tokens: tokens.clone(),
            refresh: RefreshTokens::new(key),
            limiter: limiter.clone(),
            cost,
        });
        let kyc = Kyc::new(kyc::Parts {
            store: store.clone(),
            clock: clock.clone(),
            files: files_of(&config)?,
            merchants: merchants.clone(),
            people: people.clone(),
            mails,
            required: config.kyc.required && env == ProviderEnv::Live,
        });
        let shared = queue.marks.clone().map(|marks| Arc::new(limits::share(&limiter, marks)));
        let proxies = Proxies::new(config.http.proxies.clone());
        let guard = Guard {
            limiter: limiter.clone(),
            people: people.clone(),
            merchants: merchants.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            table: Table::new(scopes::SCOPES),
            kyc_required: kyc.required(),
        };
        let messages = Messages::new(store.clone(), clock.clone());
        let state = Services {
            authenticator: Authenticator::new(
                tokens.clone(),
                Arc::new(guard),
                limiter.clone(),
                proxies.clone(),
            ),
            merchants,
            keys,
            people,
            kyc,
            proxies,
            limiter,
            cursors: Cursors::new(key),
            accounts: accounts.clone(),
            store: store.clone(),
            clock: clock.clone(),
            producer,
            labels: Labels::new(orders.clone(), config.parcelx.label_life.get(), label_wait),
            orders,
            records: Arc::new(logs.clone()),
            tokens,
            webhooks: Webhooks::new(
                store.clone(),
                clock.clone(),
                config.webhook_rules(env == ProviderEnv::Simulator),
            )
            .calling_from(config.webhooks.source_addresses.texts()),
            feed: live::feed(
                Events::new(store.clone()),
                messages.typing().clone(),
                Marks::new(store.clone(), clock.clone()),
                CancellationToken::new(),
            ),
            messages,
            notifications: Notifications::new(store.clone(), clock.clone()),
            tickets: Tickets::new(store.clone(), clock.clone()),
        };
        Ok(Self {
            config: Arc::new(config),
            clock,
            store,
            queue,
            env,
            accounts,
            logs,
            state,
            cost,
            _time: time,
            _shared: shared,
        })
    }

    /// Tries the server that documents are kept on, if there is one. That it is away now hinders no order:
    /// then it is told, and documents are refused until it is back.
    ///
    /// # Errors
    /// [`AppError::FileServer`]: it will never do.
    pub async fn try_files(&self) -> Result<(), AppError> {
        match self.state.kyc.files().probe().await {
            Ok(()) => Ok(()),
            Err(ProbeError::Away(why)) => {
                tracing::error!(why, "files.url: the server is away: no document is taken until it is back");
                Ok(())
            }
            Err(ProbeError::Unfit(why)) => Err(AppError::FileServer(why)),
        }
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

    /// What manages the people who may use the dashboard.
    #[must_use]
    pub fn people(&self) -> People {
        People {
            users: Users::new(self.store.clone(), self.clock.clone()),
            passwords: Passwords::default().costing(self.cost),
            audit: Audit::new(self.store.clone(), self.clock.clone()),
        }
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

fn files_of(config: &Config) -> Result<Files, FilesError> {
    install_crypto();
    Files::open(config.file_place())
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
