//! Opens a process's database and queue, and builds all its parts on them.
//!
//! Guards against a process that starts on settings, a database, a queue or a clock that will not do: then
//! there is no [`App`], and the error says what to mend.

use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{
    App, install_crypto,
    installation::{self, Opening},
    migrations, scopes, time,
};
use crate::{
    admin::{pages::PagesError, table::TableError},
    base::{clock::Clock, ids},
    features::{
        Shared,
        events::{Events, live, tickets::Tickets},
        kyc::{self, Kyc},
        mail::Mails,
        merchants::{
            self, Guard, Keys, Merchants, People as Members, guard::Table, key::Mode, session::RefreshTokens,
        },
        messages::Messages,
        notifications::{Notifications, marks::Marks},
        orders::service::{Labels, OrderService},
        provider_accounts::Accounts,
        webhooks::Webhooks,
    },
    platform::{
        auth::{Authenticator, Cost, Tokens},
        config::{Config, ConfigError, PasswordCost},
        files::{Files, FilesError},
        http::{
            Proxies,
            cursor::Cursors,
            limits::{self, Limiter},
        },
        outbound::OutboundError,
        queue::{self, Queue, QueueError, producer::Producer},
        store::StoreError,
    },
    provider::{
        carrier::ProviderEnv,
        parcelx::{client::ClientError, log::ProviderLogs},
    },
};

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
        let state = Shared {
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
            state: state.into(),
            cost,
            _time: time,
            _shared: shared,
        })
    }
}

fn files_of(config: &Config) -> Result<Files, FilesError> {
    install_crypto();
    Files::open(config.file_place())
}
