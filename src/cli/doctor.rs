//! `waybill doctor` and `waybill sweep`: how things stand, and one repair pass by hand.

use std::time::Duration;

use anyhow::{Context, bail};

use crate::{
    app::App,
    clock::Clock,
    config::{Config, Provider, Role},
    orders::model::{Order, ProviderEnv},
    outbox::LeaseDocument,
    queue::job::Payload,
};

/// Jobs that nobody was told of for this long mean that no worker runs.
const LATE: Duration = Duration::from_secs(60);

/// Which orders a tool sees does not depend on the provider; with credentials it acts for the live one.
async fn open(config: Config) -> anyhow::Result<App> {
    let env = match config.provider(Role::AllInOne) {
        Ok(Provider::Live(_)) => ProviderEnv::Live,
        _ => ProviderEnv::Simulator,
    };
    App::open_without_merchants(config, env, Clock::system()).await.context("cannot open what the settings name")
}

pub(super) async fn sweep(config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    let report = app.walker().pass().await?;
    super::say(&format!("told the queue of {} jobs (the oldest {} s late)", report.relayed, report.lag.as_secs()))?;
    super::say(&format!(
        "overdue orders: {} still queued, {} dispatched again, {} given to review",
        report.waiting, report.dispatched, report.given_up
    ))?;
    Ok(())
}

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    let mut sick = Vec::new();
    super::say(&format!("settings   ok\ndatabase   {}", app.config.store.url))?;
    app.store.ping().await.context("database")?;
    for (status, count) in app.store.count_by::<Order>("providerSyncStatus").await? {
        super::say(&format!("  {status:<14} {count}"))?;
    }
    super::say(&format!("queue      {}", app.config.queue.url))?;
    let name = crate::orders::jobs::CreateOrderJob::QUEUE;
    let counts = app.queue.inspect.counts(name).await.context("queue")?;
    super::say(&format!(
        "  {name}: {} waiting, {} active, {} delayed, {} completed, {} failed",
        counts.waiting, counts.active, counts.delayed, counts.completed, counts.failed
    ))?;
    let (outbox, overdue) = app.walker().lag().await?;
    super::say(&format!("outbox     oldest entry {} s, most overdue order {} s", outbox.as_secs(), overdue.as_secs()))?;
    if outbox > LATE {
        sick.push("jobs wait to be told to the queue: is a worker running?");
    }
    let lease = app.store.get::<LeaseDocument>("outbox").await?;
    let leader = lease.filter(|l| l.holder.is_some() && l.until > app.clock.now());
    super::say(&format!(
        "leader     {}",
        leader.map_or_else(|| "none: no worker is running".to_owned(), |l| format!("until {}", l.until))
    ))?;
    if sick.is_empty() { Ok(()) } else { bail!(sick.join("\n")) }
}
