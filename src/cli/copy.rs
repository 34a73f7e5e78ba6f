//! `waybill copy` takes all documents from one database into another.

mod made;

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};

use self::made::Made;
use super::open::closed_at_the_end;
use crate::{
    app::copy::{Copied, Source},
    base::{clock::Clock, fault},
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
    if let Some(file) = file_of(from).filter(|file| !file.exists()) {
        bail!("from: there is no file {}", file.display()); // opening it would make one
    }
    let from = Store::open_source(from).await.context("from")?.within(PATIENCE);
    closed_at_the_end(&from);
    let source = Source::check(&from, Clock::system().now()).await?;
    let made = Made::by_opening(&args.to);
    let copied = fill(&source, &args.to).await;
    if let (Err(_), Some(made)) = (&copied, &made) {
        made.remove();
    }
    let copied = copied?;
    if let Some(log) = file_of(&args.to).and_then(made::log_of) {
        bail!("to: another program has the file open, and {} belongs to it", log.display());
    }
    let mut documents = 0;
    for Copied { name, contents } in &copied {
        documents += contents.documents;
        let hash = contents.sha256.get(..16).unwrap_or_default();
        super::say(&format!("{name:<24} {:>9} documents, hash {hash}", contents.documents))?;
    }
    super::say(&format!(
        "copied {documents} documents; the same number and hash of each collection are in both databases"
    ))?;
    super::say("the queue is not copied: give the new workers an empty one, and they add what is due")?;
    Ok(())
}

async fn fill(source: &Source<'_>, url: &str) -> anyhow::Result<Vec<Copied>> {
    let to = Store::open_target(url).await.context("to")?.within(PATIENCE);
    fault::reach("copy:opened");
    let copied = copy(source, &to).await;
    to.close().await; // then a file is whole, or can be taken away
    copied
}

async fn copy(source: &Source<'_>, to: &Store) -> anyhow::Result<Vec<Copied>> {
    let mut all = Vec::new();
    source.copy(to, |copied| all.push(copied.clone())).await?;
    Ok(all)
}

/// The file of a database that is one.
fn file_of(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)))
}
