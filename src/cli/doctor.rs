//! `waybill doctor` prints the state of the installation; `waybill sweep` runs one repair pass.

use std::time::Duration;

use anyhow::{Context, bail};

use super::open::open;
use crate::{
    features::orders::model::Order,
    platform::{config::Config, outbox::LeaseDocument},
};

/// An outbox entry older than this means that no worker is running.
const MAX_OUTBOX_AGE: Duration = Duration::from_secs(60);

pub(super) async fn sweep(config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    let report = app.walker().pass().await?;
    super::say(&format!(
        "added {} jobs to the queue (the oldest {} s late)",
        report.relayed,
        report.lag.as_secs()
    ))?;
    super::say(&format!(
        "overdue orders: {} still queued, {} dispatched again, {} moved to review",
        report.waiting, report.dispatched, report.given_up
    ))?;
    Ok(())
}

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
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
    let lease = app.store.get::<LeaseDocument>("outbox").await?;
    let leader = lease.filter(|l| l.holder.is_some() && l.until > app.clock.now());
    super::say(&format!(
        "leader     {}",
        leader.map_or_else(|| "none: no worker is running".to_owned(), |l| format!("until {}", l.until))
    ))?;
    if outbox > MAX_OUTBOX_AGE {
        bail!("jobs are waiting to be added to the queue: is a worker running?");
    }
    Ok(())
}
