//! What each of them may do next. Every function pushes the states that one atomic step leads to.

use std::{rc::Rc, time::Duration};

use waybill::{
    features::orders::{
        model::{Event, Order, job_id},
        reason,
    },
    platform::outbox::{Again, Dispatched},
};

use super::{
    rules,
    world::{Break, Call, Change, Create, Id, Known, Run, Stage, World, Writing},
    writing::{change, decide, end, save, settle, write},
};

/// Two look-ups, so that there is one after which there is none; on the same grid of ten seconds as all other
/// times here.
pub(super) const POLLS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(40)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Worker(usize),
    Call,
    Provider,
    Merchant,
    Burial,
    Sweeper,
    Operator,
    Canceller,
    Clock,
}

/// A step, where it leads, and which rule it breaks.
pub(super) struct Next {
    pub(super) who: Who,
    pub(super) what: &'static str,
    /// The course of things when nobody dies and the provider is well.
    pub(super) usual: bool,
    pub(super) world: World,
    pub(super) broke: Option<String>,
}

pub(super) struct Steps<'a> {
    pub(super) from: &'a World,
    pub(super) next: Vec<Next>,
}

pub(super) fn steps(from: &World) -> Vec<Next> {
    let mut steps = Steps { from, next: Vec::new() };
    for worker in 0..from.scenario.workers {
        steps.worker(worker);
    }
    for call in 0..from.calls.len() {
        steps.call(call);
    }
    steps.provider();
    steps.merchant();
    steps.reviewers();
    steps.others();
    steps.next
}

impl Steps<'_> {
    pub(super) fn push(
        &mut self,
        who: Who,
        what: &'static str,
        usual: bool,
        change: impl FnOnce(&mut World),
    ) {
        let mut world = self.from.clone();
        change(&mut world);
        world.tidy();
        self.next.push(Next { who, what, usual, world, broke: None });
    }

    fn worker(&mut self, n: usize) {
        let (who, from) = (Who::Worker(n), self.from);
        let mut goes = |what, usual, run: Run| self.push(who, what, usual, |w| w.runs[n] = run);
        match &from.runs[n] {
            // On one that is closed every job, however stale its copy, finds nothing to do.
            Run::Idle if !from.order.provider_sync_status().is_open() => {}
            Run::Idle => goes("loads the order", true, Run::Loaded(Rc::clone(&from.order))),
            Run::Loaded(copy) => {
                let (what, run) = decide(from, n, copy);
                goes(what, true, run);
            }
            Run::Take(copy) => self.take(n, copy),
            Run::Tombstone(id) => self.tombstone(n, *id),
            Run::ReadOutcome(id) => match from.read(*id).best() {
                Some(known) => goes("reads the outcome", true, settle(*id, known)),
                None if from.scenario.broken == Break::UnansweredIsUnsent => {
                    goes("reads no outcome and takes it for never sent", true, settle(*id, Known::NeverSent));
                }
                None => goes("reads no outcome", true, Run::WriteUnknown(*id)),
            },
            Run::WriteUnknown(id) => self.push(who, "writes `unknown`", true, |w| {
                end(w, *id, Known::NoRecord);
                w.runs[n] = Run::ReadAgain(*id);
            }),
            Run::ReadAgain(id) => {
                let known = from.read(*id).best().unwrap_or(Known::NoRecord);
                goes("reads the outcome again", true, settle(*id, known));
            }
            Run::LookUp(id) => self.look_up(n, *id),
            Run::Write(writing) => {
                let (what, world, left) = write(from, writing);
                self.push(who, what, true, |w| {
                    *w = world;
                    w.runs[n] = left.map_or(Run::Idle, Run::Write);
                });
            }
        }
        if !matches!(from.runs[n], Run::Idle) {
            self.push(who, "dies", false, |w| w.runs[n] = Run::Idle);
        }
    }

    fn take(&mut self, n: usize, copy: &Rc<Order>) {
        let first = copy.version() == self.from.order.version();
        if !first && self.from.scenario.broken != Break::TakeUnchecked {
            return self.push(Who::Worker(n), "was too late to take it", true, |w| w.runs[n] = Run::Idle);
        }
        self.push(Who::Worker(n), "takes the order", true, |w| {
            save(w, copy);
            let attempt = copy.attempt().unwrap();
            let id = Id::of(attempt);
            w.taken.push(id);
            w.calls.push(Call { id, send_by: attempt.send_by, stage: Stage::LogRequest });
            w.calls.sort_by_key(|call| call.id);
            w.runs[n] = Run::Idle;
        });
    }

    fn tombstone(&mut self, n: usize, id: Id) {
        let (who, log) = (Who::Worker(n), self.from.read(id));
        if log.request {
            return self
                .push(who, "finds the log of the attempt", true, |w| w.runs[n] = Run::ReadOutcome(id));
        }
        let insert = self.from.scenario.broken != Break::NoTombstone;
        self.push(
            who,
            if insert { "shuts the attempt out" } else { "finds no log of the attempt" },
            true,
            |w| {
                w.log(id).tombstone |= insert;
                w.runs[n] = settle(id, Known::NeverSent);
            },
        );
    }

    /// Only at the last look does it count that nothing is found, and only if the control finds what is
    /// there. Then nothing is under way any more: the last look is later than anything stays in the network,
    /// and no call sends after its time.
    fn look_up(&mut self, n: usize, id: Id) {
        let (from, who) = (self.from, Who::Worker(n));
        let booked = from.creates.iter().find(|create| create.is_live());
        let gone = from.creates.iter().all(|create| create.done.is_some())
            && !from.calls.iter().any(|c| matches!(c.stage, Stage::Send));
        let mut goes = |what, usual, change| {
            self.push(who, what, usual, |w| w.runs[n] = Run::Write(Writing::Decide(change)));
        };
        if let Some(create) = booked {
            goes("finds the booking", true, Change::Found(id, create.id));
            goes("finds the booking without its AWB", false, Change::GiveUp(id, true));
        }
        let since = from.order.booking().unresolved().map_or(from.order.updated_at(), |call| call.since);
        if let Some(at) =
            POLLS.iter().take(from.scenario.polls).map(|offset| since + *offset).find(|at| *at > from.now)
        {
            return goes("finds nothing, or cannot look", booked.is_none(), Change::PollAgain(id, at));
        }
        goes(
            "finds nothing at last, and nothing to control that",
            false,
            Change::PollAgain(id, from.now + (POLLS[1] - POLLS[0])),
        );
        goes(
            "finds nothing at last, and the control fails",
            booked.is_none() && !from.scenario.trusted,
            Change::GiveUp(id, false),
        );
        if from.scenario.trusted && booked.is_none() && (gone || from.scenario.broken == Break::Lingers) {
            self.push(who, "finds nothing at last, and the control works", true, |w| {
                w.log(id).absent = true;
                w.runs[n] = Run::Write(Writing::Decide(Change::Absent(id)));
            });
        }
    }

    fn call(&mut self, n: usize) {
        let from = self.from;
        let Call { id, send_by, stage } = from.calls[n].clone();
        let log_late = from.scenario.broken == Break::SendBeforeLog;
        let mut goes =
            |what, usual, stage: Stage| self.push(Who::Call, what, usual, |w| w.calls[n].stage = stage);
        match &stage {
            Stage::LogRequest if from.read(id).tombstone => {
                self.push(Who::Call, "is shut out", true, |w| drop(w.calls.remove(n)));
            }
            Stage::LogRequest => self.push(Who::Call, "logs its request", true, |w| {
                w.log(id).request = !log_late;
                w.calls[n].stage = Stage::CheckTime;
            }),
            Stage::CheckTime if from.now >= send_by && from.scenario.broken != Break::SendByUnchecked => {
                goes("is too late to send", true, Stage::LogOutcome(Known::Unbooked));
            }
            Stage::CheckTime => goes("is in time to send", true, Stage::Send),
            Stage::Send => {
                goes("is refused the connection", false, Stage::LogOutcome(Known::Unbooked));
                self.push(Who::Call, "sends", true, |w| {
                    w.creates.push(Create { id, done: None, cancelled: false });
                    w.calls[n].stage = Stage::Answer;
                });
                let broke = rules::at_send(from, id, send_by);
                self.next.last_mut().unwrap().broke = broke;
            }
            Stage::Answer => {
                goes("gets no answer", false, Stage::LogOutcome(Known::NoAnswer));
                let done = from.creates.iter().find(|create| create.id == id).and_then(|create| create.done);
                if let Some(done) = done {
                    goes("gets the answer", true, Stage::LogOutcome(done));
                }
            }
            Stage::LogOutcome(known) => self.push(Who::Call, "logs its outcome", true, |w| {
                w.log(id).request |= log_late;
                end(w, id, *known);
                w.calls[n].stage = Stage::Write(Writing::Decide(Change::Settle(id, *known)));
            }),
            Stage::Write(writing) => {
                let (what, world, left) = write(from, writing);
                let broke = if left.is_none() { rules::at_end(&world, writing) } else { None };
                self.push(Who::Call, what, true, |w| {
                    *w = world;
                    match left {
                        Some(left) => w.calls[n].stage = Stage::Write(left),
                        None => drop(w.calls.remove(n)),
                    }
                });
                self.next.last_mut().unwrap().broke = broke;
            }
        }
        self.push(Who::Call, "dies", false, |w| drop(w.calls.remove(n)));
    }

    fn provider(&mut self) {
        for (n, _) in self.from.creates.iter().enumerate().filter(|(_, create)| create.done.is_none()) {
            for (what, done) in
                [("books", Known::Booked), ("refuses", Known::Refused), ("is busy", Known::Unbooked)]
            {
                self.push(Who::Provider, what, done == Known::Booked, |w| w.creates[n].done = Some(done));
            }
        }
    }

    /// Load, decide and compare-and-set in one step: of a change that depends on no time, nothing can come
    /// between those of a compare-and-set that is first. Unchecked it takes two.
    fn merchant(&mut self) {
        let request = Writing::Decide(Change::CancelDecision);
        let unchecked = self.from.scenario.broken == Break::CancelUnchecked;
        match &self.from.merchant {
            None if self.from.cancels == 0 => {}
            None => self.push(Who::Merchant, "requests to cancel", false, |w| {
                w.cancels -= 1;
                w.merchant = write(w, &request).2;
                if let Some(left) = w.merchant.take_if(|_| !unchecked) {
                    *w = write(w, &left).1;
                }
            }),
            Some(writing) => self.push(Who::Merchant, "saves", false, |w| {
                *w = write(w, writing).1;
                w.merchant = None;
            }),
        }
    }

    fn others(&mut self) {
        let (from, open) = (self.from, self.from.order.provider_sync_status().is_open());
        if open && from.deaths > 0 {
            self.push(Who::Burial, "hands the order to a person", false, |w| {
                w.deaths -= 1;
                change(w, |order, now| {
                    order.apply(Event::Review { reason: reason::INTERNAL_ERROR }, now).unwrap().changed()
                });
            });
        }
        if open && from.sweeps > 0 {
            self.push(Who::Sweeper, "dispatches it again", false, |w| {
                w.sweeps -= 1;
                let job = job_id(w.order.id(), w.order.generation());
                change(w, |order, now| order.job_lost(&job, false, now) != Again::MovedOn);
            });
        }
        if let Some(at) = from.next_moment() {
            self.push(Who::Clock, "jumps to the next moment", true, |w| w.now = at);
        }
    }
}
