//! Opens the database and the queue for commands that read or change a service's data.

use std::sync::{Mutex, PoisonError};

use anyhow::Context;

use crate::{
    app::App,
    base::clock::Clock,
    platform::{
        config::{Config, Provider, Role},
        store::Store,
    },
    provider::carrier::ProviderEnv,
};

/// What the command has opened: to be closed when it has ended, however it ended. A driver's tasks must not
/// outlive the runtime.
static OPENED: Mutex<Vec<Store>> = Mutex::new(Vec::new());

/// A tool sees all orders, whatever their provider; with credentials it acts for the live one.
pub(super) async fn open(config: Config) -> anyhow::Result<App> {
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
