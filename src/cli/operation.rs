//! `waybill operation`: shows bulk work, pauses, resumes and cancels it.

use anyhow::{Context, anyhow};

use super::{by::By, open::open};
use crate::{
    features::operations::{Operation, service::Change},
    platform::config::Config,
};

/// How many are listed.
const LISTED: usize = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the last operations, newest first.
    List,
    /// Print one, with what was refused and why.
    Show { id: String },
    /// Begin nothing more of it for now.
    Pause(Of),
    /// Go on with one that is paused, or has stopped by itself.
    Resume(Of),
    /// Begin nothing more of it. What was done stays done.
    Cancel(Of),
}

#[derive(Debug, clap::Args)]
struct Of {
    id: String,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let operations = open(config).await?.operations();
    let (of, change) = match args.command {
        Command::List => {
            let all = operations.list(None, LISTED).await.context("database")?.docs;
            if all.is_empty() {
                super::say("no operation yet")?;
            }
            for operation in all {
                super::say(&line(&operation))?;
            }
            return Ok(());
        }
        Command::Show { id } => {
            let operation = operations.get(&id).await.context("database")?;
            let operation = operation.ok_or_else(|| anyhow!("there is no operation {id}"))?;
            super::say(&line(&operation))?;
            for (code, count) in &operation.refusals {
                super::say(&format!("  {code}: {count}"))?;
            }
            return Ok(());
        }
        Command::Pause(of) => (of, Change::Pause),
        Command::Resume(of) => (of, Change::Resume),
        Command::Cancel(of) => (of, Change::Cancel),
    };
    super::say(&line(&operations.change(&of.id, change, &of.by.sign()?).await?))?;
    Ok(())
}

fn line(operation: &Operation) -> String {
    let Operation { id, kind, state, total, done, refused, failed, actor, created_at, .. } = operation;
    let more = if operation.capped { "+" } else { "" };
    let stopped = operation.stopped.as_ref().map(|why| format!("; stopped: {why}")).unwrap_or_default();
    format!(
        "{id}: {} {}, {done} done, {refused} refused, {failed} failed of {total}{more}, by {actor} at \
         {created_at}{stopped}",
        kind.as_str(),
        state.as_str()
    )
}
