//! Opens the database and the queue for commands that read or change a service's data.

use std::{
    path::{Path, PathBuf, absolute},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, bail};

use crate::{
    app::App,
    base::clock::Clock,
    platform::{
        config::{Config, Provider, Role, shown},
        queue::Queue,
        store::Store,
        telemetry,
    },
    provider::carrier::ProviderEnv,
};

/// What the command has opened: to be closed when it has ended, however it ended. A driver's tasks must not
/// outlive the runtime.
static OPENED: Mutex<(Vec<Store>, Vec<Queue>)> = Mutex::new((Vec::new(), Vec::new()));

/// A tool sees all orders, whatever their provider; with credentials it acts for the live one.
pub(super) async fn open(config: Config) -> anyhow::Result<App> {
    is_there(&config)?;
    // What is wrong with the files, and what becomes of them, is told to whoever runs the command.
    telemetry::init("error", config.log.format)?;
    let env = match config.provider(Role::AllInOne) {
        Ok(Provider::Live(_)) => ProviderEnv::Live,
        _ => ProviderEnv::Simulator,
    };
    let app = App::open_for_command(config, env, Clock::system())
        .await
        .context("cannot open the database or the queue")?;
    all_closed_at_the_end(&app);
    Ok(app)
}

/// The same for what may be an installation's first command.
pub(super) async fn open_or_make(config: Config) -> anyhow::Result<App> {
    store_or_new(&config.store.url).await?;
    Box::pin(open(config)).await
}

/// Opens the database, and says so if there was none: in the wrong folder it is another one than was meant.
pub(super) async fn store_or_new(url: &str) -> anyhow::Result<Store> {
    let store = Store::open(url).await.context("store.url")?;
    closed_at_the_end(&store);
    if store.made() {
        super::complain(&format!("waybill: a new database was made at {}", place(url)));
    }
    Ok(store)
}

pub(super) fn closed_at_the_end(store: &Store) {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).0.push(store.clone());
}

pub(super) fn all_closed_at_the_end(app: &App) {
    closed_at_the_end(&app.store);
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).1.push(app.queue.clone());
}

/// Closes what is open.
pub(super) async fn close() {
    let (stores, queues) = std::mem::take(&mut *OPENED.lock().unwrap_or_else(PoisonError::into_inner));
    for queue in queues {
        queue.broker.close().await;
    }
    for store in stores {
        store.close().await;
    }
}

/// Refuses where no instance has ever run: a command in the wrong folder would make an empty database there
/// and say that all is well. Of a database on a server, opening it finds that out.
pub(super) fn is_there(config: &Config) -> anyhow::Result<()> {
    match file_of(&config.store.url) {
        Some(file) if !file.exists() => bail!(
            "store.url: there is no database at {}: run this command in the folder of the instance or with \
             its settings (--config FILE, WAYBILL_STORE__URL)",
            file.display()
        ),
        _ => Ok(()),
    }
}

/// The whole path of a database that is a file.
pub(super) fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    Some(absolute(path).unwrap_or_else(|_| Path::new(path).to_path_buf()))
}

/// Where a database is, as people may see it: a file's whole path, or the server.
pub(super) fn place(url: &str) -> String {
    file_of(url).map_or_else(|| shown(url), |file| file.display().to_string())
}
