//! The database: what it is, and how its indexes stand.
//!
//! Looked at before anything in it is made or refused, so that what is told is what was there.

use anyhow::Context;
use serde_json::json;

use super::{
    PATIENCE, damage,
    findings::{Findings, first},
};
use crate::{
    app::indexes,
    cli::open::{closed_at_the_end, place},
    platform::{
        config::Config,
        store::{IndexReport, Store},
    },
};

/// Nothing where a file is damaged: then nothing more is to be opened.
pub(super) async fn look(config: &Config, found: &mut Findings) -> anyhow::Result<Option<IndexReport>> {
    let store = Store::open_existing(&config.store.url).await.context("store.url")?.within(PATIENCE);
    closed_at_the_end(&store);
    let at = place(&config.store.url);
    found.add("database", format!("settings   ok\ndatabase   {at}"), at);
    if !damage::look(config, &store, found).await? {
        return Ok(None);
    }
    store.ping().await.context("database")?;
    if let Some(server) = store.server().await.context("database")? {
        found.add("server", format!("server     {server}"), server);
    }
    if let Some(offset) = store.clock_offset().await.context("database")? {
        let millis = i64::try_from(offset.as_millis()).unwrap_or(i64::MAX);
        let line = format!("clock      the database's is {millis} ms from this machine's");
        found.add("clockOffsetMs", line, millis);
    }
    let report = indexes::look(&store).await.context("database")?;
    let IndexReport { declared, missing, changed, foreign, foreign_unique } = &report;
    let fact = json!({ "declared": declared, "missing": missing, "changed": changed, "foreign": foreign,
        "foreignUnique": foreign_unique });
    found.add("indexes", line(&report), fact);
    if !foreign_unique.is_empty() {
        found
            .attention
            .push(format!("unique indexes that are not ours may refuse orders: {}", first(foreign_unique)));
    }
    Ok(Some(report))
}

fn line(report: &IndexReport) -> String {
    let IndexReport { declared, missing, changed, foreign, foreign_unique } = report;
    let all = [foreign.as_slice(), foreign_unique.as_slice()].concat();
    let parts = [("missing", missing), ("not as declared", changed), ("not ours", &all)];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<_> =
        parts.map(|(what, names)| format!("{} {what} ({})", names.len(), first(names))).collect();
    let well = if missing.is_empty() && changed.is_empty() { ", all there" } else { "" };
    let join = if parts.is_empty() { "" } else { "; " };
    format!("indexes    {declared} declared{well}{join}{}", parts.join("; "))
}

/// What was missing is there by now: opening has made it. In a new database all of them were.
pub(super) fn made(report: &IndexReport, found: &mut Findings) {
    let IndexReport { declared, missing, .. } = report;
    if !missing.is_empty() && missing.len() < *declared {
        found.attention.push(format!(
            "{} indexes were missing, and have been made: {}",
            missing.len(),
            first(missing)
        ));
    }
}
