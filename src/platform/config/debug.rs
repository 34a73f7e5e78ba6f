//! `Debug` for settings whose URLs may contain a password.

use std::fmt;

use super::{Queues, StoreUrl};

/// The whole URL of a SQLite file; only the scheme of any other URL.
fn shown(url: &str) -> &str {
    if url.starts_with("sqlite:") { url } else { url.split(':').next().unwrap_or_default() }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUrl").field("url", &shown(&self.url)).finish()
    }
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues")
            .field("url", &shown(&self.url))
            .field("lease", &self.lease)
            .field("backoff", &self.backoff)
            .field("attempts", &self.attempts)
            .field("concurrency", &self.concurrency)
            .field("max_stalled", &self.max_stalled)
            .field("keep_completed", &self.keep_completed)
            .field("keep_failed", &self.keep_failed)
            .field("per_queue", &self.per_queue)
            .finish()
    }
}
