//! What may be done to an order, and how likely.

use std::{fmt, time::Duration};

use proptest::{collection::vec, prelude::*, sample};
use waybill::{
    features::orders::review::Fate,
    provider::carrier::{AccountProblem, CallOutcome, Cause, Shipment, Told},
};

use crate::support::Tracking;

pub(super) const WORKERS: usize = 3;

#[derive(Clone)]
pub(super) struct Step {
    pub(super) worker: usize,
    pub(super) op: Op,
}

/// A line each, so that a history that failed can be read.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}: {:?}", self.worker, self.op)
    }
}

/// All but `Advance` are done with the copy that the worker loaded last; without one, it loads.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Advance(Duration),
    Load,
    Forget,
    Take,
    Settle {
        attempt: Which,
        finding: Found,
    },
    PollAgain(Duration),
    /// A look-up proves that the worker's attempt booked nothing.
    Absent,
    /// The look-up before it is sent shows the shipment of an attempt.
    FoundFirst(Which),
    /// The same look-up shows nothing, of one that is called off.
    NothingFirst,
    Review,
    CancelDecision,
    /// The next thing that a cancel job would do; a call gets this answer, a look shows this.
    Recall(Which, CallOutcome<()>, Tracking),
    /// The merchant corrects it.
    Amend,
    Person(Hand),
    Relayed,
    StillQueued,
    DispatchAgain,
    /// Taken and certainly not booked, so many times: fills the order's history.
    Waits(usize),
}

/// The worker's own attempt, or any that ever was: answers come late, and from workers that were given up.
#[derive(Debug, Clone)]
pub(super) enum Which {
    Own,
    Any(sample::Index),
}

impl Which {
    pub(super) fn of(&self, attempts: &[String]) -> Option<String> {
        match self {
            Self::Any(index) if !attempts.is_empty() => Some(attempts[index.index(attempts.len())].clone()),
            _ => None,
        }
    }
}

/// What a person does with an order that waits for one, or with the first shipment of it that does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hand {
    Adopt,
    Rebook,
    Fail,
    Again,
    Ended(Fate),
}

#[derive(Debug, Clone)]
pub(super) enum Found {
    Booked,
    Refused,
    Wait(Option<u64>),
    /// It waits for the account, and a look-up before it is sent again tells whether it is booked.
    InDoubt,
    NeverSent,
    Unknown,
}

impl Found {
    /// Each attempt that is booked has an AWB of its own.
    pub(super) fn of(&self, attempt: &str) -> CallOutcome<Shipment> {
        match self {
            Self::Booked => CallOutcome::Done(Shipment {
                awb: format!("AWB-{attempt}"),
                courier_name: None,
                courier_code: None,
                order_number: None,
            }),
            Self::Refused => CallOutcome::Refused("Pincode is not serviceable".to_owned()),
            Self::Wait(after) => {
                CallOutcome::Deferred { after: after.map(Duration::from_secs), cause: Cause::Busy }
            }
            Self::InDoubt => {
                let cause = Cause::Account(AccountProblem::Credentials, Told::Status(401));
                CallOutcome::Deferred { after: None, cause }
            }
            Self::NeverSent => CallOutcome::NotSent,
            Self::Unknown => CallOutcome::unanswered("unknown: timed out"),
        }
    }
}

impl Op {
    /// What it consists of.
    pub(super) fn parts(&self) -> Vec<Self> {
        let Self::Waits(times) = self else { return vec![self.clone()] };
        let once =
            [Self::Load, Self::Take, Self::Settle { attempt: Which::Own, finding: Found::Wait(Some(0)) }];
        once.iter().cycle().take(times * once.len()).cloned().collect()
    }
}

pub(super) fn histories() -> impl Strategy<Value = Vec<Step>> {
    vec((0..WORKERS, ops()).prop_map(|(worker, op)| Step { worker, op }), 0..60)
}

fn ops() -> impl Strategy<Value = Op> {
    // Up to, at and past: what is due at once, sendBy and the first look, settleAfter, five and fifteen
    // minutes, a day.
    let secs = || sample::select(vec![1, 5, 10, 40, 300, 900]).prop_map(Duration::from_secs);
    let advance = prop_oneof![12 => secs(), 1 => Just(Duration::from_secs(24 * 3600))];
    let which = || prop_oneof![3 => Just(Which::Own), 2 => any::<sample::Index>().prop_map(Which::Any)];
    let wait =
        prop_oneof![Just(None), sample::select(vec![0, 5, 60, 900]).prop_map(Some)].prop_map(Found::Wait);
    let finding = prop_oneof![2 => Just(Found::Booked), 2 => Just(Found::Refused), 6 => wait,
        2 => Just(Found::InDoubt), 1 => Just(Found::NeverSent), 3 => Just(Found::Unknown)];
    let answer = sample::select(vec![
        CallOutcome::Done(()),
        CallOutcome::Refused("cannot be cancelled".to_owned()),
        CallOutcome::RefusedAsDone("already cancelled".to_owned()),
        CallOutcome::Deferred { after: None, cause: Cause::Busy },
        CallOutcome::NotSent,
        CallOutcome::unanswered("unknown: timed out"),
    ]);
    let hands = vec![
        Hand::Adopt,
        Hand::Rebook,
        Hand::Rebook,
        Hand::Fail,
        Hand::Again,
        Hand::Ended(Fate::Live),
        Hand::Ended(Fate::Cancelled),
    ];
    let cancel = (
        which(),
        answer,
        sample::select(vec![Tracking::Cancelled, Tracking::Live, Tracking::Live, Tracking::Failed]),
    );
    prop_oneof![
        40 => advance.prop_map(Op::Advance),
        40 => Just(Op::Load),
        5 => Just(Op::Forget),
        60 => Just(Op::Take),
        60 => (which(), finding).prop_map(|(attempt, finding)| Op::Settle { attempt, finding }),
        10 => secs().prop_map(Op::PollAgain),
        10 => Just(Op::Absent),
        10 => which().prop_map(Op::FoundFirst),
        10 => Just(Op::NothingFirst),
        4 => Just(Op::Review),
        10 => Just(Op::CancelDecision),
        60 => cancel.prop_map(|(which, finding, tracking)| Op::Recall(which, finding, tracking)),
        10 => Just(Op::Amend),
        20 => sample::select(hands).prop_map(Op::Person),
        15 => Just(Op::Relayed),
        15 => Just(Op::StillQueued),
        15 => Just(Op::DispatchAgain),
        1 => (1..100_usize).prop_map(Op::Waits),
    ]
}
