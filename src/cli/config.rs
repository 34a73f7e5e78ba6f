//! `waybill config`: the settings that are in force, and where each comes from. Secrets are never shown.

use std::path::Path;

use serde_json::{Value, json};

use crate::platform::config::in_force;

const EXAMPLES: &str = "\
Examples:
  waybill config                       every setting, and who set it
  waybill config --set                 only those that are not the default
  waybill --config waybill.toml config --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only what a file or a variable sets.
    #[arg(long)]
    set: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, file: Option<&Path>, queues: &[&str]) -> anyhow::Result<()> {
    let settings = in_force(file, queues)?;
    let settings: Vec<_> = settings.into_iter().filter(|s| !args.set || s.place.is_some()).collect();
    if args.json {
        let of = |s: &crate::platform::config::InForce| json!({ "value": s.value, "from": s.place });
        let all: serde_json::Map<_, _> = settings.iter().map(|s| (s.key.clone(), of(s))).collect();
        super::say(&Value::Object(all).to_string())?;
        return Ok(());
    }
    for setting in settings {
        let from = setting.place.as_deref().unwrap_or("default");
        super::say(&format!("{} = {}  ({from})", setting.key, setting.text()))?;
    }
    Ok(())
}
