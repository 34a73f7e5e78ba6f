//! The whole state: the stored order, the logs, the provider, and how far everybody is.

use std::{rc::Rc, time::Duration};
use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Actor, Event, Order, PollSchedule, ShipmentCancellation, ShipmentCancellationState},
        payload::NewOrder,
        request::CreateOrder,
        review::Fate,
    },
    provider::carrier::{CallOutcome, Cause, ProviderEnv, Shipment},
};

use crate::support::Tracking;

use crate::support::orders::order;

pub(super) const AWB: &str = "00017";
pub(super) const CALL: Duration = Duration::from_secs(25);

/// Steps done wrongly, each of which the search must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    Nothing,
    /// A take is saved whoever was faster.
    TakeUnchecked,
    /// A call without a log counts as never sent, without shutting it out.
    NoTombstone,
    /// A call with a log and no outcome counts as never sent.
    UnansweredIsUnsent,
    /// A refusal is believed whatever came before it.
    RefusalBelieved,
    /// One that says that the shipment is cancelled already counts as any other.
    AsDoneIsPlain,
    /// A look that shows it live counts as one that shows it cancelled.
    LiveIsCancelled,
    /// Calls of vanished workers are left alone.
    NeverCloses,
    /// A person's action does not give the last call its end.
    RecordUnread,
}

/// How much of everything there may be in one history, and which step is done wrongly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) broken: Break,
    /// How many calls may be begun.
    pub(super) takes: i64,
    pub(super) workers: usize,
    /// What people do with it.
    pub(super) ops: u8,
    /// Whether they say what is so.
    pub(super) careful: bool,
    /// Jobs that fail for good, whoever is at work.
    pub(super) deaths: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Accepted,
    Refused,
    /// In words that say that it is cancelled already; they may be misread.
    RefusedAsDone,
    /// Certainly without effect: busy, not connected, too late to send.
    Unheard,
    NoAnswer,
    NoRecord,
    NeverSent,
}

impl Known {
    pub(super) fn finding(self) -> CallOutcome<()> {
        match self {
            Self::Accepted => CallOutcome::Done(()),
            Self::Refused => CallOutcome::Refused("cannot be cancelled".to_owned()),
            Self::RefusedAsDone => CallOutcome::RefusedAsDone("already cancelled".to_owned()),
            Self::Unheard => {
                CallOutcome::Deferred { after: Some(Duration::from_secs(5)), cause: Cause::Busy }
            }
            Self::NoAnswer | Self::NoRecord => CallOutcome::unanswered("unknown"),
            Self::NeverSent => CallOutcome::NotSent,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Log {
    pub(super) request: bool,
    pub(super) tombstone: bool,
    pub(super) outcome: Option<Known>,
    pub(super) late: Option<Known>,
}

impl Log {
    pub(super) fn best(self) -> Option<Known> {
        if self.outcome == Some(Known::NoRecord) { self.late.or(self.outcome) } else { self.outcome }
    }

    pub(super) fn end(&mut self, known: Known) {
        match self.outcome {
            None => self.outcome = Some(known),
            Some(first) if first != known && self.late.is_none() => self.late = Some(known),
            Some(_) => {}
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    Settle(usize, Known),
    Sight(Tracking),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Again,
    Close(Fate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Check,
    Tombstone(usize),
    Read(usize),
    WriteUnknown(usize),
    Decide,
}

/// A person's action that is under way, as in [`waybill::features::orders::service::review`].
#[derive(Debug, Clone)]
pub(super) struct Reviewer {
    pub(super) act: Act,
    /// The order as it was loaded.
    pub(super) seen: Rc<Order>,
    pub(super) at: At,
}

pub(super) fn current_id(order: &Order) -> Option<usize> {
    order.cancellation().shipments()[0]
        .attempt
        .as_ref()
        .map(|attempt| attempt.request_log_id.parse().unwrap())
}

#[derive(Debug, Clone)]
pub(super) enum Run {
    Idle,
    Loaded(Rc<Order>),
    Take(Rc<Order>),
    Tombstone(usize),
    Read(usize),
    WriteUnknown(usize),
    ReadAgain(usize),
    Look,
    Write(Change),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    LogRequest,
    CheckTime,
    Send,
    Answer,
    LogOutcome(Known),
    Settle(Known),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) id: usize,
    pub(super) send_by: Timestamp,
    pub(super) stage: Stage,
}

/// A cancel that left us; what the provider made of it, once it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) id: usize,
    pub(super) done: Option<Known>,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) broken_step: Break,
    /// So many calls may be begun.
    pub(super) takes: i64,
    /// How many workers there are, one or two. Calls go on without theirs.
    pub(super) workers: usize,
    pub(super) now: Timestamp,
    pub(super) order: Rc<Order>,
    /// By the number of the call, from 0.
    pub(super) logs: Vec<Log>,
    pub(super) sent: Vec<Sent>,
    pub(super) cancelled: bool,
    /// Tracking shows it.
    pub(super) shown: bool,
    pub(super) runs: [Run; 2],
    pub(super) calls: Vec<Call>,
    /// Whether there are people at all.
    pub(super) people: bool,
    pub(super) ops: u8,
    pub(super) careful: bool,
    pub(super) deaths: u8,
    pub(super) reviewer: Option<Reviewer>,
    /// What a person said of the shipment was not so.
    pub(super) lied: bool,
}

pub(super) fn schedule() -> PollSchedule {
    PollSchedule { unclear: vec![Duration::from_secs(10)], confirm: vec![Duration::from_secs(10)] }
}

impl World {
    pub(super) fn new(scenario: Scenario) -> Self {
        let Scenario { broken: broken_step, takes, workers, ops, careful, deaths } = scenario;
        let now = Timestamp::from_millis(1_769_851_800_000);
        let request: CreateOrder = serde_json::from_value(order("A-1")).unwrap();
        let mut order = Order::new("u1", NewOrder::from(request), ProviderEnv::Simulator, now);
        let (log_id, times) = ("plog_create", CALL.into());
        order.apply(Event::Take { log_id, times, paused: Duration::ZERO }, now).unwrap();
        let booking =
            Shipment { awb: AWB.to_owned(), courier_name: None, courier_code: None, order_number: None };
        let outcome = &CallOutcome::Done(booking);
        let ended = Event::CallEnded { log_id, outcome, first_poll: CALL };
        assert!(order.apply(ended, now).unwrap().changed());
        let request = Event::RequestCancel { actor: Actor::Merchant, reason: None };
        assert!(order.apply(request, now).unwrap().changed());
        Self {
            broken_step,
            takes,
            workers,
            now,
            order: Rc::new(order),
            logs: Vec::new(),
            sent: Vec::new(),
            cancelled: false,
            shown: false,
            runs: [Run::Idle, Run::Idle],
            calls: Vec::new(),
            people: ops > 0,
            ops,
            careful,
            deaths,
            reviewer: None,
            lied: false,
        }
    }

    pub(super) fn cancel_shipment(&self) -> &ShipmentCancellation {
        &self.order.cancellation().shipments()[0]
    }

    pub(super) fn is_open(&self) -> bool {
        self.cancel_shipment().state.is_open()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.calls.is_empty()
            && self.reviewer.is_none()
            && self.runs.iter().all(|run| matches!(run, Run::Idle))
    }

    pub(super) fn end_call(&mut self, n: usize) {
        self.calls.remove(n);
    }

    /// Whether a cancel may still be carried out that nobody knows of.
    pub(super) fn may_yet_be(&self) -> bool {
        self.sent.iter().any(|sent| sent.done.is_none())
            || self.calls.iter().any(|call| call.stage == Stage::Send)
    }

    /// Whether its last call was answered so: it is cancelled already.
    fn was_told_done(&self) -> bool {
        current_id(&self.order).is_some_and(|id| self.logs[id].best() == Some(Known::RefusedAsDone))
    }

    /// The rule that is broken here, if one is.
    pub(super) fn broken(&self) -> Option<String> {
        match self.cancel_shipment().state {
            ShipmentCancellationState::Accepted | ShipmentCancellationState::Confirmed
                if !self.cancelled && !self.lied =>
            {
                Some("cancelled, and it is live".to_owned())
            }
            ShipmentCancellationState::Refused if (self.cancelled || self.may_yet_be()) && !self.lied => {
                Some("refused, and it is cancelled or may yet be".to_owned())
            }
            ShipmentCancellationState::Refused
                if self.was_told_done() && !self.cancel_shipment().left_live =>
            {
                Some("refused, and the provider says that it is done already".to_owned())
            }
            state if state.is_open() != self.order.overdue_at().is_some() => {
                Some(format!("{state:?}, and nobody schedule"))
            }
            _ => None,
        }
    }

    /// What is the same when the futures are: all that nobody asks any more is left out.
    pub(super) fn key(&self) -> String {
        let left = |at: Timestamp| at.since(self.now).as_millis();
        let cancel = |order: &Order| {
            let cancel = &order.cancellation().shipments()[0];
            let is = |states: &[ShipmentCancellationState]| states.contains(&cancel.state);
            let attempt = cancel.attempt.as_ref().map(|a| (a.request_log_id.clone(), left(a.settle_after)));
            let attempt = attempt.map(|(id, left)| {
                (
                    id,
                    if is(&[ShipmentCancellationState::Sending])
                        || (self.people && is(&[ShipmentCancellationState::Review]))
                    {
                        left
                    } else {
                        0
                    },
                )
            });
            // Which schedule are left follows from how long ago the call was.
            let looked_for = is(&[ShipmentCancellationState::Unclear, ShipmentCancellationState::Accepted]);
            let ago = if looked_for { self.now.since(cancel.since).as_millis().min(10_000) } else { 0 };
            let next = cancel.next_check_at.map_or(0, left);
            let words = is(&[ShipmentCancellationState::Unclear]) && cancel.detail.is_some();
            let said = words.then_some(cancel.said_done);
            (cancel.state, attempt, ago, next, cancel.unresolved_calls.min(1), (said, cancel.left_live))
        };
        let stale =
            |copy: &Order| copy.version() != self.order.version() && self.broken_step != Break::TakeUnchecked;
        let mut runs = [0, 1].map(|n| match &self.runs[n] {
            // A stale copy cannot be taken.
            Run::Take(copy) if stale(copy) => "stale".to_owned(),
            Run::Loaded(copy)
                if stale(copy)
                    && copy.cancellation().shipments()[0].state == ShipmentCancellationState::Wanted =>
            {
                "stale".to_owned()
            }
            Run::Take(_) => "take".to_owned(),
            Run::Loaded(copy) => format!("{:?}", cancel(copy)),
            other => format!("{other:?}"),
        });
        runs.sort_unstable(); // the two are alike
        let unsent = |call: &Call| matches!(call.stage, Stage::LogRequest | Stage::CheckTime);
        let calls: Vec<_> =
            self.calls.iter().map(|c| (c.id, if unsent(c) { left(c.send_by) } else { 0 }, c.stage)).collect();
        let heard = |id: usize| self.calls.iter().any(|call| call.id == id);
        let sent: Vec<_> = self.sent.iter().filter(|sent| sent.done.is_none() || heard(sent.id)).collect();
        let asked = |id: usize| {
            let current =
                self.cancel_shipment().attempt.as_ref().is_some_and(|a| a.request_log_id == id.to_string());
            let of_run = |run: &Run| match run {
                Run::Tombstone(n)
                | Run::Read(n)
                | Run::WriteUnknown(n)
                | Run::ReadAgain(n)
                | Run::Write(Change::Settle(n, _)) => *n == id,
                Run::Loaded(copy) => copy.cancellation().shipments()[0]
                    .attempt
                    .as_ref()
                    .is_some_and(|a| a.request_log_id == id.to_string()),
                Run::Idle | Run::Take(_) | Run::Look | Run::Write(Change::Sight(_)) => false,
            };
            let of_reviewer = |reviewer: &Reviewer| current_id(&reviewer.seen) == Some(id);
            current
                || heard(id)
                || self.runs.iter().any(of_run)
                || self.reviewer.as_ref().is_some_and(of_reviewer)
        };
        let closed = |log: &Log| log.tombstone || log.outcome.is_some();
        let read = |log: &Log| (log.request, log.outcome.is_some(), log.best());
        let logs: Vec<_> = self
            .logs
            .iter()
            .enumerate()
            .map(|(id, log)| (closed(log), asked(id).then(|| read(log))))
            .collect();
        let reviewer = self.reviewer.as_ref().map(|reviewer| {
            (
                reviewer.act,
                reviewer.at,
                reviewer.seen.generation() == self.order.generation(),
                cancel(&reviewer.seen),
            )
        });
        let people = (reviewer, self.ops, self.deaths, self.lied);
        format!(
            "{:?}{logs:?}{sent:?}{}{}{runs:?}{calls:?}{people:?}",
            cancel(&self.order),
            self.cancelled,
            self.shown
        )
    }
}
