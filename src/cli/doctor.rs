//! `waybill doctor` prints the state of the installation; `waybill sweep` runs one repair pass.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};

use super::open::open;
use crate::{
    app::App,
    features::orders::model::Order,
    platform::{
        config::{Config, shown},
        outbox::{Dispatched, LeaseDocument},
        store::{Order as Sort, Query, Store},
    },
};

/// An outbox entry older than this means that no worker is running.
const MAX_OUTBOX_AGE: Duration = Duration::from_secs(60);

/// How long a look at the database may take: nobody waits for it but its operator.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far orders are counted, and how many are read at a time.
const COUNTED: usize = 1000;
/// Most pages of open orders that are read.
const PAGES: usize = 20;

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
    super::say(&format!("settings   ok\ndatabase   {}", shown(&app.config.store.url)))?;
    app.store.ping().await.context("database")?;
    if let Some(server) = app.store.server().await.context("database")? {
        super::say(&format!("server     {server}"))?;
    }
    if let Some(offset) = app.store.clock_offset().await.context("database")? {
        super::say(&format!("clock      the database's is {} ms from this machine's", offset.as_millis()))?;
    }
    let store = app.store.within(PATIENCE);
    for (status, count) in store.count_by::<Order>("providerSyncStatus").await? {
        super::say(&format!("  {status:<14} {count}"))?;
    }
    let review = store.count::<Order>(&Query::sorted_by("review.since", Sort::Ascending), COUNTED).await?;
    super::say(&format!("review     {review} orders wait for a person"))?;
    let unreadable = unreadable(&store).await?;
    for (id, why) in &unreadable {
        super::say(&format!("unreadable {id}: {why}"))?;
    }
    let with_doubles = store.with_doubles();
    if with_doubles > 0 {
        super::say(&format!(
            "doubles    {with_doubles} times an open order had doubles where integers are kept: another \
             program writes them (docs/operations.md, MongoDB)"
        ))?;
    }
    for account in app.accounts.list().await.context("accounts")? {
        super::say(&format!("account    {}", super::account::line(&account)))?;
    }
    super::say(&format!("queue      {}", shown(&app.config.queue.url)))?;
    for (name, _) in crate::app::queues() {
        let counts = app.queue.inspect.counts(name).await.context("queue")?;
        super::say(&format!(
            "  {name}: {} waiting, {} active, {} delayed, {} completed, {} failed",
            counts.waiting, counts.active, counts.delayed, counts.completed, counts.failed
        ))?;
    }
    let queue_trouble = examine(&app).await.context("queue")?;
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
    if queue_trouble > 0 {
        bail!("the queue needs somebody: see the lines that begin with `trouble` (above)");
    }
    if !unreadable.is_empty() {
        bail!("open orders cannot be read by this version of the program: is it older than another one?");
    }
    Ok(())
}

/// Tells what is wrong with the queues, and of how much of that jobs are lost or stand still.
async fn examine(app: &App) -> anyhow::Result<usize> {
    let queues = crate::app::queues();
    let places = std::iter::once(None).chain(queues.iter().map(|(name, _)| Some(*name)));
    let mut trouble = 0;
    for place in places {
        for finding in app.queue.inspect.examine(place).await? {
            let kind = if finding.trouble { "trouble" } else { "note" };
            trouble += usize::from(finding.trouble);
            super::say(&format!("{kind:<10} {}: {}", place.unwrap_or("the server"), finding.what))?;
        }
        let Some(queue) = place else { continue };
        for worker in app.queue.inspect.workers(queue).await?.iter().filter(|worker| worker.foreign) {
            super::say(&format!("note       {queue}: the BullMQ worker {} works it, too", worker.name))?;
        }
    }
    Ok(trouble)
}

/// Open orders that do not read as their type, each with the place where it goes wrong.
async fn unreadable(store: &Store) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for field in [Order::OUTBOX, Order::OVERDUE, "review.since"] {
        let mut next = Some(Query::sorted_by(field, Sort::Ascending).limit(COUNTED));
        for _ in 0..PAGES {
            let Some(query) = next else { break };
            let page = store.find::<Order>(&query).await?;
            found.extend(page.unreadable.into_iter().map(|u| (u.id, u.why)));
            next = page.next.map(|cursor| query.after(cursor));
        }
    }
    Ok(found)
}
