//! Tells operators what of an order's steps concerns them: each order that waits for a person, refusals in
//! numbers, and the good end of what was unresolved.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Order;
use crate::{base::timestamp::Timestamp, features::orders::status::SyncStatus, platform::telemetry::Counter};

static REVIEWS: Counter =
    Counter::new("waybill_orders_to_review_total", "Orders that came to wait for a person, by reason.");
static REFUSED: Counter = Counter::new("waybill_orders_failed_total", "Orders that failed.");

/// So many refusals in so long are told.
const MANY: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

static LATELY: Mutex<Option<Lately>> = Mutex::new(None);

#[derive(Debug, Clone, Copy)]
struct Lately {
    since: Timestamp,
    count: u32,
}

/// What of the step from `before` to `after` an operator should hear of.
pub(super) fn step(before: &Order, after: &Order, now: Timestamp) {
    let id = after.id();
    if let Some(review) = after.review()
        && before.review() != after.review()
    {
        REVIEWS.increment(&[("reason", code(&review.reason))]);
        tracing::warn!(
            order.id = id,
            reason = code(&review.reason),
            "order {id} waits for a person: {}",
            code(&review.reason)
        );
    }
    let (was, is) = (before.provider_sync_status(), after.provider_sync_status());
    if was == is {
        return;
    }
    match (was, is) {
        (_, SyncStatus::Failed) => {
            REFUSED.increment(&[]);
            if let Some(count) = many(now) {
                tracing::warn!(count, "{count} orders failed within a minute: `waybill doctor` shows why");
            }
        }
        (SyncStatus::Reconciling | SyncStatus::NeedsReview, SyncStatus::Success) => {
            tracing::info!(order.id = id, "order {id}: it is booked after all");
        }
        _ => {}
    }
}

/// A word of [`crate::features::orders::reason`]: it becomes a label, which must take few values.
fn code(reason: &str) -> &str {
    let plain = !reason.is_empty() && reason.len() <= 40;
    let plain = plain && reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if plain { reason } else { "other" }
}

/// Counts a refusal; tells how many there were when that has just become many.
fn many(now: Timestamp) -> Option<u32> {
    let mut lately = LATELY.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = lately.filter(|l| now.since(l.since) < WINDOW && now >= l.since);
    let next = fresh.map_or(Lately { since: now, count: 1 }, |l| Lately { count: l.count + 1, ..l });
    *lately = Some(next);
    (next.count == MANY).then_some(next.count)
}
