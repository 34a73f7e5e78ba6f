//! One lane for each address that has something to be sent: what waits in it, how much of it is under way,
//! and how the address does.
//!
//! Guards against one address that delays the others: each has its own places; one that fails has one at a
//! time, with pauses that grow; those that are slow share half of all places, and the rest is for the others.
//! What waits is bounded: the store has it all, and a lane reads it when it has room.

mod lane;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use self::lane::Lane;
use crate::{
    base::timestamp::Timestamp,
    features::webhooks::model::{Delivery, Endpoint, EndpointState},
};

/// Under way at once: in all, to addresses that are slow, to one that is not, and to one that is.
const MOST: usize = 256;
const MOST_SLOW: usize = 128;
const OF_ONE: usize = 16;
const OF_SLOW: usize = 2;
/// An answer that takes longer makes its address a slow one.
const SLOW: Duration = Duration::from_secs(1);
/// Waiting in memory, of one lane and in all. Those of `OF_ONE` may always wait: what addresses that are dead
/// have here does not stop the others.
const WAITING: usize = 100;
const ALL_WAITING: usize = 5000;
/// What was asked for so long ago may not have been looked at by whoever has sent before this process.
const NEWS: Duration = Duration::from_secs(60);
/// After so many failures in a row there is a pause before the next try. From the first one on, one at a time
/// is tried.
const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// All lanes of the process that sends.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<String, Lane>,
    under_way: usize,
    slow_under_way: usize,
    waiting: usize,
    /// Tries that have begun.
    begun: u64,
    /// Where the next round begins.
    turn: String,
}

/// Where a try stands among all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    /// Its number.
    no: u64,
    /// It was one of a slow address.
    slow: bool,
}

/// What the end of a try means to its lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) arrived: bool,
    pub(super) took: Duration,
    /// When it is due again.
    pub(super) due_at: Option<Timestamp>,
    /// How it ended was written down.
    pub(super) kept: bool,
    pub(super) began: Began,
}

impl Lanes {
    /// The address as it now stands. `behind`: the store may have something to be sent there.
    pub(super) fn know(&mut self, endpoint: Endpoint, behind: bool, now: Timestamp) {
        let sends = endpoint.state == EndpointState::Enabled;
        if !sends && !self.lanes.contains_key(&endpoint.id) {
            return;
        }
        let id = endpoint.id.clone();
        let lane = self.lanes.entry(id).or_insert_with(|| Lane::new(endpoint.clone(), now));
        if endpoint.version < lane.endpoint.version {
            return;
        }
        let woken = endpoint.woken_at.filter(|_| endpoint.woken_at != lane.endpoint.woken_at);
        // Enabled or changed by its merchant, or asked for something: it is worth a try at once.
        let enabled = sends && lane.endpoint.state != EndpointState::Enabled;
        if enabled || woken.is_some() || endpoint.url != lane.endpoint.url {
            lane.begin_anew(self.begun);
        }
        lane.woken = woken.or(lane.woken);
        lane.behind |= behind;
        lane.endpoint = endpoint;
    }

    /// New ones of an address that is known. What has no room is read from the store later.
    pub(super) fn push(&mut self, endpoint: &str, deliveries: Vec<Delivery>) {
        let Some(lane) = self.lanes.get_mut(endpoint) else { return };
        for delivery in deliveries {
            if lane.known.contains(&delivery.id) {
                continue;
            }
            if lane.room(self.waiting) == 0 {
                lane.behind = true;
                return;
            }
            lane.known.insert(delivery.id.clone());
            lane.waiting.push_back(delivery);
            self.waiting += 1;
        }
    }

    /// What somebody has asked for, the newest first, goes before what waits. The last ones make room: they
    /// are read from the store later.
    pub(super) fn push_first(&mut self, endpoint: &str, newest: Vec<Delivery>) {
        let Some(lane) = self.lanes.get_mut(endpoint) else { return };
        (lane.woken, lane.asked) = (None, 0);
        for delivery in newest.into_iter().rev() {
            let before = lane.waiting.len();
            lane.waiting.retain(|waits| waits.id != delivery.id);
            let waited = lane.waiting.len() < before;
            if lane.known.insert(delivery.id.clone()) || waited {
                lane.waiting.push_front(delivery);
                self.waiting += usize::from(!waited);
                lane.asked += 1;
            }
        }
        while lane.is_too_full(self.waiting) {
            let Some(last) = lane.waiting.pop_back() else { break };
            lane.known.remove(&last.id);
            lane.behind = true;
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    /// Lanes for which somebody has asked for something, and when.
    pub(super) fn woken(&self) -> Vec<(String, Timestamp)> {
        let sends = self.lanes.iter().filter(|(_, lane)| lane.endpoint.state == EndpointState::Enabled);
        sends.filter_map(|(id, lane)| Some((id.clone(), lane.woken?))).collect()
    }

    /// Lanes that should be filled from the store.
    pub(super) fn hungry(&self, now: Timestamp) -> Vec<String> {
        self.lanes.iter().filter(|(_, lane)| lane.wants(now)).map(|(id, _)| id.clone()).collect()
    }

    /// How many that are due are read for a lane: as many as have room, and those that it knows already.
    pub(super) fn reads(&self, id: &str) -> usize {
        self.lanes.get(id).map_or(WAITING, |lane| lane.room(self.waiting).saturating_add(lane.known.len()))
    }

    /// What the store has: those that are due, whether that was all, and when the next one is due.
    pub(super) fn fill(&mut self, id: &str, due: Vec<Delivery>, all: bool, next_due: Option<Timestamp>) {
        if let Some(lane) = self.lanes.get_mut(id) {
            (lane.behind, lane.next_due) = (!all, next_due);
        }
        self.push(id, due);
    }

    /// Addresses whose replay may go on.
    pub(super) fn replays(&mut self, now: Timestamp, every: Duration) -> Vec<String> {
        let mut all = Vec::new();
        for (id, lane) in &mut self.lanes {
            let open = lane.failures < FAILURES && lane.waiting.len() < WAITING / 2;
            let due = lane.replay_at.is_none_or(|at| at <= now);
            if lane.endpoint.replay.is_some() && lane.endpoint.state == EndpointState::Enabled && open && due
            {
                lane.replay_at = Some(now + every);
                all.push(id.clone());
            }
        }
        all
    }

    /// What can begin now: one of each lane in turn, as long as there are places.
    pub(super) fn start(&mut self, now: Timestamp) -> Vec<(Endpoint, Delivery, Began)> {
        let mut started = Vec::new();
        let ready: Vec<String> =
            self.lanes.iter().filter(|(_, lane)| lane.may_start(now)).map(|(id, _)| id.clone()).collect();
        let at = ready.partition_point(|id| *id <= self.turn);
        let mut round: VecDeque<String> =
            ready.iter().skip(at).chain(ready.iter().take(at)).cloned().collect();
        while let Some(id) = round.pop_front() {
            if self.under_way >= MOST {
                break;
            }
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            if lane.slow && self.slow_under_way >= MOST_SLOW {
                continue;
            }
            let Some(delivery) = lane.waiting.pop_front() else { continue };
            lane.under_way += 1;
            lane.asked = lane.asked.saturating_sub(1);
            self.under_way += 1;
            self.waiting = self.waiting.saturating_sub(1);
            self.slow_under_way += usize::from(lane.slow);
            self.begun += 1;
            let began = Began { no: self.begun, slow: lane.slow };
            started.push((lane.endpoint.clone(), delivery, began));
            let more = lane.may_start(now);
            self.turn.clone_from(&id);
            if more {
                round.push_back(id);
            }
        }
        started
    }

    /// A try has ended.
    pub(super) fn ended(&mut self, endpoint: &str, delivery: &str, outcome: Outcome, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        self.slow_under_way = self.slow_under_way.saturating_sub(usize::from(outcome.began.slow));
        let Some(lane) = self.lanes.get_mut(endpoint) else { return };
        lane.under_way = lane.under_way.saturating_sub(1);
        lane.known.remove(delivery);
        lane.slow = outcome.took > SLOW;
        if !outcome.kept {
            lane.behind = true;
        }
        if outcome.arrived {
            (lane.failures, lane.paused_until) = (0, None);
        } else {
            lane.failed(outcome.began, self.begun, now);
        }
        if let Some(due) = outcome.due_at {
            lane.next_due = Some(lane.next_due.map_or(due, |next| next.min(due)));
        }
    }

    /// Forgets lanes in which nothing happens.
    pub(super) fn tidy(&mut self) {
        let waiting = &mut self.waiting;
        self.lanes.retain(|_, lane| {
            let idle = lane.is_idle();
            if idle {
                *waiting = waiting.saturating_sub(lane.waiting.len());
            }
            !idle
        });
    }

    /// Another process sends from now on. What is under way ends here.
    pub(super) fn clear(&mut self) {
        self.lanes.clear();
        self.waiting = 0;
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.under_way == 0
    }
}

#[cfg(test)]
mod tests;
