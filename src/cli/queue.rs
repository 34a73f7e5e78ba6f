//! `waybill queue`: shows the queues, pauses and resumes them, and moves single jobs.

use anyhow::{Context, anyhow};

use super::{by::By, open::open};
use crate::{
    features::queues::{Action, Overview, Queues},
    platform::config::Config,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every queue: its jobs by state, its workers, and whether it is paused.
    List,
    /// Run nothing of a queue until it is resumed; what runs goes on. Paused time does not count as waiting.
    Pause {
        queue: String,
        #[command(flatten)]
        by: By,
    },
    /// Run a paused queue again.
    Resume {
        queue: String,
        #[command(flatten)]
        by: By,
    },
    /// Let a failed job wait again. That of an order that has its end does nothing.
    Retry(Job),
    /// Let a delayed job run now.
    Promote(Job),
    /// Take out a job that does not run. An order that still needs one gets another.
    Remove(Job),
}

#[derive(Debug, clap::Args)]
struct Job {
    queue: String,
    id: String,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    let queues = Queues::new(app.queue.clone(), app.store.clone(), app.clock.clone(), crate::app::queues());
    let (queue, action, by) = match &args.command {
        Command::List => {
            for queue in queues.list().await.context("queue")? {
                super::say(&line(&queue))?;
            }
            return Ok(());
        }
        Command::Pause { queue, by } => (queue, Action::Pause, by),
        Command::Resume { queue, by } => (queue, Action::Resume, by),
        Command::Retry(job) => (&job.queue, Action::Retry(&job.id), &job.by),
        Command::Promote(job) => (&job.queue, Action::Promote(&job.id), &job.by),
        Command::Remove(job) => (&job.queue, Action::Remove(&job.id), &job.by),
    };
    // A misspelt name would pause a queue that nobody works, and say so.
    let all = queues.names().await.context("queue")?;
    if !all.contains(queue) {
        return Err(anyhow!("there is no queue `{}`; there are: {}", printable(queue), all.join(", ")));
    }
    queues.act(queue, action, &by.sign()?).await?;
    super::say(&format!("{queue}: {}: done", action.name()))?;
    Ok(())
}

fn line(queue: &Overview) -> String {
    let (counts, paused) = (&queue.counts, if queue.counts.paused { ", PAUSED" } else { "" });
    format!(
        "{}: {} waiting, {} active, {} delayed, {} completed, {} failed, {} workers{paused}",
        queue.name,
        counts.waiting,
        counts.active,
        counts.delayed,
        counts.completed,
        counts.failed,
        queue.workers.len()
    )
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
