//! `waybill merchant`: the shops whose orders are taken.

mod erase;
mod kyc;

use super::{
    by::ByAnyReason,
    open::{open, open_or_make},
};
use crate::{
    features::merchants::{
        Merchants,
        model::{MerchantDocument, State},
    },
    platform::config::Config,
};

const EXAMPLES: &str = "\
Examples:
  waybill merchant add 'Asha Crafts'           prints the new id, mer_…
  waybill merchant add 'Old shop' --id 42      keeps the id of the old system
  waybill merchant suspend 42 --reason 'unpaid'
  waybill merchant kyc show 42                 what it told of itself, and the version
  waybill merchant kyc approve 42 --version 7 --reason 'the papers fit'
  waybill merchant erase 42 --reason 'request 4711'     what would go; --yes erases it

A suspended merchant's tokens, keys and sessions are refused by every process within a
second. Orders that were taken go on. An id of the old system needs no `add`: its tokens
are valid as they are, and it can be suspended all the same.";

/// Merchants that are read at once.
const PAGE: usize = 200;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every merchant that has signed up, was added, or was suspended.
    List {
        /// Only those that are suspended.
        #[arg(long)]
        suspended: bool,
    },
    /// Add a merchant.
    Add {
        name: String,
        /// The id of the old system; by default a new one.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        #[command(flatten)]
        by: ByAnyReason,
    },
    /// Accept nothing from a merchant any more.
    Suspend(One),
    /// Accept requests of a suspended merchant again.
    Resume(One),
    /// Who a merchant is: what waits, what was told, and decisions on it.
    #[command(subcommand)]
    Kyc(kyc::Command),
    /// Erase the personal data of a person, or of a suspended merchant, for good.
    Erase(erase::Erase),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The merchant's id: the `sub` of its tokens, the `userId` of its orders.
    id: String,
    #[command(flatten)]
    by: ByAnyReason,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    // The first merchant may come before the first start.
    let app = match args.command {
        Command::Add { .. } => open_or_make(config).await?,
        _ => open(config).await?,
    };
    let merchants = &app.state.merchants;
    match args.command {
        Command::List { suspended } => list(merchants, suspended.then_some(State::Suspended)).await?,
        Command::Add { name, id, by } => {
            let merchant = merchants.add(&name, id.as_deref(), &by.sign()?).await?;
            super::say(&line(&merchant))?;
        }
        Command::Suspend(one) => change(merchants, &one, State::Suspended).await?,
        Command::Resume(one) => change(merchants, &one, State::Active).await?,
        Command::Kyc(command) => kyc::run(command, &app).await?,
        Command::Erase(own) => erase::run(own, &app).await?,
    }
    Ok(())
}

async fn list(merchants: &Merchants, state: Option<State>) -> anyhow::Result<()> {
    let (mut after, mut any) = (None, false);
    loop {
        let page = merchants.list(state, after, PAGE).await?;
        any |= !page.docs.is_empty();
        page.docs.iter().try_for_each(|merchant| super::say(&line(merchant)))?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !any {
        super::say("none")?;
    }
    Ok(())
}

async fn change(merchants: &Merchants, one: &One, state: State) -> anyhow::Result<()> {
    let merchant = merchants.set_state(&one.id, state, &one.by.sign()?).await?;
    super::say(&line(&merchant))?;
    Ok(())
}

fn line(merchant: &MerchantDocument) -> String {
    format!("{}: {}, {}, since {}", merchant.id, merchant.name, merchant.state.as_str(), merchant.changed_at)
}
