//! How fast an operation goes.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{CHUNK, LOOK};

/// A token bucket of half a second's tokens.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the next one may begin.
    next: Option<Instant>,
}

impl Pace {
    /// How many may begin now, at most [`CHUNK`]; nothing: not yet, or not any more. Waits for half a second
    /// at most.
    pub(super) async fn wait(&mut self, per_minute: u32, stop: &CancellationToken) -> Option<usize> {
        let now = Instant::now();
        let next = *self.next.get_or_insert(now);
        if next > now {
            let pause = (next - now).min(LOOK);
            stop.run_until_cancelled(tokio::time::sleep(pause)).await?;
            if next > Instant::now() {
                return None;
            }
        }
        let each = Duration::from_secs(60) / per_minute.max(1);
        // A slow step does not pile tokens up for a burst.
        self.next = self.next.map(|at| at.max(Instant::now().checked_sub(LOOK).unwrap_or(at)));
        let behind = self.next.map_or(Duration::ZERO, |at| at.elapsed());
        let tokens = behind.as_nanos() / each.as_nanos().max(1) + 1;
        Some(usize::try_from(tokens).unwrap_or(CHUNK).min(CHUNK))
    }

    pub(super) fn spend(&mut self, per_minute: u32, begun: usize) {
        let each = Duration::from_secs(60) / per_minute.max(1);
        let spent = each.saturating_mul(u32::try_from(begun).unwrap_or(u32::MAX));
        self.next = self.next.map(|at| at + spent);
    }
}
