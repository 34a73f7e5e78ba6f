//! Every interleaving of two workers that cancel a booked shipment, their calls, the provider, tracking and
//! the clock, over the real decisions of [`waybill::features::orders::model`]; the store, the logs and
//! the provider are modelled, one atomic effect at a time.
//!
//! **Who, the step**: its effect.
//!
//! - **worker, load; decide**: `next_cancel_action` on a copy that may be stale by then
//! - **worker, take**: compare-and-set of `Event::TakeCancel`; won: the call begins
//! - **call, log request; check sendBy; send; answer; log outcome; settle**: as for a create, each a step of
//!   its own
//! - **provider, accept, refuse, refuse as done already, be busy**: at any time after the send; what is
//!   cancelled is refused, in words that cannot be told from others, and what is live may be, in those that
//!   say that it is cancelled
//! - **tracking, show it as cancelled**: at any time after it is, however late
//! - **worker, tombstone; read; write *unknown*; read again; settle**: closes a call whose worker vanished
//! - **worker, look**: cancelled, live, or nothing learnt
//! - **anybody, die**: what it knew is gone; a job may begin anew at any time
//!
//! Unlike a create, a cancel may be repeated without harm, and may stay under way for ever: what must never
//! be is an order that says *cancelled* of a live shipment, or *refused* of one that is cancelled or may yet
//! be.

mod earlier;
mod reviewers;
mod steps;
mod world;

use std::collections::{BTreeMap, HashSet, VecDeque};

use waybill::features::orders::model::ShipmentCancellationState;

use self::{
    steps::{Next, steps},
    world::{Break, Scenario, World},
};

const MOST_STATES: usize = 5_000_000;

const PLAIN: Scenario =
    Scenario { broken: Break::Nothing, takes: 1, workers: 1, ops: 0, careful: false, deaths: 0 };

/// A person who says what is so.
const PERSON: Scenario = Scenario { ops: 1, careful: true, ..PLAIN };

#[derive(Debug, Default)]
struct Found {
    states: usize,
    /// States from which nobody goes on, by where the cancellation stands.
    ends: BTreeMap<String, usize>,
    violation: Option<String>,
}

fn explore(scenario: Scenario) -> Found {
    let mut found = Found::default();
    let start = World::new(scenario);
    let mut seen: HashSet<String> = HashSet::from([start.key()]);
    let mut ways: Vec<(usize, usize)> = vec![(0, 0)];
    let mut open = VecDeque::from([(0_usize, start)]);
    while let Some((at, world)) = open.pop_front() {
        if world.is_quiet() {
            if let Some(rule) = stranded(&world) {
                found.violation = Some(format!("{rule}{}", history(scenario, &ways, at, None)));
                break;
            }
            if !world.is_open() {
                *found.ends.entry(format!("{:?}", world.cancel_shipment().state)).or_default() += 1;
            } else if !settles_alone(&world) {
                found.violation =
                    Some(format!("nobody brings it to an end{}", history(scenario, &ways, at, None)));
                break;
            }
        }
        for (n, Next { world: next, broke, .. }) in steps(&world).into_iter().enumerate() {
            if let Some(rule) = broke.or_else(|| next.broken()) {
                found.violation = Some(format!("{rule}{}", history(scenario, &ways, at, Some(n))));
                found.states = ways.len();
                return found;
            }
            if seen.insert(next.key()) {
                open.push_back((ways.len(), next));
                ways.push((at, n));
                assert!(ways.len() < MOST_STATES, "the search does not end");
            }
        }
    }
    found.states = ways.len();
    found
}

/// What must not be so when all is quiet.
fn stranded(world: &World) -> Option<&'static str> {
    match world.cancel_shipment().state {
        ShipmentCancellationState::Review if !world.person_moves_on() => {
            Some("nothing that a person may do moves it on")
        }
        ShipmentCancellationState::Confirmed | ShipmentCancellationState::Refused if world.unanswered() => {
            Some("it is over, and a call has no outcome log")
        }
        _ => None,
    }
}

/// Whether one worker brings it to an end from here, when nobody dies any more.
fn settles_alone(world: &World) -> bool {
    let mut world = world.clone();
    world.takes = i64::MAX;
    for _ in 0..200 {
        if !world.is_open() {
            return true;
        }
        let mut nexts: Vec<Next> = steps(&world).into_iter().filter(|next| next.usual).collect();
        // Whatever can be done, in the order of the list; the clock when there is nothing else.
        let busy = nexts.iter().any(|next| !next.waits);
        nexts.retain(|next| next.waits != busy);
        if nexts.is_empty() {
            return false;
        }
        world = nexts.swap_remove(0).world;
    }
    false
}

fn history(scenario: Scenario, ways: &[(usize, usize)], mut at: usize, last: Option<usize>) -> String {
    let mut way: Vec<usize> = last.into_iter().collect();
    while at != 0 {
        way.push(ways[at].1);
        at = ways[at].0;
    }
    let mut world = World::new(scenario);
    let mut text = String::new();
    for n in way.into_iter().rev() {
        let next = steps(&world).swap_remove(n);
        world = next.world;
        text += &format!("\n  {:<45} {:?}", next.what, world.cancel_shipment().state);
    }
    text
}

#[expect(clippy::print_stdout, reason = "the size of the search is part of what this test tells")]
fn say(text: &str) {
    println!("{text}");
}

#[test]
fn workers_that_cancel_a_shipment_say_what_is_so() {
    for (takes, workers) in [(1, 2), (2, 1)] {
        holds(Scenario { takes, workers, ..PLAIN });
    }
}

fn holds(scenario: Scenario) {
    let found = explore(scenario);
    say(&format!("cancellations: {scenario:?}: {} states, {:?}", found.states, found.ends));
    if let Some(violation) = found.violation {
        panic!("{violation}");
    }
    for end in ["Confirmed", "Refused", "Review"] {
        assert!(found.ends.contains_key(end), "no way leads to {end}: {:?}", found.ends);
    }
}

#[test]
#[ignore = "takes minutes: two workers, two calls"]
fn everything_at_once_cancels_a_shipment_and_says_what_is_so() {
    holds(Scenario { takes: 2, workers: 2, ..PLAIN });
}

#[test]
fn steps_done_wrongly_are_seen() {
    let calls = |takes, workers| Scenario { takes, workers, ..PLAIN };
    for (broken, scenario, says) in [
        (Break::TakeUnchecked, calls(2, 2), "is sent although nobody knows what became of"),
        (Break::NoTombstone, calls(2, 1), "is sent although nobody knows what became of"),
        (Break::UnansweredIsUnsent, calls(2, 1), "is sent although nobody knows what became of"),
        (Break::RefusalBelieved, calls(2, 1), "refused, and it is cancelled or may yet be"),
        (Break::AsDoneIsPlain, calls(1, 1), "refused, and the provider says that it is done"),
        (Break::LiveIsCancelled, calls(1, 1), "cancelled, and it is live"),
        (Break::NeverCloses, calls(1, 1), "nobody brings it to an end"),
        (Break::RecordUnread, Scenario { deaths: 1, ..PERSON }, "a call has no outcome log"),
    ] {
        let violation = explore(Scenario { broken, ..scenario })
            .violation
            .unwrap_or_else(|| panic!("{broken:?} breaks no rule"));
        say(&format!("{broken:?}: {violation}"));
        assert!(violation.contains(says), "{broken:?}: {violation}");
    }
}

#[test]
fn people_end_what_waits_for_them() {
    holds(Scenario { deaths: 1, ..PERSON });
    holds(Scenario { deaths: 1, careful: false, ..PERSON });
}

#[test]
#[ignore = "takes half a minute: two calls"]
fn everything_at_once_with_people_ends_what_waits_for_them() {
    holds(Scenario { takes: 2, ..PERSON });
    holds(Scenario { takes: 2, careful: false, ..PERSON });
    holds(Scenario { ops: 2, deaths: 1, ..PERSON });
}
