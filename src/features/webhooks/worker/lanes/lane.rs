//! One lane: what waits in it, and how its address does.

use std::collections::{HashSet, VecDeque};

use super::{ALL_WAITING, Began, FAILURES, FIRST_PAUSE, LONGEST_PAUSE, NEWS, OF_ONE, OF_SLOW, WAITING};
use crate::{
    base::timestamp::Timestamp,
    features::webhooks::model::{Delivery, Endpoint, EndpointState},
};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) endpoint: Endpoint,
    pub(super) waiting: VecDeque<Delivery>,
    /// Waiting or under way.
    pub(super) known: HashSet<String>,
    pub(super) under_way: usize,
    /// The store may have some that are due and not known here.
    pub(super) behind: bool,
    /// When the next one in the store is due.
    pub(super) next_due: Option<Timestamp>,
    /// In a row. What ran side by side with the last one is one with it.
    pub(super) failures: u32,
    /// The last try that had begun when that one ended.
    pub(super) counted: u64,
    pub(super) paused_until: Option<Timestamp>,
    /// Somebody has asked then for something to be sent at once, and the store was not yet asked for it.
    pub(super) woken: Option<Timestamp>,
    /// So many in front were asked for.
    pub(super) asked: usize,
    pub(super) slow: bool,
    /// When the replay may go on.
    pub(super) replay_at: Option<Timestamp>,
}

impl Lane {
    pub(super) fn new(endpoint: Endpoint, now: Timestamp) -> Self {
        // Whoever has sent until now may not have come to it.
        let woken = endpoint.woken_at.filter(|at| now.since(*at) <= NEWS);
        Self {
            endpoint,
            waiting: VecDeque::new(),
            known: HashSet::new(),
            under_way: 0,
            behind: false,
            next_due: None,
            failures: 0,
            counted: 0,
            paused_until: None,
            woken,
            asked: 0,
            slow: false,
            replay_at: None,
        }
    }

    /// What was asked for has one more, for what has the others may hang.
    fn places(&self) -> usize {
        let above = usize::from(self.asked > 0);
        match () {
            () if self.failures > 0 => 1,
            () if self.slow => OF_SLOW + above,
            () => OF_ONE + above,
        }
    }

    /// How many more may wait here while so many do in all: a few always may.
    pub(super) fn room(&self, all: usize) -> usize {
        let here = self.waiting.len();
        let shared = WAITING.saturating_sub(here).min(ALL_WAITING.saturating_sub(all));
        shared.max(OF_ONE.saturating_sub(here))
    }

    /// Whether more wait than may.
    pub(super) fn is_too_full(&self, all: usize) -> bool {
        let here = self.waiting.len();
        here > WAITING || (all > ALL_WAITING && here > OF_ONE)
    }

    pub(super) fn may_start(&self, now: Timestamp) -> bool {
        self.endpoint.state == EndpointState::Enabled
            && !self.waiting.is_empty()
            && self.under_way < self.places()
            && self.paused_until.is_none_or(|until| until <= now)
    }

    pub(super) fn is_idle(&self) -> bool {
        let quiet = self.known.is_empty() && !self.behind && self.next_due.is_none();
        // A lane that fails is remembered: what comes next is not to begin with sixteen at once.
        let sends = self.endpoint.state == EndpointState::Enabled;
        (quiet && self.failures == 0 && self.endpoint.replay.is_none()) || (!sends && self.under_way == 0)
    }

    /// Forgets how it did so far, also what the tries will say that had begun by then.
    pub(super) fn begin_anew(&mut self, begun: u64) {
        (self.failures, self.counted, self.paused_until) = (0, begun, None);
    }

    pub(super) fn failed(&mut self, began: Began, begun: u64, now: Timestamp) {
        if began.no <= self.counted {
            return;
        }
        (self.failures, self.counted) = (self.failures.saturating_add(1), begun);
        if self.failures >= FAILURES {
            let doubled = (self.failures - FAILURES).min(6);
            let pause = FIRST_PAUSE.saturating_mul(1 << doubled).min(LONGEST_PAUSE);
            self.paused_until = Some(now + pause);
        }
    }

    pub(super) fn wants(&self, now: Timestamp) -> bool {
        self.endpoint.state == EndpointState::Enabled
            && self.waiting.is_empty()
            && (self.behind || self.next_due.is_some_and(|due| due <= now))
            && self.paused_until.is_none_or(|until| until <= now)
    }
}
