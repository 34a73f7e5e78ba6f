//! `waybill account`: shows why an account is held, and lifts the hold.

use anyhow::Context;

use super::{by::By, open::open};
use crate::{
    features::provider_accounts::{Account, standing},
    platform::config::Config,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every account and whether it is held.
    List,
    /// Lift an account's hold: waiting orders are sent at once. The next call that fails in the same way
    /// holds it again.
    Lift {
        /// The account; by default the one of these settings.
        id: Option<String>,
        #[command(flatten)]
        by: By,
    },
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    match args.command {
        Command::List => {
            let accounts = app.accounts.list().await.context("database")?;
            if accounts.is_empty() {
                super::say("no account yet: no worker has run so far")?;
            }
            for account in accounts {
                super::say(&line(&account))?;
            }
        }
        Command::Lift { id, by } => {
            let by = by.sign()?;
            let id = id.unwrap_or_else(|| app.accounts.id().to_owned());
            let hold = app.accounts.lift(&id, &by).await?;
            super::say(&format!("{id}: the hold ({}, since {}) is lifted", hold.kind, hold.since))?;
        }
    }
    Ok(())
}

pub(super) fn line(account: &Account) -> String {
    let Some(hold) = &account.hold else { return format!("{}: ok", account.id) };
    format!(
        "{}: {} since {}: {} (tried again {} times, next at {})",
        account.id,
        standing(Some(hold)),
        hold.since,
        hold.reason,
        hold.probes,
        hold.next_probe_at
    )
}
