//! Everything that may happen next.

use std::rc::Rc;

use serde_json::json;
use waybill::{
    features::orders::model::{Event, NextCancelAction, Order, ShipmentCancellationState},
    platform::store::Document,
};

use crate::support::{Tracking, orders::rewritten};

use super::world::{
    AWB, Break, CALL, Call, Change, Known, Log, Run, Sent, Stage, World, current_id, schedule,
};

pub(super) struct Next {
    pub(super) what: &'static str,
    pub(super) world: World,
    /// Goes on when nobody dies and the provider is well.
    pub(super) usual: bool,
    /// Only when there is nothing else to do.
    pub(super) waits: bool,
    pub(super) broke: Option<String>,
}

pub(super) struct Steps<'w> {
    pub(super) from: &'w World,
    pub(super) next: Vec<Next>,
}

/// In a fixed order: a history is a list of numbers into this.
pub(super) fn steps(from: &World) -> Vec<Next> {
    let mut steps = Steps { from, next: Vec::new() };
    for n in 0..from.calls.len() {
        steps.call(n);
    }
    for n in 0..from.sent.len() {
        steps.provider(n);
    }
    if from.cancelled && !from.shown {
        steps.push("tracking shows it", true, |w| w.shown = true);
    }
    for n in 0..from.workers {
        steps.worker(n);
    }
    steps.people();
    steps.clock();
    steps.next
}

impl Steps<'_> {
    pub(super) fn push(&mut self, what: &'static str, usual: bool, act: impl FnOnce(&mut World)) {
        let mut world = self.from.clone();
        act(&mut world);
        self.next.push(Next { what, world, usual, waits: false, broke: None });
    }

    fn clock(&mut self) {
        let from = self.from;
        let waits = from
            .cancel_shipment()
            .attempt
            .as_ref()
            .filter(|_| from.people && from.cancel_shipment().state == ShipmentCancellationState::Review);
        let moments = from
            .order
            .overdue_at()
            .into_iter()
            .chain(from.calls.iter().map(|call| call.send_by))
            .chain(waits.map(|a| a.settle_after));
        if let Some(at) = moments.filter(|at| *at > from.now).min() {
            self.push("the clock jumps", true, |w| w.now = at);
            self.next.last_mut().unwrap().waits = true;
        }
    }

    fn provider(&mut self, n: usize) {
        if self.from.sent[n].done.is_some() {
            return;
        }
        if !self.from.cancelled {
            self.push("the provider accepts", true, |w| {
                w.cancelled = true;
                w.sent[n].done = Some(Known::Accepted);
            });
        }
        self.push("the provider refuses", self.from.cancelled, |w| w.sent[n].done = Some(Known::Refused));
        self.push("the provider refuses as done", false, |w| w.sent[n].done = Some(Known::RefusedAsDone));
        self.push("the provider is busy", false, |w| w.sent[n].done = Some(Known::Unheard));
    }

    fn worker(&mut self, n: usize) {
        let from = self.from;
        // The second worker is one who takes over; alone the first one must do, whenever something is due.
        let due = from.order.overdue_at().is_some_and(|at| at <= from.now);
        let first = n == 0 && (due || !matches!(from.runs[n], Run::Idle));
        let mut goes = |what, run: Run| self.push(what, first, |w| w.runs[n] = run);
        match from.runs[n].clone() {
            Run::Idle if from.is_open() => goes("loads", Run::Loaded(Rc::clone(&from.order))),
            Run::Idle => return,
            Run::Loaded(copy) => {
                let (what, run) = decide(from, &copy);
                goes(what, run);
            }
            Run::Take(copy) => self.push("takes it, if it is first", first, |w| take(w, n, &copy)),
            Run::Tombstone(id) if from.logs[id].request => goes("finds the request log", Run::Read(id)),
            Run::Tombstone(id) => self.push("shuts the call out", first, |w| {
                w.logs[id].tombstone = from.broken_step != Break::NoTombstone;
                w.runs[n] = Run::Write(Change::Settle(id, Known::NeverSent));
            }),
            Run::Read(id) => match from.logs[id].best() {
                Some(known) => goes("reads the outcome", Run::Write(Change::Settle(id, known))),
                None if from.broken_step == Break::UnansweredIsUnsent => {
                    goes("finds no outcome", Run::Write(Change::Settle(id, Known::NeverSent)));
                }
                None => goes("finds no outcome", Run::WriteUnknown(id)),
            },
            Run::WriteUnknown(id) => self.push("writes that there is none", first, |w| {
                w.logs[id].end(Known::NoRecord);
                w.runs[n] = Run::ReadAgain(id);
            }),
            Run::ReadAgain(id) => {
                goes(
                    "reads it again",
                    Run::Write(Change::Settle(id, from.logs[id].best().unwrap_or(Known::NoRecord))),
                );
            }
            Run::Look => {
                let live = if from.broken_step == Break::LiveIsCancelled {
                    Tracking::Cancelled
                } else {
                    Tracking::Live
                };
                let seen = if from.shown { Tracking::Cancelled } else { live };
                goes("schedule", Run::Write(Change::Sight(seen)));
                self.push("schedule in vain", false, |w| {
                    w.runs[n] = Run::Write(Change::Sight(Tracking::Failed));
                });
            }
            Run::Write(change) => self.push("writes it down", first, |w| {
                w.runs[n] = Run::Idle;
                write(w, &change);
            }),
        }
        if !matches!(from.runs[n], Run::Idle) {
            self.push("a worker dies", false, |w| w.runs[n] = Run::Idle);
        }
    }

    fn call(&mut self, n: usize) {
        let from = self.from;
        let Call { id, send_by, stage } = from.calls[n];
        let mut goes = |what, usual, to: Stage| self.push(what, usual, |w| w.calls[n].stage = to);
        match stage {
            Stage::LogRequest if from.logs[id].tombstone => {
                self.push("a call finds itself shut out", true, |w| w.end_call(n));
            }
            Stage::LogRequest => self.push("a call logs its request", true, |w| {
                w.logs[id].request = true;
                w.calls[n].stage = Stage::CheckTime;
            }),
            Stage::CheckTime if from.now >= send_by => {
                goes("a call is too late to send", true, Stage::LogOutcome(Known::Unheard));
            }
            Stage::CheckTime => goes("a call is in time", true, Stage::Send),
            Stage::Send => {
                goes("a call is refused the connection", false, Stage::LogOutcome(Known::Unheard));
                self.push("a call sends", true, |w| {
                    w.sent.push(Sent { id, done: None });
                    w.calls[n].stage = Stage::Answer;
                });
                self.next.last_mut().unwrap().broke = at_send(from, id);
            }
            Stage::Answer => {
                if let Some(known) = from.sent.iter().find(|sent| sent.id == id).and_then(|sent| sent.done) {
                    goes("a call gets its answer", true, Stage::LogOutcome(known));
                }
                goes("a call gets no answer", false, Stage::LogOutcome(Known::NoAnswer));
            }
            Stage::LogOutcome(known) => self.push("a call logs its outcome", true, |w| {
                w.logs[id].end(known);
                w.calls[n].stage = Stage::Settle(known);
            }),
            Stage::Settle(known) => {
                self.push("a call is written down", true, |w| {
                    w.end_call(n);
                    write(w, &Change::Settle(id, known));
                });
                let dropped = |w: &World| {
                    known == Known::Accepted
                        && current_id(&w.order) == Some(id)
                        && w.cancel_shipment().state == ShipmentCancellationState::Refused
                };
                self.next.last_mut().unwrap().broke = self
                    .next
                    .last()
                    .filter(|next| dropped(&next.world))
                    .map(|_| "a yes was heard, and dropped".to_owned());
            }
        }
        self.push("a call dies", false, |w| w.end_call(n));
    }
}

fn decide(from: &World, copy: &Rc<Order>) -> (&'static str, Run) {
    match copy.next_cancel_action(Some(copy.generation()), from.now) {
        NextCancelAction::Done => ("finds nothing to do", Run::Idle),
        NextCancelAction::Wait(_) => ("finds that it must wait", Run::Idle),
        NextCancelAction::Look(_) => ("is to look", Run::Look),
        NextCancelAction::Close(..) if from.broken_step == Break::NeverCloses => {
            ("finds nothing to do", Run::Idle)
        }
        NextCancelAction::Close(_, attempt) => {
            ("is to close a call", Run::Tombstone(number(&attempt.request_log_id)))
        }
        NextCancelAction::Send(awb) => {
            let id = from.logs.len();
            if i64::try_from(id).unwrap() >= from.takes {
                return ("is at the end of what is searched", Run::Idle);
            }
            let mut taken = Order::clone(copy);
            let take = Event::TakeCancel {
                awb: &awb,
                log_id: &id.to_string(),
                times: CALL.into(),
                paused: std::time::Duration::ZERO,
            };
            assert!(taken.apply(take, from.now).unwrap().changed());
            ("is to send", Run::Take(Rc::new(taken)))
        }
    }
}

fn number(request_log_id: &str) -> usize {
    request_log_id.parse().unwrap()
}

fn take(world: &mut World, n: usize, copy: &Rc<Order>) {
    world.runs[n] = Run::Idle;
    if copy.version() != world.order.version() && world.broken_step != Break::TakeUnchecked {
        return;
    }
    // Ids are unique: of two that take the same without a check, each has its own.
    let own = world.logs.len().to_string();
    let mut order = rewritten(copy, &[("/cancellation/shipments/0/attempt/requestLogId", own.into())]);
    let send_by = order.cancellation().shipments()[0].attempt.as_ref().unwrap().send_by;
    world.calls.push(Call { id: world.logs.len(), send_by, stage: Stage::LogRequest });
    world.logs.push(Log::default());
    order.set_version(world.order.version() + 1);
    world.order = Rc::new(order);
}

/// Load, decide and compare-and-set: who is late decides again, so one step shows all that can come of it.
fn write(world: &mut World, change: &Change) {
    let mut order = Order::clone(&world.order);
    let schedule = &schedule();
    let applied = match change {
        Change::Settle(id, known) => {
            let (log_id, outcome) = (&id.to_string(), &known.finding());
            order.apply(Event::CancelEnded { log_id, outcome, schedule }, world.now)
        }
        Change::Sight(tracking) => {
            order.apply(Event::TrackingSeen { awb: AWB, tracked: &tracking.outcome(), schedule }, world.now)
        }
    };
    let changed = applied.unwrap().changed();
    match (change, changed, world.broken_step) {
        (Change::Settle(_, Known::Refused), true, Break::RefusalBelieved) => {
            let refused = json!(ShipmentCancellationState::Refused);
            let changes = [("/cancellation/shipments/0/state", refused), ("/overdueAt", json!(null))];
            order = rewritten(&order, &changes);
        }
        (Change::Settle(_, Known::RefusedAsDone), true, Break::AsDoneIsPlain) => {
            order = rewritten(&order, &[("/cancellation/shipments/0/saidDone", json!(false))]);
        }
        _ => {}
    }
    if changed {
        order.set_version(order.version() + 1);
        world.order = Rc::new(order);
    }
}

/// Of a cancel that is about to leave.
fn at_send(world: &World, id: usize) -> Option<String> {
    let log = world.logs[id];
    if !log.request || log.tombstone {
        return Some(format!("call {id} is sent without a request log of its own"));
    }
    let open = |(other, log): &(usize, &Log)| *other < id && !log.tombstone && log.outcome.is_none();
    let other = world.logs.iter().enumerate().find(open)?.0;
    Some(format!("call {id} is sent although nobody knows what became of call {other}"))
}
