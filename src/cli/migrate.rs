//! `waybill migrate` brings the database to the form that this version of the program needs.

use std::time::Duration;

use crate::{app::migrations, base::clock::Clock, platform::config::Config};

/// How long one operation may take: nobody waits for it but its operator.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let store = super::open::store_or_new(&config.store.url).await?.within(PATIENCE);
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
