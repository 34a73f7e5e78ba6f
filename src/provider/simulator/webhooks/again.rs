//! What failed is tried again, and the later changes of its shipment wait behind it.
//!
//! Guards against a shipment whose changes are told in another order only because its receiver was away for a
//! moment.

use std::{collections::VecDeque, time::Duration};

use super::{Delivery, MOST_WAITING, Outgoing};
use crate::base::timestamp::Timestamp;

/// After the first try that failed; four times as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Tries of one delivery, whatever the switch says.
const MOST_TRIES: u32 = 10;

/// A shipment that has a delivery to be tried again.
#[derive(Debug)]
pub(super) struct Failing {
    /// The one whose turn it is. It is in `waiting`, or under way.
    first: u64,
    behind: VecDeque<Delivery>,
}

impl Outgoing {
    /// Gives `delivery` back if it is its turn. Otherwise it waits behind the one of its shipment that
    /// failed.
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

    /// Notes how a try ended. `attempts`: how many there may be.
    pub(super) fn ended(&mut self, delivery: Delivery, delivered: bool, attempts: u32, now: Timestamp) {
        if delivery.number <= self.forgotten {
            return;
        }
        let tries = delivery.tries.saturating_add(1);
        if delivered {
            self.counts.delivered = self.counts.delivered.saturating_add(1);
        } else if tries >= attempts.min(MOST_TRIES) {
            self.counts.failed = self.counts.failed.saturating_add(1);
        } else if self.queued() >= MOST_WAITING {
            self.counts.dropped = self.counts.dropped.saturating_add(1);
        } else {
            return self.again(Delivery { tries, ..delivery }, now);
        }
        self.next_of(&delivery.awb, now);
    }

    fn again(&mut self, delivery: Delivery, now: Timestamp) {
        let first = delivery.number;
        self.failing
            .entry(delivery.awb.clone())
            .or_insert_with(|| Failing { first, behind: VecDeque::new() });
        self.waiting.insert((now + pause(delivery.tries), first), delivery);
    }

    /// The turn of the next delivery of a shipment, if one waited behind the one that has ended.
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

    /// The sending task was ended, perhaps with the delivery that others wait behind.
    pub(super) fn interrupted(&mut self) {
        self.counts.dropped =
            self.counts.dropped.saturating_add(u64::try_from(self.behind).unwrap_or(u64::MAX));
        self.failing.clear();
        self.behind = 0;
    }

    /// Gives up everything that is queued.
    pub(super) fn drop_all(&mut self) {
        self.counts.dropped = self.counts().waiting.saturating_add(self.counts.dropped);
        self.waiting.clear();
        self.failing.clear();
        self.behind = 0;
    }
}

fn pause(tries: u32) -> Duration {
    let factor = 4_u32.saturating_pow(tries.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}
