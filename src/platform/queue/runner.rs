//! Claims jobs and runs them.
//!
//! Guards against: more work than permits (a permit is taken *before* a job is claimed), work that is
//! acknowledged before it is done, a panic that takes the process or the permit with it, a lease that runs
//! out under honest work (renewed every quarter of its length), jobs of vanished workers (looked for every
//! half), a job that fails for good before what waits for it has moved on, a shutdown that loses what it
//! interrupts, and jobs that are claimed while what they need is known to be shut ([`gate`]).

pub mod gate;
pub mod observer;
mod queue_loop;
mod run;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    gate::{Admission, AlwaysOpen, Gate, Probe},
    observer::Observer,
    queue_loop::{JobSlot, QueueLoop},
};
use super::{ActiveJob, Claim, Queue, QueueError, registry::Registry, retry::Policy};
use crate::base::ids;

/// How one queue is worked.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    pub name: String,
    /// Jobs run at the same time by this process.
    pub concurrency: usize,
    pub lease: Duration,
    /// How often a job's worker may vanish before the job fails for good.
    pub max_stalled: u32,
    /// The least that a job is tried: what another producer gave it only adds to that.
    pub policy: Policy,
}

/// Runs the jobs of a registry. Clones share it.
pub struct Runner<C>(Arc<Inner<C>>);

impl<C> Clone for Runner<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> std::fmt::Debug for Runner<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("queues", &self.0.queues).finish_non_exhaustive()
    }
}

struct Inner<C> {
    queue: Queue,
    registry: Registry<C>,
    context: C,
    queues: Vec<QueueSettings>,
    gate: Arc<dyn Gate>,
    /// What this runner is called among those that work the same queues.
    name: String,
    /// What runs now, by lease token: for renewal.
    held: Mutex<HashMap<String, ActiveJob>>,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl<C: Send + Sync + 'static> Runner<C> {
    /// A runner of those `queues` that the registry has handlers for. The others are left to whoever has
    /// some: here their jobs could only fail.
    #[must_use]
    pub fn new(queue: Queue, registry: Registry<C>, context: C, queues: Vec<QueueSettings>) -> Self {
        Self::gated(queue, registry, context, queues, Arc::new(AlwaysOpen))
    }

    /// [`Runner::new`] with a gate that may shut queues.
    #[must_use]
    pub fn gated(
        queue: Queue,
        registry: Registry<C>,
        context: C,
        mut queues: Vec<QueueSettings>,
        gate: Arc<dyn Gate>,
    ) -> Self {
        let known = registry.queues();
        queues.retain(|settings| known.contains(&settings.name.as_str()));
        let (name, held, observer) = (ids::worker(), Mutex::default(), OnceLock::new());
        Self(Arc::new(Inner { queue, registry, context, queues, gate, name, held, observer }))
    }

    /// `observer` hears of every run from now on. The first one stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let _first_stays = self.0.observer.set(observer);
    }

    /// What it is called among those that work the same queues.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Of each queue, how many jobs it runs at the same time at most, and now.
    #[must_use]
    pub fn in_hand(&self) -> Vec<(String, usize, usize)> {
        let held = self.0.held();
        let of = |queue: &str| held.values().filter(|job| job.queue == queue).count();
        self.0.queues.iter().map(|queue| (queue.name.clone(), queue.concurrency, of(&queue.name))).collect()
    }

    /// Works until `stop`, then claims nothing more and returns when the jobs in hand have ended. Whoever
    /// does not want to wait for them drops the future: the jobs are dropped with it, their leases run out,
    /// and another worker takes them.
    pub async fn run(&self, stop: &CancellationToken) {
        let jobs = TaskTracker::new();
        let watchers = TaskTracker::new();
        let over = CancellationToken::new();
        // What was spawned must not outlive this future: it would renew leases of jobs that nobody waits for.
        let _dropped = over.clone().drop_guard();
        for settings in &self.0.queues {
            watchers.spawn(watch::sweep_stalled(self.clone(), settings.clone(), over.clone()));
        }
        watchers.spawn(watch::renew_leases(self.clone(), over.clone()));
        // Nothing is claimed before it is known what is shut.
        self.0.gate.refresh().await;
        watchers.spawn(watch::refresh_gate(Arc::clone(&self.0.gate), over.clone()));
        let loops = self.0.queues.iter().map(|queue| QueueLoop::new(self, queue, &jobs, (&over, stop)).run());
        futures_util::future::join_all(loops).await;
        jobs.close();
        if !jobs.is_empty() {
            tracing::info!(jobs = jobs.len(), "waiting for {} jobs to end", jobs.len());
        }
        jobs.wait().await;
        // Leases are renewed to the last: a job that ends during the drain must still hold its own.
        over.cancel();
        watchers.close();
        watchers.wait().await;
        if let Err(error) = self.0.queue.broker.withdraw(&self.0.name).await {
            tracing::debug!(%error, "the queue still shows this worker until its time is over");
        }
    }

    /// The jobs that may run of those that were claimed, the probe with its own. Nothing: the gate was shut
    /// since, and all were given back.
    async fn admitted(
        &self,
        claimed: Vec<ActiveJob>,
        admission: Admission,
    ) -> Option<Vec<(ActiveJob, Option<Box<dyn Probe>>)>> {
        let Some(first) = claimed.first() else { return Some(Vec::new()) };
        match admission {
            // The claim may have taken long.
            Admission::Open if matches!(self.0.gate.admit(&first.queue), Admission::Open) => {
                return Some(claimed.into_iter().map(|job| (job, None)).collect());
            }
            Admission::Probe(mut probe) => {
                if probe.begin(first).await {
                    return Some(claimed.into_iter().zip([Some(probe)]).collect());
                }
            }
            Admission::Open | Admission::Closed { .. } => {}
        }
        self.release(&claimed).await;
        None
    }

    async fn run_admitted(&self, job: ActiveJob, probe: Option<Box<dyn Probe>>, slot: Option<JobSlot>) {
        self.run_one(job, slot).await;
        if let Some(probe) = probe {
            probe.end().await;
        }
    }

    /// Runs what waits, one job after the other, until nothing is waiting: for tests and one-off commands.
    /// Jobs that are put off stay put off, and so do queues that the gate shuts. Tells how many runs there
    /// were.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn run_pending(&self) -> Result<usize, QueueError> {
        let mut runs = 0;
        loop {
            let before = runs;
            for settings in &self.0.queues {
                self.0.gate.refresh().await;
                let admission = self.0.gate.admit(&settings.name);
                if matches!(admission, Admission::Closed { .. }) {
                    continue;
                }
                let claim = Claim { queue: &settings.name, max: 1, lease: settings.lease };
                let claimed = self.0.queue.broker.claim(claim).await?;
                for (job, probe) in self.admitted(claimed, admission).await.unwrap_or_default() {
                    self.run_admitted(job, probe, None).await;
                    runs += 1;
                }
            }
            if runs == before {
                return Ok(runs);
            }
        }
    }
}

impl<C> Inner<C> {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, ActiveJob>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job in hand, for as long as it is: also one that panics or is dropped is no longer renewed.
struct InHand<'a, C> {
    inner: &'a Inner<C>,
    token: &'a str,
}

impl<'a, C> InHand<'a, C> {
    fn new(inner: &'a Inner<C>, job: &'a ActiveJob) -> Self {
        inner.held().insert(job.token.clone(), job.clone());
        Self { inner, token: &job.token }
    }
}

impl<C> Drop for InHand<'_, C> {
    fn drop(&mut self) {
        self.inner.held().remove(self.token);
    }
}
