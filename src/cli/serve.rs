//! The long-running commands: all in one, the API alone, the worker alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use axum::Router;
use secrecy::SecretString;
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
        telemetry,
    },
    provider::{
        carrier::ProviderEnv,
        simulator::{Profile, Settings, Simulator},
    },
};

/// Where the built-in simulator is mounted.
pub(super) const SIMULATOR: &str = "/simulator";

/// A running all-in-one program.
pub(super) struct AllInOne {
    pub(super) app: App,
    pub(super) address: SocketAddr,
    worker: Worker,
    listener: TcpListener,
    router: Router,
    draining: CancellationToken,
}

impl AllInOne {
    /// Builds all parts; nothing runs yet.
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
        let router = app.router(draining.clone());
        let (account, router) = match provider {
            Provider::Live(account) => (account, router),
            Provider::Simulator => {
                let key = SecretString::from(ids::secret());
                let base_url = Url::parse(&format!("http://{address}{SIMULATOR}"))?;
                let account = Account { base_url, access_key: key.clone(), secret_key: key };
                let ledger_file = Some(folder.join("simulator-ledger.jsonl"));
                // Any token will do: the double answers on a loopback address only, and an order's lifecycle
                // must not end at a key.
                let settings = Settings { access_token: None, ledger_file, profile: Profile::Friendly };
                let simulator = Simulator::new(settings, Clock::system())?;
                // Beside the API's layers, not inside: the double is another service.
                (account, Router::new().nest(SIMULATOR, simulator.router()).fallback_service(router))
            }
        };
        let worker = app.worker(account)?;
        Ok(Self { app, address, worker, listener, router, draining })
    }

    /// Runs until `stop`: first the worker ends what it has in hand, with the API (and the simulator) still
    /// answering; then the API does.
    pub(super) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let drain = self.app.config.worker.drain.get();
        let closing = CancellationToken::new();
        let server = tokio::spawn(serve(self.listener, self.router, closing.clone(), drain));
        let forward = stop.clone();
        let draining = self.draining.clone();
        tokio::spawn(async move {
            forward.cancelled().await;
            draining.cancel();
        });
        drained(&self.worker, &stop, drain).await;
        closing.cancel();
        server.await.context("the HTTP server stopped")??;
        Ok(())
    }
}

pub(super) async fn all_in_one(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.log.level, config.log.format)?;
    telemetry::install();
    let program = AllInOne::build(config).await?;
    let stop = stop_on_signals()?;
    super::announce(&banner::all_in_one(&program.app, program.address)?);
    program.run(stop).await
}

pub(super) async fn api(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.log.level, config.log.format)?;
    telemetry::install();
    config.provider(Role::Api)?;
    let listener = listen(config.http.bind, "http.bind").await?;
    let address = listener.local_addr()?;
    let app = open(config, ProviderEnv::Live).await?;
    let stop = stop_on_signals()?;
    let drain = app.config.worker.drain.get();
    super::announce(&banner::api(address));
    serve(listener, app.router(stop.clone()), stop, drain).await?;
    Ok(())
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
    Ok(())
}

/// Runs the worker until it is stopped, and then lets it end what it has in hand, for at most `drain`.
async fn drained(worker: &Worker, stop: &CancellationToken, drain: Duration) {
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        () = worker.run(stop) => {}
        () = too_long => tracing::warn!("jobs were still running at the end of the drain; other workers will find and settle them"),
    }
}

/// `timeout`, terminals and process managers signal a process and its group: what comes this soon is an echo
/// of the first signal.
const ECHO: Duration = Duration::from_millis(300);

/// Cancelled by the first SIGTERM or Ctrl-C; a second one, of its own, ends the process at once.
///
/// # Errors
/// When signals cannot be listened to.
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
                    tracing::info!("stopping: ending what is in hand; a second signal does not wait");
                    stopping.cancel();
                }
                Some(at) if at.elapsed() >= ECHO => {
                    tracing::warn!("told twice: ending at once");
                    std::process::exit(1);
                }
                Some(_) => {}
            }
        }
    });
    Ok(stop)
}

/// Listens on `address`, or says how to mend it; `key` names the setting.
pub(super) async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let setting = if key == "http.bind" { "WAYBILL_HTTP__BIND=" } else { "--bind " };
            anyhow!("{key}: {address} is taken by another program: stop it, or choose another port ({setting}127.0.0.1:3100)")
        }
        std::io::ErrorKind::PermissionDenied => anyhow!("{key}: {address} may not be used by this user: choose a port from 1024 up"),
        std::io::ErrorKind::AddrNotAvailable => anyhow!("{key}: {address} is no address of this machine"),
        _ => anyhow!("{key}: cannot listen on {address}: {error}"),
    })
}

/// Opens the files, or says which setting names another.
async fn open(config: Config, env: ProviderEnv) -> anyhow::Result<App> {
    App::open(config, env, Clock::system()).await.map_err(explain)
}

fn explain(error: AppError) -> anyhow::Error {
    match error {
        AppError::Store(_) => anyhow!("{error} (WAYBILL_STORE__URL=sqlite:PATH names another file)"),
        AppError::Queue(_) => anyhow!("{error} (WAYBILL_QUEUE__URL=sqlite:PATH names another file)"),
        other => other.into(),
    }
}

/// The parts are shared by several tasks.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<App>>();
};
