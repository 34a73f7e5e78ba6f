//! `waybill account`: shows why an account is held, and lifts the hold.

use anyhow::{Context, anyhow};

use super::open::open;
use crate::{
    features::{
        audit::{AuditContext, Via},
        provider_accounts::{Account, standing},
    },
    platform::config::{Config, operator},
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
        /// Who lifts it; by default the user of this machine.
        #[arg(long, value_name = "NAME")]
        actor: Option<String>,
        /// The reason, which is kept in the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: String,
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
        Command::Lift { id, actor, reason } => {
            let name = actor.unwrap_or_else(operator);
            let by =
                AuditContext::new(&name, Via::Cli, &reason).map_err(|e| anyhow!("--actor, --reason: {e}"))?;
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
