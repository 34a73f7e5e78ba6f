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
        store::Store,
    },
    provider::carrier::ProviderEnv,
};

/// What the command has opened: to be closed when it has ended, however it ended. A driver's tasks must not
/// outlive the runtime.
static OPENED: Mutex<Vec<Store>> = Mutex::new(Vec::new());

/// A tool sees all orders, whatever their provider; with credentials it acts for the live one.
pub(super) async fn open(config: Config) -> anyhow::Result<App> {
    is_there(&config)?;
    open_or_make(config).await
}

/// The same for what may be an installation's first command.
pub(super) async fn open_or_make(config: Config) -> anyhow::Result<App> {
    let env = match config.provider(Role::AllInOne) {
        Ok(Provider::Live(_)) => ProviderEnv::Live,
        _ => ProviderEnv::Simulator,
    };
    let app = App::open_without_merchants(config, env, Clock::system())
        .await
        .context("cannot open the database or the queue")?;
    closed_at_the_end(&app.store);
    Ok(app)
}

pub(super) fn closed_at_the_end(store: &Store) {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
}

/// Closes what is open.
pub(super) async fn close() {
    let opened = std::mem::take(&mut *OPENED.lock().unwrap_or_else(PoisonError::into_inner));
    for store in opened {
        store.close().await;
    }
}

/// Refuses where no instance has ever run: a command in the wrong folder would make an empty database there
/// and say that all is well.
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
