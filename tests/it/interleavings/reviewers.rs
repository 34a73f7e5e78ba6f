//! People at the reviewer, as in [`waybill::features::orders::service::review`]: what an action decides is
//! decided by the order's own code, what it does to the logs, the provider and the store is modelled, one
//! effect at a time.
//!
//! Two kinds of people. A **careful** one knows the provider's ledger, acts only by it, and waits while
//! anything may be under way: whatever the service lets them do must end well. A **careless** one does
//! anything at any time. What the service knows better it must refuse; where only their word stands
//! (`adopt --unverified`, `rebook` and `fail` of an order in doubt) and the word is false, the model notes
//! which one it was, and only what that word brought about is forgiven.

use std::rc::Rc;

use waybill::{
    features::orders::{
        model::{Event, NextCancelAction, OperatorAction, Order, PollSchedule, ShipmentCancellationState},
        payload::NewOrder,
        request::CreateOrder,
        status::SyncStatus,
    },
    provider::carrier::CallOutcome,
};

use crate::support::Tracking;

use super::{
    steps::{Steps, Who},
    world::{Break, Create, Id, Known, Stage, World, awb},
    writing::{CALL, change, end, save},
};
use crate::support::orders::{order, with};

/// A live shipment that another order has, and an AWB that is nobody's.
pub(super) const OF_ANOTHER: Id = Id(250);
pub(super) const NOBODYS: Id = Id(240);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    AdoptFound,
    /// This AWB; `true`: the provider must show it.
    Adopt(Id, bool),
    /// `true`: without asking the provider.
    Rebook(bool),
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Check,
    Tombstone(Id),
    Read(Id),
    WriteUnknown(Id),
    ReadAgain(Id),
    /// Asks the provider; whether a call may have booked it.
    Look(bool),
    /// Whether it is in doubt, whether the provider was asked in vain for what may be there, what to adopt.
    Decide {
        may_be_booked: bool,
        missed: bool,
        found: Option<Id>,
    },
}

/// An action that is under way.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) act: Act,
    /// The order as it was loaded.
    pub(super) seen: Rc<Order>,
    pub(super) at: At,
}

/// What people said that was not so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FalseWords {
    pub(super) adopt: bool,
    pub(super) rebook: bool,
    pub(super) fail: bool,
    /// It was given up although something had left since they looked; not a call that slept through all its
    /// time.
    pub(super) outdated: bool,
}

impl Create {
    pub(super) fn is_live(&self) -> bool {
        self.done == Some(Known::Booked) && !self.cancelled
    }

    /// It is live, or may yet be.
    pub(super) fn may_be_live(&self) -> bool {
        self.done.is_none() || self.is_live()
    }
}

impl World {
    /// Whether something is live at the provider under our reference, or may yet be.
    fn may_be_live(&self) -> bool {
        self.creates.iter().any(Create::may_be_live)
            || self.calls.iter().any(|call| matches!(call.stage, Stage::Send))
    }

    fn is_live(&self, id: Id) -> bool {
        self.creates.iter().any(|create| create.id == id && create.is_live())
    }

    /// What somebody who knows the ledger does now; nothing while anything is under way.
    pub(super) fn right(&self) -> Vec<Act> {
        let pending = self.creates.iter().any(|create| create.done.is_none())
            || self.calls.iter().any(|c| matches!(c.stage, Stage::Send));
        match self.creates.iter().find(|create| create.is_live()) {
            _ if pending => Vec::new(),
            Some(create) => vec![Act::Adopt(create.id, false), Act::Adopt(create.id, true), Act::AdoptFound],
            None => vec![Act::Fail, Act::Rebook(false), Act::Rebook(true)],
        }
    }

    fn any(&self) -> Vec<Act> {
        let own = self.creates.iter().map(|create| Act::Adopt(create.id, false));
        let fixed = [
            Act::AdoptFound,
            Act::Adopt(OF_ANOTHER, true),
            Act::Adopt(OF_ANOTHER, false),
            Act::Adopt(NOBODYS, false),
            Act::Rebook(false),
            Act::Rebook(true),
            Act::Fail,
        ];
        fixed.into_iter().chain(own).collect()
    }
}

impl Steps<'_> {
    pub(super) fn reviewers(&mut self) {
        let from = self.from;
        for n in 0..from.scenario.reviewers {
            match &from.reviewers[n] {
                Some(action) => self.reviewer(n, action),
                None if from.ops > 0 && from.order.provider_sync_status() == SyncStatus::NeedsReview => {
                    let acts = if from.scenario.careful { from.right() } else { from.any() };
                    for act in acts {
                        self.push(Who::Operator, begins(act), false, |w| {
                            w.ops -= 1;
                            w.begin(n, act);
                        });
                    }
                }
                None => {}
            }
        }
        self.canceller();
        self.amends();
    }

    fn reviewer(&mut self, n: usize, action: &Action) {
        let (from, who) = (self.from, Who::Operator);
        let mut goes = |what, at: Option<At>| {
            self.push(who, what, true, |w| w.reviewers[n] = at.map(|at| Action { at, ..action.clone() }));
        };
        match action.at {
            At::Check => {
                let (what, at) = check(from, action);
                goes(what, at);
            }
            At::Tombstone(id) if from.read(id).request => {
                goes("finds the log of the attempt", Some(At::Read(id)));
            }
            At::Tombstone(id) => self.push(who, "shuts the attempt out", true, |w| {
                w.log(id).tombstone = true;
                w.reviewers[n] = on_record(w, action, id, Known::NeverSent);
            }),
            At::Read(id) => match from.read(id).best() {
                Some(known) => self.push(who, "reads the outcome", true, |w| {
                    w.reviewers[n] = on_record(w, action, id, known);
                }),
                None => goes("reads no outcome", Some(At::WriteUnknown(id))),
            },
            At::WriteUnknown(id) => self.push(who, "writes `unknown`", true, |w| {
                end(w, id, Known::NoRecord);
                w.reviewers[n] = Some(Action { at: At::ReadAgain(id), ..action.clone() });
            }),
            At::ReadAgain(id) => self.push(who, "reads the outcome again", true, |w| {
                w.reviewers[n] = on_record(w, action, id, from.read(id).best().unwrap_or(Known::NoRecord));
            }),
            At::Look(may_be_booked) => self.look(n, action, may_be_booked),
            At::Decide { may_be_booked, missed, found } => self.push(who, "decides", true, |w| {
                w.reviewers[n] = None;
                decide(w, action, (may_be_booked, missed, found));
            }),
        }
        self.push(who, "dies", false, |w| w.reviewers[n] = None);
    }

    /// What the provider shows, and what the service makes of it. That it shows nothing need not be true.
    fn look(&mut self, n: usize, action: &Action, may_be_booked: bool) {
        let from = self.from;
        let missed = from.may_be_live();
        let shown = from.creates.iter().find(|create| create.is_live()).map(|create| create.id);
        let mut goes = |what, usual, found: Option<Option<Id>>| {
            let at = found.map(|found| At::Decide { may_be_booked, missed, found });
            self.push(Who::Operator, what, usual, |w| {
                w.reviewers[n] = at.map(|at| Action { at, ..action.clone() });
            });
        };
        match (action.act, shown) {
            (Act::Rebook(_), Some(_)) => {
                goes("is shown the shipment, and is refused", true, None);
                goes("is shown nothing, and goes on", false, Some(None));
            }
            (Act::Rebook(_), None) => goes("is shown nothing, and goes on", true, Some(None)),
            (Act::AdoptFound, Some(id)) => goes("is shown the shipment", true, Some(Some(id))),
            (Act::Adopt(id, _), Some(own)) if id == own => {
                goes("is shown the shipment", true, Some(Some(id)));
            }
            (Act::Adopt(OF_ANOTHER, _), Some(_)) => {
                goes("is shown another AWB, and is refused", true, None);
                goes("is shown a shipment without AWB, and the AWB as live", false, Some(Some(OF_ANOTHER)));
            }
            _ => goes("is shown nothing that fits, and is refused", true, None),
        }
    }

    /// Cancels what is to be cancelled, in two steps; all that can go wrong there is searched in
    /// `cancellations.rs`.
    fn canceller(&mut self) {
        let from = self.from;
        if from.scenario.ops == 0 {
            return;
        }
        let schedule = PollSchedule { unclear: Vec::new(), confirm: Vec::new() };
        if let Some(cancel) = from
            .order
            .cancellation()
            .shipments()
            .iter()
            .find(|cancel| cancel.state == ShipmentCancellationState::Sending)
        {
            return self.push(Who::Canceller, "has the shipment cancelled", false, |w| {
                w.creates
                    .iter_mut()
                    .filter(|create| awb(create.id) == cancel.awb)
                    .for_each(|create| create.cancelled = true);
                change(w, |order, now| {
                    let (awb, schedule, outcome) = (&cancel.awb, &schedule, &CallOutcome::Done(()));
                    let tracking = Tracking::Cancelled;
                    let ended = order.apply(Event::CancelEnded { log_id: awb, outcome, schedule }, now);
                    let seen =
                        order.apply(Event::TrackingSeen { awb, tracked: &tracking.outcome(), schedule }, now);
                    ended.unwrap().changed() && seen.unwrap().changed()
                });
            });
        }
        if let NextCancelAction::Send(awb) =
            from.order.next_cancel_action(Some(from.order.generation()), from.now)
        {
            self.push(Who::Canceller, "begins to cancel a shipment", false, |w| {
                change(w, |order, now| {
                    let times = CALL.into();
                    order
                        .apply(
                            Event::TakeCancel {
                                awb: &awb,
                                log_id: &awb,
                                times,
                                paused: std::time::Duration::ZERO,
                            },
                            now,
                        )
                        .unwrap()
                        .changed()
                });
            });
        }
    }

    fn amends(&mut self) {
        if self.from.amends == 0 || self.from.order.provider_sync_status() != SyncStatus::Failed {
            return;
        }
        self.push(Who::Merchant, "amends the order", false, |w| {
            w.amends -= 1;
            let body = with(order("A-1"), "/invoiceNumber", "INV-2".into());
            let draft = NewOrder::from(serde_json::from_value::<CreateOrder>(body).unwrap());
            change(w, |order, now| order.apply(Event::Amend { draft: &draft }, now).unwrap().changed());
        });
    }
}

impl World {
    pub(super) fn begin(&mut self, n: usize, act: Act) {
        self.reviewers[n] = Some(Action { act, seen: Rc::clone(&self.order), at: At::Check });
    }
}

fn begins(act: Act) -> &'static str {
    match act {
        Act::AdoptFound => "begins to adopt what is found",
        Act::Adopt(OF_ANOTHER, _) => "begins to adopt what another order has",
        Act::Adopt(NOBODYS, _) => "begins to adopt what nobody has",
        Act::Adopt(_, true) => "begins to adopt an AWB",
        Act::Adopt(_, false) => "begins to adopt an AWB unverified",
        Act::Rebook(true) => "begins to book it again by force",
        Act::Rebook(false) => "begins to book it again",
        Act::Fail => "begins to fail it",
    }
}

/// What the order alone says, before anything is looked at.
fn check(from: &World, action: &Action) -> (&'static str, Option<At>) {
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
fn on_record(world: &mut World, action: &Action, id: Id, known: Known) -> Option<Action> {
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
fn decide(world: &mut World, action: &Action, (may_be_booked, missed, found): (bool, bool, Option<Id>)) {
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

/// Whether a careful person can bring an order that waits for one to an end, or back on its way.
pub(super) fn person_moves_on(world: &World, ends: impl Fn(&World) -> bool) -> bool {
    let mut world = world.clone();
    world.now = world.now.max(world.order.attempt().map_or(world.now, |attempt| attempt.settle_after));
    let Some(act) = world.right().first().copied() else { return false };
    world.begin(0, act);
    while let Some(action) = world.reviewers[0].clone() {
        let mut steps = Steps { from: &world.clone(), next: Vec::new() };
        steps.reviewer(0, &action);
        let next = steps.next.into_iter().find(|next| next.usual);
        let Some(next) = next else { return false };
        world = next.world;
    }
    ends(&world)
}
