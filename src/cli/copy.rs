//! `waybill copy` takes all documents from one database into another.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};

use super::open::closed_at_the_end;
use crate::{
    app::copy::{Copied, copy},
    base::clock::Clock,
    platform::{config::Config, store::Store},
};

/// How long one operation may take: nobody waits for it but its operator.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the documents are, as `sqlite:data/waybill.db` or `mongodb://…`; by default the setting
    /// store.url. Stop all workers and APIs first.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// An empty database.
    #[arg(long, value_name = "URL")]
    to: String,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let from = args.from.as_ref().unwrap_or(&config.store.url);
    if let Some(file) = from.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path))
        && !Path::new(file).exists()
    {
        bail!("from: there is no file {file}"); // opening it would make one
    }
    let from = open(from).await.context("from")?;
    let to = open(&args.to).await.context("to")?;
    let (mut documents, mut lines) = (0, Vec::new());
    let tell = |copied: &Copied| {
        documents += copied.contents.documents;
        let hash = copied.contents.sha256.get(..16).unwrap_or_default();
        lines.push(format!("{:<24} {:>9} documents, hash {hash}", copied.name, copied.contents.documents));
    };
    copy(&from, &to, Clock::system().now(), tell).await?;
    for line in lines {
        super::say(&line)?;
    }
    super::say(&format!(
        "copied {documents} documents; the same number and hash of each collection are in both databases"
    ))?;
    super::say("the queue is not copied: give the new workers an empty one, and they add what is due")?;
    Ok(())
}

async fn open(url: &str) -> anyhow::Result<Store> {
    let store = Store::open(url).await?.within(PATIENCE);
    closed_at_the_end(&store);
    Ok(store)
}
