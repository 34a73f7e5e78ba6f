//! The long-running commands: all in one, only the API, only the worker.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::IsTerminal,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use axum::Router;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    banner,
    open::all_closed_at_the_end,
    signals::{stop_on_signals, stop_within, terminated},
    simulator::lock_ledger,
};
use crate::{
    app::{App, AppError, Worker},
    base::{clock::Clock, ids},
    features::provider_accounts::Accounts,
    platform::{
        config::{Account, Config, Provider, Role, proxy_of_others},
        http::serve::{Edge, Stopping, serve_at},
        store::StoreError,
        telemetry,
    },
    provider::{
        carrier::ProviderEnv,
        simulator::{Profile, Settings, Simulator},
    },
};

/// The path of the built-in simulator.
pub(super) const SIMULATOR: &str = "/simulator";

/// A running all-in-one program.
pub(super) struct AllInOne {
    pub(super) app: App,
    pub(super) address: SocketAddr,
    worker: Worker,
    listener: TcpListener,
    router: Router,
    /// The dashboard's own listener, if it has one.
    admin: Option<(TcpListener, Router)>,
    draining: CancellationToken,
    /// Held as long as it runs: nobody else runs all in one on its folder, or writes its simulator's ledger.
    _locks: Vec<File>,
}

impl AllInOne {
    /// Builds all parts without starting them.
    pub(super) async fn build(mut config: Config) -> anyhow::Result<Self> {
        let provider = config.provider(Role::AllInOne)?;
        let listener = listen(config.http.bind, "http.bind").await?;
        let address = listener.local_addr()?;
        // Port 0 has become one that is there: links in mails begin with it if no public address is set.
        config.http.bind = address;
        let draining = CancellationToken::new();
        let folder = config.data_folder();
        let mut locks = Vec::from_iter(lock(&config)?);
        let env = match provider {
            Provider::Simulator => ProviderEnv::Simulator,
            Provider::Live(_) => ProviderEnv::Live,
        };
        let app = open(config, env).await?;
        if env == ProviderEnv::Simulator {
            only_simulated(&app).await?;
        }
        let (account, simulator) = match provider {
            Provider::Live(account) => (account, None),
            Provider::Simulator => {
                let key = SecretString::from(ids::secret());
                let base_url = Url::parse(&format!("http://{address}{SIMULATOR}"))?;
                let account = Account { base_url, access_key: key.clone(), secret_key: key };
                DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
                let ledger = folder.join("simulator-ledger.jsonl");
                locks.push(lock_ledger(&ledger)?);
                let ledger_file = Some(ledger);
                // Accepts any token: it is only on a loopback address, and each process makes its own key.
                let settings = Settings { access_token: None, ledger_file, profile: Profile::Friendly };
                let simulator = Simulator::new(settings, Clock::system())?;
                (account, Some(simulator))
            }
        };
        let (mut router, admin) = surfaces(&app, account.clone(), &draining).await?;
        if let Some(simulator) = simulator {
            // Outside the API's middleware: the simulator is another service.
            router = Router::new().nest(SIMULATOR, simulator.router()).fallback_service(router);
        }
        let worker = app.worker(account)?;
        app.tell_of_foreign_orders().await;
        Ok(Self { app, address, worker, listener, router, admin, draining, _locks: locks })
    }

    /// Where the dashboard is.
    fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.as_ref().map_or(Ok(self.address), |(listener, _)| listener.local_addr())
    }

    /// Runs until `stop`. Then the worker finishes its jobs first, while the API and the simulator still
    /// respond; after it, the API stops.
    pub(super) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let drain = self.app.config.worker.drain.get();
        let closing = CancellationToken::new();
        let stopping = stopping(&stop, self.draining.clone(), closing.clone());
        let edge = self.app.config.http.edge();
        let admin = self.admin.map(|(listener, router)| {
            tokio::spawn(serve_at(listener, router, edge, stopping.clone(), drain))
        });
        let server =
            tokio::spawn(async move { serve_at(self.listener, self.router, edge, stopping, drain).await });
        let forward = stop.clone();
        let draining = self.draining.clone();
        tokio::spawn(async move {
            forward.cancelled().await;
            draining.cancel();
        });
        drained(&self.worker, &stop, drain).await;
        closing.cancel();
        let served = server.await.context("the HTTP server stopped")?;
        if let Some(admin) = admin {
            admin.await.context("the dashboard's server stopped")??;
        }
        Ok(served?)
    }
}

/// Makes the user of a local installation's first start, and says where the password is. That goes to the
/// terminal alone, or to a file that only this user reads: whatever keeps the logs must not have it.
async fn first_login(app: &App) -> anyhow::Result<Option<String>> {
    let people = app.people();
    if !people.users.list().await?.is_empty() {
        return Ok(None);
    }
    if !app.config.is_local() {
        super::complain("Nobody may use the dashboard yet: `waybill admin add NAME --role super_admin`");
        return Ok(None);
    }
    let (user, password) = (super::admin::FIRST, super::admin::generated());
    // Before the user is made: a password that is nowhere would lock everybody out.
    let place = if std::io::stderr().is_terminal() {
        let password = password.expose_secret();
        super::complain(&format!("First login: user {user}, password {password} (shown only now)"));
        "above".to_owned()
    } else {
        super::admin::write_first(&app.config.data_folder(), &password)?.display().to_string()
    };
    super::admin::first(&people, password).await?;
    Ok(Some(place))
}

/// What is served on the API's listener, and on the dashboard's own, if the settings want one.
async fn surfaces(
    app: &App,
    account: Account,
    draining: &CancellationToken,
) -> anyhow::Result<(Router, Option<(TcpListener, Router)>)> {
    let carrier = app.carrier(account)?;
    let Some(bind) = app.config.admin_bind() else {
        return Ok((app.whole_router(carrier, draining.clone())?, None));
    };
    let listener = listen(bind, "admin.bind").await?;
    let admin = app.admin_router(carrier, draining.clone())?;
    Ok((app.router(draining.clone()), Some((listener, admin))))
}

pub(super) async fn all_in_one(config: Config) -> anyhow::Result<()> {
    let stop = started(&config)?;
    let Some(program) = stop.run_until_cancelled(Box::pin(AllInOne::build(config))).await.transpose()? else {
        return Ok(());
    };
    let login = first_login(&program.app).await?;
    let addresses = (program.address, program.admin_address()?);
    super::announce(&banner::all_in_one(&program.app, addresses, login.as_deref())?);
    Box::pin(program.run(stop)).await
}

/// What each long-running program does first. The signals come before anything that may take time.
fn started(config: &Config) -> anyhow::Result<CancellationToken> {
    let stop = stop_on_signals()?;
    stop_within(config.worker.drain.get() * 2 + config.http.linger.get() + MARGIN);
    telemetry::init(&config.log.level, config.log.format)?;
    telemetry::install();
    tell_of_proxy(config);
    Ok(stop)
}

/// Through which proxy ParcelX is called: it must not be another one than is believed.
fn tell_of_proxy(config: &Config) {
    match (config.proxy_host(), proxy_of_others()) {
        (Some(host), _) => tracing::info!(host, "ParcelX is called through the proxy {host}"),
        (None, Some(name)) => {
            tracing::warn!(
                "{name} is set and not used: parcelx.proxy says through which proxy ParcelX is called"
            );
        }
        (None, None) => {}
    }
}

pub(super) async fn api(config: Config) -> anyhow::Result<()> {
    let stop = started(&config)?;
    let Provider::Live(account) = config.provider(Role::Api)? else {
        bail!("an API needs ParcelX credentials")
    };
    let listener = listen(config.http.bind, "http.bind").await?;
    let address = listener.local_addr()?;
    let Some(app) = stop.run_until_cancelled(Box::pin(open(config, ProviderEnv::Live))).await.transpose()?
    else {
        return Ok(());
    };
    let (router, admin) = surfaces(&app, account, &stop).await?;
    let drain = app.config.worker.drain.get();
    super::announce(&banner::api(address));
    let edge = app.config.http.edge();
    let stopping = stopping(&stop, stop.clone(), stop.clone());
    let admin = admin
        .map(|(listener, router)| tokio::spawn(serve_at(listener, router, edge, stopping.clone(), drain)));
    let served = serve_at(listener, router, edge, stopping, drain).await;
    if let Some(admin) = admin {
        admin.await.context("the dashboard's server stopped")??;
    }
    Ok(served?)
}

pub(super) async fn worker(config: Config) -> anyhow::Result<()> {
    let stop = started(&config)?;
    let Provider::Live(account) = config.provider(Role::Worker)? else {
        bail!("a worker needs ParcelX credentials")
    };
    let listener = match config.worker_bind() {
        Some(address) => Some(listen(address, "worker.bind").await?),
        None => None,
    };
    let opening = Box::pin(App::open_without_merchants(config, ProviderEnv::Live, Clock::system()));
    let Some(app) = stop.run_until_cancelled(opening).await.transpose().map_err(explain)? else {
        return Ok(());
    };
    all_closed_at_the_end(&app);
    let provider = account.base_url.clone();
    let worker = app.worker(account)?;
    let (drain, closing) = (app.config.worker.drain.get(), CancellationToken::new());
    let health = listener.map(|listener| {
        let stopping = stopping(&stop, stop.clone(), closing.clone());
        let (router, edge) = (app.health_router(stop.clone()), app.config.http.edge());
        let edge = Edge { linger: Duration::ZERO, ..edge };
        tokio::spawn(serve_at(listener, router, edge, stopping, drain))
    });
    app.tell_of_foreign_orders().await;
    super::announce(&banner::worker(&app.config, &provider));
    drained(&worker, &stop, drain).await;
    closing.cancel();
    if let Some(server) = health {
        server.await.context("the health server stopped")??;
    }
    Ok(())
}

/// A process that has not stopped by itself after its drains and this is ended: 10 s of it to close its
/// database and its queue.
const MARGIN: Duration = Duration::from_secs(20);

/// A server stops by these tokens, and lingers only for whoever manages processes: after Ctrl-C a person
/// waits.
fn stopping(stop: &CancellationToken, soon: CancellationToken, now: CancellationToken) -> Stopping {
    let (stop, hurry) = (stop.clone(), CancellationToken::new());
    let hurried = hurry.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        if !terminated() {
            hurried.cancel();
        }
    });
    Stopping { soon, now, hurry }
}

/// Runs the worker until `stop`, and then waits for at most `drain` until it has finished its jobs.
async fn drained(worker: &Worker, stop: &CancellationToken, drain: Duration) {
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        () = worker.run(stop) => {}
        () = too_long => tracing::warn!(
            "jobs were still running at the end of the drain; other workers will find and resolve them"
        ),
    }
}

/// Listens on `address`; the error names the setting `key` and how to fix it.
pub(super) async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    use std::io::ErrorKind;
    let setting = match key {
        "http.bind" => "WAYBILL_HTTP__BIND=",
        "admin.bind" => "WAYBILL_ADMIN__BIND=",
        "worker.bind" => "WAYBILL_WORKER__BIND=",
        _ => "--bind ",
    };
    let port = address.port();
    let other = SocketAddr::new(address.ip(), port.checked_add(100).unwrap_or(port.saturating_sub(100)));
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "{key}: {address} is in use by another program: stop it, or choose another port \
             ({setting}{other})"
        ),
        ErrorKind::PermissionDenied => {
            anyhow!("{key}: {address} may not be used by this user: choose a port from 1024 up")
        }
        ErrorKind::AddrNotAvailable => anyhow!("{key}: {address} is not an address of this machine"),
        _ => anyhow!("{key}: cannot listen on {address}: {error}"),
    })
}

/// Two all-in-one programs on one folder would write over each other's ledger of the simulator, and each
/// would do the other's jobs. With databases elsewhere several may work, and only the ledger has a lock.
fn lock(config: &Config) -> anyhow::Result<Option<File>> {
    if !config.store.url.starts_with("sqlite:") {
        return Ok(None);
    }
    let folder = config.data_folder();
    let path = std::path::absolute(folder.join("all-in-one.lock"))?;
    let opened =
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).and_then(|()| {
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)
        });
    let file = opened.map_err(|error| {
        let hint = "name another one (WAYBILL_STORE__URL=sqlite:PATH)";
        anyhow!("store.url: the directory {} cannot be used: {error}; {hint}", folder.display())
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => bail!(
            "another all-in-one Waybill uses {}: stop it, or give this one a folder of its own \
             (WAYBILL_STORE__URL=sqlite:other/waybill.db WAYBILL_QUEUE__URL=sqlite:other/queue.db)",
            path.parent().unwrap_or(&folder).display()
        ),
        Err(TryLockError::Error(error)) => bail!("{}: cannot be locked: {error}", path.display()),
    }
}

/// Opens the databases, for a process in which people sign in; the error names the setting to change.
async fn open(config: Config, env: ProviderEnv) -> anyhow::Result<App> {
    let app = App::open_for_people(config, env, Clock::system()).await.map_err(explain)?;
    all_closed_at_the_end(&app);
    app.try_files().await?;
    Ok(app)
}

/// A database of servers that has been booked with for money is not for the simulator, wherever it listens.
async fn only_simulated(app: &App) -> anyhow::Result<()> {
    if app.config.is_local() {
        return Ok(());
    }
    let live = Accounts::new(app.store.clone(), app.clock.clone(), ProviderEnv::Live);
    if live.exists().await? {
        bail!(
            "the database holds orders of the real ParcelX: set its credentials, or name another database \
             (WAYBILL_STORE__URL) for the simulator"
        )
    }
    Ok(())
}

fn explain(error: AppError) -> anyhow::Error {
    match error {
        AppError::Store(outdated @ StoreError::Outdated(_)) => outdated.into(),
        AppError::Store(_) => anyhow!("{error} (WAYBILL_STORE__URL names another database)"),
        AppError::Queue(_) => anyhow!("{error} (WAYBILL_QUEUE__URL=sqlite:PATH names another file)"),
        other => other.into(),
    }
}
