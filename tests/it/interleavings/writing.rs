//! The decisions, which are the order's own, and what they leave in the store.

use std::{rc::Rc, time::Duration};

use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Actor, Event, NextAction, Order},
        reason,
    },
    platform::store::Document,
};

use super::{
    steps::POLLS,
    world::{Break, Change, Id, Known, Run, World, Writing},
};

pub(super) const CALL: Duration = Duration::from_secs(25);

/// What the order's own decision says to a worker that looks at `copy` now.
pub(super) fn decide(from: &World, worker: usize, copy: &Rc<Order>) -> (&'static str, Run) {
    match copy.next_action(Some(copy.generation()), from.now) {
        NextAction::Done | NextAction::Wait(_) => ("finds nothing to do now", Run::Idle),
        NextAction::Close(_) if from.scenario.broken == Break::NeverCloses => {
            ("finds nothing to do now", Run::Idle)
        }
        NextAction::Close(attempt) => ("begins to close the attempt", Run::Tombstone(Id::of(&attempt))),
        NextAction::LookUp(attempt) => ("begins to look it up", Run::LookUp(Id::of(&attempt))),
        NextAction::Take => {
            let no = copy.attempt().map_or(1, |a| a.no + 1);
            if no > from.scenario.takes {
                return ("is at the end of what is searched", Run::Idle);
            }
            let mut taken = Order::clone(copy);
            // Of two that take the same, one is first; who is not never uses its id.
            let letter = if from.scenario.broken == Break::TakeUnchecked { worker } else { 0 };
            let id = Id::new(no, letter);
            taken
                .apply(
                    Event::Take { log_id: &id.text(), times: CALL.into(), paused: Duration::ZERO },
                    from.now,
                )
                .unwrap();
            ("begins to take it", Run::Take(Rc::new(taken)))
        }
    }
}

pub(super) fn settle(id: Id, known: Known) -> Run {
    Run::Write(Writing::Decide(Change::Settle(id, known)))
}

/// The outcome log: one per request log; what comes second is kept beside it.
pub(super) fn end(world: &mut World, id: Id, known: Known) {
    let replace = world.scenario.broken == Break::OutcomeReplaced;
    let log = world.log(id);
    match log.outcome {
        Some(first) if !replace => {
            if first != known && log.late.is_none() {
                log.late = Some(known);
            }
        }
        _ => log.outcome = Some(known),
    }
}

/// One step of load, decide, compare-and-set. What is left of it: nothing, when it is saved or there is
/// nothing to change.
pub(super) fn write(from: &World, writing: &Writing) -> (&'static str, World, Option<Writing>) {
    let mut world = from.clone();
    match writing {
        Writing::Decide(change) => {
            let mut copy = Order::clone(&from.order);
            let changed = apply(&mut copy, change, from.now);
            let left = changed.then(|| Writing::Save(*change, Rc::new(copy)));
            (if changed { "loads and decides" } else { "finds that it changes nothing" }, world, left)
        }
        Writing::Save(change, copy) => {
            let unchecked = match change {
                Change::CancelDecision => from.scenario.broken == Break::CancelUnchecked,
                _ => from.scenario.broken == Break::SettleUnchecked,
            };
            if copy.version() != from.order.version() && !unchecked {
                return ("was too late to save it", world, Some(Writing::Decide(*change)));
            }
            save(&mut world, copy);
            ("saves", world, None)
        }
    }
}

fn apply(order: &mut Order, change: &Change, now: Timestamp) -> bool {
    let ended = |order: &mut Order, id: Id, outcome| {
        order.apply(Event::CallEnded { log_id: &id.text(), outcome: &outcome, first_poll: POLLS[0] }, now)
    };
    let applied = match change {
        Change::Settle(id, known) => ended(order, *id, known.finding(*id)),
        Change::Found(id, shipment) => ended(order, *id, Known::Booked.finding(*shipment)),
        Change::Absent(id) => order.apply(Event::ProvenAbsent { log_id: &id.text() }, now),
        Change::PollAgain(id, at) => order.apply(Event::PollAgain { log_id: &id.text(), at: *at }, now),
        Change::GiveUp(id, found) => {
            let (log_id, reason) = (id.text(), reason::OUTCOME_UNKNOWN);
            order.apply(Event::GiveUp { log_id: &log_id, found: *found, reason }, now)
        }
        Change::CancelDecision => {
            order.apply(Event::RequestCancel { actor: Actor::Merchant, reason: None }, now)
        }
    };
    applied.unwrap().changed()
}

pub(super) fn save(world: &mut World, copy: &Rc<Order>) {
    let mut order = Order::clone(copy);
    order.set_version(world.order.version() + 1);
    world.order = Rc::new(order);
}

/// Load, decide and save with nobody between: for those of whom it does not matter.
pub(super) fn change(world: &mut World, decide: impl FnOnce(&mut Order, Timestamp) -> bool) {
    let mut order = Order::clone(&world.order);
    if decide(&mut order, world.now) {
        save(world, &Rc::new(order));
    }
}
