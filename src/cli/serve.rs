//! The long-running commands: all in one, only the API, only the worker.

use std::{io::IsTerminal, net::SocketAddr, time::Duration};

use anyhow::{Context, anyhow, bail};
use axum::Router;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::banner;
use crate::{
    app::{App, AppError, Worker},
    base::{clock::Clock, ids},
    platform::{
        config::{Account, Config, Provider, Role},
        http::serve::serve,
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
}

impl AllInOne {
    /// Builds all parts without starting them.
    pub(super) async fn build(config: Config) -> anyhow::Result<Self> {
        let provider = config.provider(Role::AllInOne)?;
        let listener = listen(config.http.bind, "http.bind").await?;
        let address = listener.local_addr()?;
        let draining = CancellationToken::new();
        let folder = config.data_folder();
        let env = match provider {
            Provider::Simulator => ProviderEnv::Simulator,
            Provider::Live(_) => ProviderEnv::Live,
        };
        let app = open(config, env).await?;
        let (account, simulator) = match provider {
            Provider::Live(account) => (account, None),
            Provider::Simulator => {
                let key = SecretString::from(ids::secret());
                let base_url = Url::parse(&format!("http://{address}{SIMULATOR}"))?;
                let account = Account { base_url, access_key: key.clone(), secret_key: key };
                let ledger_file = Some(folder.join("simulator-ledger.jsonl"));
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
        Ok(Self { app, address, worker, listener, router, admin, draining })
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
        let server = tokio::spawn(serve(self.listener, self.router, closing.clone(), drain));
        let admin = self.admin.map(|(l, router)| tokio::spawn(serve(l, router, closing.clone(), drain)));
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
        self.app.store.close().await;
        Ok(served?)
    }
}

/// Makes the user of a local installation's first start. The password goes to the terminal alone, or to a
/// file that only this user reads: whatever keeps the logs must not have it.
async fn first_login(app: &App) -> anyhow::Result<()> {
    let people = app.people();
    if !people.users.list().await?.is_empty() {
        return Ok(());
    }
    if !app.config.is_local() {
        super::complain("Nobody may use the dashboard yet: `waybill admin add NAME --role super_admin`");
        return Ok(());
    }
    let password = super::admin::generated();
    // Before the user is made: a password that is nowhere would lock everybody out.
    let place = if std::io::stderr().is_terminal() {
        format!("password {} (shown only now)", password.expose_secret())
    } else {
        let file = super::admin::write_first(&app.config.data_folder(), &password)?;
        format!("the password is in {}", file.display())
    };
    super::admin::first(&people, password).await?;
    super::complain(&format!("First login to the dashboard: user {}, {place}", super::admin::FIRST));
    Ok(())
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
    telemetry::init(&config.log.level, config.log.format)?;
    telemetry::install();
    let program = AllInOne::build(config).await?;
    let stop = stop_on_signals()?;
    first_login(&program.app).await?;
    super::announce(&banner::all_in_one(&program.app, program.address, program.admin_address()?)?);
    program.run(stop).await
}

pub(super) async fn api(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.log.level, config.log.format)?;
    telemetry::install();
    let Provider::Live(account) = config.provider(Role::Api)? else {
        bail!("an API needs ParcelX credentials")
    };
    let listener = listen(config.http.bind, "http.bind").await?;
    let address = listener.local_addr()?;
    let app = open(config, ProviderEnv::Live).await?;
    let stop = stop_on_signals()?;
    let (router, admin) = surfaces(&app, account, &stop).await?;
    let drain = app.config.worker.drain.get();
    super::announce(&banner::api(address));
    let admin = admin.map(|(l, router)| tokio::spawn(serve(l, router, stop.clone(), drain)));
    let served = serve(listener, router, stop, drain).await;
    if let Some(admin) = admin {
        admin.await.context("the dashboard's server stopped")??;
    }
    app.store.close().await;
    Ok(served?)
}

pub(super) async fn worker(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.log.level, config.log.format)?;
    telemetry::install();
    let Provider::Live(account) = config.provider(Role::Worker)? else {
        bail!("a worker needs ParcelX credentials")
    };
    let listener = match config.worker_bind() {
        Some(address) => Some(listen(address, "worker.bind").await?),
        None => None,
    };
    let app =
        App::open_without_merchants(config, ProviderEnv::Live, Clock::system()).await.map_err(explain)?;
    let stop = stop_on_signals()?;
    let worker = app.worker(account)?;
    let (drain, closing) = (app.config.worker.drain.get(), CancellationToken::new());
    let health =
        listener.map(|l| tokio::spawn(serve(l, app.health_router(stop.clone()), closing.clone(), drain)));
    super::announce(&banner::worker(&app.config));
    drained(&worker, &stop, drain).await;
    closing.cancel();
    if let Some(server) = health {
        server.await.context("the health server stopped")??;
    }
    app.store.close().await;
    Ok(())
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

/// `timeout`, terminals and process managers signal both a process and its group: a second signal within this
/// time belongs to the first one.
const DUPLICATE_SIGNAL: Duration = Duration::from_millis(300);

/// Cancelled by the first SIGTERM or Ctrl-C; a later one ends the process at once.
///
/// # Errors
/// Fails if the signal handlers cannot be installed.
pub(super) fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut first: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            match first {
                None => {
                    first = Some(Instant::now());
                    tracing::info!("stopping: finishing the current work; a second signal ends at once");
                    stopping.cancel();
                }
                Some(at) if at.elapsed() >= DUPLICATE_SIGNAL => {
                    tracing::warn!("second signal: ending at once");
                    std::process::exit(1);
                }
                Some(_) => {}
            }
        }
    });
    Ok(stop)
}

/// Listens on `address`; the error names the setting `key` and how to fix it.
pub(super) async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    use std::io::ErrorKind;
    let setting = match key {
        "http.bind" => "WAYBILL_HTTP__BIND=",
        "admin.bind" => "WAYBILL_ADMIN__BIND=",
        _ => "--bind ",
    };
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "{key}: {address} is in use by another program: stop it, or choose another port \
             ({setting}127.0.0.1:3100)"
        ),
        ErrorKind::PermissionDenied => {
            anyhow!("{key}: {address} may not be used by this user: choose a port from 1024 up")
        }
        ErrorKind::AddrNotAvailable => anyhow!("{key}: {address} is not an address of this machine"),
        _ => anyhow!("{key}: cannot listen on {address}: {error}"),
    })
}

/// Opens the databases; the error names the setting to change.
async fn open(config: Config, env: ProviderEnv) -> anyhow::Result<App> {
    App::open(config, env, Clock::system()).await.map_err(explain)
}

fn explain(error: AppError) -> anyhow::Error {
    match error {
        AppError::Store(outdated @ StoreError::Outdated(_)) => outdated.into(),
        AppError::Store(_) => anyhow!("{error} (WAYBILL_STORE__URL names another database)"),
        AppError::Queue(_) => anyhow!("{error} (WAYBILL_QUEUE__URL=sqlite:PATH names another file)"),
        other => other.into(),
    }
}
