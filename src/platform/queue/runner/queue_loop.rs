//! What one runner has to do with one queue: it waits for jobs, claims them, and tells how they ended.
//!
//! Guards against a call of the queue for each of that: jobs that end while one call is under way are told in
//! the next one together, and what may be claimed in their place comes with the answer. Guards against jobs
//! that are claimed for nobody: only the wait for jobs is ever dropped, and what comes after `stop` is given
//! back.

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

/// How long to wait for jobs before looking. Only bounds how long a lost wake-up could go unnoticed.
const WAIT: Duration = Duration::from_secs(30);

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

pub(super) struct QueueLoop<'a, C> {
    runner: &'a Runner<C>,
    settings: &'a QueueSettings,
    jobs: &'a TaskTracker,
    over: &'a CancellationToken,
    stop: &'a CancellationToken,
    permits: Arc<Semaphore>,
    tell: mpsc::Sender<Ended>,
    ended: mpsc::Receiver<Ended>,
    /// The wait for jobs, while the queue has none.
    waiting: Option<BoxFuture<'static, Result<(), QueueError>>>,
    /// The queue gave as many jobs as it was asked for, or says that it has some: another claim may give
    /// more.
    more: bool,
    /// Calls in a row that failed.
    failures: u32,
    /// Nothing is claimed before.
    not_before: Option<Instant>,
}

impl<'a, C: Send + Sync + 'static> QueueLoop<'a, C> {
    pub(super) fn new(
        runner: &'a Runner<C>,
        settings: &'a QueueSettings,
        jobs: &'a TaskTracker,
        (over, stop): (&'a CancellationToken, &'a CancellationToken),
    ) -> Self {
        let (tell, ended) = mpsc::channel(settings.concurrency.max(1));
        Self {
            runner,
            settings,
            jobs,
            over,
            stop,
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            tell,
            ended,
            waiting: None,
            more: true,
            failures: 0,
            not_before: None,
        }
    }

    /// Works until `stop`, then claims nothing more and returns when all jobs in hand have ended.
    pub(super) async fn run(mut self) {
        let (permits, stop) = (Arc::clone(&self.permits), self.stop);
        let all = u32::try_from(self.settings.concurrency).unwrap_or(u32::MAX);
        loop {
            let stopped = stop.is_cancelled();
            if let Ok(first) = self.ended.try_recv() {
                self.end(first).await;
                continue;
            }
            let may_claim = !stopped && self.not_before.is_none();
            if may_claim && permits.available_permits() > 0 {
                if self.more {
                    self.claim().await;
                    continue;
                }
                if self.waiting.is_none() {
                    self.waiting = Some(self.wait());
                }
            }
            tokio::select! {
                biased;
                Some(first) = self.ended.recv() => self.end(first).await,
                free = permits.acquire(), if may_claim && self.more => drop(free),
                woken = woken(&mut self.waiting), if !stopped => {
                    self.waiting = None;
                    match woken {
                        Ok(()) => self.more = true,
                        Err(error) => self.failed(&error),
                    }
                }
                () = until(self.not_before), if !stopped => self.not_before = None,
                () = stop.cancelled(), if !stopped => {}
                _all = permits.acquire_many(all), if stopped => return,
            }
        }
    }

    /// Can be dropped at any time.
    fn wait(&self) -> BoxFuture<'static, Result<(), QueueError>> {
        let (broker, name) = (Arc::clone(&self.runner.0.queue.broker), self.settings.name.clone());
        Box::pin(async move { broker.wait(&name, WAIT).await })
    }

    /// Claims for all permits that are free, if the gate lets any through.
    async fn claim(&mut self) {
        let held = self.free();
        let (queue, lease) = (self.settings.name.as_str(), self.settings.lease);
        let admission = self.runner.0.gate.admit(queue);
        let max = match &admission {
            Admission::Open => held.len(),
            Admission::Probe(_) => gate::CHOICE,
            Admission::Closed { look_again } => return self.pause(*look_again),
        };
        match self.runner.0.queue.broker.claim(Claim { queue, max, lease }).await {
            Ok(claimed) => {
                self.more = claimed.len() == max;
                self.start(held, admission, claimed).await;
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Tells how jobs ended: `first` and all that have by now. Claims in their place.
    async fn end(&mut self, first: Ended) {
        // Whatever is ready runs first: short jobs that were started together end in one call.
        tokio::task::yield_now().await;
        let (mut ended, mut held, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(Ended { job, end, permit, answer }) = next {
            ended.push((job, end));
            held.push(permit);
            answers.push(answer);
            next = self.ended.try_recv().ok();
        }
        let name = &self.settings.name;
        let may_claim = !self.stop.is_cancelled() && self.not_before.is_none();
        let may_claim = may_claim && matches!(self.runner.0.gate.admit(name), Admission::Open);
        let free = if may_claim { self.free() } else { Vec::new() };
        let (max, lease) = (held.len() + free.len(), self.settings.lease);
        let claim = may_claim.then_some(Claim { queue: name, max, lease });
        match self.runner.0.queue.broker.end(&ended, claim).await {
            Ok((states, claimed)) => {
                // A caller that has gone needs no answer.
                answers.into_iter().zip(states).for_each(|(answer, state)| drop(answer.send(Ok(state))));
                held.extend(free);
                self.more = !may_claim || claimed.len() == max;
                self.start(held, Admission::Open, claimed).await;
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
        held: Vec<OwnedSemaphorePermit>,
        admission: Admission,
        claimed: Vec<ActiveJob>,
    ) {
        self.failures = 0;
        if self.stop.is_cancelled() {
            return self.runner.release(&claimed).await;
        }
        let Some(admitted) = self.runner.admitted(claimed, admission).await else {
            return self.pause(gate::AGAIN);
        };
        for ((job, probe), permit) in admitted.into_iter().zip(held) {
            let (runner, over) = (self.runner.clone(), self.over.clone());
            let slot = JobSlot { permit, ended: self.tell.clone() };
            self.jobs.spawn(async move {
                over.run_until_cancelled(runner.run_admitted(job, probe, Some(slot))).await;
            });
        }
    }

    /// The queue did not answer: it is asked again after a pause.
    fn failed(&mut self, error: &QueueError) {
        let name = &self.settings.name;
        self.failures += 1;
        let pause = retry::exponential(Duration::from_millis(100), self.failures, ids::fraction());
        let pause = pause.min(Duration::from_secs(5));
        tracing::warn!(queue = name, %error, "cannot claim from {name}; trying again in {pause:?}");
        self.more = true;
        self.pause(pause);
    }

    fn free(&self) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| Arc::clone(&self.permits).try_acquire_owned().ok()).collect()
    }

    fn pause(&mut self, pause: Duration) {
        self.not_before = Some(Instant::now() + pause);
    }
}

/// The end of the wait, if there is one.
async fn woken(waiting: &mut Option<BoxFuture<'static, Result<(), QueueError>>>) -> Result<(), QueueError> {
    match waiting {
        Some(wait) => wait.await,
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
