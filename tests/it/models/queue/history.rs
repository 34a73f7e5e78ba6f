//! What may be done to a queue, and how likely.

use std::{fmt, time::Duration};

use proptest::{collection::vec, prelude::*, sample};
use waybill::platform::queue::{ActiveJob, NewJob};

use crate::support::Count;

#[derive(Clone)]
pub(super) struct Step {
    /// Which of the two handles does it.
    pub(super) handle: usize,
    pub(super) op: Op,
}

/// A line each, so that a history that failed can be read.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on handle {}: {:?}", self.handle, self.op)
    }
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Add(Vec<Added>),
    Claim { max: usize, lease: Duration },
    Extend { which: Vec<Which>, lease: Duration },
    Complete(Which),
    Delay { which: Which, delay: Duration, count: Count },
    Fail(Which),
    Release(Vec<Which>),
    Recover { max_stalled: u32 },
    Pause,
    Resume,
    Retry(Id),
    Promote(Id),
    Remove(Id),
    Advance(u64),
    Reopen,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Id(u8);

impl Id {
    pub(super) fn name(self) -> String {
        format!("j{}", self.0)
    }
}

/// One of a few ids, so that many are known.
#[derive(Debug, Clone)]
pub(super) struct Added {
    id: u8,
    delay: u64,
}

impl Added {
    pub(super) fn of(&self, queue: &'static str) -> NewJob {
        NewJob {
            queue: queue.into(),
            id: Id(self.id).name(),
            name: "job".into(),
            data: format!("{{\"n\":{}}}", self.id),
            attempts: u32::from(self.id),
            share: None,
            backoff: Duration::from_millis(u64::from(self.id) * 7).into(),
            delay: Duration::from_millis(self.delay),
        }
    }
}

/// One of all claims that were ever made, counted from the newest: whether it still holds its job is part of
/// the question.
#[derive(Debug, Clone)]
pub(super) struct Which(sample::Index);

impl Which {
    pub(super) fn of<'a>(&self, claimed: &'a [ActiveJob]) -> Option<&'a ActiveJob> {
        (!claimed.is_empty()).then(|| &claimed[claimed.len() - 1 - self.0.index(claimed.len().min(8))])
    }
}

/// Histories of up to 60 steps. Times are few, so that they often meet; a handle mostly does several steps in
/// a row.
pub(super) fn histories() -> impl Strategy<Value = Vec<Step>> {
    vec(
        (prop_oneof![4 => Just(0_usize), 1 => Just(1)], ops()).prop_map(|(handle, op)| Step { handle, op }),
        0..60,
    )
}

fn ops() -> impl Strategy<Value = Op> {
    let lease = || sample::select(vec![10, 20, 50]).prop_map(Duration::from_millis);
    let which = || any::<sample::Index>().prop_map(Which);
    let delay = || prop_oneof![Just(0_u64), sample::select(vec![1, 10, 20, 50])];
    let added =
        || (0..12_u8, prop_oneof![3 => Just(0), 1 => delay()]).prop_map(|(id, delay)| Added { id, delay });
    let id = || (0..12_u8).prop_map(Id);
    let count = prop_oneof![Just(Count::Attempt), Just(Count::Nothing)];
    prop_oneof![
        6 => vec(added(), 1..5).prop_map(Op::Add),
        6 => (1..4_usize, lease()).prop_map(|(max, lease)| Op::Claim { max, lease }),
        2 => (vec(which(), 0..4), lease()).prop_map(|(which, lease)| Op::Extend { which, lease }),
        3 => which().prop_map(Op::Complete),
        4 => (which(), delay(), count).prop_map(|(which, delay, count)| Op::Delay { which,
            delay: Duration::from_millis(delay), count }),
        3 => which().prop_map(Op::Fail),
        3 => (0..3_u32).prop_map(|max_stalled| Op::Recover { max_stalled }),
        2 => vec(which(), 0..4).prop_map(Op::Release),
        1 => prop_oneof![1 => Just(Op::Pause), 2 => Just(Op::Resume)],
        2 => id().prop_map(Op::Retry),
        1 => id().prop_map(Op::Promote),
        1 => id().prop_map(Op::Remove),
        5 => sample::select(vec![1, 10, 20, 50]).prop_map(Op::Advance),
        1 => prop_oneof![9 => Just(Op::Advance(0)), 1 => Just(Op::Reopen)],
    ]
}
