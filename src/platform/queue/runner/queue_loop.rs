//! What one runner has to do with one queue: it claims jobs, and tells how they ended.
//!
//! Guards against a call of the queue for each of that: jobs that end while one call is under way are told in
//! the next one together, and what may be claimed in their place comes with the answer.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    QueueSettings, Runner,
    gate::{self, Admission},
};
use crate::{
    base::ids,
    platform::queue::{ActiveJob, Claim, End, LeaseState, QueueError, retry},
};

/// How long one claim waits for jobs. Only bounds how long a lost wake-up could go unnoticed.
const CLAIM_WAIT: Duration = Duration::from_secs(30);

/// The right to run one job, and where its end is to be told.
pub(super) struct JobSlot {
    permit: OwnedSemaphorePermit,
    ended: mpsc::Sender<Ended>,
}

struct Ended {
    job: ActiveJob,
    end: End,
    permit: OwnedSemaphorePermit,
    answer: oneshot::Sender<Result<LeaseState, (QueueError, OwnedSemaphorePermit)>>,
}

impl JobSlot {
    /// Tells how the job ended; once that is done, the right to run one is used for another. When the queue
    /// did not answer, it is given back.
    pub(super) async fn tell(
        self,
        job: &ActiveJob,
        end: &End,
    ) -> Result<LeaseState, (QueueError, Option<Self>)> {
        let gone = || (QueueError::Unavailable("the runner has ended".to_owned()), None);
        let (answer, told) = oneshot::channel();
        let Self { permit, ended } = self;
        let message = Ended { job: job.clone(), end: end.clone(), permit, answer };
        ended.send(message).await.map_err(|_| gone())?;
        match told.await {
            Ok(told) => told.map_err(|(error, permit)| (error, Some(Self { permit, ended }))),
            Err(_) => Err(gone()),
        }
    }
}

/// A claim that may wait for jobs, with the permits that it asks for.
type Waiting = BoxFuture<'static, (Vec<OwnedSemaphorePermit>, Admission, Result<Vec<ActiveJob>, QueueError>)>;

pub(super) struct QueueLoop<'a, C> {
    runner: &'a Runner<C>,
    settings: &'a QueueSettings,
    jobs: &'a TaskTracker,
    over: &'a CancellationToken,
    permits: Arc<Semaphore>,
    tell: mpsc::Sender<Ended>,
    ended: mpsc::Receiver<Ended>,
    /// Claims in a row that failed.
    failures: u32,
    /// Nothing is claimed before.
    not_before: Option<Instant>,
}

impl<'a, C: Send + Sync + 'static> QueueLoop<'a, C> {
    pub(super) fn new(
        runner: &'a Runner<C>,
        settings: &'a QueueSettings,
        jobs: &'a TaskTracker,
        over: &'a CancellationToken,
    ) -> Self {
        let (tell, ended) = mpsc::channel(settings.concurrency.max(1));
        let permits = Arc::new(Semaphore::new(settings.concurrency));
        Self { runner, settings, jobs, over, permits, tell, ended, failures: 0, not_before: None }
    }

    /// Works until `stop`, then claims nothing more and returns when all jobs in hand have ended.
    pub(super) async fn run(mut self, stop: &CancellationToken) {
        let permits = Arc::clone(&self.permits);
        let all = u32::try_from(self.settings.concurrency).unwrap_or(u32::MAX);
        let mut waiting: Option<Waiting> = None;
        loop {
            let stopped = stop.is_cancelled();
            if stopped {
                waiting = None; // what it has claimed goes back
            }
            let may_claim = !stopped && waiting.is_none() && self.not_before.is_none();
            if let Ok(first) = self.ended.try_recv() {
                self.end(first, may_claim).await;
                continue;
            }
            if may_claim && permits.available_permits() > 0 {
                waiting = self.claim();
                continue;
            }
            tokio::select! {
                biased;
                Some(first) = self.ended.recv() => self.end(first, may_claim && !stop.is_cancelled()).await,
                (held, admission, claimed) = arrived(&mut waiting) => {
                    waiting = None;
                    self.start(held, admission, claimed).await;
                }
                free = permits.acquire(), if may_claim => drop(free),
                () = until(self.not_before), if !stopped => self.not_before = None,
                () = stop.cancelled(), if !stopped => {}
                _all = permits.acquire_many(all), if stopped => return,
            }
        }
    }

    /// A claim for all permits that are free, if the gate lets any through.
    fn claim(&mut self) -> Option<Waiting> {
        let held = self.free();
        let admission = self.runner.0.gate.admit(&self.settings.name);
        let (max, wait) = match &admission {
            Admission::Open => (held.len(), CLAIM_WAIT),
            Admission::Probe(_) => (1, gate::AGAIN),
            Admission::Closed { look_again } => {
                self.pause(*look_again);
                return None;
            }
        };
        let (broker, settings) = (Arc::clone(&self.runner.0.queue.broker), self.settings.clone());
        Some(Box::pin(async move {
            let claimed = broker.claim(&settings.name, max, settings.lease, wait).await;
            (held, admission, claimed)
        }))
    }

    /// Tells how jobs ended: `first` and all that have by now. Claims in their place, unless a claim is
    /// waiting.
    async fn end(&mut self, first: Ended, may_claim: bool) {
        let (mut ended, mut held, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(Ended { job, end, permit, answer }) = next {
            ended.push((job, end));
            held.push(permit);
            answers.push(answer);
            next = self.ended.try_recv().ok();
        }
        let name = &self.settings.name;
        let may_claim = may_claim && matches!(self.runner.0.gate.admit(name), Admission::Open);
        let free = if may_claim { self.free() } else { Vec::new() };
        let (max, lease) = (held.len() + free.len(), self.settings.lease);
        let claim = may_claim.then_some(Claim { queue: name, max, lease });
        match self.runner.0.queue.broker.end(&ended, claim).await {
            Ok((states, claimed)) => {
                // A caller that has gone needs no answer.
                answers.into_iter().zip(states).for_each(|(answer, state)| drop(answer.send(Ok(state))));
                held.extend(free);
                self.start(held, Admission::Open, Ok(claimed)).await;
            }
            Err(error) => {
                let untold = answers.into_iter().zip(held);
                untold.for_each(|(answer, permit)| drop(answer.send(Err((error.clone(), permit)))));
            }
        }
    }

    /// Runs what was claimed, each job on one of the permits in `held`; those that are left over are free.
    async fn start(
        &mut self,
        mut held: Vec<OwnedSemaphorePermit>,
        admission: Admission,
        claimed: Result<Vec<ActiveJob>, QueueError>,
    ) {
        let name = &self.settings.name;
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                self.failures += 1;
                let fraction = ids::fraction();
                let pause = retry::exponential(Duration::from_millis(100), self.failures, fraction);
                let pause = pause.min(Duration::from_secs(5));
                tracing::warn!(queue = name, %error, "cannot claim from {name}; trying again in {pause:?}");
                return self.pause(pause);
            }
        };
        self.failures = 0;
        let Some(admitted) = self.runner.admitted(claimed, admission).await else {
            return self.pause(gate::AGAIN);
        };
        for ((job, probe), permit) in admitted.into_iter().zip(held.drain(..)) {
            let (runner, over) = (self.runner.clone(), self.over.clone());
            let slot = JobSlot { permit, ended: self.tell.clone() };
            self.jobs.spawn(async move {
                over.run_until_cancelled(runner.run_admitted(job, probe, Some(slot))).await;
            });
        }
    }

    fn free(&self) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| Arc::clone(&self.permits).try_acquire_owned().ok()).collect()
    }

    fn pause(&mut self, pause: Duration) {
        self.not_before = Some(Instant::now() + pause);
    }
}

/// What the claim gives, if there is one.
async fn arrived(
    waiting: &mut Option<Waiting>,
) -> (Vec<OwnedSemaphorePermit>, Admission, Result<Vec<ActiveJob>, QueueError>) {
    match waiting {
        Some(claim) => claim.await,
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
