//! What an action of a person comes to: by what the order says, by what is on record of its last call, and by
//! what the provider showed.

use std::rc::Rc;

use waybill::features::orders::model::{Event, OperatorAction, Order};

use super::{
    super::{
        world::{Break, Create, Id, Known, World, awb},
        writing::{change, save},
    },
    Act, Action, At, OF_ANOTHER,
};

/// What the order alone says, before anything is looked at.
pub(super) fn check(from: &World, action: &Action) -> (&'static str, Option<At>) {
    let (seen, now) = (&action.seen, from.now);
    let refused = match action.act {
        Act::Rebook(_) => {
            seen.allows(OperatorAction::Rebook { may_be_booked: false, force: false }, now).is_err()
        }
        _ => seen.reviewed().is_err(),
    };
    let next = |may_be_booked| {
        if asks(action.act, may_be_booked) {
            At::Look(may_be_booked)
        } else {
            unasked(action.act, may_be_booked)
        }
    };
    match seen.attempt() {
        _ if refused => ("is refused", None),
        None => ("finds that it was never sent", Some(next(seen.booking().unresolved().is_some()))),
        Some(_) if from.scenario.broken == Break::RecordUnread => {
            ("does not look at the record", Some(next(seen.booking().unresolved().is_some())))
        }
        Some(attempt) if seen.not_under_way(now).is_ok() => {
            ("looks at the record", Some(At::Tombstone(Id::of(attempt))))
        }
        Some(_) => ("is refused: it may be under way", None),
    }
}

fn asks(act: Act, may_be_booked: bool) -> bool {
    match act {
        Act::AdoptFound => true,
        Act::Adopt(_, verified) => verified,
        Act::Rebook(force) => may_be_booked && !force,
        Act::Fail => false,
    }
}

/// Nobody but the person says that it is not there.
fn unasked(act: Act, may_be_booked: bool) -> At {
    let found = if let Act::Adopt(id, _) = act { Some(id) } else { None };
    At::Decide { may_be_booked, missed: may_be_booked, found }
}

/// Goes on with what is on record of the attempt `id`; a booking ends the action.
pub(super) fn on_record(world: &mut World, action: &Action, id: Id, known: Known) -> Option<Action> {
    if known == Known::Booked {
        change(world, |order, now| {
            let (log_id, outcome, first_poll) = (id.text(), known.finding(id), std::time::Duration::ZERO);
            let ended = Event::CallEnded { log_id: &log_id, outcome: &outcome, first_poll };
            order.apply(ended, now).unwrap().changed()
        });
        return None;
    }
    let may_be_booked = action.seen.booking().unresolved().is_some() || !known.is_unbooked();
    let skips = world.scenario.broken == Break::Unasked && matches!(action.act, Act::Rebook(false));
    let at = match asks(action.act, may_be_booked) {
        true if skips => At::Decide { may_be_booked, missed: false, found: None },
        true => At::Look(may_be_booked),
        false => unasked(action.act, may_be_booked),
    };
    Some(Action { at, ..action.clone() })
}

/// Load, decide and compare-and-set in one step, as for the merchant.
pub(super) fn decide(
    world: &mut World,
    action: &Action,
    (may_be_booked, missed, found): (bool, bool, Option<Id>),
) {
    let (mut order, now) = (Order::clone(&world.order), world.now);
    if !order.called_as_in(&action.seen) {
        return;
    }
    let shipment = found.map(awb);
    let decided = match (action.act, &shipment) {
        (Act::Adopt(..) | Act::AdoptFound, Some(awb)) => OperatorAction::Adopt { awb },
        (Act::Rebook(force), _) => OperatorAction::Rebook { may_be_booked, force },
        (Act::Fail, _) => OperatorAction::Fail { words: "given up" },
        _ => return,
    };
    let decided = order.apply(Event::Operator { action: decided, audit_id: None }, now).unwrap();
    // The unique index.
    let taken = found == Some(OF_ANOTHER) && world.scenario.broken != Break::IndexUnchecked;
    if !decided.changed() || taken {
        return;
    }
    match action.act {
        Act::Adopt(id, false) => world.words.adopt |= !world.is_live(id),
        Act::Adopt(..) | Act::AdoptFound => {}
        Act::Rebook(_) => world.words.rebook |= missed && world.may_be_live(),
        Act::Fail => world.words.fail |= may_be_booked && world.may_be_live(),
    }
    if may_be_booked && matches!(action.act, Act::Rebook(_) | Act::Fail) {
        for id in world.taken.clone() {
            world.log(id).vouched = true;
        }
    }
    world.words.outdated |=
        matches!(action.act, Act::Rebook(_) | Act::Fail) && world.creates.iter().any(Create::may_be_live);
    save(world, &Rc::new(order));
}
