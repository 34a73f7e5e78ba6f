//! `waybill doctor` prints the state of the installation; `waybill sweep` runs one repair pass.

mod damage;
mod database;
mod files;
mod findings;
mod unknown;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context;
use serde_json::{Map, Value, json};

use self::findings::Findings;
use super::open::{is_there, open, place};
use crate::{
    app::App,
    features::{orders::model::Order, provider_accounts::standing},
    platform::{
        config::Config,
        outbox::{Dispatched, LeaseDocument},
        queue::prefix_in_force,
        store::{Count, Order as Sort, Query, Store},
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

const EXAMPLES: &str = "\
Examples:
  waybill doctor           what there is, and what waits for an operator
  waybill doctor --json    one JSON object, for a monitor

Exit code 0: all is well. 2: something waits for an operator; the lines that
begin with `attention` say what. 1: something is broken or cannot be checked.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Something waits for an operator; what, has been printed.
#[derive(Debug, thiserror::Error)]
#[error("something waits for an operator")]
pub(super) struct Attention;

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    is_there(&config)?;
    let mut found = Findings::default();
    let Some(indexes) = database::look(&config, &mut found).await? else { return found.told(args.json) };
    let app = match open(config).await {
        Ok(app) => app,
        Err(error) => return found.broken_off(error, args.json),
    };
    database::made(&indexes, &mut found);
    orders(&app, &mut found).await?;
    files::look(&app, &mut found).await;
    let open = queues(&app, &mut found).await?;
    examine(&app, &mut found).await.context("queue")?;
    unknown::look(&app, &mut found).await?;
    workers(&app, open, &mut found).await?;
    found.told(args.json)
}

async fn orders(app: &App, found: &mut Findings) -> anyhow::Result<()> {
    let store = app.store.within(PATIENCE);
    let mut states = Map::new();
    for (status, count) in store.count_by::<Order>("providerSyncStatus").await? {
        found.lines.push(format!("  {status:<14} {count}"));
        states.insert(status, count.into());
    }
    found.facts.insert("orders".to_owned(), Value::Object(states));
    let review = store.count::<Order>(&Query::sorted_by("review.since", Sort::Ascending), COUNTED).await?;
    found.add("review", format!("review     {review} orders wait for a person"), review.n);
    if review.n > 0 {
        found.attention.push(format!("{review} orders wait for a person: `waybill review list`"));
    }
    let unreadable = unreadable(&store).await?;
    for (id, why) in &unreadable {
        found.lines.push(format!("unreadable {id}: {why}"));
    }
    let with_doubles = store.with_doubles();
    if with_doubles > 0 {
        found.attention.push(format!(
            "{with_doubles} times an open order had doubles where integers are kept: another program writes \
             them (docs/operations.md, MongoDB)"
        ));
    }
    if !unreadable.is_empty() {
        found.broken.push(
            "open orders cannot be read by this version of the program: is it older than another one?"
                .to_owned(),
        );
    }
    found.facts.insert("unreadable".to_owned(), unreadable.into_keys().collect::<Vec<_>>().into());
    let mut accounts = Map::new();
    for account in app.accounts.list().await.context("accounts")? {
        found.lines.push(format!("account    {}", super::account::line(&account)));
        if let Some(hold) = &account.hold {
            let (id, kind, reason) = (&account.id, hold.kind, &hold.reason);
            found.attention.push(format!("the account {id} is held ({kind}): {reason}"));
        }
        accounts.insert(account.id.clone(), standing(account.hold.as_ref()).into());
    }
    found.facts.insert("accounts".to_owned(), Value::Object(accounts));
    Ok(())
}

/// Gives how many jobs are not finished.
async fn queues(app: &App, found: &mut Findings) -> anyhow::Result<u64> {
    let (at, prefix) = (place(&app.config.queue.url), &app.config.queue.prefix);
    found.add("queue", format!("queue      {at}"), at);
    if let Some(prefix) = prefix_in_force(&app.config.queue.url, prefix) {
        found.add("queuePrefix", format!("prefix     {prefix}"), prefix);
    }
    let (mut open, mut all) = (0, Map::new());
    for (name, _) in crate::app::queues() {
        let counts = app.queue.inspect.counts(name).await.context("queue")?;
        open += counts.open();
        found.lines.push(format!(
            "  {name}: {} waiting, {} active, {} delayed, {} completed, {} failed",
            counts.waiting, counts.active, counts.delayed, counts.completed, counts.failed
        ));
        all.insert(
            name.to_owned(),
            json!({ "waiting": counts.waiting, "active": counts.active, "delayed": counts.delayed,
                "completed": counts.completed, "failed": counts.failed, "paused": counts.paused }),
        );
        if counts.paused {
            found.attention.push(format!("the queue {name} is paused"));
        }
    }
    found.facts.insert("queues".to_owned(), Value::Object(all));
    Ok(open)
}

async fn workers(app: &App, open: u64, found: &mut Findings) -> anyhow::Result<()> {
    let (outbox, overdue) = app.walker().lag().await?;
    let (outbox, overdue) = (outbox.as_secs(), overdue.as_secs());
    let line = format!("outbox     oldest entry {outbox} s, most overdue order {overdue} s");
    found.add("outboxSeconds", line, outbox);
    found.facts.insert("overdueSeconds".to_owned(), overdue.into());
    let mut names = BTreeSet::new();
    for (queue, _) in crate::app::queues() {
        let workers = app.queue.inspect.workers(queue).await.context("queue")?;
        names.extend(workers.into_iter().filter(|worker| !worker.foreign).map(|worker| worker.name));
    }
    found.add("workers", format!("workers    {}", names.len()), names.len());
    let late = Query::sorted_by(Order::OVERDUE, Sort::Ascending).before(app.clock.now());
    let due = app.store.within(PATIENCE).count::<Order>(&late, COUNTED).await?;
    found.facts.insert("dueOrders".to_owned(), due.n.into());
    let lease = app.store.get::<LeaseDocument>("outbox").await?;
    let leader = lease.filter(|l| l.holder.is_some() && l.until > app.clock.now());
    let until = leader.as_ref().map(|lease| lease.until.to_string());
    let line =
        until.as_ref().map_or_else(|| "none: no worker is running".to_owned(), |at| format!("until {at}"));
    found.add("leaderUntil", format!("leader     {line}"), until.clone());
    if outbox > MAX_OUTBOX_AGE.as_secs() {
        found.broken.push("jobs are waiting to be added to the queue: is a worker running?".to_owned());
    } else if let Some(what) = waits(open, due, outbox > 0).filter(|_| until.is_none()) {
        found.attention.push(format!("{what}, and no worker is running"));
    }
    Ok(())
}

/// What waits for a worker, in words. Orders are told of where there are more of them than jobs: those of a
/// restored database have none.
fn waits(open: u64, due: Count, to_be_added: bool) -> Option<String> {
    let jobs = (open > 0).then(|| format!("{open} jobs wait"));
    let orders = (due.n > open).then(|| format!("{due} orders are due"));
    match (jobs, orders) {
        (None, None) => to_be_added.then(|| "jobs wait to be added to the queue".to_owned()),
        (Some(jobs), Some(orders)) => Some(format!("{jobs}, {orders}")),
        (jobs, orders) => jobs.or(orders),
    }
}

/// Tells what is wrong with the queues, and of how much of that jobs are lost or stand still.
async fn examine(app: &App, found: &mut Findings) -> anyhow::Result<()> {
    let queues = crate::app::queues();
    let places = std::iter::once(None).chain(queues.iter().map(|(name, _)| Some(*name)));
    let mut trouble = 0_usize;
    for place in places {
        for finding in app.queue.inspect.examine(place).await? {
            let kind = if finding.trouble { "trouble" } else { "note" };
            trouble += usize::from(finding.trouble);
            found.lines.push(format!("{kind:<10} {}: {}", place.unwrap_or("the server"), finding.what));
        }
        let Some(queue) = place else { continue };
        for worker in app.queue.inspect.workers(queue).await?.iter().filter(|worker| worker.foreign) {
            found.lines.push(format!("note       {queue}: the BullMQ worker {} works it, too", worker.name));
        }
    }
    found.facts.insert("queueTrouble".to_owned(), trouble.into());
    if trouble > 0 {
        let words = "the queue needs somebody: see the lines that begin with `trouble` (above)";
        found.broken.push(words.to_owned());
    }
    Ok(())
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
