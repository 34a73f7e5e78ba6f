//! Whether what is stored in files is whole.
//!
//! Guards against damage that shows when a page is read that nobody has read for weeks, and against a queue's
//! file that the doctor moves aside: what is broken is told, and left as it is.

use std::time::Duration;

use anyhow::Context;

use super::findings::Findings;
use crate::{
    cli::open::place,
    platform::{
        config::Config,
        queue,
        store::{Checked, Store},
    },
};

/// How long the database's file is read.
const WITHIN: Duration = Duration::from_secs(10);

/// Says whether both are whole, as far as can be seen: what is not must not be opened for more than this.
pub(super) async fn look(config: &Config, store: &Store, found: &mut Findings) -> anyhow::Result<bool> {
    let (documents, jobs) = (place(&config.store.url), place(&config.queue.url));
    let before = found.broken.len();
    match store.check(WITHIN).await.context("database")? {
        None => {}
        Some(Checked::Whole) => found.add("check", "check      whole".to_owned(), "whole"),
        Some(Checked::NotInTime) => {
            let line = format!("check      no damage in what was read in {} s", WITHIN.as_secs());
            found.add("check", line, "not-in-time");
        }
        Some(Checked::Damaged(why)) => {
            found.add("check", "check      damaged".to_owned(), "damaged");
            found.broken.push(format!(
                "store.url: {documents} is damaged ({why}): stop all programs that use it, and restore a copy"
            ));
        }
    }
    if let Some(why) = queue::damage(&config.queue.url).await {
        found.broken.push(format!(
            "queue.url: {jobs} is damaged ({why}): the next command moves it aside and makes a new one. \
             Jobs are rebuilt from the orders; pauses of queues, and jobs for no document, are gone"
        ));
    }
    Ok(found.broken.len() == before)
}
