//! `waybill import-legacy` brings the orders of the Node system.

use std::time::Duration;

use anyhow::{Context, bail};

use super::open::open_or_make;
use crate::{
    app::legacy::{Report, import},
    platform::{config::Config, store::Foreign},
};

/// How long one operation may take: nobody waits for it but its operator.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The database of the Node system, which is only read: `mongodb://…`. Stop its API and its workers
    /// first.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Import. Without it nothing is written, and what would come is printed.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let from = Foreign::open(&args.from).await.context("from")?;
    let app = open_or_make(config).await?;
    let (store, words) = (app.store.within(PATIENCE), &app.config.parcelx.words);
    let report = import(&from, &store, words, app.clock.now(), args.yes).await;
    from.close().await;
    print(&report.context("import")?, args.yes)
}

fn print(report: &Report, written: bool) -> anyhow::Result<()> {
    let Report { read, booked, failed, cancelled, to_review, there, taken, unreadable } = report;
    let new = booked + failed + cancelled + u64::try_from(to_review.len())?;
    for (id, why) in to_review {
        super::say(&format!("review     {id}: {why}"))?;
    }
    for (id, key) in taken {
        super::say(&format!("taken      {id}: another order has its {key}, and stays as it is"))?;
    }
    for (id, why) in unreadable {
        super::say(&format!("unreadable {id}: {why}"))?;
    }
    super::say(&format!(
        "read {read} orders: {new} new ({booked} booked, {failed} failed, {cancelled} cancelled, {} for a \
         person), {there} there already, {} with a key that is taken, {} unreadable",
        to_review.len(),
        taken.len(),
        unreadable.len()
    ))?;
    super::say(if written { "imported" } else { "nothing was written: --yes imports them" })?;
    if !unreadable.is_empty() {
        bail!("orders that cannot be read hold no clientOrderId here: their creates would ship again");
    }
    Ok(())
}
