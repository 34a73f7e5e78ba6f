//! The whole state: the stored order, the provider's logs, what left for the provider, and how far everybody
//! is.

use std::{fmt, rc::Rc, time::Duration};
use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{Order, ShipmentCancellationState},
        payload::NewOrder,
        request::CreateOrder,
        status::SyncStatus,
    },
    provider::carrier::{Attempt, CallOutcome, Cause, ProviderEnv, Shipment},
};

use super::reviewers::{Action, FalseWords};
use crate::support::orders::order;

/// How much of everything there may be in one history, and which step is done wrongly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) takes: i64,
    pub(super) cancels: u8,
    /// Jobs that fail for good while others may be at work on the order.
    pub(super) deaths: u8,
    pub(super) sweeps: u8,
    pub(super) workers: usize,
    /// People who may act at the same time, and how many actions they take.
    pub(super) reviewers: usize,
    pub(super) ops: u8,
    /// Whether they know the provider's ledger and act only by it.
    pub(super) careful: bool,
    /// How often the merchant amends the order once it has failed.
    pub(super) amends: u8,
    /// How many look-ups there are after a call without an answer, one or two.
    pub(super) polls: usize,
    /// Whether what the last look-up does not find may count as absent.
    pub(super) trusted: bool,
    pub(super) broken: Break,
}

/// Steps done wrongly, each of which the search must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    Nothing,
    /// A take is saved whoever was faster.
    TakeUnchecked,
    /// A settle is saved whoever was faster.
    SettleUnchecked,
    /// A cancel is saved whoever was faster.
    CancelUnchecked,
    /// An attempt without a log counts as never sent, without shutting it out.
    NoTombstone,
    /// An attempt with a log and no outcome counts as never sent.
    UnansweredIsUnsent,
    /// The create leaves before its log is written.
    SendBeforeLog,
    /// A second outcome replaces the first.
    OutcomeReplaced,
    /// Attempts of vanished workers are left alone.
    NeverCloses,
    /// A call does not look whether it is in time to send.
    SendByUnchecked,
    /// No step: a create may stay under way, or a call between its look at the clock and its send, until
    /// after the last look-up.
    Lingers,
    /// A person's action does not look at what became of the last call.
    RecordUnread,
    /// Nor does an order that is booked again in doubt ask the provider.
    Unasked,
    /// Two orders may have the same AWB.
    IndexUnchecked,
}

/// An attempt, and the logs that it may write: the attempt's number, and a letter where two may take the same
/// one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Id(pub(super) u8);

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}{}", self.0 / 10, if self.0.is_multiple_of(10) { "" } else { "b" })
    }
}

impl Id {
    pub(super) fn new(no: i64, letter: usize) -> Self {
        Self(u8::try_from(no).unwrap() * 10 + u8::try_from(letter).unwrap())
    }

    /// What the order knows it by.
    pub(super) fn text(self) -> String {
        self.0.to_string()
    }

    pub(super) fn of(attempt: &Attempt) -> Self {
        Self(attempt.request_log_id.parse().unwrap())
    }
}

/// What is known of an attempt; as [`CallOutcome`], but comparable and small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Known {
    Booked,
    Refused,
    /// Certainly not: the provider was busy, or it could not be reached, or it was too late to send.
    Unbooked,
    /// The call ended without an answer.
    NoAnswer,
    /// The call's end was never written down.
    NoRecord,
    /// Shut out.
    NeverSent,
}

impl Known {
    pub(super) fn is_unbooked(self) -> bool {
        matches!(self, Self::Refused | Self::Unbooked | Self::NeverSent)
    }

    pub(super) fn finding(self, id: Id) -> CallOutcome<Shipment> {
        let wait =
            |secs| CallOutcome::Deferred { after: Some(Duration::from_secs(secs)), cause: Cause::Busy };
        match self {
            Self::Booked => CallOutcome::Done(Shipment {
                awb: awb(id),
                courier_name: None,
                courier_code: None,
                order_number: None,
            }),
            Self::Refused => CallOutcome::Refused("refused".to_owned()),
            Self::Unbooked => wait(10),
            Self::NeverSent => CallOutcome::NotSent,
            Self::NoAnswer | Self::NoRecord => CallOutcome::unanswered("unknown"),
        }
    }
}

/// Each create that is booked gets an AWB of its own.
pub(super) fn awb(id: Id) -> String {
    format!("AWB-{}", id.0)
}

/// The two logs of one attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Log {
    pub(super) id: Id,
    pub(super) request: bool,
    pub(super) tombstone: bool,
    pub(super) outcome: Option<Known>,
    pub(super) late: Option<Known>,
    /// A look-up that can be believed did not find it.
    pub(super) absent: bool,
    /// A person said that nothing was booked under it.
    pub(super) vouched: bool,
}

impl Log {
    /// A late answer says more than that none was recorded.
    pub(super) fn best(self) -> Option<Known> {
        match (self.outcome, self.late) {
            (Some(Known::NoRecord), Some(late)) => Some(late),
            (outcome, _) => outcome,
        }
    }

    /// Whether it is known that nothing was booked under it, nor ever will be.
    pub(super) fn is_unbooked(self) -> bool {
        self.tombstone || self.absent || self.best().is_some_and(Known::is_unbooked)
    }
}

/// A create that left us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Create {
    pub(super) id: Id,
    /// What the provider did; nothing yet: it is under way.
    pub(super) done: Option<Known>,
    /// The shipment was cancelled since.
    pub(super) cancelled: bool,
}

/// A change of the order that is decided on the order as it stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Settle(Id, Known),
    /// A look-up for the attempt found the shipment of the other id.
    Found(Id, Id),
    PollAgain(Id, Timestamp),
    Absent(Id),
    /// The last look-up settled nothing; or it found a shipment without its AWB.
    GiveUp(Id, bool),
    CancelDecision,
}

/// How far a change is: to be decided, or decided and to be saved.
#[derive(Debug, Clone)]
pub(super) enum Writing {
    Decide(Change),
    Save(Change, Rc<Order>),
}

/// A worker.
#[derive(Debug, Clone)]
pub(super) enum Run {
    Idle,
    /// Has loaded the order, for a job of its generation.
    Loaded(Rc<Order>),
    /// Has the taken copy in hand.
    Take(Rc<Order>),
    Tombstone(Id),
    ReadOutcome(Id),
    WriteUnknown(Id),
    ReadAgain(Id),
    LookUp(Id),
    Write(Writing),
}

#[derive(Debug, Clone)]
pub(super) enum Stage {
    LogRequest,
    CheckTime,
    Send,
    Answer,
    LogOutcome(Known),
    Write(Writing),
}

/// A call to the provider: a task of its own, whatever becomes of the job that began it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: Id,
    pub(super) send_by: Timestamp,
    pub(super) stage: Stage,
}

impl Call {
    /// It has yet to look whether it is in time.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self.stage, Stage::LogRequest | Stage::CheckTime)
    }
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) now: Timestamp,
    pub(super) order: Rc<Order>,
    /// The ids of all attempts, whatever became of them.
    pub(super) taken: Vec<Id>,
    pub(super) logs: Vec<Log>,
    pub(super) creates: Vec<Create>,
    pub(super) runs: [Run; 2],
    pub(super) calls: Vec<Call>,
    /// A cancel that is decided and not yet saved.
    pub(super) merchant: Option<Writing>,
    pub(super) reviewers: [Option<Action>; 2],
    pub(super) words: FalseWords,
    pub(super) ops: u8,
    pub(super) amends: u8,
    pub(super) cancels: u8,
    pub(super) deaths: u8,
    pub(super) sweeps: u8,
}

impl World {
    pub(super) fn new(scenario: Scenario) -> Self {
        let now = Timestamp::from_millis(1_769_851_800_000);
        let body: CreateOrder = serde_json::from_value(order("A-1")).unwrap();
        Self {
            scenario,
            now,
            order: Rc::new(Order::new("u1", NewOrder::from(body), ProviderEnv::Simulator, now)),
            taken: Vec::new(),
            logs: Vec::new(),
            creates: Vec::new(),
            runs: [Run::Idle, Run::Idle],
            calls: Vec::new(),
            merchant: None,
            reviewers: [None, None],
            words: FalseWords::default(),
            ops: scenario.ops,
            amends: scenario.amends,
            cancels: scenario.cancels,
            deaths: scenario.deaths,
            sweeps: scenario.sweeps,
        }
    }

    pub(super) fn log(&mut self, id: Id) -> &mut Log {
        let at = self.logs.iter().position(|log| log.id == id).unwrap_or_else(|| {
            let at = self.logs.iter().filter(|log| log.id < id).count();
            self.logs.insert(at, Log { id, ..Log::default() });
            at
        });
        &mut self.logs[at]
    }

    pub(super) fn read(&self, id: Id) -> Log {
        self.logs.iter().find(|log| log.id == id).copied().unwrap_or_default()
    }

    /// Whether the end of the order's last call stands in the order.
    pub(super) fn has_ended(&self) -> bool {
        self.order.has_ended()
    }

    /// Nobody is at anything, and nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.runs.iter().all(|run| matches!(run, Run::Idle))
            && self.calls.is_empty()
            && self.merchant.is_none()
            && self.reviewers.iter().all(Option::is_none)
            && self
                .order
                .cancellation()
                .shipments()
                .iter()
                .all(|cancel| cancel.state != ShipmentCancellationState::Sending)
            && self.creates.iter().all(|create| create.done.is_some())
    }

    /// Moments that somebody waits for: a call for sendBy, workers for settleAfter and the next check.
    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        let order = &self.order;
        let mut moments: Vec<Timestamp> =
            self.calls.iter().filter(|call| call.is_unsent()).map(|call| call.send_by).collect();
        if order.provider_sync_status() == SyncStatus::Processing {
            moments.extend(order.attempt().into_iter().map(|a| a.settle_after));
        }
        if self.scenario.ops > 0
            && matches!(order.provider_sync_status(), SyncStatus::NeedsReview | SyncStatus::Queued)
            && !self.has_ended()
        {
            moments.extend(order.attempt().into_iter().map(|a| a.settle_after));
        }
        moments.extend(order.next_check_at());
        moments.into_iter().filter(|at| *at > self.now).min()
    }
}
