//! People at the reviewer, as in [`waybill::features::orders::service::review`]: what an action decides is
//! decided by the order's own code, what it does to the logs, the provider and the store is modelled, one
//! effect at a time.
//!
//! Two kinds of people. A **careful** one knows the provider's ledger, acts only by it, and waits while
//! anything may be under way: whatever the service lets them do must end well. A **careless** one does
//! anything at any time. What the service knows better it must refuse; where only their word stands
//! (`adopt --unverified`, `rebook` and `fail` of an order in doubt) and the word is false, the model notes
//! which one it was, and only what that word brought about is forgiven.

mod after;
mod decisions;

use std::rc::Rc;

use waybill::features::orders::{model::Order, status::SyncStatus};

use self::decisions::{check, decide, on_record};
use super::{
    steps::{Steps, Who},
    world::{Create, Id, Known, Stage, World},
    writing::end,
};

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
