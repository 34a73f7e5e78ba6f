//! People, one effect at a time: what an action decides is decided by the order's own code.

use std::rc::Rc;

use waybill::{
    features::orders::{
        model::{Event, OperatorAction, Order, ShipmentCancellationState},
        review::Fate,
    },
    platform::store::Document,
};

use super::{
    steps::Steps,
    world::{AWB, Act, At, Break, Known, Reviewer, World, current_id},
};

impl World {
    /// What people may do now. Who is careful says only what is so, and waits while a cancel may be under
    /// way.
    fn acts(&self) -> Vec<Act> {
        let live = (!self.cancelled && !self.may_yet_be()) || !self.careful;
        let gone = self.cancelled || !self.careful;
        let closes = [(live, Fate::Live), (gone, Fate::Cancelled)]
            .into_iter()
            .filter(|(so, _)| *so)
            .map(|(_, fate)| Act::Close(fate));
        closes.chain([Act::Again]).collect()
    }

    /// Whether a person can move on what waits for one.
    pub(super) fn person_moves_on(&self) -> bool {
        let now = self
            .now
            .max(self.cancel_shipment().attempt.as_ref().map_or(self.now, |attempt| attempt.settle_after));
        let again = OperatorAction::CancelAgain { awb: AWB };
        let closed = OperatorAction::CancelEnded { awb: AWB, fate: Fate::Live };
        [again, closed].into_iter().all(|action| {
            let event = Event::Operator { action, audit_id: None };
            Order::clone(&self.order).apply(event, now).unwrap().changed()
        })
    }

    /// What is over has all its logs.
    pub(super) fn unanswered(&self) -> bool {
        self.logs.iter().any(|log| log.request && log.outcome.is_none())
    }
}

impl Steps<'_> {
    pub(super) fn people(&mut self) {
        let from = self.from;
        if from.is_open() && from.deaths > 0 {
            self.push("a dead job hands it to a person", false, |w| {
                w.deaths -= 1;
                save(w, |order, world| {
                    let review = Event::ReviewCancellations { reason: "internal-error" };
                    assert!(order.apply(review, world.now).unwrap().changed());
                });
            });
        }
        if let Some(reviewer) = &from.reviewer {
            return self.reviewer(reviewer);
        }
        if from.ops > 0 && from.cancel_shipment().state == ShipmentCancellationState::Review {
            for act in from.acts() {
                let what = match act {
                    Act::Again => "a person begins to cancel it again",
                    Act::Close(Fate::Live) => "a person begins to call it live",
                    Act::Close(Fate::Cancelled) => "a person begins to call it cancelled",
                };
                self.push(what, false, |w| {
                    w.ops -= 1;
                    w.reviewer = Some(Reviewer { act, seen: Rc::clone(&w.order), at: At::Check });
                });
            }
        }
    }

    fn reviewer(&mut self, reviewer: &Reviewer) {
        let from = self.from;
        let mut goes =
            |what, at| self.push(what, false, |w| w.reviewer = Some(Reviewer { at, ..reviewer.clone() }));
        match reviewer.at {
            At::Check => {
                if reviewer.seen.ended_cancellation(Some(AWB), from.now).is_err() {
                    return self
                        .push("a person is refused: it may be under way", false, |w| w.reviewer = None);
                }
                match current_id(&reviewer.seen).filter(|_| from.broken_step != Break::RecordUnread) {
                    Some(id) => goes("a person looks at the last call", At::Tombstone(id)),
                    None => goes("a person finds nothing to close", At::Decide),
                }
            }
            At::Tombstone(id) if from.logs[id].request => goes("a person finds its log", At::Read(id)),
            At::Tombstone(id) => self.push("a person shuts the call out", false, |w| {
                w.logs[id].tombstone = true;
                w.reviewer = Some(Reviewer { at: At::Decide, ..reviewer.clone() });
            }),
            At::Read(id) if from.logs[id].outcome.is_some() => goes("a person finds its outcome", At::Decide),
            At::Read(id) => goes("a person finds no outcome", At::WriteUnknown(id)),
            At::WriteUnknown(id) => self.push("a person writes that there is none", false, |w| {
                w.logs[id].end(Known::NoRecord);
                w.reviewer = Some(Reviewer { at: At::Decide, ..reviewer.clone() });
            }),
            At::Decide => self.push("a person decides", false, |w| {
                w.reviewer = None;
                decide(w, reviewer);
            }),
        }
        self.push("a person walks off", false, |w| w.reviewer = None);
    }
}

/// Load, decide and compare-and-set in one step: nothing comes between those of one that is first.
fn decide(world: &mut World, reviewer: &Reviewer) {
    let mut order = Order::clone(&world.order);
    if !order.called_as_in(&reviewer.seen) {
        return;
    }
    let action = match reviewer.act {
        Act::Again => OperatorAction::CancelAgain { awb: AWB },
        Act::Close(fate) => OperatorAction::CancelEnded { awb: AWB, fate },
    };
    if !order.apply(Event::Operator { action, audit_id: None }, world.now).unwrap().changed() {
        return;
    }
    world.lied |= match reviewer.act {
        Act::Again => false,
        Act::Close(Fate::Cancelled) => !world.cancelled,
        Act::Close(Fate::Live) => world.cancelled || world.may_yet_be(),
    };
    save(world, |to, _| *to = order);
}

fn save(world: &mut World, change: impl FnOnce(&mut Order, &World)) {
    let mut order = Order::clone(&world.order);
    change(&mut order, world);
    order.set_version(world.order.version() + 1);
    world.order = Rc::new(order);
}
