//! How an address does: since when it fails, when it is given up, and what it has missed by then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{super::schedule, Ended, Endpoint, EndpointState};
use crate::base::timestamp::Timestamp;

/// An address at which nothing has arrived for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5 * 24 * 3600);
/// How exactly the time of the last failure is kept: not every one is to be written down.
const EXACT: Duration = Duration::from_secs(3600);
/// Failures that are further apart say nothing of the time between them. No two tries of one delivery are,
/// also if the first of them was noted late and the second one was a little late.
const APART: Duration = schedule::LONGEST.saturating_add(EXACT).saturating_add(EXACT);

/// The failures since something has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// When the last one was, to the hour.
    pub last: Timestamp,
    /// When the earliest event happened that one of them was of.
    pub oldest: Timestamp,
}

impl Endpoint {
    /// Whether a try that began then, at this URL, says something of the address as it now is. A failure
    /// does not once somebody has asked for something since: the address may be mended.
    #[must_use]
    pub fn is_told_by(&self, url: &str, ended: Ended, began: Timestamp) -> bool {
        self.url == url && (ended.arrived || self.woken_at.is_none_or(|woken| woken <= began))
    }

    /// Notes how a try ended, of an event that happened then, and gives the address up when that was too
    /// much. Whether anything changed.
    pub fn tried(&mut self, ended: Ended, happened: Timestamp, now: Timestamp) -> bool {
        if ended.arrived {
            let failed = self.failing.take().is_some();
            return self.failing_since.take().is_some() || failed;
        }
        let news = self.failed(happened, now);
        let since = self.failing_since.unwrap_or(now);
        let why = match () {
            () if ended.gone => "the address answered 410 Gone",
            () if now.since(since) >= PATIENCE => "nothing has arrived for five days",
            () => return news,
        };
        if self.state != EndpointState::Enabled {
            return news;
        }
        self.state = EndpointState::Disabled;
        (self.disabled_at, self.disabled_reason) = (Some(now), Some(why.to_owned()));
        self.times_disabled += 1;
        let oldest = self.failing.map_or(now, |failing| failing.oldest.min(now));
        self.replay_since = Some(self.replay_since.map_or(oldest, |since| since.min(oldest)));
        self.replay = None;
        self.updated_at = now;
        true
    }

    /// Whether that is news.
    fn failed(&mut self, happened: Timestamp, now: Timestamp) -> bool {
        let before = (self.failing_since, self.failing, self.replay_since);
        // An older version takes away only the time.
        let known = self.failing.filter(|_| self.failing_since.is_some());
        let last = known.map(|failing| failing.last).or(self.failing_since);
        if last.is_none_or(|last| now.since(last) > APART) {
            self.failing_since = Some(now);
        }
        self.failing = Some(Failing {
            last: last.filter(|last| now.since(*last) < EXACT).unwrap_or(now),
            oldest: known.map_or(happened, |failing| failing.oldest.min(happened)),
        });
        if self.state == EndpointState::Disabled {
            // It was under way beside the one after which the address was given up.
            self.replay_since = self.missing_since().map(|since| since.min(happened));
        }
        before != (self.failing_since, self.failing, self.replay_since)
    }

    /// From when on events are missing here since it was given up; nothing: none are, or they were replayed.
    #[must_use]
    pub fn missing_since(&self) -> Option<Timestamp> {
        // One that an older version has given up.
        let given_up = self.disabled_at.filter(|_| self.state == EndpointState::Disabled);
        let earlier = |at: Timestamp| self.failing_since.map_or(at, |since| since.min(at));
        self.replay_since.or_else(|| given_up.map(earlier))
    }

    /// Enables it, and has what waits sent at once.
    pub fn resume(&mut self, now: Timestamp) {
        self.replay_since = self.missing_since();
        (self.failing_since, self.failing) = (None, None);
        self.state = EndpointState::Enabled;
        self.wake(now);
    }

    /// What happened since then was sent again, or is there.
    pub fn replayed(&mut self, since: Timestamp) {
        self.replay_since = self.replay_since.filter(|missing| *missing < since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Ended = Ended { arrived: false, gone: false, retry_after: None };
    const ARRIVED: Ended = Ended { arrived: true, gone: false, retry_after: None };
    const GONE: Ended = Ended { arrived: false, gone: true, retry_after: None };
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> Timestamp {
        Timestamp::from_millis(1_769_851_800_000)
    }

    fn endpoint() -> Endpoint {
        Endpoint::new("shop", "https://shop.example/".to_owned(), Vec::new(), now())
    }

    #[test]
    fn an_address_is_given_up_after_five_days_without_an_arrival_or_when_it_is_gone() {
        let mut dead = endpoint();
        assert!(dead.tried(FAILED, now(), now()) && dead.tried(FAILED, now(), now() + DAY));
        assert_eq!((dead.state, dead.failing_since), (EndpointState::Enabled, Some(now())));
        assert!(dead.tried(ARRIVED, now(), now() + DAY) && dead.failing_since.is_none());
        assert!(!dead.tried(ARRIVED, now(), now() + DAY) && dead.failing.is_none());
        for day in 2..7 {
            dead.tried(FAILED, now(), now() + DAY * day);
            assert_eq!(dead.state, EndpointState::Enabled, "day {day}");
        }
        assert!(dead.tried(FAILED, now(), now() + DAY * 7));
        assert_eq!((dead.state, dead.times_disabled), (EndpointState::Disabled, 1));
        assert!(!dead.takes("order.created", now() + DAY * 7));

        let mut gone = endpoint();
        assert!(gone.tried(GONE, now(), now()) && gone.state == EndpointState::Disabled);
        // A pause is the merchant's own word, and stays.
        let mut paused = Endpoint { state: EndpointState::Paused, ..endpoint() };
        paused.tried(GONE, now(), now());
        assert_eq!((paused.state, paused.missing_since()), (EndpointState::Paused, None));
    }

    #[test]
    fn a_try_that_began_before_says_nothing_of_what_was_mended_since() {
        let at = |seconds| now() + Duration::from_secs(seconds);
        let (mut address, url) = (endpoint(), "https://shop.example/");
        assert!(address.is_told_by(url, GONE, at(1)));
        address.tried(GONE, at(1), at(2));
        assert!(address.is_told_by(url, FAILED, at(1)), "one that was under way beside it");
        address.resume(at(10));
        assert!(!address.is_told_by(url, GONE, at(9)) && !address.is_told_by(url, FAILED, at(9)));
        assert!(address.is_told_by(url, GONE, at(10)));
        assert!(address.is_told_by(url, ARRIVED, at(9)), "what has arrived is good news whenever it began");
        address.url = "https://shop.example/new".to_owned();
        assert!(!address.is_told_by(url, GONE, at(20)) && !address.is_told_by(url, ARRIVED, at(20)));
    }

    /// A quiet shop: nothing was sent between the two.
    #[test]
    fn failures_that_are_far_apart_do_not_give_an_address_up() {
        let mut quiet = endpoint();
        quiet.tried(FAILED, now(), now());
        let blip = now() + PATIENCE;
        assert!(quiet.tried(FAILED, blip, blip));
        assert_eq!((quiet.state, quiet.failing_since), (EndpointState::Enabled, Some(blip)));
        // As an older version has left it.
        let mut old = Endpoint { failing_since: Some(now()), ..endpoint() };
        old.tried(FAILED, blip, blip);
        assert_eq!((old.state, old.failing_since), (EndpointState::Enabled, Some(blip)));
        // The longest that an address may ask for, each time, and each time a little late.
        let (mut asks, late) = (endpoint(), schedule::LONGEST + Duration::from_secs(600));
        for n in 0..5 {
            asks.tried(FAILED, now(), now() + late * n);
        }
        assert_eq!((asks.state, asks.failing_since), (EndpointState::Enabled, Some(now())));
        asks.tried(FAILED, now(), now() + late * 5);
        assert_eq!(asks.state, EndpointState::Disabled);
    }

    /// Else every failure would be a write.
    #[test]
    fn the_last_failure_is_noted_once_an_hour() {
        let mut dead = endpoint();
        assert!(dead.tried(FAILED, now(), now()));
        let mut tried = |minutes: u64| dead.tried(FAILED, now(), now() + Duration::from_secs(60 * minutes));
        let noted = (1..=60).filter(|minutes| tried(*minutes));
        assert_eq!(noted.count(), 1);
    }

    #[test]
    fn what_is_missing_begins_with_the_first_event_that_did_not_arrive() {
        let at = |seconds| now() + Duration::from_secs(seconds);
        let mut gone = endpoint();
        gone.tried(FAILED, at(3), at(10));
        gone.tried(GONE, at(5), at(11));
        assert_eq!((gone.disabled_at, gone.missing_since()), (Some(at(11)), Some(at(3))));
        // One that was under way, and one that arrives after all.
        assert!(gone.tried(GONE, at(2), at(12)) && gone.times_disabled == 1);
        gone.tried(ARRIVED, at(6), at(13));
        gone.resume(at(60));
        assert_eq!((gone.state, gone.missing_since()), (EndpointState::Enabled, Some(at(2))));
        assert!(gone.failing_since.is_none() && gone.woken_at == Some(at(60)));

        // Until that was replayed, whatever arrives, and also if it is given up again before.
        gone.tried(ARRIVED, at(61), at(61));
        gone.replayed(at(3));
        assert_eq!(gone.missing_since(), Some(at(2)));
        gone.tried(GONE, at(70), at(71));
        gone.resume(at(80));
        assert_eq!(gone.missing_since(), Some(at(2)));
        gone.replayed(at(2));
        assert_eq!(gone.missing_since(), None);

        // One that an older version has given up.
        let mut old = Endpoint { failing_since: Some(at(5)), disabled_at: Some(at(9)), ..endpoint() };
        old.state = EndpointState::Disabled;
        assert_eq!(old.missing_since(), Some(at(5)));
        old.resume(at(20));
        assert_eq!(old.missing_since(), Some(at(5)));
    }
}
