//! `waybill migrate` brings the database to the form that this version of the program needs.

use std::time::Duration;

use anyhow::Context;

use crate::{
    app::migrations,
    base::clock::Clock,
    platform::{config::Config, store::Store},
};

/// How long one operation may take: nobody waits for it but its operator.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let store = Store::open(&config.store.url).await.context("store.url")?.within(PATIENCE);
    super::open::closed_at_the_end(&store);
    let mut done = 0;
    let tell = |line: String| {
        done += 1;
        super::announce(&line);
    };
    migrations::migrate(&store, Clock::system().now(), tell).await?;
    if done == 0 {
        super::say("the database is up to date")?;
    }
    Ok(())
}
