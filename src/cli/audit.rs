//! `waybill audit`: prints the log of manual actions.

use crate::{
    features::audit::{Audit, AuditLine},
    platform::config::Config,
    provider::carrier::redact,
};

const EXAMPLES: &str = "\
Examples:
  waybill audit                        the last 50 actions
  waybill audit --subject ord_019a…    the actions on one order
  waybill audit --limit 500 --json     one JSON object per line

The outcome of an action that stays `begun` was not recorded: its process died,
or lost the database. The subject's own history shows whether it was done.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only actions on this order or account.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// The number of lines, 1 to 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let app = super::open::open(config).await?;
    let audit = Audit::new(app.store.clone(), app.clock.clone());
    for line in audit.list(args.subject.as_deref(), None, usize::from(args.limit)).await? {
        super::say(&if args.json { serde_json::to_string(&line)? } else { text(&line) })?;
    }
    Ok(())
}

fn text(line: &AuditLine) -> String {
    let change = match (&line.before, &line.after) {
        (Some(before), Some(after)) => format!(" {before} → {after}"),
        _ => String::new(),
    };
    let detail = line.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!(
        "{}  {:<8} {:<20} {}{change}  {}: {}{detail}",
        line.at,
        line.outcome.as_str(),
        line.action,
        line.subject.id,
        line.actor.name,
        redact::words(&line.reason)
    )
}
