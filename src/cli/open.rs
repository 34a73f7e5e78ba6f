//! Opens the database and the queue for commands that read or change a service's data.

use anyhow::Context;

use crate::{
    app::App,
    base::clock::Clock,
    platform::config::{Config, Provider, Role},
    provider::carrier::ProviderEnv,
};

/// A tool sees all orders, whatever their provider; with credentials it acts for the live one.
pub(super) async fn open(config: Config) -> anyhow::Result<App> {
    let env = match config.provider(Role::AllInOne) {
        Ok(Provider::Live(_)) => ProviderEnv::Live,
        _ => ProviderEnv::Simulator,
    };
    App::open_without_merchants(config, env, Clock::system())
        .await
        .context("cannot open the database or the queue")
}
