//! Failed webhooks are retried, and later changes of the same shipment wait behind them: a receiver that was
//! unavailable for a moment still gets the changes in order.

use std::{collections::VecDeque, time::Duration};

use super::{Delivery, MAX_WAITING, Outgoing};
use crate::base::timestamp::Timestamp;

/// The pause after the first failed attempt; it is four times as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// The maximum number of attempts, whatever the switch is.
const MAX_TRIES: u32 = 10;

/// A shipment with a delivery that is being retried.
#[derive(Debug)]
pub(super) struct Failing {
    /// The delivery that is next. It is in `waiting`, or being sent.
    first: u64,
    behind: VecDeque<Delivery>,
}

impl Outgoing {
    /// Returns `delivery` if it may be sent now. Otherwise queues it behind the failed one of its shipment.
    pub(super) fn in_turn(&mut self, delivery: Delivery) -> Option<Delivery> {
        match self.failing.get_mut(&delivery.awb) {
            Some(failing) if failing.first != delivery.number => {
                failing.behind.push_back(delivery);
                self.behind = self.behind.saturating_add(1);
                None
            }
            _ => Some(delivery),
        }
    }

    /// Records the result of an attempt. `attempts`: the maximum number.
    pub(super) fn ended(&mut self, delivery: Delivery, delivered: bool, attempts: u32, now: Timestamp) {
        if delivery.number <= self.forgotten {
            return;
        }
        let tries = delivery.tries.saturating_add(1);
        if delivered {
            self.counts.delivered = self.counts.delivered.saturating_add(1);
        } else if tries >= attempts.min(MAX_TRIES) {
            self.counts.failed = self.counts.failed.saturating_add(1);
        } else if self.queued() >= MAX_WAITING {
            self.counts.dropped = self.counts.dropped.saturating_add(1);
        } else {
            return self.retry(Delivery { tries, ..delivery }, now);
        }
        self.next_of(&delivery.awb, now);
    }

    fn retry(&mut self, delivery: Delivery, now: Timestamp) {
        let first = delivery.number;
        self.failing
            .entry(delivery.awb.clone())
            .or_insert_with(|| Failing { first, behind: VecDeque::new() });
        self.waiting.insert((now + pause(delivery.tries), first), delivery);
    }

    /// Queues the next delivery of a shipment, if one waits behind the one that has ended.
    fn next_of(&mut self, awb: &str, now: Timestamp) {
        let Some(failing) = self.failing.get_mut(awb) else { return };
        match failing.behind.pop_front() {
            Some(next) => {
                self.behind = self.behind.saturating_sub(1);
                failing.first = next.number;
                self.waiting.insert((now, next.number), next);
            }
            None => {
                self.failing.remove(awb);
            }
        }
    }

    /// The sending task has ended, possibly together with a delivery that others wait behind.
    pub(super) fn interrupted(&mut self) {
        self.counts.dropped =
            self.counts.dropped.saturating_add(u64::try_from(self.behind).unwrap_or(u64::MAX));
        self.failing.clear();
        self.behind = 0;
    }

    /// Drops everything in the queue.
    pub(super) fn drop_all(&mut self) {
        self.counts.dropped = self.counts().waiting.saturating_add(self.counts.dropped);
        self.waiting.clear();
        self.failing.clear();
        self.behind = 0;
    }
}

fn pause(tries: u32) -> Duration {
    let factor = 4_u32.saturating_pow(tries.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(factor).min(MAX_PAUSE)
}
