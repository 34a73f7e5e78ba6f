//! The database and the queue, for commands that look at what a service has made of them.

use anyhow::Context;

use crate::{
    app::App,
    base::clock::Clock,
    platform::config::{Config, Provider, Role},
    provider::carrier::ProviderEnv,
};

/// Which orders a tool sees does not depend on the provider; with credentials it acts for the live one.
pub(super) async fn open(config: Config) -> anyhow::Result<App> {
    let env = match config.provider(Role::AllInOne) {
        Ok(Provider::Live(_)) => ProviderEnv::Live,
        _ => ProviderEnv::Simulator,
    };
    App::open_without_merchants(config, env, Clock::system())
        .await
        .context("cannot open what the settings name")
}
