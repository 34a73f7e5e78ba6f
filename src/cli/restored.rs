//! `waybill restored` settles open orders after the database was restored from a backup.

use anyhow::bail;

use super::by::By;
use crate::{
    app::restored::{self, Settled},
    features::{
        audit::{Audit, AuditedAction, Outcome},
        orders::service::review::Item,
    },
    platform::{config::Config, telemetry},
};

const EXAMPLES: &str = "\
Examples:
  waybill restored --reason 'what would be done?'
  waybill restored --yes --reason 'the backup of 3 May, 02:00'

Run it before any worker starts on a restored database. What a worker would
send may have been sent after the backup was made: each such order is handed
to a person, looked up at ParcelX, and adopted if it is there. The rest waits:
`waybill review list`. It can be run again.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Do it. Without it nothing is changed, and the number of orders is printed.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    telemetry::init("error", config.log.format)?;
    let by = args.by.sign()?;
    let (account, app) = super::review::open(config).await?;
    let found = restored::to_be_sent(&app).await?;
    if found.of_others > 0 {
        super::say(&format!(
            "{} more orders are of another provider than the {} one of these settings, and are left alone: \
             if a worker sends them, run this with its settings, too",
            found.of_others,
            app.env.as_str()
        ))?;
    }
    if !args.yes {
        super::say(&format!(
            "{} orders would be sent by a worker. Nothing was changed: --yes hands them to a person, and \
             adopts what ParcelX shows of them",
            found.ours.len()
        ))?;
        return Ok(());
    }
    let provider = account.base_url.clone();
    let reviews = app.state.orders.review_service(app.carrier(account)?, by.clone());
    let audit = Audit::new(app.store.clone(), app.clock.clone());
    let (action, collection) = ("orders.restored", "database");
    let act = AuditedAction { action, collection, id: app.accounts.id(), user_id: None, before: None };
    let line = audit.begin(&by, &act).await?;
    let mut closed = None;
    let settled = restored::settle(&app, &reviews, |item: &Item| {
        let told = tell(item);
        closed = closed.take().or(told.err());
    });
    let settled = match settled.await {
        Ok(settled) => settled,
        Err(error) => {
            // What was done until then, each order tells.
            audit.close(&line, Some((Outcome::Failed, None, Some(error.to_string())))).await;
            return Err(error.into());
        }
    };
    let done = u64::try_from(settled.handed_over).ok();
    audit.end_many(&line, Outcome::Done, (None, None), done).await?;
    if let Some(error) = closed {
        return Err(error.into());
    }
    finish(&settled, provider.as_str())
}

fn tell(item: &Item) -> std::io::Result<()> {
    let Item { id, order_number, result } = item;
    match result {
        Ok(()) => super::say(&format!("{id}  {order_number:<17}  adopted")),
        Err(why) => super::say(&format!("{id}  {order_number:<17}  waits for a person: {why}")),
    }
}

fn finish(settled: &Settled, provider: &str) -> anyhow::Result<()> {
    let Settled { handed_over, looked_up } = settled;
    super::say(&format!(
        "{handed_over} orders would have been sent; {} adopted, {} wait for a person: `waybill review list`",
        looked_up.done, looked_up.refused
    ))?;
    if looked_up.stopped.is_some() || looked_up.reasons.contains_key("cannot-ask") {
        bail!("{provider} cannot be asked about all of them: run it again");
    }
    Ok(())
}
