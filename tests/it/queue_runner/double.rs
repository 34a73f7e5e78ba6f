//! A broker between a runner and the real one: counts calls, fails when told to, and knows how many jobs are
//! in hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use waybill::platform::queue::{ActiveJob, Added, Broker, Claim, End, LeaseState, NewJob, Queue, QueueError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Add,
    Claim,
    Extend,
    Complete,
    Delay,
    Fail,
    Release,
    Sweep,
    Wait,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The queue is away and does nothing.
    Away,
    /// It does what it was asked, and the answer is lost.
    AnswerLost,
}

#[derive(Default)]
struct State {
    calls: BTreeMap<Op, usize>,
    faults: BTreeMap<Op, (usize, Fault)>,
    in_hand: usize,
    most_in_hand: usize,
    most_asked_for: usize,
    /// Claimed, and the answer was lost.
    orphans: usize,
    ends: Vec<(String, LeaseState)>,
    queues: BTreeSet<String>,
}

pub(super) struct Double {
    inner: Arc<dyn Broker>,
    state: Mutex<State>,
}

impl Double {
    /// The double, and a queue that is reached through it.
    pub(super) fn over(queue: &Queue) -> (Arc<Self>, Queue) {
        let double = Arc::new(Self { inner: Arc::clone(&queue.broker), state: Mutex::default() });
        let broker: Arc<dyn Broker> = double.clone();
        (double, Queue { broker, ..queue.clone() })
    }

    /// The next `times` calls of `op` go wrong.
    pub(super) fn fault(&self, op: Op, times: usize, fault: Fault) {
        self.state.lock().unwrap().faults.insert(op, (times, fault));
    }

    pub(super) fn calls(&self, op: Op) -> usize {
        self.state.lock().unwrap().calls.get(&op).copied().unwrap_or(0)
    }

    /// The most jobs that were ever claimed and not yet ended.
    pub(super) fn most_in_hand(&self) -> usize {
        self.state.lock().unwrap().most_in_hand
    }

    /// The most jobs that would have been in hand had a claim got all it asked for.
    pub(super) fn most_asked_for(&self) -> usize {
        self.state.lock().unwrap().most_asked_for
    }

    /// Claimed jobs that nobody knows he has.
    pub(super) fn orphans(&self) -> u64 {
        u64::try_from(self.state.lock().unwrap().orphans).unwrap()
    }

    /// The answers to every complete, delay and fail that came through.
    pub(super) fn ends(&self) -> Vec<(String, LeaseState)> {
        self.state.lock().unwrap().ends.clone()
    }

    /// The queues that were claimed from or looked through for stalled jobs.
    pub(super) fn queues(&self) -> Vec<String> {
        self.state.lock().unwrap().queues.iter().cloned().collect()
    }

    async fn pass<T: Send>(
        &self,
        op: Op,
        call: impl Future<Output = Result<T, QueueError>> + Send,
    ) -> Result<T, QueueError> {
        match self.called(op) {
            None => call.await,
            Some(Fault::Away) => Err(away()),
            Some(Fault::AnswerLost) => call.await.and_then(|_| Err(away())),
        }
    }

    /// Counts a call, and tells what goes wrong with it.
    fn called(&self, op: Op) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        *state.calls.entry(op).or_default() += 1;
        state.faults.get_mut(&op).filter(|(left, _)| *left > 0).map(|(left, fault)| {
            *left -= 1;
            *fault
        })
    }
}

fn op(end: &End) -> Op {
    match end {
        End::Complete(_) => Op::Complete,
        End::Delay { .. } => Op::Delay,
        End::Fail(_) => Op::Fail,
    }
}

pub(super) fn away() -> QueueError {
    QueueError::Unavailable("it is away".to_owned())
}

#[async_trait]
impl Broker for Double {
    async fn add(&self, jobs: &[NewJob], within: Duration) -> Result<Vec<Added>, QueueError> {
        self.pass(Op::Add, self.inner.add(jobs, within)).await
    }

    async fn wait(&self, queue: &str, up_to: Duration) -> Result<(), QueueError> {
        self.pass(Op::Wait, self.inner.wait(queue, up_to)).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<ActiveJob>, QueueError> {
        {
            let mut state = self.state.lock().unwrap();
            state.queues.insert(claim.queue.to_owned());
            state.most_asked_for = state.most_asked_for.max(state.in_hand + claim.max);
        }
        let jobs = self.pass(Op::Claim, async {
            let jobs = self.inner.claim(claim).await?;
            self.state.lock().unwrap().orphans += jobs.len();
            Ok(jobs)
        });
        let jobs = jobs.await?;
        let mut state = self.state.lock().unwrap();
        state.orphans -= jobs.len();
        state.in_hand += jobs.len();
        state.most_in_hand = state.most_in_hand.max(state.in_hand);
        Ok(jobs)
    }

    async fn extend(&self, jobs: &[ActiveJob], lease: Duration) -> Result<Vec<LeaseState>, QueueError> {
        self.pass(Op::Extend, self.inner.extend(jobs, lease)).await
    }

    /// Counts each end and the claim; what goes wrong with one of them goes wrong with the whole call.
    async fn end(
        &self,
        ended: &[(ActiveJob, End)],
        next: Option<Claim<'_>>,
    ) -> Result<(Vec<LeaseState>, Vec<ActiveJob>), QueueError> {
        let ops = ended.iter().map(|(_, end)| op(end)).chain(next.map(|_| Op::Claim));
        let faults: Vec<_> = ops.filter_map(|op| self.called(op)).collect();
        if faults.contains(&Fault::Away) {
            return Err(away());
        }
        if let Some(claim) = next {
            let mut state = self.state.lock().unwrap();
            state.most_asked_for = state.most_asked_for.max(state.in_hand - ended.len() + claim.max);
        }
        let (held, claimed) = self.inner.end(ended, next).await?;
        let mut state = self.state.lock().unwrap();
        if !faults.is_empty() {
            state.orphans += claimed.len();
            return Err(away());
        }
        state.in_hand = state.in_hand - ended.len() + claimed.len();
        state.most_in_hand = state.most_in_hand.max(state.in_hand);
        let ids = ended.iter().map(|(job, _)| job.id.clone());
        state.ends.extend(ids.zip(held.iter().copied()));
        Ok((held, claimed))
    }

    async fn release(&self, jobs: &[ActiveJob]) -> Result<Vec<LeaseState>, QueueError> {
        let states = self.pass(Op::Release, self.inner.release(jobs)).await?;
        self.state.lock().unwrap().in_hand -= jobs.len();
        Ok(states)
    }

    async fn sweep_stalled(
        &self,
        queue: &str,
        max_stalled: u32,
        every: Duration,
    ) -> Result<Vec<String>, QueueError> {
        self.state.lock().unwrap().queues.insert(queue.to_owned());
        self.pass(Op::Sweep, self.inner.sweep_stalled(queue, max_stalled, every)).await
    }

    async fn announce(&self, worker: &str, queues: &[String], life: Duration) -> Result<(), QueueError> {
        self.inner.announce(worker, queues, life).await
    }

    async fn withdraw(&self, worker: &str) -> Result<(), QueueError> {
        self.inner.withdraw(worker).await
    }
}
