//! The lifecycle of an order under workers that hold stale copies: any history of what workers, sweeper and
//! merchant may do to it, each through compare-and-set on the version, as the store does it.
//!
//! After every step the order must be one that the state machine allows, and one that somebody will look at
//! again or need not.

mod history;
mod rules;

use std::{collections::BTreeSet, time::Duration};

use proptest::{
    prop_assert_eq,
    test_runner::{TestCaseError, TestRunner},
};
use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{
            Actor, CancellationState, Event, NextAction, NextCancelAction, OperatorAction, Order,
            PollSchedule, ShipmentCancellationState, job_id,
        },
        payload::NewOrder,
        request::CreateOrder,
        review::Fate,
    },
    platform::{
        outbox::{Again, Dispatched, Times},
        store::Document,
    },
    provider::carrier::{CallOutcome, ProviderEnv},
};

use self::{
    history::{Hand, Op, Step, WORKERS, Which, histories},
    rules::Rules,
};
use crate::support::Tracking;
use crate::support::orders::{order, with};

const CASES: u32 = 3000;
const CALL: Duration = Duration::from_secs(25);
const FIRST_POLL: Duration = Duration::from_secs(5);
const TIMES: Times = Times {
    relay_after: Duration::from_secs(5),
    grace: Duration::from_secs(30),
    every: Duration::from_secs(1),
};

/// The stored order, and the copies that workers have loaded.
struct World {
    now: Timestamp,
    stored: Order,
    copies: [Option<Order>; WORKERS],
    /// The id of every attempt's request log, oldest first.
    attempts: Vec<String>,
    /// The same of every cancel, with the AWB that it is for.
    cancels: Vec<(String, String)>,
    /// AWBs of which a yes was heard, or that were seen cancelled.
    gone: BTreeSet<String>,
}

#[test]
fn no_history_leads_an_order_astray() {
    let body: CreateOrder = serde_json::from_value(order("A-1")).unwrap();
    let fresh = Order::new("u1", NewOrder::from(body), ProviderEnv::Simulator, start());
    let outcome = TestRunner::new(super::config(CASES)).run(&histories(), |steps| play(&fresh, &steps));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn schedule() -> PollSchedule {
    let secs = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
    PollSchedule { unclear: secs(&[5, 30, 120]), confirm: secs(&[5, 60, 600]) }
}

fn start() -> Timestamp {
    Timestamp::from_millis(1_769_851_800_000)
}

fn play(fresh: &Order, steps: &[Step]) -> Result<(), TestCaseError> {
    let copies = [const { None }; WORKERS];
    let (attempts, cancels, gone) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut world = World { now: start(), stored: fresh.clone(), copies, attempts, cancels, gone };
    let mut rules = Rules::new(fresh);
    for Step { worker, op } in steps {
        for op in op.parts() {
            let before = world.stored.clone();
            world.act(*worker, &op)?;
            rules.check(&before, &world.stored, world.now)?;
            rules::shipment_cancellations(&before, &world.stored, &world.gone)?;
        }
    }
    Ok(())
}

fn is_called_off(order: &Order) -> bool {
    order.cancellation().state() == CancellationState::Requested
}

impl World {
    fn act(&mut self, worker: usize, op: &Op) -> Result<(), TestCaseError> {
        let now = self.now;
        // What a worker knows may be old; what it decides, it decides on the order as it stands.
        let Some(known) = self.copies[worker].clone() else {
            match op {
                Op::Advance(by) => self.now = now + *by,
                _ => self.copies[worker] = Some(self.stored.clone()),
            }
            return Ok(());
        };
        let job = job_id(known.id(), known.generation());
        match op {
            Op::Advance(by) => self.now = now + *by,
            Op::Load => self.copies[worker] = Some(self.stored.clone()),
            Op::Forget => self.copies[worker] = None,
            Op::Take => self.take(worker, known),
            Op::Settle { attempt, finding } => {
                let own = known.attempt().map(|a| a.request_log_id.clone());
                let Some(id) = attempt.of(&self.attempts).or(own) else { return Ok(()) };
                let finding = finding.of(&id);
                let (log_id, outcome) = (&id, &finding);
                self.apply(Event::CallEnded { log_id, outcome, first_poll: FIRST_POLL })?;
            }
            Op::PollAgain(after) => {
                // Whoever schedule again has looked once: the attempt is past its call.
                let NextAction::LookUp(attempt) = known.next_action(None, now) else { return Ok(()) };
                self.apply(Event::PollAgain { log_id: &attempt.request_log_id, at: now + *after })?;
            }
            Op::Absent => {
                let NextAction::LookUp(attempt) = known.next_action(None, now) else { return Ok(()) };
                self.apply(Event::ProvenAbsent { log_id: &attempt.request_log_id })?;
            }
            Op::FoundFirst(which) => self.look_first(&known, Some(which))?,
            Op::NothingFirst => self.look_first(&known, None)?,
            Op::Review => self.apply(Event::Review { reason: "internal-error: its job died" })?,
            Op::CancelDecision => {
                self.apply(Event::RequestCancel { actor: Actor::Merchant, reason: None })?;
            }
            Op::Recall(which, finding, tracking) => {
                self.cancel_shipment(worker, known, which, finding, *tracking)?;
            }
            Op::Amend => {
                let body =
                    with(order("A-1"), "/invoiceNumber", format!("INV-{}", self.attempts.len()).into());
                let draft = NewOrder::from(serde_json::from_value::<CreateOrder>(body).unwrap());
                self.apply(Event::Amend { draft: &draft })?;
            }
            Op::Person(hand) => self.person(*hand)?,
            Op::Relayed => {
                let entry = format!("dispatch-{}", known.generation());
                self.update(|order| order.relayed(&entry, now))?;
            }
            Op::StillQueued => {
                self.update(|order| {
                    order.still_queued(&job, &TIMES, &waybill::platform::queue::Pauses::default(), now)
                        != Again::MovedOn
                })?;
            }
            Op::DispatchAgain => self.update(|order| order.job_lost(&job, false, now) != Again::MovedOn)?,
            Op::Waits(_) => {}
        }
        Ok(())
    }

    /// The look-up before it is sent shows the shipment of an attempt, or nothing. One that is being
    /// cancelled, or was, is told apart.
    fn look_first(&mut self, known: &Order, shown: Option<&Which>) -> Result<(), TestCaseError> {
        let next = known.next_action(Some(known.generation()), self.now);
        if next != NextAction::Take || !known.booking().looks_first() {
            return Ok(());
        }
        let Some(which) = shown else {
            let seen = Event::NothingFirst { seen: known };
            return if is_called_off(known) { self.apply(seen) } else { Ok(()) };
        };
        let own = known.attempt().map(|a| a.request_log_id.clone());
        let Some(id) = which.of(&self.attempts).or(own) else { return Ok(()) };
        let awb = format!("AWB-{id}");
        let cancel = self.stored.cancellation().of(&awb);
        let told_apart = cancel.is_some_and(|cancel| cancel.state != ShipmentCancellationState::Wanted);
        if told_apart { Ok(()) } else { self.apply(Event::FoundFirst { awb: &awb }) }
    }

    /// A person decides on the order as it stands; what is on record of its last call is that it may have
    /// booked.
    fn person(&mut self, hand: Hand) -> Result<(), TestCaseError> {
        let (now, order) = (self.now, &self.stored);
        let unheard = !order.has_ended();
        let may_be_booked = order.booking().unresolved().is_some() || unheard;
        let waiting = order
            .cancellation()
            .shipments()
            .iter()
            .find(|cancel| order.waiting_cancellation(Some(&cancel.awb)).is_ok());
        let waiting = waiting.map(|cancel| cancel.awb.clone()).unwrap_or_default();
        let new = format!("AWB-seen-{}", self.attempts.len());
        let action = match hand {
            Hand::Adopt => OperatorAction::Adopt { awb: &new },
            Hand::Rebook => OperatorAction::Rebook { may_be_booked, force: false },
            Hand::Fail => OperatorAction::Fail { words: "given up" },
            Hand::Again => OperatorAction::CancelAgain { awb: &waiting },
            Hand::Ended(fate) => OperatorAction::CancelEnded { awb: &waiting, fate },
        };
        let mut done = false;
        self.update(|order| {
            done = order.apply(Event::Operator { action, audit_id: None }, now).unwrap().changed();
            done
        })?;
        if done && matches!(hand, Hand::Ended(Fate::Cancelled)) {
            self.gone.insert(waiting);
        }
        Ok(())
    }

    /// What a cancel job of the order as the worker knows it does now, or what it hears of a call that it
    /// made.
    fn cancel_shipment(
        &mut self,
        worker: usize,
        mut known: Order,
        which: &Which,
        finding: &CallOutcome<()>,
        tracking: Tracking,
    ) -> Result<(), TestCaseError> {
        let now = self.now;
        let ids: Vec<String> = self.cancels.iter().map(|(id, _)| id.clone()).collect();
        if let Some(id) = which.of(&ids) {
            let awb = self.cancels.iter().find(|(other, _)| *other == id).unwrap().1.clone();
            self.gone.extend((*finding == CallOutcome::Done(())).then_some(awb));
            let (log_id, outcome) = (&id, finding);
            return self.apply(Event::CancelEnded { log_id, outcome, schedule: &schedule() });
        }
        match known.next_cancel_action(Some(known.generation()), now) {
            NextCancelAction::Send(awb) => {
                self.copies[worker] = None;
                let id = format!("plog_cancel_{}", ids.len() + 1);
                let take =
                    Event::TakeCancel { awb: &awb, log_id: &id, times: CALL.into(), paused: Duration::ZERO };
                assert!(known.apply(take, now).unwrap().changed());
                if known.version() == self.stored.version() {
                    known.set_version(known.version() + 1);
                    self.stored = known;
                    self.cancels.push((id, awb));
                }
                Ok(())
            }
            NextCancelAction::Close(awb, attempt) => {
                self.gone.extend((*finding == CallOutcome::Done(())).then_some(awb));
                let (log_id, outcome) = (&attempt.request_log_id, finding);
                self.apply(Event::CancelEnded { log_id, outcome, schedule: &schedule() })
            }
            NextCancelAction::Look(awb) => {
                self.gone.extend((tracking == Tracking::Cancelled).then(|| awb.clone()));
                self.apply(Event::TrackingSeen {
                    awb: &awb,
                    tracked: &tracking.outcome(),
                    schedule: &schedule(),
                })
            }
            NextCancelAction::Wait(_) | NextCancelAction::Done => Ok(()),
        }
    }

    /// Decided and changed on the worker's copy; saved if that is still the order.
    fn take(&mut self, worker: usize, mut known: Order) {
        self.copies[worker] = None;
        // Of what is called off a look-up decides before, whatever it shows.
        let called_off = known.booking().looks_first() && is_called_off(&known);
        if called_off || known.next_action(Some(known.generation()), self.now) != NextAction::Take {
            return;
        }
        let id = format!("plog_{}", self.attempts.len() + 1);
        known
            .apply(Event::Take { log_id: &id, times: CALL.into(), paused: Duration::ZERO }, self.now)
            .unwrap();
        if known.version() == self.stored.version() {
            known.set_version(known.version() + 1);
            self.copies[worker] = Some(known.clone());
            self.stored = known;
            self.attempts.push(id);
        }
    }

    fn apply(&mut self, event: Event<'_>) -> Result<(), TestCaseError> {
        let now = self.now;
        self.update(|order| order.apply(event, now).unwrap().changed())
    }

    /// Load, decide, save; nobody can be faster here. A decision that says it changed nothing must have
    /// changed nothing.
    fn update(&mut self, decide: impl FnOnce(&mut Order) -> bool) -> Result<(), TestCaseError> {
        let mut order = self.stored.clone();
        if decide(&mut order) {
            order.set_version(order.version() + 1);
            self.stored = order;
        } else {
            prop_assert_eq!(&order, &self.stored, "a decision to leave it changed the order");
        }
        Ok(())
    }
}
