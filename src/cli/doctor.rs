//! `waybill doctor` and `waybill sweep`: how things stand, and one repair pass by hand.

use std::time::Duration;

use anyhow::{Context, bail};

use super::open::open;
use crate::{
    features::orders::model::Order,
    platform::{config::Config, outbox::LeaseDocument},
};

/// Jobs that nobody was told of for this long mean that no worker runs.
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn sweep(config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    let report = app.walker().pass().await?;
    super::say(&format!(
        "told the queue of {} jobs (the oldest {} s late)",
        report.relayed,
        report.lag.as_secs()
    ))?;
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
    for account in app.accounts.list().await.context("accounts")? {
        super::say(&format!("account    {}", super::account::line(&account)))?;
    }
    super::say(&format!("queue      {}", app.config.queue.url))?;
    for (name, _) in crate::app::queues() {
        let counts = app.queue.inspect.counts(name).await.context("queue")?;
        super::say(&format!(
            "  {name}: {} waiting, {} active, {} delayed, {} completed, {} failed",
            counts.waiting, counts.active, counts.delayed, counts.completed, counts.failed
        ))?;
    }
    let (outbox, overdue) = app.walker().lag().await?;
    super::say(&format!(
        "outbox     oldest entry {} s, most overdue order {} s",
        outbox.as_secs(),
        overdue.as_secs()
    ))?;
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
